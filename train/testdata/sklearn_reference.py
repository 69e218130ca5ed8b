"""Writes sklearn_reference.json: small data and what scikit-learn 1.9 makes of it.

The tests of package train compare their heads and metrics with it. Run it in this
folder with scikit-learn and NumPy installed; nothing else of the project needs Python.
"""

import json

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support, top_k_accuracy_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

LABELS, DIM = 4, 16
rng = np.random.default_rng(20240501)
counts = [12, 20, 38, 30]  # unequally common
mix = rng.normal(size=(DIM, DIM)) / np.sqrt(DIM)  # correlated features
means = rng.normal(size=(LABELS, DIM)) * 0.5


def draw(n):
    y = rng.choice(LABELS, size=n, p=np.array(counts) / sum(counts))
    x = np.maximum(means[y] + rng.normal(size=(n, DIM)) @ mix + 0.3, 0)  # as after a ReLU
    x[:, 5] = 0.25  # a feature that never varies
    x[:, 6] = x[:, 7]  # one that is there twice
    return np.round(x, 3).astype(np.float32), y


x, y = draw(sum(counts))
test_x, test_y = draw(60)
out = {"labels": LABELS, "dim": DIM, "x": x.tolist(), "y": y.tolist(), "test_x": test_x.tolist(), "test_y": test_y.tolist()}
X, T = x.astype(np.float64), test_x.astype(np.float64)


def logistic(weight):
    c = 0.7
    m = LogisticRegression(C=c, tol=1e-10, max_iter=100000, class_weight=weight).fit(X, y)
    sw = np.ones(len(y)) if weight is None else (len(y) / (LABELS * np.bincount(y)))[y]
    p = m.predict_proba(X)
    loss = -(sw * np.log(p[np.arange(len(y)), y])).sum() / sw.sum() + (m.coef_**2).sum() / (2 * c * sw.sum())
    return {"c": c, "loss": loss, "probabilities": m.predict_proba(T).tolist()}


out["logistic"], out["logistic_balanced"] = logistic(None), logistic("balanced")


def svm(weight):
    c = 0.4
    # Not class_weight: LIBLINEAR weighs only the label's own images by it, not the rest.
    sw = np.ones(len(y)) if weight is None else (len(y) / (LABELS * np.bincount(y)))[y]
    m = LinearSVC(C=c, tol=1e-10, max_iter=1000000).fit(X, y, sample_weight=sw)
    side = np.where(y[:, None] == np.arange(LABELS), 1, -1)
    slack = np.maximum(0, 1 - side * m.decision_function(X))
    objective = 0.5 * ((m.coef_**2).sum() + (m.intercept_**2).sum()) + c * (sw[:, None] * slack**2).sum()
    return {"c": c, "loss": objective, "scores": m.decision_function(T).tolist()}


out["svm"], out["svm_balanced"] = svm(None), svm("balanced")
out["bayes"] = {"probabilities": GaussianNB().fit(X, y).predict_proba(T).tolist()}
lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(X, y)
out["lda"] = {"probabilities": lda.predict_proba(T).tolist()}
knn = KNeighborsClassifier(7, metric="cosine").fit(X, y)
out["knn"] = {"k": 7, "neighbours": knn.kneighbors(T)[1].tolist(), "predictions": knn.predict(T).tolist()}
out["centroid"] = {"predictions": NearestCentroid().fit(X, y).predict(T).tolist()}
scaler = StandardScaler().fit(X)
out["standard"] = scaler.transform(T).tolist()

p = np.array(out["logistic"]["probabilities"])
predicted = p.argmax(1)
precision, recall, f1, support = precision_recall_fscore_support(test_y, predicted, zero_division=0)
macro = precision_recall_fscore_support(test_y, predicted, average="macro", zero_division=0)
out["metrics"] = {
    "accuracy": float((predicted == test_y).mean()),
    "precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist(), "support": support.tolist(),
    "macro": [float(v) for v in macro[:3]],
    "log_loss": log_loss(test_y, p),
    "brier": float(((p - np.eye(LABELS)[test_y]) ** 2).sum(1).mean()),
    "top_2": top_k_accuracy_score(test_y, p, k=2), "top_3": top_k_accuracy_score(test_y, p, k=3),
    "confusion": confusion_matrix(test_y, predicted).tolist(),
}


def compact(v):
    """Floats with eight digits: enough for every tolerance."""
    if isinstance(v, float):
        return float("%.8g" % v)
    if isinstance(v, list):
        return [compact(e) for e in v]
    if isinstance(v, dict):
        return {k: compact(e) for k, e in v.items()}
    return v


with open("sklearn_reference.json", "w") as f:
    json.dump(compact(out), f, separators=(",", ":"))
    f.write("\n")
