#!/usr/bin/env python3
"""Makes small files that Go cannot write, and beside each a PNG of what Pillow shows of it over white.

usage: make_reference.py [FOLDER]
needs: pip install numpy pillow"""
import os, sys
import numpy as np
from PIL import Image

out = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
y, x = np.mgrid[0:22, 0:30]
rgb = np.stack([8 * x, 11 * y, 255 - 4 * (x + y)], -1).astype(np.uint8)
alpha = np.where((x - 15) ** 2 + (y - 11) ** 2 < 90, 255, 8 * x).astype(np.uint8)
opaque, clear = Image.fromarray(rgb), Image.fromarray(np.dstack([rgb, alpha]))
other = Image.fromarray(255 - rgb)

opaque.save(os.path.join(out, 'lossy.webp'), quality=90)
clear.save(os.path.join(out, 'lossy-alpha.webp'), quality=90)
opaque.save(os.path.join(out, 'lossless.webp'), lossless=True)
clear.save(os.path.join(out, 'lossless-alpha.webp'), lossless=True, exact=True)
opaque.save(os.path.join(out, 'animated.webp'), save_all=True, append_images=[other], quality=90)
clear.save(os.path.join(out, 'animated-alpha.webp'), save_all=True, append_images=[other.convert('RGBA')], quality=90)
for name, compression in {'raw': None, 'lzw': 'tiff_lzw', 'deflate': 'tiff_adobe_deflate', 'packbits': 'packbits'}.items():
    opaque.save(os.path.join(out, name + '.tiff'), compression=compression)
opaque.quantize(9).save(os.path.join(out, 'palette.bmp'))

for f in sorted(os.listdir(out)):
    if f.endswith(('.webp', '.tiff', '.bmp')):
        m = Image.open(os.path.join(out, f)).convert('RGBA')
        white = Image.new('RGBA', m.size, (255, 255, 255, 255))
        Image.alpha_composite(white, m).convert('RGB').save(os.path.join(out, f + '.png'))
