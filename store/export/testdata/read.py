"""Reads the exports named on the command line as a user would, and prints their rows
as JSON. Parquet needs pyarrow and pandas, the others NumPy alone."""
import csv, json, os, sys

import numpy as np


def rows(path):
    if os.path.isdir(path):
        load = lambda name: np.load(os.path.join(path, name + ".npy"))
        names, copies = load("label_names"), json.load(open(os.path.join(path, "export.json")))["copies"]
        digests = load("digests")
        return zip(load("paths"), names[load("labels")], load("splits"), digests,
                   [copies.get(d, []) for d in digests], load("features"))
    if path.endswith(".csv"):
        table = list(csv.DictReader(open(path, newline="", errors="surrogateescape")))
        x = np.loadtxt([",".join(v for k, v in r.items() if k[0] == "f") for r in table], delimiter=",", dtype="f4", ndmin=2)
        return ((r["path"], r["label"], r["split"], r["digest"], json.loads(r["copies"] or "[]"), f) for r, f in zip(table, x))
    import pandas as pd
    t = pd.read_parquet(path)
    return zip(t.path, t.label, t.split, t.digest, t.copies, t.features)


for path in sys.argv[1:]:
    out = [{"Path": os.fsencode(str(p)).hex(), "Label": str(l), "Split": str(s), "Digest": str(d), "Copies": list(c),
            "Features": np.asarray(f, "<f4").tobytes().hex()} for p, l, s, d, c, f in rows(path)]
    print(json.dumps(out))
