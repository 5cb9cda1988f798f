"""
===========================
In a Pipeline and in a grid
===========================

The autoencoder is a scikit-learn transformer: it stands in a `Pipeline` between a scaler and
a classifier, and `GridSearchCV` chooses the width of its code.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skae import AutoencoderTransformer
from skae.plotting import DistortionDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X.astype("float32"), y, train_size=900, random_state=42
)

# %%
# For a classifier
# ----------------
#
# How narrow may the code of a digit be, for a linear classifier to read it?

pipeline = make_pipeline(
    MinMaxScaler(),
    AutoencoderTransformer(random_state=0),
    LogisticRegression(max_iter=1000),
)
classifier = GridSearchCV(
    pipeline, {"autoencodertransformer__n_components": [2, 4, 8]}, cv=3, n_jobs=2
)
classifier.fit(X_train, y_train)
print(f"with labels: {classifier.best_params_}")
print(f"accuracy on unseen digits: {classifier.score(X_test, y_test):.3f}")

# %%
# Without labels
# --------------
#
# There is no y to score by, and none is needed: `score` is the share of variance that the
# reconstruction of held-out rows explains. A wider code always explains more, so here the
# narrowest one is taken that explains 70 %.


def narrowest_enough(results):
    """Return the index of the first candidate that explains 70 %."""
    return int((results["mean_test_score"] > 0.7).argmax())


reducer = make_pipeline(MinMaxScaler(), AutoencoderTransformer(random_state=0))
search = GridSearchCV(
    reducer,
    {"autoencodertransformer__n_components": [2, 4, 8, 16]},
    cv=3,
    refit=narrowest_enough,
    n_jobs=2,
)
search.fit(X_train)
print(f"without labels: {search.best_params_}")

# %%
# On the left the accuracy of the classifier, on the right the share of variance that is lost, and
# what PCA would lose on the same folds.

fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
results = classifier.cv_results_
sizes = results["param_autoencodertransformer__n_components"].astype(int)
axes[0].errorbar(
    sizes, results["mean_test_score"], results["std_test_score"], marker="o", capsize=4
)
axes[0].set(title="With labels", xlabel="n_components", ylabel="accuracy, 3 folds", xticks=sizes)
DistortionDisplay.from_cv_results(search, X_train, ax=axes[1])
axes[1].axvline(search.best_params_["autoencodertransformer__n_components"], ls=":", label="chosen")
axes[1].set_title("Without labels")
axes[1].legend()
plt.show()
