"""
=====================================
Training, for codes of several widths
=====================================

An autoencoder with its defaults starts as PCA and learns what PCA misses. Loss curves and
reconstructed digits show what codes of 2, 8, 16 and 32 numbers come to.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.utils.parallel import Parallel, delayed

from skae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

# %%
# The digits are turned into float32: good enough for pixels, and twice as fast. Four fits, two
# at a time; each holds a tenth of the training rows out to know when to stop.

sizes = [2, 8, 16, 32]
autoencoders = Parallel(n_jobs=2)(
    delayed(AutoencoderTransformer(size, random_state=0).fit)(X_train) for size in sizes
)

print(f"{'d':>3} {'epochs':>7} {'MSE on training rows':>21} {'on unseen rows':>15}")
for size, autoencoder in zip(sizes, autoencoders):
    test_error = -autoencoder.score_samples(X_test).mean()
    print(
        f"{size:3} {autoencoder.n_iter_:7} {autoencoder.reconstruction_err_:21.5f} "
        f"{test_error:15.5f}"
    )

# %%
# Loss curves
# -----------
#
# `loss_curve_` is half the mean squared error of rows divided by `scale_`. Undone, it can be
# compared with PCA's error, which is drawn as a diamond at epoch 0.

colors = plt.colormaps["cividis"](np.linspace(0, 0.75, len(sizes)))
fig, ax = plt.subplots(figsize=(9, 5), layout="constrained")
for size, autoencoder, color in zip(sizes, autoencoders, colors):
    pca = PCA(size).fit(X_train)
    pca_error = np.mean((pca.inverse_transform(pca.transform(X_train)) - X_train) ** 2)
    curve = 2 * autoencoder.scale_**2 * np.array(autoencoder.loss_curve_)
    held_out = 2 * autoencoder.scale_**2 * np.array(autoencoder.validation_loss_curve_)
    epochs = np.arange(1, len(curve) + 1)
    ax.plot(epochs, curve, color=color)
    ax.plot(epochs, held_out, color=color, linestyle=":")
    ax.plot(0, pca_error, "D", color=color, clip_on=False, zorder=3)
    ax.annotate(
        f"d = {size}",
        (epochs[-1], held_out[-1]),
        xytext=(6, 0),
        textcoords="offset points",
        color=color,
        va="center",
    )
ax.plot([], [], "k-", label="training rows")
ax.plot([], [], "k:", label="held-out rows")
ax.plot([], [], "kD", label="PCA, training rows")
longest = max(autoencoder.n_iter_ for autoencoder in autoencoders)
ax.set(yscale="log", xlabel="epoch", ylabel="mean squared error", xlim=(0, 1.1 * longest))
ax.set_title("Every curve starts at PCA and falls below it")
ax.legend(loc="upper right", ncols=3)

# %%
# Originals and reconstructions
# -----------------------------
#
# One unseen digit of each class, and what is left of it after it has passed through a code of
# d numbers. R² is the share of variance explained, over all unseen rows, as `score` gives it.

images = {"original\n64 numbers": X_test}
for size, autoencoder in zip(sizes, autoencoders):
    images[f"d = {size}\nR² = {autoencoder.score(X_test):.3f}"] = autoencoder.reconstruct(X_test)

one_of_each = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
fig, axes = plt.subplots(len(images), 10, figsize=(9, 4.7), layout="constrained")
for row, (name, rows) in zip(axes, images.items()):
    for ax, image in zip(row, rows[one_of_each]):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name, rotation="horizontal", ha="right", va="center", fontsize=11)
plt.show()
