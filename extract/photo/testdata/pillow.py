#!/usr/bin/env python3
"""Writes beside each picture of a folder, as PICTURE.raw, the bytes that Pillow decodes it to.

usage: pillow.py rgb|planes|half|quarter|eighth FOLDER
       pillow.py digests FOLDER... > shared.json
needs: pip install numpy pillow
rgb: upright, over white, three bytes a pixel. planes: a JPEG's own components, as stored; half and so on: at
that size, where Pillow reduces to it. digests: nothing is written but the
SHA-256 of each picture's rgb."""
import hashlib, json, os, sys, warnings
import numpy as np
from PIL import Image, ImageOps

warnings.simplefilter('ignore')


def rgb(f):
    """What a viewer would show, 16 bits rounded to 8."""
    m = Image.open(f)
    m = ImageOps.exif_transpose(m) or m
    if m.mode.startswith('I'):
        return np.repeat(np.round(np.asarray(m).astype(float) / 257).astype(np.uint8)[..., None], 3, -1)
    if m.mode in ('P', 'RGBA', 'LA', 'PA', 'La', 'RGBa') or 'transparency' in m.info:
        m = m.convert('RGBA')
        m = Image.alpha_composite(Image.new('RGBA', m.size, (255, 255, 255, 255)), m)
    return np.asarray(m.convert('RGB'))


def planes(f, scale=1):
    m = Image.open(f)
    w, h = m.size
    m.draft('YCbCr' if m.mode == 'RGB' else None, (max(1, w // scale), max(1, h // scale)))
    a = np.asarray(m)
    if a.shape[:2] != (-(-h // scale), -(-w // scale)):
        raise ValueError('not reduced so far')
    return 255 - a if m.mode == 'CMYK' else a  # Pillow turns Adobe's inverted values round


def digests(folders):
    """the pictures of each folder and its subfolders, by their path from it"""
    out = {}
    for folder in folders:
        for d, _, names in os.walk(folder):
            for name in names:
                f = os.path.join(d, name)
                key = os.path.join(os.path.basename(folder.rstrip('/')), os.path.relpath(f, folder))
                try:
                    out[key] = hashlib.sha256(np.ascontiguousarray(rgb(f)).tobytes()).hexdigest()
                except Exception as e:
                    print('%s: %s' % (f, e), file=sys.stderr)
    return out


if __name__ == '__main__' and sys.argv[1] == 'digests':
    print(json.dumps(digests(sys.argv[2:]), indent=1, sort_keys=True))
elif __name__ == '__main__':
    decode = {'rgb': rgb, 'planes': planes, 'half': lambda f: planes(f, 2), 'quarter': lambda f: planes(f, 4), 'eighth': lambda f: planes(f, 8)}[sys.argv[1]]
    for name in sorted(os.listdir(sys.argv[2])):
        f = os.path.join(sys.argv[2], name)
        if name.endswith('.raw') or not os.path.isfile(f):
            continue
        try:
            pixels = decode(f)
        except Exception as e:
            print('%s: %s' % (name, e))
            continue
        with open(f + '.raw', 'wb') as out:
            out.write(np.ascontiguousarray(pixels).tobytes())
