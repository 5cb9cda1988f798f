"""Plot the share of the variance that each component explains, and the cumulative share."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer

X = load_digits().data.astype("float32") / 16
fig, (left, right) = plt.subplots(1, 2)
for offset, reducer, color in (
    (-0.2, PCA(8), "black"),
    (0.2, AutoencoderTransformer(8, random_state=0), "#0072B2"),
):
    ratios = reducer.fit(X).explained_variance_ratio_
    columns = np.arange(1, 9)
    left.bar(columns + offset, ratios, 0.4, color=color)
    right.plot(columns, np.cumsum(ratios), "o-", color=color, label=type(reducer).__name__)
left.set(xlabel="component", ylabel="explained_variance_ratio_")
right.set(xlabel="number of components", ylabel="cumulative share", ylim=(0, 1))
right.legend(loc="lower right")
fig.suptitle("Each component explains more than the same one of PCA", fontsize="medium")
