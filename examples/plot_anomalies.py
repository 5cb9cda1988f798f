"""
======================================
Outlier detection: digits other than 1
======================================

`AutoencoderOutlierDetector` is trained on normal samples only, here on images of the digit 1. It
then flags samples that are unlikely by their code or by their residual. Its threshold comes from
training samples that are held out, so no test sample is used to set it.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.utils.parallel import Parallel, delayed

from skae import AutoencoderOutlierDetector, ShiftedSamplesWarning
from skae.plotting import ReconstructionErrorDisplay

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

# %%
# With ``contamination="auto"``, the default, the threshold is set so that one in twenty new normal
# samples is a false alarm. For comparison, ``criterion="reconstruction"`` uses the score of the
# textbooks, minus the reconstruction error.
#
# Results depend on the random numbers, so each model is fitted with ten seeds. The table has
# medians, and in brackets the lowest and the highest value.

ones, anomalous = X_train[y_train == 1], y_test != 1
models = {
    "likelihood": AutoencoderOutlierDetector(),
    "reconstruction": AutoencoderOutlierDetector(criterion="reconstruction"),
    "IsolationForest": IsolationForest(),
}


def figures(model, seed):
    """Return the fitted model; precision, recall, F1 and ROC AUC on the test samples."""
    model = clone(model).set_params(random_state=seed).fit(ones)
    with warnings.catch_warnings():  # of outliers in nine of ten samples, which are meant here
        warnings.simplefilter("ignore", ShiftedSamplesWarning)
        flagged = model.predict(X_test) == -1
    *shares, _ = precision_recall_fscore_support(anomalous, flagged, average="binary")
    return model, [*shares, roc_auc_score(anomalous, -model.score_samples(X_test))]


print(f"training set: {len(ones)} images of the digit 1")
print(f"test set: {np.sum(~anomalous)} images of 1, {np.sum(anomalous)} of other digits\n")
print(f"{'':16}" + "".join(f"{name:21}" for name in ("precision", "recall", "F1", "ROC AUC")))
fitted = {}
for name, model in models.items():
    results = Parallel(n_jobs=2)(delayed(figures)(model, seed) for seed in range(10))
    fitted[name] = results[0][0]
    columns = zip(*(values for _, values in results))
    cells = (f"{np.median(c):.3f} ({min(c):.3f}-{max(c):.3f})  " for c in columns)
    print(f"{name:16}" + "".join(cells))
detector = fitted["likelihood"]

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
    distances = column[2].imshow(unusual.reshape(8, 8), cmap="Oranges", vmin=0, vmax=8)
for ax, name in zip(axes[:, 0], ["sample", "reconstruction", "unusual pixels"]):
    ax.set_ylabel(name, rotation="horizontal", ha="right", va="center", fontsize=11)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
fig.colorbar(distances, ax=axes[2], aspect=5, extend="max", label="distance")
fig.suptitle("Bottom row: the dark orange pixels do not belong to a 1")
plt.show()
