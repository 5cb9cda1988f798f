"""
===========================================================
Decision regions of the detector and of an isolation forest
===========================================================

`AutoencoderOutlierDetector` has the same methods and signs as `IsolationForest` and can replace it.
This example fits both to three patterns with 15 % outliers and draws their decision regions, as in
scikit-learn's comparison of outlier detectors.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.ensemble import IsolationForest
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import roc_auc_score

from skae import AutoencoderOutlierDetector

# %%
# Inliers follow a pattern; outliers are uniformly distributed:

rng = np.random.default_rng(42)
n_inliers, n_outliers = 255, 45
position = rng.uniform(-5, 5, n_inliers)
jitter = rng.normal(scale=0.3, size=(n_inliers, 2))
patterns = {
    "line": np.column_stack([position, 0.6 * position]) + jitter,
    "arc": np.column_stack([position, 0.25 * position**2 - 3]) + jitter,
    "moons": 4 * (make_moons(n_inliers, noise=0.05, random_state=0)[0] - [0.5, 0.25]),
}
outliers = rng.uniform(-6, 6, size=(n_outliers, 2))
truth = np.repeat([1, -1], [n_inliers, n_outliers])

# %%
# The autoencoder learns the curve and the density of samples along and across it. Outliers are the
# samples with the lowest likelihood; `contamination` sets the share of training samples to flag.
# The markers show which samples truly are outliers.

detectors = {
    "IsolationForest": IsolationForest(contamination=0.15, random_state=0),
    "AutoencoderOutlierDetector": AutoencoderOutlierDetector(contamination=0.15, random_state=0),
}
markers = {1: ("o", "C0", "inliers"), -1: ("x", "C1", "outliers")}
fig, axes = plt.subplots(2, 3, figsize=(9, 6.6), layout="constrained")
for column, (pattern, inliers) in zip(axes.T, patterns.items()):
    X = np.concatenate([inliers, outliers])
    column[0].set_title(pattern)
    for ax, detector in zip(column, detectors.values()):
        detector.fit(X)
        auc = roc_auc_score(truth, detector.score_samples(X))
        print(f"{pattern:6} {type(detector).__name__:27} ROC AUC {auc:.3f}")
        DecisionBoundaryDisplay.from_estimator(
            detector, X, response_method="predict", cmap="cividis", alpha=0.3, ax=ax
        )
        for label, (marker, color, name) in markers.items():
            ax.scatter(*X[truth == label].T, s=14, marker=marker, color=color, label=name)
        ax.set(xticks=[], yticks=[], xlabel=f"ROC AUC {auc:.2f}")
for ax, name in zip(axes[:, 0], detectors):
    ax.set_ylabel(name)
handles = axes[0, 0].get_legend_handles_labels()
fig.legend(*handles, loc="outside lower center", ncols=2)
fig.suptitle("The detector's region of inliers (light) follows the patterns more closely")
plt.show()
