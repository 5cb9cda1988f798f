"""
=====================================
Choosing the code size by grid search
=====================================

The autoencoder is a scikit-learn transformer. In a `Pipeline` it can stand between a scaler and a
classifier, and `GridSearchCV` chooses the code size, with or without labels.
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
# With labels
# -----------
#
# Which code size is best for a linear classifier?

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
print(f"accuracy on test digits: {classifier.score(X_test, y_test):.3f}")

# %%
# Without labels
# --------------
#
# Without labels, `score` is the share of the variance of held-out samples that the reconstruction
# explains. A larger code nearly always explains more, so the smallest code that explains 70 % is
# chosen here.


def smallest_sufficient(results):
    """Return the index of the first candidate that explains 70 %."""
    return int((results["mean_test_score"] > 0.7).argmax())


reducer = make_pipeline(MinMaxScaler(), AutoencoderTransformer(random_state=0))
search = GridSearchCV(
    reducer,
    {"autoencodertransformer__n_components": [2, 4, 8, 16]},
    cv=3,
    refit=smallest_sufficient,
    n_jobs=2,
)
search.fit(X_train)
print(f"without labels: {search.best_params_}")

# %%
# On the left: the accuracy of the classifier. On the right: the share of the variance that is lost,
# for the autoencoder and for PCA on the same folds.

fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
results = classifier.cv_results_
sizes = results["param_autoencodertransformer__n_components"].astype(int)
axes[0].errorbar(
    sizes, results["mean_test_score"], results["std_test_score"], marker="o", capsize=4
)
axes[0].set(title="Accuracy rises with the code size", xlabel="n_components", xticks=sizes)
axes[0].set_ylabel("accuracy, 3 folds")
DistortionDisplay.from_cv_results(search, X_train, ax=axes[1])
chosen = search.best_params_["autoencodertransformer__n_components"]
axes[1].axvline(chosen, color=plt.rcParams["text.color"], linestyle=":", label="chosen")
axes[1].set_title("Eight components lose less than 30 %")
axes[1].legend()
plt.show()
