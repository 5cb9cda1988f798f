"""
===============================================
Swapping PCA in a pipeline: does it pay behind?
===============================================

The autoencoder takes PCA's place in a pipeline with one line. Whether the classifier behind it
gains is another question than how well samples are reconstructed. This example answers it on your
own data: the same folds for both, and the difference on each fold.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from skae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
X, y = X[:1000].astype("float32"), y[:1000]

# %%
# The swap: a step of a Pipeline is a parameter. ``linear_weight=1`` is meant for codes that another
# model reads. Everything else stays, also the number of components.

pipeline = Pipeline(
    [("scale", MinMaxScaler()), ("reduce", PCA(4)), ("classify", LogisticRegression(max_iter=1000))]
)
swapped = clone(pipeline).set_params(
    reduce=AutoencoderTransformer(4, linear_weight=1, random_state=0)
)

# %%
# Measure both on the same folds. Accuracies of different folds vary for reasons that both share, so
# look at the difference on each fold: a gain counts if it is larger than its standard error by far.

cv = StratifiedKFold(8, shuffle=True, random_state=0)
readers = {"logistic regression": LogisticRegression(max_iter=1000)}
readers["5 neighbours"] = KNeighborsClassifier(5)
gains = {}
for name, reader in readers.items():
    scores = [
        cross_val_score(clone(pipe).set_params(classify=reader), X, y, cv=cv, n_jobs=2)
        for pipe in (pipeline, swapped)
    ]
    gains[name] = 100 * (scores[1] - scores[0])
    error = gains[name].std(ddof=1) / np.sqrt(len(gains[name]))
    print(f"{name:20} PCA {scores[0].mean():.3f}, autoencoder {scores[1].mean():.3f}, "
          f"gain {gains[name].mean():+.1f} ± {error:.1f} points")  # fmt: skip

# %%
# A stroke is a fold, the diamond the mean. Here the swap pays behind both classifiers. With more
# components, behind a linear regression, or on tables that PCA describes well, it often does not:
# :doc:`/guide/worth` has the figures of many tables. Where the gain is not clear, keep PCA.

fig, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
for row, differences in enumerate(gains.values()):
    ax.plot(differences, np.full(len(differences), row), "|", color="C0", markersize=16)
    ax.plot(differences.mean(), row, "D", color="C0", markersize=9, markeredgecolor="white")
ax.axvline(0, color=plt.rcParams["text.color"], linestyle="--", linewidth=1)
ax.set_yticks(range(len(gains)), gains)
ax.set(ylim=(1.5, -0.5), xlabel="gain over PCA on the same fold, points of accuracy")
fig.suptitle("On these digits, both classifiers gain from the swap")
plt.show()
