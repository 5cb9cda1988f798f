"""
==================
Drawing new digits
==================

A variational autoencoder is a probabilistic model: codes have a standard normal distribution, and
each code decodes to a digit. This example draws digits, walks through the latent space, completes
digits, and shows what the weight of the divergence does.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer, VariationalAutoencoder
from skae.metrics import interpolation_jumps
from skae.plotting import LatentGridDisplay, RateDistortionDisplay, SampleDisplay

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

# %%
# The pixels are grey values, and a normal distribution with one variance for all of them is a rough
# but sufficient model. What `sample` draws includes its noise.

model = VariationalAutoencoder(8, max_iter=100, random_state=0).fit(X_train)
dark_on_light = {"cmap": "gray_r"}
display = SampleDisplay.from_estimator(
    model, X_test, n_samples=20, random_state=0, image_shape=(8, 8), im_kwargs=dark_on_light
)
display.figure_.suptitle("Most drawn images resemble digits, with noise in every pixel")

# %%
# With two components, the latent space can be shown as a whole. The quantiles of the standard
# normal distribution cover it evenly.

plane = VariationalAutoencoder(2, max_iter=100, random_state=0).fit(X_train)
display = LatentGridDisplay.from_estimator(
    plane, n_steps=12, image_shape=(8, 8), im_kwargs=dark_on_light
)
display.figure_.suptitle("Digits change into each other without gaps")

# %%
# The lower half of each digit is drawn three times, given the upper half.

upper = X_test[:10].copy()
upper[:, 32:] = np.nan
completed = model.sample(3, random_state=0, given=upper).reshape(10, 3, 64)
lines = [X_test[:10], np.nan_to_num(upper), *completed.transpose(1, 0, 2)]
fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
ax.imshow(
    np.vstack(
        [np.hstack(np.pad(line.reshape(10, 8, 8), ((0, 0), (1, 1), (1, 1)))) for line in lines]
    ),
    cmap="gray_r",
)
ax.set_yticks(10 * np.arange(5) + 4.5, ["digit", "given", "drawn", "drawn", "drawn"])
ax.set_xticks([])
ax.set_title("The drawn lower halves suit the given upper halves")

# %%
# A path from a 3 to an 8 should change the image evenly. Its largest step, relative to the mean
# step, measures how smooth the code is: 1 is a perfectly even path, as PCA's straight ones are.

reducers = {
    "PCA": PCA(8).fit(X_train),
    "autoencoder": AutoencoderTransformer(8, max_iter=100, random_state=0).fit(X_train),
    "variational": model,
}
threes = np.repeat(X_test[y_test == 3][:10], 10, axis=0)
eights = np.tile(X_test[y_test == 8][:10], (10, 1))
jumps = [interpolation_jumps(reducer, threes, eights) for reducer in reducers.values()]
print("largest step of a path from a 3 to an 8, relative to the mean step")
for name, jump in zip(reducers, jumps):
    print(f"{name:12} {jump.mean():.2f}")

fig, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
colors = [plt.rcParams["text.color"], "C0", "C5"]
for row, (jump, color) in enumerate(zip(jumps, colors)):
    ax.plot(jump, np.full(100, row), "|", color=color, markersize=14)
    ax.plot(jump.mean(), row, "D", color=color, markersize=9, markeredgecolor="white")
ax.set_yticks(range(3), reducers)
ax.set(ylim=(2.5, -0.5), xlabel="largest step / mean step; lines are paths, diamonds their means")
fig.suptitle("The paths of the variational autoencoder are more even")

# %%
# `kl_weight` trades what the code says (the rate) for the error of the reconstruction.

swept = VariationalAutoencoder(8, max_iter=40, random_state=0)
display = RateDistortionDisplay.from_estimator(
    swept, X_train, X_test, kl_weights=[0.1, 0.3, 1, 2, 4]
)
display.ax_.set_title("A larger kl_weight, beside each point, costs accuracy")
plt.show()
