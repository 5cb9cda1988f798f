"""Plot training samples, one in eight an outlier, coloured by their weight in training."""

import matplotlib.pyplot as plt
import numpy as np

from skae import AutoencoderOutlierDetector

rng = np.random.default_rng(1)
normal = rng.normal(size=(280, 2)) @ np.array([[1.6, 0.7], [0.0, 0.6]])
X = np.concatenate([normal, rng.normal(size=(40, 2)) * 0.8 + [-4.0, 4.5]])
ellipsoid = AutoencoderOutlierDetector(1, max_iter=0, random_state=0).fit(X).ellipsoid_


def weight(samples):
    """Return min(1, size / squared distance)."""
    distances = np.square((samples - ellipsoid["mean"]) @ ellipsoid["whitener"]).sum(axis=1)
    return np.minimum(1, ellipsoid["size"] / distances)


fig, ax = plt.subplots(figsize=(7, 3.8))
grid = np.stack(np.meshgrid(np.linspace(-7, 6, 200), np.linspace(-4, 7, 200)), axis=-1)
around = weight(grid.reshape(-1, 2)).reshape(200, 200)
ax.contour(grid[..., 0], grid[..., 1], around, levels=[0.999], colors="black", linewidths=1)
points = ax.scatter(*X.T, c=weight(X), cmap="cividis_r", vmin=0, vmax=1, s=16, edgecolors="none")
fig.colorbar(points, label="weight in training")
ax.set(aspect="equal")
ax.set_title("Samples far outside of the bulk count little", fontsize="medium")
