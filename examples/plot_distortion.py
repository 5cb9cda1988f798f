"""
============================
Distortion against code size
============================

How much is lost for a given width of the code? A wider code must never be worse than a
narrower one. It is so for PCA by construction, and for an autoencoder that starts as PCA and
is trained no further than held-out rows allow.
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
# Ten widths, up to as many as there are pixels.

sizes = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64]
models = [PCA(size) for size in sizes]
models += [AutoencoderTransformer(size, random_state=0) for size in sizes]
models = Parallel(n_jobs=2)(delayed(model.fit)(X_train) for model in models)
errors = [
    np.mean((model.inverse_transform(model.transform(X_test)) - X_test) ** 2) for model in models
]
pca, autoencoder = np.reshape(errors, (2, -1))

print(f"{'d':>3} {'PCA':>11} {'autoencoder':>12}   (mean squared error of unseen rows)")
for row in zip(sizes, pca, autoencoder):
    print("{:3} {:11.3g} {:12.3g}".format(*row))
print(f"falls from each width to the next: {bool(np.all(np.diff(autoencoder) < 0))}")

# %%
# Read across instead of down: the autoencoder comes to PCA's error with a narrower code. With
# 64 numbers for 64 pixels nothing is lost.

display = DistortionDisplay.from_predictions(
    sizes, autoencoder, pca, error_name="mean squared error, unseen rows"
)
display.ax_.set_title("A wider code loses less, and loses less than PCA's")
plt.show()
