"""
==============================
Sparse codes with a KL penalty
==============================

With ``sparsity="kl"`` each component of the code is inactive for most samples: a penalty pulls its
mean activation over the training samples towards `sparsity_target`. The components then specialise:
each responds to few of the digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

# %%
# The sparse autoencoder of the lecture notes has one hidden layer of logistic units, which is the
# code. It is trained here with and without the penalty.

plain = {
    "hidden_layer_sizes": (),
    "latent_activation": "logistic",
    "linear_path": None,
    "learning_rate_init": 0.02,
    "alpha": 0.5,
    "early_stopping": False,
    "random_state": 0,
}
sparse = {"sparsity": "kl", "sparsity_target": 0.05, "sparsity_weight": 0.5}
autoencoders = {
    "no penalty": AutoencoderTransformer(40, **plain).fit(X_train),
    "KL penalty": AutoencoderTransformer(40, **plain, **sparse).fit(X_train),
}

# %%
# Mean activations against the target
# -----------------------------------
#
# The penalty increases the reconstruction error, but only few components are active per sample.

colors = {"no penalty": "C1", "KL penalty": "C0"}
fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
print(f"{'':12} {'mean activation':>16} {'active units':>13} {'MSE, test samples':>18}")
for name, autoencoder in autoencoders.items():
    activations = autoencoder.transform(X_train).mean(axis=0)
    n_active = np.sum(autoencoder.transform(X_test) > 0.5, axis=1).mean()
    error = -autoencoder.score_samples(X_test).mean()
    print(f"{name:12} {activations.mean():16.3f} {n_active:10.1f}/40 {error:18.5f}")
    ax.bar(np.arange(1, 41), np.sort(activations), color=colors[name], label=name)
ax.axhline(
    sparse["sparsity_target"], color=plt.rcParams["text.color"], linestyle="--", label="target"
)
ax.set(xlabel="components of the code, sorted", ylabel="mean activation, training set")
ax.set(xlim=(0, 41), title="The penalty draws mean activations down to the target")
ax.legend(loc="upper left", ncols=3)
ax.set_ylim(0, 1.2 * ax.get_ylim()[1])

# %%
# What the components respond to
# ------------------------------
#
# The mean activation of each component over the test images of each digit. Components are sorted by
# the digit that they respond to most. Without the penalty all components are half active for all
# digits. With it a component is active for one or two of them.

digits = np.arange(10)
fig, axes = plt.subplots(2, 1, figsize=(9, 5.4), layout="constrained")
for ax, (name, autoencoder) in zip(axes, autoencoders.items()):
    activations = autoencoder.transform(X_test)
    means = np.array([activations[y_test == digit].mean(axis=0) for digit in digits])
    order = np.argsort(means.argmax(axis=0), kind="stable")
    image = ax.imshow(means[:, order], cmap="viridis", vmin=0, vmax=1, aspect="auto")
    ax.set(title=name, ylabel="digit", yticks=digits[::3], xticks=[])
axes[1].set_xlabel("components of the code, sorted by digit")
fig.colorbar(image, ax=axes, label="mean activation, test samples")
fig.suptitle("With the penalty each component responds to few digits")
plt.show()

# sphinx_gallery_thumbnail_number = 2
