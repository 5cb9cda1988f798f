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
from skae.plotting import DenoisingDisplay

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
print("mean squared error on test samples:")
print(f"{'noise':10} {'noisy':>8} {'best PCA':>9} {'autoencoder':>12}")
for noise, X_noisy in noisy.items():
    best = min(error(pca.inverse_transform(pca.transform(X_noisy))) for pca in pcas)
    restored = error(denoisers[noise].reconstruct(X_noisy))
    print(f"{noise:10} {error(X_noisy):8.4f} {best:9.4f} {restored:12.4f}")

# %%
# One test digit of each class:

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
