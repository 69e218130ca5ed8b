#!/usr/bin/env python3
"""Runs an exported classifier with ONNX Runtime.

usage: run_classifier.py MODEL N INPUT=FILE… OUT
INPUT=FILE names an input and the float32 or uint8 numbers that it gets, N times its shape; sizes that the model leaves open
stand behind the file: pixels=FILE@70x90x3. OUT gets the outputs probabilities, label, similarity and rejected as float32,
one after the other."""
import sys
import numpy as np
import onnxruntime as ort

ort.set_default_logger_severity(3)
model, n, *inputs, out = sys.argv[1:]
session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
given = {}
for i in inputs:
    name, file = i.split("=", 1)
    file, _, size = file.partition("@")
    given[name] = (file, [int(v) for v in size.split("x")] if size else None)
columns = [[], [], [], []]
for k in range(int(n)):
    feed = {}
    for i in session.get_inputs():
        file, shape = given[i.name]
        kind = np.uint8 if "uint8" in i.type else np.float32
        shape = shape or [1 if isinstance(d, str) else d for d in i.shape]
        count = int(np.prod(shape))
        feed[i.name] = np.fromfile(file, kind, count, offset=k * count * np.dtype(kind).itemsize).reshape(shape)
    for column, value in zip(columns, session.run(["probabilities", "label", "similarity", "rejected"], feed)):
        column.append(np.asarray(value, np.float32).reshape(-1))
np.concatenate([np.concatenate(c) for c in columns]).tofile(out)
