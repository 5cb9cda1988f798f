"""Plot samples along an arc with the line of PCA and the curve of an autoencoder."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer

rng = np.random.default_rng(0)
angle = rng.uniform(0.1 * np.pi, 0.9 * np.pi, 600)
X = np.column_stack([2 * np.cos(angle), 2 * np.sin(angle)]) + rng.normal(scale=0.08, size=(600, 2))

fig, axes = plt.subplots(1, 2, figsize=(7, 2.4), sharex=True, sharey=True)
for ax, reducer, color in (
    (axes[0], PCA(1), "black"),
    (axes[1], AutoencoderTransformer(1, random_state=0), "#0072B2"),
):
    code = reducer.fit_transform(X)
    path = np.linspace(*np.quantile(code, [0.005, 0.995]), 200)[:, None]
    error = np.mean((reducer.inverse_transform(code) - X) ** 2)
    ax.scatter(*X.T, s=6, color="#999999", alpha=0.5)
    ax.plot(*reducer.inverse_transform(path).T, color=color, linewidth=3)
    ax.set_aspect("equal")
    ax.set_title(f"{type(reducer).__name__}: MSE {error:.3f}", fontsize=10)
fig.suptitle("One component: PCA draws a line, the autoencoder a curve", fontsize="medium")
