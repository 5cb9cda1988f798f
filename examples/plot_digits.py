"""
===================
The digits data set
===================

Most examples use the handwritten digits that scikit-learn ships, images of 8 x 8 pixels. The
autoencoders of these examples describe each image by a few numbers. This example shows the data.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
X = X / 16

# %%
# The images
# ----------
#
# Four images of each class. Every image is a sample with 64 features between 0 and 1.

fig, axes = plt.subplots(4, 10, figsize=(9, 3.9), layout="constrained")
for digit, column in enumerate(axes.T):
    for ax, image in zip(column, X[y == digit]):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    column[0].set_title(f"digit {digit}", fontsize=11)
fig.suptitle("Digits of one class differ in slant, width and thickness")

# %%
# The pixels
# ----------
#
# Most pixels are white or nearly white. Pixels at the border hardly vary, and pixels in the middle
# vary a lot. All pixels have the same unit, so this difference is meaningful, and the pixels should
# not be standardised one by one. Like `PCA`, `AutoencoderTransformer` centres the features, and it
# divides all of them by the same number.

print(f"white: {np.mean(X == 0):.0%} of all values, black: {np.mean(X == 1):.0%}")
print(f"pixels that never change: {np.sum(X.std(axis=0) == 0)} of {X.shape[1]}")

fig, axes = plt.subplots(1, 2, figsize=(6.4, 3), layout="constrained")
for ax, title, image in (
    (axes[0], "mean of each pixel", X.mean(axis=0)),
    (axes[1], "standard deviation", X.std(axis=0)),
):
    mappable = ax.imshow(image.reshape(8, 8), cmap="cividis", vmin=0)
    ax.set(title=title, xticks=[], yticks=[])
    fig.colorbar(mappable, ax=ax, shrink=0.8)
fig.suptitle("Pixels at the border hardly vary: do not standardise them")
plt.show()
