"""
==============================================
The textbook autoencoder, PCA and the defaults
==============================================

The autoencoder of many tutorials reconstructs digits worse than PCA does. It has layers of 64, 32,
d, 32 and 64 units, ReLU, a logistic output, and stochastic gradient descent on single samples. The
same network trained well, by Adam with early stopping, gets further, but it too loses to PCA where
the code is large. The defaults of `AutoencoderTransformer` reconstruct digits better than PCA. The
same class trains all three.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils.parallel import Parallel, delayed

from skae import AutoencoderTransformer
from skae.plotting import DistortionDisplay

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test = train_test_split(X, test_size=0.2, random_state=42)

# %%
# The textbook's settings turn off everything that the defaults add, except the start near the mean
# of the data. No parameter turns that off; it saves the textbook many epochs. The loss of a sample
# is half its mean squared error, and the learning rate of 0.01 is meant for this loss.

textbook = {
    "hidden_layer_sizes": (64, 32),
    "output_activation": "logistic",
    "linear_path": None,
    "solver": "sgd",
    "batch_size": 1,
    "learning_rate_init": 0.01,
    "max_iter": 20,
    "momentum": 0,
    "alpha": 0,
    "averaging": 0,
    "early_stopping": False,
    "tol": 0,
}

# %%
# Trained well, the same network has Adam, mini-batches, early stopping, and as many epochs as the
# defaults may take.

well_trained = {
    "hidden_layer_sizes": (64, 32),
    "activation": "relu",
    "output_activation": "logistic",
    "linear_path": None,
    "learning_rate_init": 1e-3,
    "alpha": 0,
    "tol": 1e-3,
}
warnings.filterwarnings("ignore", category=ConvergenceWarning)  # it could be trained for longer
sizes = [2, 4, 8, 16, 32]
models = [PCA(size) for size in sizes]
models += [AutoencoderTransformer(size, **textbook, random_state=42) for size in sizes]
models += [AutoencoderTransformer(size, **well_trained, random_state=42) for size in sizes]
models += [AutoencoderTransformer(size, random_state=42) for size in sizes]
models = Parallel(n_jobs=2)(delayed(model.fit)(X_train) for model in models)

# %%
# Mean squared errors on test samples, with the improvement over PCA:


def test_error(model):
    """Return the mean squared error of the reconstructed test samples."""
    return np.mean((model.inverse_transform(model.transform(X_test)) - X_test) ** 2)


pca, tutorial, trained, default = np.reshape([test_error(model) for model in models], (4, -1))
print(f"{'d':>3} {'PCA':>8} {'textbook':>17} {'trained well':>17} {'defaults':>17}")
for size, error_of_pca, *errors in zip(sizes, pca, tutorial, trained, default):
    cells = "".join(f"{error:10.4f} {1 - error / error_of_pca:+7.0%}" for error in errors)
    print(f"{size:3} {error_of_pca:8.4f}{cells}")

# %%
# On the left: the table as a plot. On the right: the reason. After 20 epochs, the textbook's
# training has not yet reached PCA's error, at which the defaults start. Three things make the
# difference: a linear path that starts as PCA, Adam with averaged parameters instead of plain
# gradient descent, and early stopping on held-out samples.

fig, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
display = DistortionDisplay.from_predictions(
    sizes,
    {"defaults": default, "textbook": tutorial, "textbook, trained well": trained},
    pca,
    error_name="mean squared error, test samples",
    ax=axes[0],
)
axes[0].set_title("Only the defaults are better than PCA at every size", fontsize=11)

i = sizes.index(16)
shown = {"textbook": models[5 + i], "PCA": models[i], "defaults": models[15 + i]}
for name, model in shown.items():
    color = display.lines_[name][0].get_color()
    if name == "PCA":
        reconstruction = model.inverse_transform(model.transform(X_train))
        height = np.mean((reconstruction - X_train) ** 2)
        axes[1].axhline(height, color=color, linestyle="--")
    else:
        unit = 1 if model.output_activation == "logistic" else model.scale_**2
        curve = 2 * unit * np.array(model.loss_curve_)
        axes[1].plot(np.arange(1, len(curve) + 1), curve, color=color)
        height = curve[-1]
    axes[1].annotate(name, (24, height), xytext=(0, 5), textcoords="offset points", color=color)
axes[1].set(yscale="log", xlabel="epoch")
axes[1].set_ylabel("mean squared error, training samples (log scale)")
axes[1].set_title("d = 16: the defaults start at PCA's error", fontsize=11)
plt.show()
