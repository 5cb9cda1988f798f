"""
======================
Restoring noisy digits
======================

`DenoisingAutoencoder` is trained to restore clean samples from corrupted ones, with new noise in
every epoch. This example restores test digits with missing pixels (masking) and with Gaussian
noise.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.utils.parallel import Parallel, delayed

from skae import DenoisingAutoencoder

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

# %%
# Two kinds of noise, in the units of the pixels (white is 0, black is 1): masking sets three in ten
# pixels to white, and Gaussian noise with a standard deviation of 0.3 is added to every pixel.

rng = np.random.default_rng(0)
noisy = {
    "masking": X_test * (rng.random(X_test.shape) >= 0.3),
    "gaussian": X_test + rng.normal(scale=0.3, size=X_test.shape),
}
fitted = Parallel(n_jobs=2)(
    delayed(DenoisingAutoencoder(32, noise=noise, noise_level=0.3, random_state=0).fit)(X_train)
    for noise in noisy
)
denoisers = dict(zip(noisy, fitted))

# %%
# PCA removes noise too, by leaving out components. For each kind of noise, PCA gets the number of
# components that is best on these test samples.


def error(restored):
    """Return the mean squared error against the clean test samples."""
    return np.mean((restored - X_test) ** 2)


pcas = [PCA(n_components).fit(X_train) for n_components in range(1, 61)]
results = {}
print("mean squared error on test samples:")
print(f"{'noise':10} {'noisy':>8} {'best PCA':>9} {'autoencoder':>12}")
for noise, X_noisy in noisy.items():
    by_pca = [pca.inverse_transform(pca.transform(X_noisy)) for pca in pcas]
    best = min(by_pca, key=error)
    restored = denoisers[noise].reconstruct(X_noisy)
    results[noise] = {"clean": X_test, "noisy": X_noisy, "best PCA": best, "autoencoder": restored}
    print(f"{noise:10} {error(X_noisy):8.4f} {error(best):9.4f} {error(restored):12.4f}")

# %%
# One test digit of each class. `DenoisingDisplay` draws such a figure for one denoiser; here the
# row of PCA is added.

one_of_each = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
for noise, rows in results.items():
    fig, axes = plt.subplots(4, 10, figsize=(9, 4.1), layout="constrained")
    for line, (name, images) in zip(axes, rows.items()):
        for ax, image in zip(line, images[one_of_each]):
            ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
        label = name if name == "clean" else f"{name}\nMSE {error(images):.4f}"
        line[0].set_ylabel(label, rotation="horizontal", ha="right", va="center")
    share = 1 - error(rows["autoencoder"]) / error(rows["best PCA"])
    fig.suptitle(f"{noise.capitalize()} noise: {share:.0%} less error than PCA leaves")
plt.show()
