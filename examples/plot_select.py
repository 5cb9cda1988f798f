"""
===========================================
Which outliers to report, and what is wrong
===========================================

A threshold on the scores raises false alarms on a share of the *normal* samples. Where outliers
are rare, most of what is flagged is then normal. `select` instead limits the share of false alarms
among the *reported* samples, and `explain` says what is wrong with each of them.
"""

import matplotlib.pyplot as plt
import numpy as np

from skae import AutoencoderOutlierDetector
from skae.plotting import FeatureScoreDisplay

# %%
# Parcels have a length, a width, a height, a weight and a price. The weight follows from the
# volume, the price from the weight and the kind of delivery. In 40 of 1000 new parcels something is
# wrong.

NAMES = ["length", "width", "height", "weight", "price", "express", "standard"]


def make_parcels(n_samples, rng):
    """Return parcels in cm, kg and euro."""
    sides = rng.lognormal(3, 0.3, size=(n_samples, 3))
    weight = sides.prod(axis=1) * rng.lognormal(-8.5, 0.2, n_samples)
    express = rng.random(n_samples) < 0.3
    price = (3 + 0.8 * weight) * np.where(express, 2, 1) * rng.lognormal(0, 0.05, n_samples)
    return np.column_stack([sides, weight, price, express, ~express])


rng = np.random.default_rng(0)
X_train, X_new = make_parcels(2000, rng), make_parcels(1000, rng)
wrong = np.arange(40)
X_new[:16, 4] *= 0.3  # far too cheap
X_new[16:28, 3] *= 8  # far too heavy
X_new[28:40, 2] /= 10  # the height is in decimetres
columns = np.column_stack([np.log(X_train[:, :5]), X_train[:, 5:]])
new_columns = np.column_stack([np.log(X_new[:, :5]), X_new[:, 5:]])

# %%
# `predict` flags about one in twenty normal parcels. `select` reports few samples that are normal:
# the expected share is at most `fdr`.

detector = AutoencoderOutlierDetector(random_state=0).fit(columns)
is_wrong = np.isin(np.arange(1000), wrong)
selected = {"predict": detector.predict(new_columns) == -1}
selected |= {f"select, fdr={fdr}": detector.select(new_columns, fdr=fdr) for fdr in (0.05, 0.1)}
for name, chosen in selected.items():
    n_false = np.sum(chosen & ~is_wrong)
    print(f"{name:15} reports {chosen.sum():2}, {n_false:2} of them normal, finds "
          f"{np.sum(chosen & is_wrong)} of 40")  # fmt: skip

# %%
# How many of the reported samples are normal *at most*? With probability 0.9 the bounds hold for
# all thresholds at once, so the number of samples to report can be chosen in this plot.

p_values = detector.predict_pvalue(new_columns)
bounds = detector.bound_false_discoveries(new_columns, confidence=0.9)
order = np.argsort(p_values, kind="stable")
n_reported = np.arange(1, 101)
shares = np.cumsum(~is_wrong[order])[:100] / n_reported
fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.plot(n_reported, bounds[order][:100], color="C0", linestyle="--", label="upper bound")
ax.plot(n_reported, shares, color="C0", label="actual share")
ax.set(xlabel="number of reported samples", ylabel="share of normal samples", ylim=(0, 1.05))
ax.set_title("The bound is never exceeded, however many samples are reported")
ax.legend()

# %%
# `explain` names the features that take most from a score, and the values to expect given the
# others. The two columns of the kind of delivery are one feature. Without pandas the table is a
# structured array, which is read in the same way.

explanation = detector.explain(new_columns[[0, 16, 28]], n_features=1, groups={"delivery": [5, 6]})
rows = zip(*(explanation[name] for name in ("sample", "feature", "value", "expected", "share")))
for sample, feature, value, expected, share in rows:
    name = NAMES[int(feature[1:])] if feature != "delivery" else feature
    print(f"parcel {[0, 16, 28][sample]}: log {name} is {value:5.2f}, expected {expected:5.2f} "
          f"({share:.0%} of the blame)")  # fmt: skip

# %%
# All features of one parcel; the longer the bar, the more a feature is to blame:

names = [f"log {name}" for name in NAMES[:5]] + NAMES[5:]
display = FeatureScoreDisplay.from_estimator(
    detector, new_columns[0], feature_names=names, groups={"delivery": ["express", "standard"]}
)
culprit = display.feature_names[display.order[0]].removeprefix("log ")
display.ax_.set_title(f"The {culprit} does not suit the rest of the parcel")
plt.show()
