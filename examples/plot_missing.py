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
fig.suptitle("About nine in ten intervals contain the true value, which is on the line")
plt.show()

# %%
# How a cell is filled
# --------------------
#
# Samples lie about a curve, and a third of the cells is missing. Given the first value, a single
# Gaussian fills the second one on a straight line. A mixture weighs its components by the first
# value, and follows the curve. The band holds 90 % of the draws.

rng = np.random.default_rng(0)
t = rng.uniform(-2, 2, 600)
curve = np.column_stack([t, np.sin(2 * t)]) + 0.15 * rng.normal(size=(600, 2))
holes = np.where(rng.random(curve.shape) < 1 / 3, np.nan, curve)
given = np.column_stack([np.linspace(-2, 2, 80), np.full(80, np.nan)])

fig, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
for ax, sizes in zip(axes, ((), (3, 8, 20)), strict=True):
    imputer = AutoencoderImputer(mixture_sizes=sizes, max_iter=0, random_state=0).fit(holes)
    band = np.quantile(imputer.draw(given, n_draws=200, random_state=0), [0.05, 0.95], axis=0)
    ax.plot(*curve.T, ".", color="0.7", markersize=3)
    ax.fill_between(given[:, 0], *band[:, :, 1], alpha=0.2, linewidth=0)
    ax.plot(*imputer.transform(given).T)
    ax.set(title="with mixtures" if sizes else "one Gaussian", xlabel="given value")
axes[0].set_ylabel("filled value, 90 % of the draws")
fig.suptitle("Only mixtures follow the curve of the samples")
plt.show()

# sphinx_gallery_thumbnail_number = 2
