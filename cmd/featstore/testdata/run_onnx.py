"""usage: run_onnx.py MODEL PIXELS N H W BOTTLENECKS

Has ONNX Runtime compute the first output of a model for N images: float32 of N×H×W×3 in,
N×… out."""
import sys

import numpy as np
import onnxruntime as ort

model, pixels, n, h, w, out = sys.argv[1:]
x = np.fromfile(pixels, '<f4').reshape(int(n), int(h), int(w), 3)
session = ort.InferenceSession(model, providers=['CPUExecutionProvider'])
input = session.get_inputs()[0]
if input.shape[3] != 3:
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
np.stack([session.run(None, {input.name: image[None]})[0].reshape(-1) for image in x]).astype('<f4').tofile(out)
