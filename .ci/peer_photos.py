#!/usr/bin/env python3
"""Decoding of JPEGs by other programs, one core, and the ingest that a user of Pillow would write.

usage: peer_photos.py make FROM TO N       scales N photos of each label up to 12 megapixels, quality 92
       peer_photos.py select FROM TO       copies the photos of 500x375
       peer_photos.py decode FOLDER        ms a photo to RGB: Pillow, OpenCV, simplejpeg
       peer_photos.py prepare FOLDER SIZE  ms a photo to a square of SIZE: Pillow with draft and resize
       peer_photos.py ingest MODEL FOLDER SIZE  images a second: Pillow with draft, ONNX Runtime, two workers
needs: pip install numpy pillow opencv-python-headless simplejpeg onnxruntime
Measurements print JSON. draft asks for twice the pixels that are needed where that is given as "draft 2"; the plain one asks for
what is needed. Photos are in memory, except for ingest, which reads them."""
import glob, io, json, os, shutil, statistics, sys, time
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from PIL import Image


def photos(folder):
    return sorted(glob.glob(os.path.join(folder, '*', '*.jpg')))


def make(source, target, n):
    for label in sorted(os.listdir(source)):
        names = sorted(glob.glob(os.path.join(source, label, '*.jpg')))[:int(n)]
        if names:
            os.makedirs(os.path.join(target, label), exist_ok=True)
        for name in names:
            m = Image.open(name).convert('RGB')
            k = (12e6 / (m.width * m.height)) ** .5
            m.resize((round(m.width * k), round(m.height * k)), Image.BICUBIC).save(os.path.join(target, label, os.path.basename(name)), quality=92)


def select(source, target):
    for name in photos(source):
        if Image.open(name).size == (500, 375):
            to = os.path.join(target, os.path.basename(os.path.dirname(name)))
            os.makedirs(to, exist_ok=True)
            shutil.copy(name, to)


def pillow(data, draft=0):
    m = Image.open(io.BytesIO(data))
    if draft:
        m.draft('RGB', (draft, draft))
    return m.convert('RGB')


def square(m, size):
    c = min(m.size)
    x, y = (m.width - c) // 2, (m.height - c) // 2
    return np.asarray(m.resize((size, size), Image.BICUBIC, box=(x, y, x + c, y + c)), np.float32)


def measure(folder, ways):
    """mean over the photos of the median time of each way"""
    out = {}
    files = [open(f, 'rb').read() for f in photos(folder)[::max(1, len(photos(folder)) // 40)]]
    for name, way in ways.items():
        times = []
        for data in files:
            took = []
            for _ in range(7):
                t = time.perf_counter()
                way(data)
                took.append(time.perf_counter() - t)
            times.append(statistics.median(took))
        out[name] = 1e3 * statistics.mean(times)
    print(json.dumps(out))


def decode(folder):
    import cv2, simplejpeg
    cv2.setNumThreads(1)
    measure(folder, {'Pillow': pillow, 'OpenCV': lambda b: cv2.imdecode(np.frombuffer(b, np.uint8), cv2.IMREAD_COLOR), 'simplejpeg': simplejpeg.decode_jpeg})


def prepare(folder, size):
    size = int(size)
    measure(folder, {'draft': lambda b: square(pillow(b, size), size), 'draft 2': lambda b: square(pillow(b, 2 * size), size)})


def ingest(model, folder, size):
    import onnxruntime as ort
    size = int(size)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=['CPUExecutionProvider'])
    name = session.get_inputs()[0].name

    def one(f):
        x = (square(pillow(open(f, 'rb').read(), size), size) - np.float32(127)) / np.float32(128)
        return session.run(['bottleneck'], {name: np.ascontiguousarray(x.transpose(2, 0, 1)[None])})[0]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, photos(folder)[:8]))
        t = time.perf_counter()
        n = len(list(pool.map(one, photos(folder))))
        print(json.dumps({'images_per_s': n / (time.perf_counter() - t)}))


{'make': make, 'select': select, 'decode': decode, 'prepare': prepare, 'ingest': ingest}[sys.argv[1]](*sys.argv[2:])
