"""
================================
Training with several code sizes
================================

With its default parameters, an autoencoder starts as PCA and learns what PCA misses. This example
shows loss curves and reconstructed digits for codes of 2, 8, 16 and 32 components.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.utils.parallel import Parallel, delayed

from skae import AutoencoderTransformer
from skae.plotting import LossCurveDisplay, ReconstructionDisplay

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

# %%
# The digits are converted to float32, which is precise enough for pixels and twice as fast. Four
# models are fitted, two at a time. Each holds out a tenth of the training samples for early
# stopping.

sizes = [2, 8, 16, 32]
autoencoders = Parallel(n_jobs=2)(
    delayed(AutoencoderTransformer(size, random_state=0).fit)(X_train) for size in sizes
)

print(f"{'d':>3} {'epochs':>7} {'MSE, training samples':>22} {'test samples':>13}")
for size, autoencoder in zip(sizes, autoencoders):
    test_error = -autoencoder.score_samples(X_test).mean()
    print(
        f"{size:3} {autoencoder.n_iter_:7} {autoencoder.reconstruction_err_:22.5f} "
        f"{test_error:13.5f}"
    )

# %%
# Loss curves
# -----------
#
# `loss_curve_` is half the mean squared error of samples that are divided by `scale_`. The dotted
# line is PCA's error on this scale, at which training starts. The circle marks the epoch that was
# kept.

fig, axes = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained", sharex=True)
for ax, size, autoencoder in zip(axes.flat, sizes, autoencoders):
    pca = PCA(size).fit(X_train)
    pca_error = np.mean((pca.inverse_transform(pca.transform(X_train)) - X_train) ** 2)
    pca_loss = pca_error / (2 * autoencoder.scale_**2)
    LossCurveDisplay.from_estimator(autoencoder, ax=ax, best_kwargs={"label": "epoch kept"})
    color = plt.rcParams["text.color"]
    ax.axhline(pca_loss, color=color, linestyle=":", label="PCA, training samples")
    ax.set(title=f"d = {size}", yscale="linear", ylabel="loss", ylim=(0, 1.1 * pca_loss))
    ax.get_legend().remove()
for ax in axes[0]:
    ax.set_xlabel("")
handles = axes[0, 0].get_legend_handles_labels()
fig.legend(*handles, loc="outside lower center", ncols=4)
fig.suptitle("Training starts at PCA's loss and removes much of it, for each code size d")

# %%
# Originals and reconstructions
# -----------------------------
#
# One test digit of each class and its reconstruction from codes of d components. R² is the
# explained share of the variance over the whole test set, as returned by `score`.

one_of_each = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
display = ReconstructionDisplay.from_estimator(
    {f"d = {size}": autoencoder for size, autoencoder in zip(sizes, autoencoders)},
    X_test,
    image_shape=(8, 8),
    samples=one_of_each,
    im_kwargs={"cmap": "gray_r"},
)
display.figure_.suptitle("Eight components suffice to tell the digits, 32 to restore them")
plt.show()
