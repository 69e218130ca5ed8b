"""Times scikit-learn and NumPy on the data of BenchmarkBesideSklearn.

usage: sklearn_bench.py FOLDER
FOLDER has x.f32 (N*D float32), y.i32 (N int32) and shape.json {"n", "d", "labels", "test", "strengths", "c_svm"}.
The last "test" images are judged, the others trained on. Prints a JSON object of
seconds by name; each is the best of three, or one run where it takes long. Where
scikit-learn-intelex is installed, what it brings is measured too, and the better counts.
"""

import json
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")
folder = sys.argv[1]
shape = json.load(open(folder + "/shape.json"))
x = np.fromfile(folder + "/x.f32", dtype="<f4").reshape(shape["n"], shape["d"])
y = np.fromfile(folder + "/y.i32", dtype="<i4")
n = shape["n"] - shape["test"]
X, T, Y = x[:n], x[n:], y[:n]
C = shape["strengths"]


def best(f, repeats=3):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
        if times[0] > 5:
            break
    return min(times)


def softmax_sgd(steps=4000, batch=100, rate=0.01):
    """The article's recipe, minibatches gathered from an array in memory."""
    rng = np.random.default_rng(1)
    by_label = [np.flatnonzero(Y == c) for c in range(shape["labels"])]
    w = (rng.normal(size=(shape["d"], shape["labels"])) * 0.001).astype(np.float32)
    b = np.zeros(shape["labels"], np.float32)
    for _ in range(steps):
        labels = rng.integers(shape["labels"], size=batch)
        rows = np.array([by_label[c][rng.integers(len(by_label[c]))] for c in labels])
        m = X[rows]
        z = m @ w + b
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        p[np.arange(batch), labels] -= 1
        w -= (rate / batch) * (m.T @ p)
        b -= (rate / batch) * p.sum(0)


def measure():
    # imported here: scikit-learn-intelex puts its own classes in their places
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
    from sklearn.svm import LinearSVC

    knn = KNeighborsClassifier(9, metric="cosine").fit(X, Y)
    return {
        "logistic": best(lambda: LogisticRegression(C=C[len(C) // 2], max_iter=1000).fit(X, Y)),
        "logistic_cv": best(lambda: LogisticRegressionCV(Cs=C, cv=5, max_iter=1000).fit(X, Y), 1),
        "svm": best(lambda: LinearSVC(C=shape["c_svm"], max_iter=1000, tol=1e-3).fit(X, Y)),
        "lda": best(lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(X, Y)),
        "bayes": best(lambda: GaussianNB().fit(X, Y)),
        "centroid": best(lambda: NearestCentroid().fit(X, Y)),
        "knn": best(lambda: knn.predict(T)),
    }


out = {"softmax": best(softmax_sgd, 1), **measure()}
try:
    from sklearnex import patch_sklearn
except ImportError:
    print("without scikit-learn-intelex", file=sys.stderr)
else:
    patch_sklearn(verbose=False)
    for name, seconds in measure().items():
        out[name] = min(out[name], seconds)
print(json.dumps(out))
