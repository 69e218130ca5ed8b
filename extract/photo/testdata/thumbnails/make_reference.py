#!/usr/bin/env python3
"""Makes thumbnails.json: what Pillow makes of unusual pictures, as 8×8 RGB thumbnails.

usage: make_reference.py FOLDER... > thumbnails.json
needs: pip install numpy pillow
Upright, over white, squashed to 8×8 with an antialiased bilinear filter."""
import glob, json, os, sys
import numpy as np
from PIL import Image, ImageOps


def load(f):
    m = Image.open(f)
    m = ImageOps.exif_transpose(m) or m
    if m.mode == 'I;16':
        return Image.fromarray(np.round(np.asarray(m) / 257).astype(np.uint8)).convert('RGB')
    if m.mode in ('P', 'RGBA', 'LA', 'PA') or 'transparency' in m.info:
        m = m.convert('RGBA')
        white = Image.new('RGBA', m.size, (255, 255, 255, 255))
        m = Image.alpha_composite(white, m)
    return m.convert('RGB')


out = {}
for d in sys.argv[1:]:
    for f in sorted(glob.glob(os.path.join(d, '*.*'))):
        key = os.path.basename(d.rstrip('/')) + '/' + os.path.basename(f)
        out[key] = np.asarray(load(f).resize((8, 8), Image.BILINEAR)).ravel().tolist()
print('{\n' + ',\n'.join('%s: %s' % (json.dumps(k), json.dumps(v, separators=(',', ':'))) for k, v in out.items()) + '\n}')
