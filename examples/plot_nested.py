"""
================================
Codes of every size from one fit
================================

The best code size is often unknown at training time, for instance if it depends on the storage or
bandwidth that is available later. With `nested=True` the first components of a code are a code of
their own, for every size, so one fit gives the whole curve of error against code size.
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
# One nested fit with 32 components, and for comparison four fits of a single size:

sizes = [2, 4, 8, 32]
models = [AutoencoderTransformer(32, nested=True, random_state=0)]
models += [AutoencoderTransformer(size, random_state=0) for size in sizes]
nested, *separate = Parallel(n_jobs=2)(delayed(model.fit)(X_train) for model in models)

# %%
# `rate_distortion` also returns PCA's curve, since the linear path is PCA of the same samples.

curve = rate_distortion(nested, X_test)
errors = [np.mean((model.reconstruct(X_test) - X_test) ** 2) for model in separate]

print("mean squared error on test samples:")
print(f"{'components':>10} {'PCA':>8} {'nested fit':>11} {'separate fit':>13}")
for size, error in zip(sizes, errors):
    at = size - 1
    print(
        f"{size:10} {curve.pca_mean_squared_error[at]:8.5f} "
        f"{curve.mean_squared_error[at]:11.5f} {error:13.5f}"
    )
never_worse = np.all(curve.mean_squared_error <= curve.pca_mean_squared_error)
print(f"no worse than PCA at any of {len(curve.n_components)} sizes: {bool(never_worse)}")

fig, ax = plt.subplots(figsize=(9, 4.8), layout="constrained")
ax.plot(
    curve.n_components,
    curve.pca_mean_squared_error,
    "--",
    color=plt.rcParams["text.color"],
    label="PCA",
)
ax.plot(curve.n_components, curve.mean_squared_error, color="C0", label="one nested fit")
ax.plot(sizes, errors, "D", color="C0", label="separate fit for each size")
ax.set(xscale="log", yscale="log", xlabel="number of components (log scale)")
ax.set_ylabel("mean squared error, test samples (log scale)")
ax.set_xticks([1, 2, 4, 8, 16, 32], [1, 2, 4, 8, 16, 32])
ax.set_title("One nested fit is better than PCA at every code size")
ax.legend()

# %%
# Six test digits, each decoded from the first d components of a single code. The images become
# sharper with more components:

code = nested.transform(X_test[:6])
shown = [1, 2, 4, 8, 16, 32]
fig, axes = plt.subplots(6, len(shown) + 1, figsize=(7, 6.2), layout="constrained")
for j, size in enumerate(shown):
    for ax, image in zip(axes[:, j], nested.inverse_transform(code[:, :size])):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    axes[0, j].set_title(f"d = {size}", fontsize=9)
for ax, image in zip(axes[:, -1], X_test):
    ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
axes[0, -1].set_title("original", fontsize=9)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
fig.suptitle("One code, cut off after d components: more of them, sharper images")
plt.show()
