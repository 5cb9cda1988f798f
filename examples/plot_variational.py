"""
==================
Drawing new digits
==================

A variational autoencoder is a probabilistic model: codes have a standard normal distribution, and
each code decodes to a digit. This example draws digits, walks through the latent space, and shows
what the weight of the divergence does.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer, VariationalAutoencoder
from skae.metrics import reconstruction_score

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)


def show(images, title, n_columns=12):
    """Draw images side by side, line by line."""
    lines = [np.hstack(line) for line in images.reshape(-1, n_columns, 8, 8)]
    _, ax = plt.subplots(figsize=(n_columns / 2, len(lines) / 2 + 0.4))
    ax.imshow(np.vstack(lines), cmap="gray_r")
    ax.set_title(title)
    ax.axis("off")


# %%
# The pixels are grey values, and a normal distribution with one variance for all of them is a rough
# but sufficient model. What `sample` draws includes its noise. To see the digits without it, decode
# codes that are drawn from the prior.

model = VariationalAutoencoder(8, max_iter=100, random_state=0).fit(X_train)
codes = np.random.default_rng(0).standard_normal((24, 8))
drawn = model.inverse_transform(codes.astype("float32"))
show(np.concatenate([X_test[:24], drawn]), "24 digits of the test set, and 24 that were drawn")

# %%
# With two components, the latent space can be shown as a whole. The quantiles of the standard
# normal distribution cover it evenly.

plane = VariationalAutoencoder(2, max_iter=100, random_state=0).fit(X_train)
quantiles = norm.ppf((np.arange(12) + 0.5) / 12)
grid = np.array([(a, b) for b in quantiles[::-1] for a in quantiles], dtype="float32")
show(plane.inverse_transform(grid), "decoded codes over the plane")

# %%
# A path from a 3 to an 8 should change the image evenly. Its largest step, relative to the mean
# step, measures how smooth the code is: 1 is a perfectly even path, as PCA's straight ones are. All
# pairs of ten 3s and ten 8s are compared.

threes, eights = X_test[y_test == 3][:10], X_test[y_test == 8][:10]
steps = np.linspace(0, 1, 51, dtype="float32")[:, None]


def unevenness(reducer):
    """Return the largest step of a decoded path relative to the mean step, over all pairs."""
    found = []
    for start in reducer.transform(threes):
        for end in reducer.transform(eights):
            path = reducer.inverse_transform((1 - steps) * start + steps * end)
            lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
            found.append(lengths.max() / lengths.mean())
    return np.mean(found)


plain = AutoencoderTransformer(8, max_iter=100, random_state=0).fit(X_train)
print("largest step of a path from a 3 to an 8, relative to the mean step")
for name, reducer in {
    "PCA": PCA(8).fit(X_train),
    "autoencoder": plain,
    "variational": model,
}.items():
    print(f"{name:12} {unevenness(reducer):.2f}")

# %%
# `kl_weight` trades what the code says (the rate, in nats) for the error of the reconstruction.

print(f"{'kl_weight':>9} {'rate':>7} {'components':>11} {'variance explained':>19}")
rates, scores = [], []
weights = [0.1, 0.3, 1.0, 2.0, 4.0]
for kl_weight in weights:
    swept = VariationalAutoencoder(8, kl_weight=kl_weight, max_iter=40, random_state=0).fit(X_train)
    rates.append(swept.kl_divergence_.sum())
    scores.append(reconstruction_score(swept, X_test))
    print(f"{kl_weight:9} {rates[-1]:7.2f} {swept.n_active_components_:11} {scores[-1]:19.1%}")
fig, ax = plt.subplots()
ax.plot(rates, 1 - np.array(scores), "o-")
for weight, rate, score in zip(weights, rates, scores, strict=True):
    ax.annotate(f"{weight:g}", (rate, 1 - score), (4, 4), textcoords="offset points")
ax.set(xlabel="rate: divergence in nats", ylabel="distortion: variance not explained")
ax.set_title("Rate and distortion; the numbers are kl_weight")
plt.show()
