#!/usr/bin/env python3
"""Writes beside each picture of a folder, as PICTURE.raw, the bytes that Pillow decodes it to.

usage: pillow.py rgb|planes FOLDER
needs: pip install numpy pillow
rgb: upright, over white, three bytes a pixel. planes: a JPEG's own components, as stored."""
import os, sys, warnings
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


def planes(f):
    m = Image.open(f)
    if m.mode == 'RGB':
        m.draft('YCbCr', m.size)
    a = np.asarray(m)
    return 255 - a if m.mode == 'CMYK' else a  # Pillow turns Adobe's inverted values round


if __name__ == '__main__':
    decode = {'rgb': rgb, 'planes': planes}[sys.argv[1]]
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
