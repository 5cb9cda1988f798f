"""
======================
Filling missing values
======================

A tenth of the cells of a table about tumours is removed. The example fills them and compares the
filled values, and the intervals that draws give, with the truth.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.impute import SimpleImputer

from skae import AutoencoderImputer

X, names = load_breast_cancer(return_X_y=True)[0], load_breast_cancer().feature_names
missing = np.random.default_rng(0).random(X.shape) < 0.1
incomplete = np.where(missing, np.nan, X)
train, test = slice(0, 400), slice(400, None)

# %%
# Fit and fill
# ------------
#
# The imputer learns from 400 samples and fills others. Errors are in standard deviations of the
# features.

imputer = AutoencoderImputer(mixture_sizes=(3, 8), random_state=0).fit(incomplete[train])
scale = X[train].std(axis=0)
for imputer_or_mean in (SimpleImputer().fit(incomplete[train]), imputer):
    filled = imputer_or_mean.transform(incomplete[test])
    errors = ((filled - X[test]) / scale)[missing[test]]
    print(f"{type(imputer_or_mean).__name__}: error {np.sqrt(np.mean(errors**2)):.2f}")

# %%
# Intervals
# ---------
#
# Draws say how certain a value is: nine in ten true values are between the 5 % and the 95 %
# quantile of their draws.

draws = imputer.draw(incomplete[test], n_draws=40, random_state=0)
low, high = np.quantile(draws, [0.05, 0.95], axis=0)
inside = ((low <= X[test]) & (X[test] <= high))[missing[test]]
print(f"inside of their interval: {inside.mean():.0%} of the true values")

fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for ax, j in zip(axes, (0, 5, 9), strict=True):
    rows = np.flatnonzero(missing[test][:, j])
    truth, value = X[test][rows, j], filled[rows, j]
    lengths = np.abs([low[rows, j] - value, high[rows, j] - value])
    ax.errorbar(truth, value, lengths, fmt="o", markersize=3, linewidth=0.8)
    ends = [truth.min(), truth.max()]
    ax.plot(ends, ends, color="0.6", zorder=0)
    ax.set(title=names[j], xlabel="true value")
axes[0].set_ylabel("filled value, 90 % interval")
plt.show()
