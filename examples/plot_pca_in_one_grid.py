"""
===================================
PCA and the autoencoder in one grid
===================================

Which is better on your data? Let them compete for one step of a `Pipeline`. Their own scores
cannot be compared (`PCA.score` is a log-likelihood), so both are judged by
`reconstruction_score`, the share of variance that a reconstruction explains.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from skae import AutoencoderTransformer
from skae.metrics import reconstruction_score
from skae.plotting import DistortionDisplay

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
# A curve for each value of `reduce`.

display = DistortionDisplay.from_cv_results(search)
print(f"{'share of variance lost':24}" + "".join(f"{f'd = {size}':>10}" for size in sizes))
for name, curve in display.curves.items():
    print(f"{name:24}" + "".join(f"{error:10.3f}" for error in curve["errors"]))
plt.show()
