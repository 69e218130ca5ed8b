#!/usr/bin/env python3
"""Makes small JPEG files of many kinds and beside each a PNG with what Pillow (libjpeg-turbo) decodes it to.

usage: make_reference.py [FOLDER]
needs: pip install numpy pillow
The PNG holds Y, Cb, Cr (or grey, or C, M, Y, K as stored in R, G, B, A), chroma upsampled, not converted to RGB. NAME-at-2.png is
the same at half the size, as Pillow's draft mode has it."""
import os, sys
import numpy as np
from PIL import Image

out = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))


def source(w, h, mode):
    rng = np.random.default_rng(w * 1000 + h)
    y, x = np.mgrid[0:h, 0:w].astype(float)
    n = {'L': 1, 'RGB': 3, 'CMYK': 4}[mode]
    p = np.stack([128 + 127 * np.sin(x / (5 + 3 * c) + y / (11 - 2 * c) + c) for c in range(n)], -1)
    p[h // 4:h // 2, w // 3:w // 2] = np.array([250, 5, 120, 60])[:n]
    p += rng.normal(0, 10, p.shape)
    p = np.clip(p, 0, 255).astype(np.uint8)
    return Image.fromarray(p[..., 0] if n == 1 else p, mode)


cases = {
    'gray': ('L', 45, 33, dict(quality=80)),
    '444': ('RGB', 41, 35, dict(quality=90, subsampling='4:4:4')),
    '422': ('RGB', 47, 30, dict(quality=85, subsampling='4:2:2')),
    '420': ('RGB', 53, 37, dict(quality=75, subsampling='4:2:0')),
    '420-even': ('RGB', 64, 48, dict(quality=95, subsampling='4:2:0')),
    '420-best': ('RGB', 39, 39, dict(quality=100, subsampling='4:2:0', optimize=True)),
    '420-worst': ('RGB', 70, 50, dict(quality=3, subsampling='4:2:0')),
    '420-narrow': ('RGB', 3, 50, dict(quality=80, subsampling='4:2:0')),
    'restart': ('RGB', 53, 37, dict(quality=75, subsampling='4:2:0', restart_marker_blocks=2)),
    'progressive': ('RGB', 53, 37, dict(quality=75, subsampling='4:2:0', progressive=True)),
    'progressive-444': ('RGB', 41, 35, dict(quality=97, subsampling='4:4:4', progressive=True)),
    'progressive-restart': ('RGB', 75, 37, dict(quality=60, subsampling='4:2:2', progressive=True, restart_marker_rows=1)),
    'progressive-gray': ('L', 45, 33, dict(quality=90, progressive=True)),
    'cmyk': ('CMYK', 30, 25, dict(quality=85)),
}
for name, (mode, w, h, options) in cases.items():
    f = os.path.join(out, name + '.jpg')
    source(w, h, mode).save(f, **options)
    for scale in 1, 2, 4, 8:
        m = Image.open(f)
        m.draft('YCbCr' if mode == 'RGB' else None, (max(1, w // scale), max(1, h // scale)))
        a = np.asarray(m)
        if a.shape[:2] != (-(-h // scale), -(-w // scale)):
            continue  # Pillow reduces no further than this
        if mode == 'CMYK':
            a = 255 - a  # Pillow turns Adobe's inverted values round
        to = Image.fromarray(a) if a.ndim == 2 else Image.fromarray(a.astype(np.uint8), {3: 'RGB', 4: 'RGBA'}[a.shape[2]])
        to.save(os.path.join(out, name + ('' if scale == 1 else '-at-%d' % scale) + '.png'))
