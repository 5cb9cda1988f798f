"""
======================
Restoring noisy digits
======================

`DenoisingAutoencoder` gets corrupted rows in training, with new noise in every epoch, and
learns to return the clean ones. Here it meets pixels that are lost (masking) and pixels with
Gaussian noise, on digits it has not seen.
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
# Two kinds of noise, in the units of the pixels (white is 0, black is 1): three pixels in ten
# become white, or every pixel is shifted by a normal number with standard deviation 0.3.

rng = np.random.default_rng(0)
noisy = {
    "masking": X_test * (rng.random(X_test.shape) >= 0.3),
    "gaussian": X_test + rng.normal(scale=0.3, size=X_test.shape),
}
denoisers = Parallel(n_jobs=2)(
    delayed(DenoisingAutoencoder(32, noise=noise, noise_level=0.3, random_state=0).fit)(X_train)
    for noise in noisy
)
restored = {noise: denoiser.reconstruct(noisy[noise]) for noise, denoiser in zip(noisy, denoisers)}

# %%
# PCA removes noise too, by leaving out components. It is allowed the number of components that
# is best for it on these very test rows.


def error(rows):
    """Return the mean squared distance from the clean test rows."""
    return np.mean((rows - X_test) ** 2)


pcas = [PCA(n_components).fit(X_train) for n_components in range(1, 61)]
print(f"{'noise':10} {'noisy':>8} {'best PCA':>9} {'restored':>9}")
for noise, rows in noisy.items():
    best = min(error(pca.inverse_transform(pca.transform(rows))) for pca in pcas)
    print(f"{noise:10} {error(rows):8.4f} {best:9.4f} {error(restored[noise]):9.4f}")

# %%
# One unseen digit of each class:

one_of_each = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
images = [
    ("clean", X_test),
    ("masked", noisy["masking"]),
    ("restored", restored["masking"]),
    ("with Gaussian noise", noisy["gaussian"]),
    ("restored", restored["gaussian"]),
]
fig, axes = plt.subplots(len(images), 10, figsize=(9, 4.5), layout="constrained")
for row, (name, rows) in zip(axes, images):
    for ax, image in zip(row, rows[one_of_each]):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name, rotation="horizontal", ha="right", va="center", fontsize=11)
plt.show()
