#!/usr/bin/env python3
"""Makes phone/: what a phone's folder holds, small.

usage: make_phone.py [FOLDER]
needs: pip install numpy pillow==13.0.0 pillow-heif==1.8.1"""
import os, sys
import numpy as np
import pillow_heif
from PIL import Image

out = os.path.join(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)), 'phone')
os.makedirs(out, exist_ok=True)
y, x = np.mgrid[0:96, 0:128]
rgb = np.stack([2 * x, 2 * y, 255 - x - y], -1).astype(np.uint8)
rgb[20:50, 30:90] = (200, 30, 60)
RGB = Image.fromarray(rgb)
clear = Image.fromarray(np.dstack([rgb, np.where(y < 48, 255, 90).astype(np.uint8)]))
turned = Image.Exif()
turned[274] = 6


def path(name): return os.path.join(out, name)


pillow_heif.from_pillow(RGB).save(path('photo.heic'), quality=80)
turned_image = RGB.copy()
turned_image.info['exif'] = turned.tobytes()
pillow_heif.from_pillow(turned_image).save(path('portrait.heic'), quality=80)
RGB.save(path('portrait.jpg'), quality=85, exif=turned)
RGB.transpose(Image.FLIP_LEFT_RIGHT).save(path('motion.jpg'), quality=85)
with open(path('motion.jpg'), 'ab') as f:  # a Motion Photo: its film follows
    f.write(b'\0\0\0\x18ftypmp42\0\0\0\0isommp42' + b'\0\0\x10\0mdat' + bytes(4088))
clear.save(path('screenshot.png'))
profile = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'internal', 'icc', 'testdata', 'p3.icc')
pillow_heif.from_pillow(RGB).save(path('p3.heic'), quality=80, icc_profile=open(profile, 'rb').read())
