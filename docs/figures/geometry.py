"""Plot PCA's axes after division by one number and after standardisation of each feature."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 2)) @ np.array([[4.0, 1.2], [-0.3, 1.0]])
X -= X.mean(axis=0)
panels = {
    "centred samples": X,
    "divided by scale_": X / np.sqrt(X.var(axis=0).mean()),
    "each feature standardised": X / X.std(axis=0),
}

fig, axes = plt.subplots(1, 3, figsize=(8, 3.1))
for ax, (title, samples) in zip(axes, panels.items()):
    ax.scatter(*samples.T, s=5, color="#0072B2", alpha=0.4)
    pca = PCA(2).fit(samples)
    for direction, variance in zip(pca.components_, pca.explained_variance_):
        step = 2 * np.sqrt(variance) * direction
        ax.plot([-step[0], step[0]], [-step[1], step[1]], color="black", linewidth=2.5)
    limit = 1.1 * np.abs(samples).max()
    ax.set(aspect="equal", xlim=(-limit, limit), ylim=(-limit, limit))
    ax.set_title(title, fontsize=10)
title = "One scale for all features keeps the directions of PCA (black); one for each turns them"
fig.suptitle(title, fontsize="medium")
