"""
=================================================
Callbacks: score every epoch, stop training early
=================================================

scikit-learn's callbacks (since version 1.9) are called at every epoch of a fit. `ScoringMonitor`
scores each epoch, `ProgressBar` shows the progress, and a callback of our own stops the training.
"""

from importlib.util import find_spec
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer
from skae.metrics import reconstruction_score, reconstruction_scores

X_train, X_test = train_test_split(load_digits().data / 16, test_size=0.2, random_state=42)

# %%
# Scoring every epoch
# -------------------
#
# The monitor scores the current model on its training samples. The progress bar needs rich, which
# `pip install rich` installs.

monitor = ScoringMonitor(scoring=reconstruction_scores)
callbacks = [monitor, ProgressBar()] if find_spec("rich") else [monitor]
autoencoder = AutoencoderTransformer(8, max_iter=60, random_state=0)
autoencoder.set_callbacks(*callbacks).fit(X_train)

epochs = [entry for entry in monitor.get_logs().data if entry["task_name"] == "epoch"]
scores = [entry["reconstruction_score"] for entry in epochs]
print(f"{len(scores)} epochs; R² on training samples: {scores[0]:.3f} ... {scores[-1]:.3f}")

# %%
# A callback of our own
# ---------------------
#
# A callback has four methods. `on_fit_task_end` receives the values that it names as keyword-only
# arguments, here the model after the epoch. Training stops when it returns True.


class StopAtScore:
    """Stop when a score is reached; record the time and the score of each epoch."""

    def __init__(self, X, score):
        self.X, self.score = X, score

    def setup(self, estimator, context):
        self.start, self.seconds, self.scores = time.perf_counter(), [], []

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "epoch" or fitted_estimator is None:
            return False
        self.seconds.append(time.perf_counter() - self.start)
        self.scores.append(fitted_estimator.score(self.X))
        return self.scores[-1] >= self.score


stopper = StopAtScore(X_test, 0.83)
stopped = AutoencoderTransformer(8, early_stopping=False, random_state=0).set_callbacks(stopper)
stopped.fit(X_train)
print(f"R² of {stopper.score} on test samples after {stopped.n_iter_} epochs")
assert stopped.score(X_test) >= stopper.score

# %%

pca = reconstruction_score(PCA(8).fit(X_train), X_train)
black = plt.rcParams["text.color"]
fig, ax = plt.subplots(figsize=(9, 4.5), layout="constrained")
ax.plot(0, pca, "D", color=black, label="PCA, training samples", clip_on=False, zorder=3)
ax.plot(
    np.arange(1, len(scores) + 1),
    scores,
    color="C0",
    linestyle="--",
    label="ScoringMonitor: training samples, all 60 epochs",
)
epochs = np.arange(1, stopped.n_iter_ + 1)
ax.plot(epochs, stopper.scores, color="C0", linewidth=3, label="StopAtScore: test samples")
ax.plot(epochs[-1], stopper.scores[-1], "o", color="C0", markersize=10)
ax.annotate(
    f"stopped in epoch {stopped.n_iter_}",
    (epochs[-1], stopper.scores[-1]),
    xytext=(12, -12),
    textcoords="offset points",
)
ax.axhline(stopper.score, color=black, linestyle=":", linewidth=1, label="target")
ax.set(xlabel="epoch", ylabel="R²", xlim=(0, None))
ax.set_title("StopAtScore ends the training in the epoch that reaches the target")
ax.legend(loc="lower right")
plt.show()
