"""
==========================================
PCA and the autoencoder in one grid search
==========================================

Which is better on your data? A grid search can compare both as alternatives for one step of a
`Pipeline`. `PCA.score` is a log-likelihood and cannot be compared with the autoencoder's score.
Both are therefore scored by `reconstruction_score`, the share of the variance that the
reconstruction explains.
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
# The step `reduce` is a parameter of the pipeline. Half of the digits are used, to save time.

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
# One curve for each value of `reduce`:

display = DistortionDisplay.from_cv_results(search)
display.ax_.set_title("The autoencoder loses less variance at every code size")
print(f"{'share of variance lost':24}" + "".join(f"{f'd = {size}':>10}" for size in sizes))
for name, curve in display.curves.items():
    print(f"{name:24}" + "".join(f"{error:10.3f}" for error in curve["errors"]))
plt.show()
