"""
======================================
Outlier detection: digits other than 1
======================================

`AutoencoderOutlierDetector` is trained on normal samples only, here on images of the digit 1. It
then flags samples that are unlikely by their code or by their residual. Its threshold comes from
training samples that are held out, so no test sample is used to set it.
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
# With ``contamination="auto"``, the default, the threshold is set so that one in twenty new normal
# samples is a false alarm. For comparison, ``criterion="reconstruction"`` uses the score of the
# textbooks, minus the reconstruction error.

ones, anomalous = X_train[y_train == 1], y_test != 1
detector = AutoencoderOutlierDetector(random_state=0).fit(ones)
textbook = AutoencoderOutlierDetector(criterion="reconstruction", random_state=0).fit(ones)
forest = IsolationForest(random_state=0).fit(ones)

print(f"training set: {len(ones)} images of the digit 1")
print(f"test set: {np.sum(~anomalous)} images of 1, {np.sum(anomalous)} of other digits\n")
models = {"likelihood": detector, "reconstruction": textbook, "IsolationForest": forest}
print(f"{'':15} {'precision':>9} {'recall':>7} {'F1':>6} {'ROC AUC':>8}  false alarms")
for name, model in models.items():
    flagged = model.predict(X_test) == -1
    precision, recall, f1, _ = precision_recall_fscore_support(anomalous, flagged, average="binary")
    auc = roc_auc_score(anomalous, -model.score_samples(X_test))
    print(
        f"{name:15} {precision:9.3f} {recall:7.3f} {f1:6.3f} {auc:8.4f}  "
        f"{np.sum(flagged & ~anomalous)} of {np.sum(~anomalous)}"
    )

# %%
# Outlier scores of the test samples and the threshold:

display = ReconstructionErrorDisplay.from_estimator(detector, X_test, np.where(anomalous, -1, 1))
display.ax_.set_title("Nearly all other digits lie beyond the threshold")

# %%
# `score_features` returns the contribution of each pixel to a score: a constant minus a square,
# which is larger for a more unusual pixel. The orange images show the root of this square, the
# distance of a pixel from what is usual, and so the pixels that make each digit an outlier.

fig, axes = plt.subplots(3, 9, figsize=(9, 3.3), layout="constrained")
for column, digit in zip(axes.T, [0, 2, 3, 4, 5, 6, 7, 8, 9]):
    sample = X_test[y_test == digit][:1]
    contributions = detector.score_features(sample)
    unusual = np.sqrt(contributions.max() - contributions)
    column[0].imshow(sample.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    column[1].imshow(detector.reconstruct(sample).reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    distances = column[2].imshow(unusual.reshape(8, 8), cmap="Oranges", vmin=0, vmax=20)
for ax, name in zip(axes[:, 0], ["sample", "reconstruction", "unusual pixels"]):
    ax.set_ylabel(name, rotation="horizontal", ha="right", va="center", fontsize=11)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
fig.colorbar(distances, ax=axes[2], aspect=5, extend="max", label="distance")
fig.suptitle("The darkest pixels do not belong to a 1")
plt.show()
