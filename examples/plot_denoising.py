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
from skae.plotting import DenoisingDisplay

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
fitted = Parallel(n_jobs=2)(
    delayed(DenoisingAutoencoder(32, noise=noise, noise_level=0.3, random_state=0).fit)(X_train)
    for noise in noisy
)
denoisers = dict(zip(noisy, fitted))

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
    restored = error(denoisers[noise].reconstruct(rows))
    print(f"{noise:10} {error(rows):8.4f} {best:9.4f} {restored:9.4f}")

# %%
# One unseen digit of each class:

one_of_each = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
for noise, denoiser in denoisers.items():
    display = DenoisingDisplay.from_estimator(
        denoiser,
        X_test,
        noisy[noise],
        image_shape=(8, 8),
        samples=one_of_each,
        im_kwargs={"cmap": "gray_r"},
    )
    display.ax_.set_title(f"{noise} noise")
plt.show()
