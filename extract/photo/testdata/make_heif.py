#!/usr/bin/env python3
"""Makes small HEIC and AVIF pictures of many kinds, and beside each a PNG of what libheif (pillow-heif 1.8.1) or libavif
(Pillow 13.0.0) shows of it over white, upright. The AVIF files' orientation is applied by Pillow.

usage: make_heif.py [FOLDER]
needs: pip install numpy pillow==13.0.0 pillow-heif==1.8.1, and avifenc 0.11.1
The digests of the files that the tests were written with are in heif/digests.txt; other versions of the encoders make others."""
import hashlib, os, subprocess, sys
import numpy as np
import pillow_heif
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()
out = os.path.join(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)), 'heif')
os.makedirs(out, exist_ok=True)
W, H = 61, 45
y, x = np.mgrid[0:H, 0:W]
rgb = np.stack([4 * x, 5 * y, 255 - 2 * (x + y)], -1).astype(np.uint8)
rgb[10:20, 15:40] = (200, 30, 60)
rgb[25:35, 30:50] = (20, 160, 220)
alpha = np.where((x - 30) ** 2 + (y - 22) ** 2 < 300, 255, 4 * x).astype(np.uint8)
RGB, RGBA = Image.fromarray(rgb), Image.fromarray(np.dstack([rgb, alpha]))
rgb16 = rgb.astype(np.uint16) * 257


EVEN = RGB.crop((0, 0, 60, 44))  # libheif turns odd ones so that chroma moves by a pixel, libyuv repeats their last sample


def path(name): return os.path.join(out, name)


def heic(name, m=RGB, **options):
    pillow_heif.from_pillow(m).save(path(name), quality=90, **options)


heic('420.heic', chroma=420)
heic('422.heic', chroma=422)
heic('444.heic', chroma=444)
heic('grey.heic', RGB.convert('L'))
heic('grey-studio.heic', RGB.convert('L'), full_range_flag=0)
heic('alpha.heic', RGBA)
heic('709.heic', matrix_coefficients=1, full_range_flag=1)
heic('709-studio.heic', matrix_coefficients=1, full_range_flag=0)
heic('601-studio.heic', matrix_coefficients=6, full_range_flag=0)
heic('2020.heic', matrix_coefficients=9, full_range_flag=1)
for o in range(1, 9):
    e = Image.Exif()
    e[274] = o
    heic(f'orientation-{o}.heic', EVEN, exif=e.tobytes())  # becomes irot and imir
pillow_heif.options.SAVE_HDR_TO_12_BIT = True
pillow_heif.from_bytes('RGB;16', (W, H), rgb16.tobytes()).save(path('12-bit.heic'), quality=90, chroma=420)
pillow_heif.options.SAVE_HDR_TO_12_BIT = False
pillow_heif.from_bytes('RGB;16', (W, H), rgb16.tobytes()).save(path('10-bit.heic'), quality=90, chroma=420)

for s in ('4:2:0', '4:2:2', '4:4:4'):
    RGB.save(path(s.replace(':', '') + '.avif'), quality=90, subsampling=s)
RGB.convert('L').save(path('grey.avif'), quality=90)
RGB.convert('L').save(path('grey-studio.avif'), quality=90, range='limited')
RGBA.save(path('alpha.avif'), quality=90)
EVEN.save(path('studio.avif'), quality=90, range='limited')
for o in range(1, 9):
    e = Image.Exif()
    e[274] = o
    RGB.save(path(f'orientation-{o}.avif'), quality=90, exif=e)
RGB.save(path('sequence.avif'), quality=90, save_all=True, append_images=[Image.fromarray(255 - rgb)])



def avifenc(name, m, *options):
    m.save('/tmp/make_heif.png')
    subprocess.run(['avifenc', *options, '/tmp/make_heif.png', path(name)], check=True, stdout=subprocess.DEVNULL)


GRID = Image.fromarray(np.tile(rgb[:32, :32], (5, 6, 1)))
avifenc('10-bit.avif', RGB, '--depth', '10', '-y', '420')
avifenc('12-bit.avif', RGB, '--depth', '12', '-y', '444')
avifenc('lossless.avif', RGB, '--lossless')  # G, B, R
avifenc('grid.avif', GRID, '--grid', '3x2', '-y', '420', '--min', '20', '--max', '40')
avifenc('grain.avif', GRID, '-a', 'film-grain-test=1', '-y', '420', '--min', '30', '--max', '50')
avifenc('turned.avif', GRID, '--irot', '1', '--imir', '0', '-y', '444', '--min', '30', '--max', '50')

with open(path('digests.txt'), 'w') as digests:
    for f in sorted(os.listdir(out)):
        if not f.endswith(('.heic', '.avif')):
            continue
        m = ImageOps.exif_transpose(Image.open(path(f))).convert('RGBA')
        white = Image.new('RGBA', m.size, (255, 255, 255, 255))
        Image.alpha_composite(white, m).convert('RGB').save(path(f + '.png'))
        digests.write(hashlib.sha256(open(path(f), 'rb').read()).hexdigest() + '  ' + f + '\n')
