#!/usr/bin/env python3
"""Makes a small picture in every mode of every format: modes/ holds what can be read, with the digests of the pixels
that Pillow decodes it to, refused/ what is refused by name.

usage: make_modes.py [FOLDER]
needs: pip install numpy pillow
Pixels are upright RGB over white, as pillow.py has them. Of 16 bits Pillow keeps the upper 8; here they are rounded, so the
digest of such a picture is that of its source."""
import hashlib, json, os, struct, sys, zlib
import numpy as np
from PIL import Image

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
sys.dont_write_bytecode = True
import pillow

out = sys.argv[1] if len(sys.argv) > 1 else here
W, H = 30, 22
y, x = np.mgrid[0:H, 0:W]
rgb = np.stack([8 * x, 11 * y, 255 - 4 * (x + y)], -1).astype(np.uint8)
rgb16 = rgb.astype(np.uint16) * 256 + np.stack([x * 7, y * 9, x + y], -1).astype(np.uint16)
alpha = np.where((x - 15) ** 2 + (y - 11) ** 2 < 90, 255, 8 * x).astype(np.uint8)
RGB, RGBA = Image.fromarray(rgb), Image.fromarray(np.dstack([rgb, alpha]))
L, ONE, P, LA = RGB.convert('L'), RGB.convert('1'), RGB.quantize(9), RGBA.convert('LA')
I16 = Image.fromarray(rgb16[..., 0])
rounded = np.round(rgb16.astype(float) / 257)
rounded_grey = np.repeat(rounded[..., :1], 3, -1)
digests = {}


def path(name, folder='modes'):
    os.makedirs(os.path.join(out, folder), exist_ok=True)
    return os.path.join(out, folder, name)


def record(name, expected=None):
    a = pillow.rgb(path(name)) if expected is None else expected
    digests[name] = hashlib.sha256(np.ascontiguousarray(a.astype(np.uint8)).tobytes()).hexdigest()


def save(m, name, expected=None, **options):
    m.save(path(name), **options)
    record(name, expected)


def write(data, name, expected=None):
    with open(path(name), 'wb') as f:
        f.write(data)
    record(name, expected)


def refuse(name, m=None, data=None, **options):
    if data is None:
        m.save(path(name, 'refused'), **options)
    else:
        with open(path(name, 'refused'), 'wb') as f:
            f.write(data)


# PNG and GIF

def png(color, depth, a, interlaced=False):
    """a PNG of an array; Pillow writes no interlaced ones, and none of 16 bits a colour"""
    def chunk(n, c):
        return struct.pack('>I', len(c)) + n + c + struct.pack('>I', zlib.crc32(n + c))
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)] if interlaced else [(0, 0, 1, 1)]
    big = a.astype('>u2') if a.dtype == np.uint16 else a
    raw = b''.join(b'\0' + r.tobytes() for x0, y0, dx, dy in passes for r in big[y0::dy, x0::dx])
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', W, H, depth, color, 0, 0, interlaced))
            + chunk(b'IDAT', zlib.compress(raw)) + chunk(b'IEND', b''))


save(RGB, 'rgb.png')
save(RGBA, 'rgba.png')
save(L, 'grey.png')
save(LA, 'grey-alpha.png')
save(ONE, 'one-bit.png')
save(P, 'palette.png')
save(P, 'palette-transparent.png', transparency=3)
save(RGB, 'rgb-transparent.png', transparency=tuple(int(v) for v in rgb[4, 5]))
save(I16, 'grey-16.png', rounded_grey)
write(png(2, 16, rgb16), 'rgb-16.png', rounded)
write(png(2, 8, rgb, True), 'rgb-interlaced.png')
write(png(2, 16, rgb16, True), 'rgb-16-interlaced.png', rounded)

save(P, 'palette.gif')
save(P, 'interlaced.gif', interlace=1)
save(P, 'transparent.gif', transparency=3)
save(RGB.quantize(200), 'animated.gif', save_all=True, append_images=[P])

# TIFF
for compression in ('raw', 'tiff_lzw', 'tiff_adobe_deflate', 'tiff_deflate', 'packbits'):
    kind = {'tiff_lzw': 'lzw', 'tiff_adobe_deflate': 'deflate', 'tiff_deflate': 'old-deflate'}.get(compression, compression) + '.tiff'
    how = {} if compression == 'raw' else {'compression': compression}
    save(RGB, 'rgb-' + kind, **how)
    save(RGBA, 'rgba-' + kind, **how)
    save(L, 'grey-' + kind, **how)
    save(P, 'palette-' + kind, **how)
    save(I16, 'grey-16-' + kind, rounded_grey, **how)
    for photometric in (0, 1):
        save(ONE, 'one-bit-%d-%s' % (photometric, kind), tiffinfo={262: photometric}, **how)
save(L, 'grey-white-is-zero.tiff', tiffinfo={262: 0})
save(RGB, 'predictor.tiff', compression='tiff_lzw', tiffinfo={317: 2})
save(I16, 'predictor-16.tiff', rounded_grey, compression='tiff_lzw', tiffinfo={317: 2})
for compression in ('group3', 'group4'):
    for photometric in (0, 1):
        save(ONE, 'fax-%s-%d.tiff' % (compression, photometric), compression=compression, tiffinfo={262: photometric})
        save(ONE, 'fax-%s-%d-reversed.tiff' % (compression, photometric), compression=compression, tiffinfo={262: photometric, 266: 2})


def tiff(tags, offsets, chunks, big_endian=False):
    """a TIFF of short or long tags {number: [values]}; chunks are its strips (offsets is 273) or tiles (324)"""
    e = '>' if big_endian else '<'
    data = (b'MM\0*' if big_endian else b'II*\0') + b'\0\0\0\0'
    counts = 325 if offsets == 324 else 279
    tags = {**tags, offsets: [], counts: [len(c) for c in chunks]}
    for c in chunks:
        tags[offsets].append(len(data))
        data += c + b'\0' * (len(c) % 2)
    entries = b''
    for t in sorted(tags):
        long = t in (offsets, counts)
        v = b''.join(struct.pack(e + ('I' if long else 'H'), n) for n in tags[t])
        head = struct.pack(e + 'HHI', t, 4 if long else 3, len(tags[t]))
        if len(v) > 4:
            entries += head + struct.pack(e + 'I', len(data))
            data += v
        else:
            entries += head + v.ljust(4, b'\0')
    data = data[:4] + struct.pack(e + 'I', len(data)) + data[8:]
    return data + struct.pack(e + 'H', len(entries) // 12) + entries + b'\0\0\0\0'


def tiles(a, side=16):
    up = lambda n: (n + side - 1) // side * side
    p = np.zeros((up(a.shape[0]), up(a.shape[1])) + a.shape[2:], a.dtype)
    p[:a.shape[0], :a.shape[1]] = a
    return [p[j:j + side, i:i + side].tobytes() for j in range(0, p.shape[0], side) for i in range(0, p.shape[1], side)]


base = {256: [W], 257: [H], 258: [8, 8, 8], 259: [1], 262: [2], 277: [3], 284: [1]}
tiled = {**base, 322: [16], 323: [16]}
write(tiff(tiled, 324, tiles(rgb)), 'tiled.tiff')
write(tiff({**tiled, 259: [8]}, 324, [zlib.compress(t) for t in tiles(rgb)]), 'tiled-deflate.tiff')
write(tiff({**tiled, 258: [16] * 3}, 324, tiles(rgb16.astype('<u2'))), 'tiled-16.tiff', rounded)
write(tiff({**base, 258: [16] * 3}, 273, [rgb16.astype('>u2').tobytes()], True), 'rgb-16-big-endian.tiff', rounded)
write(tiff({**base, 278: [5]}, 273, [rgb[i:i + 5].tobytes() for i in range(0, H, 5)]), 'strips.tiff')
write(tiff({**base, 274: [6]}, 273, [rgb.tobytes()]), 'orientation-6.tiff')
premultiplied = np.dstack([(rgb.astype(int) * alpha[..., None] + 127) // 255, alpha]).astype(np.uint8)
over_white = premultiplied[..., :3].astype(int) + 255 - alpha[..., None]
write(tiff({**base, 258: [8] * 4, 277: [4], 338: [1]}, 273, [premultiplied.tobytes()]), 'premultiplied.tiff', over_white)

refuse('planar.tiff', data=tiff({**base, 284: [2]}, 273, [rgb[..., c].tobytes() for c in range(3)]))
refuse('planar-16-tiled.tiff', data=tiff({**tiled, 258: [16] * 3, 284: [2]}, 324, sum((tiles(rgb16[..., c]) for c in range(3)), [])))
refuse('reversed-bits.tiff', data=tiff({**base, 266: [2]}, 273, [rgb.tobytes()]))
refuse('grey-alpha.tiff', LA)
refuse('grey-alpha-unsaid.tiff', data=tiff({**base, 258: [8], 262: [1], 277: [2]}, 273, [np.asarray(LA).tobytes()]))
refuse('five-samples.tiff', data=tiff({**base, 258: [8] * 5, 277: [5], 338: [0, 0]}, 273, [np.dstack([rgb, rgb[..., :2]]).tobytes()]))
refuse('unspecified-fourth.tiff', data=tiff({**base, 258: [8] * 4, 277: [4], 338: [0]}, 273, [np.dstack([rgb, alpha]).tobytes()]))
refuse('four-bits.tiff', data=tiff({**base, 258: [4], 262: [1], 277: [1]}, 273, [bytes(H * W // 2)]))
refuse('signed.tiff', data=tiff({**base, 339: [2, 2, 2]}, 273, [rgb.tobytes()]))
refuse('float.tiff', Image.fromarray(rgb[..., 0].astype(np.float32)))
refuse('cmyk.tiff', RGB.convert('CMYK'))
refuse('ycbcr.tiff', RGB.convert('YCbCr'))
refuse('lab.tiff', data=tiff({**base, 262: [8]}, 273, [rgb.tobytes()]))
refuse('jpeg.tiff', RGB, compression='jpeg')
refuse('old-jpeg.tiff', data=tiff({**base, 259: [6], 262: [6]}, 273, [rgb.tobytes()]))
refuse('lzma.tiff', RGB, compression='lzma')
refuse('zstd.tiff', RGB, compression='zstd')
refuse('huffman.tiff', ONE, compression='tiff_ccitt')
refuse('fax-2d.tiff', ONE, compression='group3', tiffinfo={292: 1})
refuse('fax-of-colours.tiff', data=tiff({**base, 259: [4]}, 273, [rgb.tobytes()]))
refuse('predictor-float.tiff', data=tiff({**base, 259: [8], 317: [3]}, 273, [zlib.compress(rgb.tobytes())]))
refuse('bigtiff.tiff', RGB, big_tiff=True)


# BMP

def bmp(header, palette, pixels):
    at = 14 + len(header + palette)
    return b'BM' + struct.pack('<IHHI', at + len(pixels), 0, 0, at) + header + palette + pixels


def info(bits, compression=0, height=H, size=40, masks=b'', colors=0):
    return (struct.pack('<IiiHHIIiiII', size, W, height, 1, bits, compression, 0, 2835, 2835, colors, 0) + masks).ljust(size, b'\0')


def lines(rows):
    return b''.join(r + b'\0' * (-len(r) % 4) for r in rows)


def nibbles(values):
    return bytes(int(a) << 4 | int(b) for a, b in zip(values[::2], values[1::2]))


def rle(rows, wide):
    """runs, and literals where at least four pixels in a row differ; an end after each row"""
    data = b''
    for r in rows:
        i = 0
        while i < len(r):
            run = 1
            while i + run < len(r) and r[i + run] == r[i]:
                run += 1
            literal = 0
            while literal < 8 and i + literal + 1 < len(r) and r[i + literal] != r[i + literal + 1]:
                literal += 1
            if literal > 3:
                values = list(r[i:i + literal])
                body = bytes(values) if wide else nibbles(values + [0])
                data += bytes([0, literal]) + body + b'\0' * (len(body) % 2)
                i += literal
            else:
                data += bytes([run, r[i] if wide else r[i] << 4 | r[i]])
                i += run
        data += b'\0\0'
    return data[:-2] + b'\0\1'


def masks(*m):
    return b''.join(struct.pack('<I', v) for v in m)


bgr = lines([r[:, ::-1].tobytes() for r in rgb[::-1]])
indices = np.asarray(P)[::-1]
colors = np.frombuffer(P.palette.tobytes(), np.uint8).reshape(-1, 3)[:9]
quads = b''.join(bytes([b, g, r, 0]) for r, g, b in colors)
noise = np.where((x * 7 + y * 3) % 5 < 3, indices, (x + y) % 9).astype(np.uint8)
noise_rows = [r.tobytes() for r in noise]
wide = rgb.astype(np.uint16)
p555 = lines([r.tobytes() for r in ((wide[..., 0] >> 3) << 10 | (wide[..., 1] >> 3) << 5 | wide[..., 2] >> 3)[::-1]])
p565 = lines([r.tobytes() for r in ((wide[..., 0] >> 3) << 11 | (wide[..., 1] >> 2) << 5 | wide[..., 2] >> 3)[::-1]])
bgra = np.dstack([rgb[..., ::-1], alpha])[::-1].tobytes()

save(RGB, 'rgb.bmp')
save(L, 'grey.bmp')
save(ONE, 'one-bit.bmp')
save(P, 'palette.bmp')
write(bmp(info(24, height=-H), b'', lines([r[:, ::-1].tobytes() for r in rgb])), 'top-down.bmp')
write(bmp(info(4), quads + bytes(4 * 7), lines([nibbles(r) for r in indices])), 'palette-4.bmp')
write(bmp(info(4, colors=9), quads, lines([nibbles(r) for r in indices])), 'palette-4-of-9.bmp')
write(bmp(info(8, 1), quads + bytes(4 * 247), rle(noise_rows, True)), 'rle-8.bmp')
write(bmp(info(4, 2), quads + bytes(4 * 7), rle(noise_rows, False)), 'rle-4.bmp')
sparse = np.zeros((H, W), int)  # from the bottom; Pillow wants every pixel to be written
sparse[0], sparse[3, 4:9], sparse[4] = 1, 3, 2
write(bmp(info(8, 1), quads + bytes(4 * 247), b'\x1e\1\0\0\0\2\4\2\5\3\0\0\x1e\2\0\1'), 'rle-8-delta.bmp', colors[sparse[::-1]])
write(bmp(info(16), b'', p555), '555.bmp')
write(bmp(info(16, 3), masks(0xf800, 0x7e0, 31), p565), '565.bmp')
write(bmp(info(16, 3, size=56, masks=masks(0xf800, 0x7e0, 31, 0)), b'', p565), '565-v3.bmp')
write(bmp(info(32), b'', bgra), 'bgrx.bmp')
write(bmp(info(32, 3), masks(0xff0000, 0xff00, 0xff), bgra), 'bgrx-masks.bmp')
write(bmp(info(32, 3, size=108, masks=masks(0xff0000, 0xff00, 0xff, 0xff000000)), b'', bgra), 'bgra-v4.bmp')
write(bmp(info(32, 3, size=124, masks=masks(0xff, 0xff00, 0xff0000, 0xff000000)), b'', np.dstack([rgb, alpha])[::-1].tobytes()), 'rgba-v5.bmp')
core = struct.pack('<IHHH', 12, W, H, 1)
write(bmp(core + b'\x18\0', b'', bgr), 'os2-1.bmp')
write(bmp(core + b'\x08\0', b''.join(bytes([b, g, r]) for r, g, b in colors) + bytes(3 * 247), lines([r.tobytes() for r in indices])), 'os2-1-palette.bmp')
write(bmp(info(24, size=64), b'', bgr), 'os2-2.bmp')

refuse('jpeg.bmp', data=bmp(info(0, 4), b'', bytes(100)))
refuse('png.bmp', data=bmp(info(0, 5), b'', bytes(100)))
refuse('cmyk.bmp', data=bmp(info(32, 11), b'', bgra))
refuse('rle-24.bmp', data=bmp(info(24, 4, size=64), b'', bgr))
refuse('fax.bmp', data=bmp(info(1, 3, size=64), bytes(8), bytes(100)))
refuse('bits-64.bmp', data=bmp(info(64), b'', bytes(W * H * 8)))
refuse('header-200.bmp', data=bmp(info(24, size=200), b'', bgr))

with open(path('pillow.json'), 'w') as f:
    json.dump(digests, f, indent=1, sort_keys=True)
    f.write('\n')
