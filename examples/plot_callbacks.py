"""
===========================================
Callbacks: a score of every epoch, and stop
===========================================

scikit-learn's callbacks (from version 1.9 on) are told of every epoch of a fit. `ScoringMonitor`
scores each, `ProgressBar` shows how far it is, and one of our own says when it is enough.
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
# A score of every epoch
# ----------------------
#
# The monitor scores the model as it stands on the rows that it learns from. The bar needs rich,
# which is what `pip install "skae[progress]"` brings.

monitor = ScoringMonitor(scoring=reconstruction_scores)
callbacks = [monitor, ProgressBar()] if find_spec("rich") else [monitor]
autoencoder = AutoencoderTransformer(8, max_iter=60, random_state=0)
autoencoder.set_callbacks(*callbacks).fit(X_train)

epochs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
scores = [row["reconstruction_score"] for row in epochs]
print(f"{len(scores)} epochs; R² of the rows learned from: {scores[0]:.3f} ... {scores[-1]:.3f}")

# %%
# A callback of our own
# ---------------------
#
# Four methods make one. What `on_fit_task_end` names after the asterisk it is given: here the
# model after the epoch. Returning True ends the training.


class Enough:
    """Stop when rows are reconstructed well enough; keep the time and the score of each epoch."""

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


enough = Enough(X_test, 0.83)
stopped = AutoencoderTransformer(8, early_stopping=False, random_state=0).set_callbacks(enough)
stopped.fit(X_train)
print(f"R² of {enough.score} on unseen rows after {stopped.n_iter_} epochs")
assert stopped.score(X_test) >= enough.score

# %%

pca = reconstruction_score(PCA(8).fit(X_train), X_train)
fig, ax = plt.subplots(figsize=(9, 4.5), layout="constrained")
ax.plot(np.arange(1, len(scores) + 1), scores, color="#0072B2", label="rows learned from")
ax.plot(
    np.arange(1, stopped.n_iter_ + 1),
    enough.scores,
    color="#D55E00",
    label="unseen rows, until it is enough",
)
ax.plot(0, pca, "kD", label="PCA, rows learned from", clip_on=False, zorder=3)
ax.axhline(enough.score, color="#D55E00", linestyle=":", linewidth=1)
ax.set(xlabel="epoch", ylabel="R²", xlim=(0, None))
ax.set_title("A score of every epoch, and a stop at the one that is asked for")
ax.legend(loc="lower right")
plt.show()
