"""
============================
Everything that is not a one
============================

`AutoencoderOutlierDetector` learns from normal rows alone, here from images of the digit 1.
What is unlikely after that, in its code or in what the code misses, is an anomaly. How unlikely
is too unlikely? That comes from training rows too, held out from the training for it: no test
row is looked at before it is judged.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score
from sklearn.model_selection import train_test_split

from skae import AutoencoderOutlierDetector
from skae.plotting import ReconstructionErrorDisplay

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

# %%
# With ``contamination="auto"``, the default, the threshold is such that one new normal row in
# twenty is flagged by mistake. The textbooks' score, minus the reconstruction error, is there
# as ``criterion="reconstruction"``.

ones, anomalous = X_train[y_train == 1], y_test != 1
detector = AutoencoderOutlierDetector(random_state=0).fit(ones)
textbook = AutoencoderOutlierDetector(criterion="reconstruction", random_state=0).fit(ones)
forest = IsolationForest(random_state=0).fit(ones)

print(f"trained on {len(ones)} ones, tested on {np.sum(~anomalous)} other ones and")
print(f"{np.sum(anomalous)} digits of other kinds, the anomalies\n")
models = {"likelihood": detector, "reconstruction": textbook, "IsolationForest": forest}
print(f"{'':15} {'precision':>9} {'recall':>7} {'F1':>6} {'ROC AUC':>8}  flagged ones")
for name, model in models.items():
    flagged = model.predict(X_test) == -1
    precision, recall, f1, _ = precision_recall_fscore_support(anomalous, flagged, average="binary")
    auc = roc_auc_score(anomalous, -model.score_samples(X_test))
    print(
        f"{name:15} {precision:9.3f} {recall:7.3f} {f1:6.3f} {auc:8.4f}  "
        f"{np.sum(flagged & ~anomalous)} of {np.sum(~anomalous)}"
    )

# %%
# The scores of digits that the detector has not seen, on both sides of the threshold.

ReconstructionErrorDisplay.from_estimator(detector, X_test, np.where(anomalous, -1, 1))

# %%
# `score_features` says how much each pixel adds to a score, and so what gave a digit away: a
# square of each pixel's own, below a constant.

fig, axes = plt.subplots(3, 9, figsize=(9, 3.3), layout="constrained")
for column, digit in zip(axes.T, [0, 2, 3, 4, 5, 6, 7, 8, 9]):
    row = X_test[y_test == digit][:1]
    contributions = detector.score_features(row)
    blame = np.sqrt(contributions.max() - contributions)
    column[0].imshow(row.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    column[1].imshow(detector.reconstruct(row).reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    column[2].imshow(blame.reshape(8, 8), cmap="Oranges", vmin=0)
for ax, name in zip(axes[:, 0], ["anomaly", "as a one", "blame"]):
    ax.set_ylabel(name, rotation="horizontal", ha="right", va="center", fontsize=11)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
plt.show()
