"""
======================================
Reconstruction error against code size
======================================

How large is the reconstruction error for a given code size? A larger code should not be worse than
a smaller one. PCA guarantees this by construction. On the digits the autoencoder achieves it too,
because it starts as PCA and is stopped early.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.utils.parallel import Parallel, delayed

from skae import AutoencoderTransformer
from skae.plotting import DistortionDisplay

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test = train_test_split(X, test_size=0.2, random_state=42)

# %%
# Ten code sizes, up to the number of pixels:

sizes = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64]
models = [PCA(size) for size in sizes]
models += [AutoencoderTransformer(size, random_state=0) for size in sizes]
models = Parallel(n_jobs=2)(delayed(model.fit)(X_train) for model in models)
errors = [
    np.mean((model.inverse_transform(model.transform(X_test)) - X_test) ** 2) for model in models
]
pca, autoencoder = np.reshape(errors, (2, -1))

print(f"{'d':>3} {'PCA':>11} {'autoencoder':>12}   (mean squared error on test samples)")
for figures in zip(sizes, pca, autoencoder):
    print("{:3} {:11.3g} {:12.3g}".format(*figures))
print(f"the error decreases with every size: {bool(np.all(np.diff(autoencoder) < 0))}")

# %%
# Compare the curves horizontally: the autoencoder reaches PCA's error with a smaller code. With 64
# components for 64 pixels nothing is lost.

display = DistortionDisplay.from_predictions(
    sizes, autoencoder, pca, error_name="mean squared error, test samples"
)
display.ax_.set_title("The autoencoder reaches PCA's errors with smaller codes")
plt.show()
