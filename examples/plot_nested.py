"""
============================
Every code size from one fit
============================

How many columns a code should have is often asked when the model is long trained: by whoever
stores the codes, or has to send them. With `nested=True` the first columns of a code are a code
themselves, however many are taken, and one fit gives the whole curve of error against size.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.utils.parallel import Parallel, delayed

from skae import AutoencoderTransformer
from skae.metrics import rate_distortion

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test = train_test_split(X, test_size=0.2, random_state=42)

# %%
# One fit for 32 columns and all sizes below, and for comparison four fits that know one size.

sizes = [2, 4, 8, 32]
models = [AutoencoderTransformer(32, nested=True, random_state=0)]
models += [AutoencoderTransformer(size, random_state=0) for size in sizes]
nested, *separate = Parallel(n_jobs=2)(delayed(model.fit)(X_train) for model in models)

# %%
# PCA's curve comes along: the autoencoder's linear path is PCA of the same rows.

curve = rate_distortion(nested, X_test)
errors = [np.mean((model.reconstruct(X_test) - X_test) ** 2) for model in separate]

print("mean squared error of unseen rows:")
print(f"{'columns':>7} {'PCA':>8} {'one fit':>8} {'own fit':>8}")
for size, error in zip(sizes, errors):
    at = size - 1
    print(
        f"{size:7} {curve.pca_mean_squared_error[at]:8.5f} {curve.mean_squared_error[at]:8.5f} "
        f"{error:8.5f}"
    )
never_worse = np.all(curve.mean_squared_error <= curve.pca_mean_squared_error)
print(f"at none of the {len(curve.n_components)} sizes worse than PCA: {bool(never_worse)}")

fig, ax = plt.subplots(figsize=(9, 4.8), layout="constrained")
ax.plot(curve.n_components, curve.pca_mean_squared_error, "--", color="#555555", label="PCA")
ax.plot(curve.n_components, curve.mean_squared_error, color="#0072B2", label="one nested fit")
ax.plot(sizes, errors, "D", color="#D55E00", label="a fit for each size")
ax.set(xscale="log", yscale="log", xlabel="columns of the code", ylabel="mean squared error")
ax.set_xticks([1, 2, 4, 8, 16, 32], [1, 2, 4, 8, 16, 32])
ax.set_title("One fit, all sizes: between PCA and a fit for each size")
ax.legend()

# %%
# A digit comes into focus as more of its code arrives. Nothing is encoded again: each picture is
# decoded from the first columns of one code.

code = nested.transform(X_test[:6])
shown = [1, 2, 4, 8, 16, 32]
fig, axes = plt.subplots(6, len(shown) + 1, figsize=(7, 6.2), layout="constrained")
for j, size in enumerate(shown):
    for ax, image in zip(axes[:, j], nested.inverse_transform(code[:, :size])):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    axes[0, j].set_title(f"{size} column" + "s" * (size > 1), fontsize=9)
for ax, image in zip(axes[:, -1], X_test):
    ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
axes[0, -1].set_title("original", fontsize=9)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
plt.show()
