"""
===================================
PCA and the autoencoder in one grid
===================================

Which is better on your data? Let them compete for one step of a `Pipeline`. Their own scores
cannot be compared (`PCA.score` is a log-likelihood), so both are judged by
`reconstruction_score`, the share of variance that a reconstruction explains.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from skae import AutoencoderTransformer
from skae.metrics import reconstruction_score

X, y = load_digits(return_X_y=True)

# %%
# The step `reduce` is a parameter like any other. Half of the digits, to be quick.

sizes = [2, 4, 8]
search = GridSearchCV(
    Pipeline([("scale", MinMaxScaler()), ("reduce", PCA())]),
    {
        "reduce": [PCA(), AutoencoderTransformer(random_state=0)],
        "reduce__n_components": sizes,
    },
    scoring=reconstruction_score,
    cv=3,
    n_jobs=2,
)
search.fit(X[:900].astype("float32"))
print(f"best: {search.best_params_}")

# %%

results = search.cv_results_
fig, ax = plt.subplots(figsize=(9, 4.2), layout="constrained")
print(f"{'':24}" + "".join(f"{f'd = {size}':>10}" for size in sizes))
for offset, (name, color) in enumerate([("PCA", "#999999"), ("AutoencoderTransformer", "#0072B2")]):
    mine = [type(reducer).__name__ == name for reducer in results["param_reduce"]]
    means, deviations = results["mean_test_score"][mine], results["std_test_score"][mine]
    print(f"{name:24}" + "".join(f"{mean:10.3f}" for mean in means))
    places = np.arange(len(sizes)) + 0.38 * offset
    bars = ax.bar(places, means, 0.36, yerr=deviations, color=color, capsize=4, label=name)
    ax.bar_label(bars, fmt="%.2f", padding=2)
ax.set_xticks(np.arange(len(sizes)) + 0.19, sizes)
ax.set(xlabel="n_components", ylabel="share of variance explained, 3 folds", ylim=(0, 1.1))
ax.legend(loc="upper left")
plt.show()
