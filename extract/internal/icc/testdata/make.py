#!/usr/bin/env python3
"""Makes small ICC profiles from the published primaries, adapted to D50: Display P3 with sRGB's parametric curve, Adobe RGB
(1998) with its gamma of 563/256, sRGB. They are this project's own.

usage: make.py [FOLDER]"""
import os, struct, sys

out = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))


def s15(v): return struct.pack('>i', round(v * 65536))


def xyz(v): return b'XYZ \0\0\0\0' + b''.join(map(s15, v))


def make(name, columns, curve):
    tags = {b'rXYZ': xyz(columns[0]), b'gXYZ': xyz(columns[1]), b'bXYZ': xyz(columns[2]), b'wtpt': xyz((0.9642, 1, 0.8249)),
            b'rTRC': curve, b'gTRC': curve, b'bTRC': curve}
    at, table, body = 132 + 12 * len(tags), b'', b''
    for tag, data in tags.items():
        data += b'\0' * (-len(data) % 4)
        table += tag + struct.pack('>II', at + len(body), len(data))
        body += data
    size = at + len(body)
    header = struct.pack('>I4sI4s4s4s', size, b'\0\0\0\0', 0x04400000, b'mntr', b'RGB ', b'XYZ ')
    header += b'\0' * 12 + b'acsp' + b'\0' * (128 - 40)
    with open(os.path.join(out, name), 'wb') as f:
        f.write(header[:128] + struct.pack('>I', len(tags)) + table + body)


srgb = b'para\0\0\0\0\0\x03\0\0' + b''.join(map(s15, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)))
gamma = b'curv\0\0\0\0' + struct.pack('>IH', 1, 563)
make('p3.icc', ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)), srgb)
make('adobe.icc', ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)), gamma)
make('srgb.icc', ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)), srgb)
