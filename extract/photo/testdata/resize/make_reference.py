#!/usr/bin/env python3
"""Makes the reference pictures of resize_test.go with Pillow, OpenCV and NumPy.

usage: make_reference.py [FOLDER]
needs: pip install numpy pillow opencv-python-headless
Each picture is what a photo looks like to a network before normalisation; the name says by which rule."""
import os, sys
import cv2, numpy as np
from PIL import Image

out = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))


def source(w, h):
    """A picture with smooth colour, hard edges and fine noise."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:h, 0:w].astype(float)
    p = np.stack([128 + 90 * np.sin(x / 9 + y / 13), 255 * x / w, 255 * ((x // 7 + y // 5) % 2)], -1)
    p[h // 4:h // 2, w // 3:w // 2] = [250, 5, 120]
    return Image.fromarray(np.clip(p + rng.normal(0, 12, p.shape), 0, 255).astype(np.uint8))


def center_square(m):
    w, h = m.size
    c = min(w, h)
    x, y = (w - c) // 2, (h - c) // 2
    return m.crop((x, y, x + c, y + c))


def shorter_side(m, side, size, filter):
    """torchvision.transforms.Resize(side), then CenterCrop(size), on a Pillow picture"""
    w, h = m.size
    m = m.resize((side, int(side * h / w)) if w < h else (int(side * w / h), side), filter)
    w, h = m.size
    x, y = int(round((w - size) / 2.0)), int(round((h - size) / 2.0))
    return m.crop((x, y, x + size, y + size))


def tf_bilinear(m, size):
    """TensorFlow 1's resize_bilinear with align_corners and half_pixel_centers off"""
    a = np.asarray(m).astype(np.float64)

    def axis(a, n):
        s = np.arange(n, dtype=np.float32) * np.float32(len(a) / n)
        lo = np.floor(s).astype(int)
        t = (s - lo).reshape(-1, 1, 1)
        return a[lo] * (1 - t) + a[np.minimum(lo + 1, len(a) - 1)] * t
    a = axis(axis(a, size).transpose(1, 0, 2), size).transpose(1, 0, 2)
    return Image.fromarray(np.round(a).astype(np.uint8))


for name, (w, h) in {'wide': (97, 61), 'tall': (53, 90)}.items():
    m = source(w, h)
    save = lambda p, what: p.save(os.path.join(out, '%s_%s.png' % (name, what)))
    save(m, 'source')
    for size in (24, 80):
        save(center_square(m).resize((size, size), Image.BICUBIC), 'center-square_bicubic_%d' % size)
        save(center_square(m).resize((size, size), Image.BILINEAR), 'center-square_bilinear_%d' % size)
        save(m.resize((size, size), Image.BILINEAR), 'squash_bilinear_%d' % size)
        save(tf_bilinear(m, size), 'squash_tf-bilinear_%d' % size)
    save(shorter_side(m, 36, 31, Image.BILINEAR), 'shorter-side-36_bilinear_31')
    save(shorter_side(m, 72, 72, Image.BICUBIC), 'shorter-side-72_bicubic_72')
    plain = cv2.resize(np.asarray(center_square(m)), (24, 24), interpolation=cv2.INTER_LINEAR)
    save(Image.fromarray(plain), 'center-square_bilinear-plain_24')
