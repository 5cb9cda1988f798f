"""What dividing by one number leaves alone and dividing each column does not: PCA's axes."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 2)) @ np.array([[4.0, 1.2], [-0.3, 1.0]])
X -= X.mean(axis=0)
panels = {
    "the rows, centred": X,
    "divided by scale_": X / np.sqrt(X.var(axis=0).mean()),
    "each column standardised": X / X.std(axis=0),
}

fig, axes = plt.subplots(1, 3, figsize=(7, 2.8))
for ax, (title, rows) in zip(axes, panels.items()):
    ax.scatter(*rows.T, s=5, color="#0072B2", alpha=0.4)
    pca = PCA(2).fit(rows)
    for direction, variance in zip(pca.components_, pca.explained_variance_):
        step = 2 * np.sqrt(variance) * direction
        ax.plot([-step[0], step[0]], [-step[1], step[1]], color="#D55E00", linewidth=2.5)
    reach = 1.1 * np.abs(rows).max()
    ax.set(aspect="equal", xlim=(-reach, reach), ylim=(-reach, reach))
    ax.set_title(title, fontsize=10)
