"""Where an estimator has its autoencoder, and the fits of a search on each fold."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
import math
from time import perf_counter
from typing import Any
import warnings

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.parallel import Parallel, delayed

from skae._compat import check_method_params, take_rows
from skae._training.run import MAX_CROSS_VALIDATED_ROWS

# Of a difference between two sizes on one fold that others cannot make up for, in errors, and the
# error of training, as a share of the gain over PCA.
N_CLEAR_ERRORS, MAX_TRAINING_NOISE = 3.0, 0.03
N_FOLDS_OF_ONE = 3  # on which a size is trained if all others are clearly worse
MAX_ROUNDING, MAX_FLOAT32 = 1e-3, 1e12  # in deviations of a feature; of values to be squared


# ---------------------------------------------------------------- the autoencoder


def find_parameter(estimator, name=None):
    """Return the name of the parameter to search over: that of the only autoencoder, or `name`."""
    is_instance = hasattr(estimator, "get_params") and not isinstance(estimator, type)
    params = estimator.get_params() if is_instance else {}
    names = [key for key in params if key.rpartition("__")[2] == "n_components"]
    found = [key for key in names if _takes_validation_set(owner_of(estimator, key))]
    if not found:
        raise ValueError(
            "estimator must be an autoencoder of skae, or contain one, as a Pipeline or a "
            f"ColumnTransformer does, got {estimator!r}. Use GridSearchCV for others."
        )
    if name is None and len(found) > 1:
        raise ValueError(
            f"estimator has {len(found)} autoencoders. Say which one to search over: "
            f"param_name={' or '.join(map(repr, found))}."
        )
    if name not in (None, *found):
        raise ValueError(f"param_name must be {' or '.join(map(repr, found))}, got {name!r}.")
    return name or found[0]


def owner_of(estimator, name):
    """Return the estimator inside that has the parameter of this name."""
    owner = name.rpartition("__")[0]
    return estimator.get_params()[owner] if owner else estimator


def _takes_validation_set(estimator):
    return hasattr(estimator, "fit") and "X_val" in signature(estimator.fit).parameters


class _SeenError(Exception):
    """Raised in place of a fit to tell the number of features."""


class _Probe(TransformerMixin, BaseEstimator):
    """A transformer in place of the autoencoder, whose `fit` raises the number of features."""

    def fit(self, X, y=None, **params):
        raise _SeenError(X.shape[1])

    def transform(self, X):
        """Return X: a step needs the method."""
        return X


def count_features(estimator, name, X, y):
    """Return the number of features that the autoencoder with the parameter `name` is fitted to."""
    owner = name.rpartition("__")[0]
    try:
        clone(estimator).set_params(**{owner: _Probe()}).fit(X, y)
    except _SeenError as seen:
        return seen.args[0]


def _places(estimator, name):
    """Return where the steps of a Pipeline are that come before the autoencoder, it, and after it.

    A place is a Pipeline and the number of a step, in the order in which steps are fitted. Return
    None if the autoencoder is inside of something else than Pipelines.
    """
    before, place, after = [], None, []
    for owner in name.split("__")[:-1]:
        if not hasattr(estimator, "steps"):
            return None
        i = [step for step, _ in estimator.steps].index(owner)
        places = [(estimator, j) for j in range(len(estimator.steps))]
        before, place, after = before + places[:i], places[i], places[i + 1 :] + after
        estimator = estimator.steps[i][1]
    return before, place, after


# ---------------------------------------------------------------- one fold


@dataclass(frozen=True)
class Fold:
    """All samples, the indices of a fold's training and test samples, and the number of the fold.

    `params` are the parameters of `fit` and of the score, by the name of the method.
    """

    X: Any
    y: Any
    train: np.ndarray
    test: np.ndarray
    number: str
    params: dict

    def part(self, method, rows):
        """Return X, y if there is one, and the parameters of a method, for some samples."""
        given = (self.X,) if self.y is None else (self.X, self.y)
        params = check_method_params(self.X, self.params[method], rows)
        return [take_rows(each, rows) for each in given], params


def as_float32(*arrays):
    """Return arrays of samples in float32, in which networks train in about half the time.

    They stay as they are if they are no plain arrays of float64, or if rounding would change a
    feature of the first one by more than a thousandth of its deviation.
    """
    if not all(isinstance(X, np.ndarray) and X.dtype == np.float64 for X in arrays):
        return arrays
    first = arrays[0][:, ~np.isnan(arrays[0]).all(axis=0)] if arrays[0].ndim == 2 else arrays[0]
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.nanmax(np.abs(first), axis=0, initial=0)
        rounding = np.finfo(np.float32).eps * size
        is_exact = rounding <= MAX_ROUNDING * np.nanstd(first, axis=0)
    constant = first.min(axis=0) == first.max(axis=0)
    if size.max(initial=0) < MAX_FLOAT32 and (is_exact | constant).all():
        return [X.astype(np.float32) for X in arrays]
    return arrays


def _fit_sizes(search, fold, sizes, scorer, **options):
    """Return an array of scores and fit times, of shape (n_sizes, 2), of one fold.

    `options` are set on the autoencoder.
    """
    name = find_parameter(search.estimator, search.param_name)
    prefix = name.removesuffix("n_components")
    others = {prefix + key: value for key, value in options.items()}
    settings = [{name: size} | others for size in sizes]
    (X_test, *y_test), score_params = fold.part("score", fold.test)
    fits, results = _fits(search.estimator, name, fold, settings), []
    for size in sizes:
        start = perf_counter()
        fitted = next(fits)
        seconds = perf_counter() - start
        results.append((scorer(fitted, X_test, *y_test, **score_params), seconds))
        if search.verbose and not options:
            score = f"score={results[-1][0]:.4g}, {seconds:.2g} s"
            print(f"[CV {fold.number}] {name}={size}: {score}", flush=True)
    return np.array(results)


def _fits(estimator, name, fold, settings):
    """Yield the estimator, fitted to the training samples of a fold with each of the settings."""
    places = _places(estimator, name)
    given, params = fold.part("fit", fold.train)
    if places is not None and (places[1] is None or not params):
        yield from _fits_with_shared_steps(estimator, name, fold, settings)
        return
    for setting in settings:
        yield clone(estimator).set_params(**setting).fit(*given, **params)


def _fits_with_shared_steps(estimator, name, fold, settings):
    """Yield the same, with the steps before the autoencoder fitted once.

    The test samples of folds with few training samples stop the training as well.
    """
    from sklearn.pipeline import Pipeline

    (A, *y), params = fold.part("fit", fold.train)
    B = take_rows(fold.X, fold.test)
    shared = clone(estimator)
    for pipeline, i in _places(shared, name)[0]:
        transformer = pipeline.steps[i][1]
        if transformer is not None and transformer != "passthrough":
            A = transformer.fit_transform(A, *y)
            B = transformer.transform(B)
    A, B = as_float32(A, B)
    for setting in settings:
        fitted = clone(estimator).set_params(**setting)
        autoencoder = owner_of(fitted, name)
        before, _, after = _places(fitted, name)
        for (pipeline, i), (of_shared, _) in zip(before, _places(shared, name)[0], strict=True):
            pipeline.steps[i] = of_shared.steps[i]
        is_validated = autoencoder.early_stopping and len(fold.train) <= MAX_CROSS_VALIDATED_ROWS
        with warnings.catch_warnings():
            # Folds of sorted samples differ; whether that is meant is for `cv` to say.
            warnings.filterwarnings("ignore", message="X_val is on another scale")
            autoencoder.fit(A, *y, **({"X_val": B} if is_validated else {}) | params)
        if after:
            rest = [(str(k), pipeline.steps[i][1]) for k, (pipeline, i) in enumerate(after)]
            Pipeline(rest).fit(autoencoder.transform(A), *y)
        yield fitted


# ---------------------------------------------------------------- all folds


def fit_all(search, folds, sizes, scorer):
    """Return scores and fit times, of shape (n_sizes, n_folds), and which of them are estimates.

    Folds with many training samples are trained one after the other as far as they are needed: all
    sizes on the first, then those that are not clearly worse there; a single one on
    `N_FOLDS_OF_ONE` in all. On other folds the score is estimated by that of PCA, an autoencoder
    without training, plus the mean difference between both on the folds that were trained.
    """
    run, train = Parallel(n_jobs=search.n_jobs), delayed(_fit_sizes)
    name = find_parameter(search.estimator, search.param_name)
    linear_path = getattr(owner_of(search.estimator, name), "linear_path", None)
    n_train = min(len(fold.train) for fold in folds)
    can_skip = n_train > MAX_CROSS_VALIDATED_ROWS and len(folds) > 1 and len(sizes) > 1
    if not can_skip or linear_path is None:
        scores, seconds = np.array(run(train(search, fold, sizes, scorer) for fold in folds)).T
        return scores, seconds, np.zeros(scores.shape, bool)
    jobs = [train(search, fold, sizes, scorer, max_iter=0) for fold in folds]
    first, *untrained = run([train(search, folds[0], sizes, scorer), *jobs])
    pca = np.array(untrained)[..., 0].T
    results = np.full((2, *pca.shape), np.nan)
    results[:, :, 0] = first.T
    chosen = ~clearly_worse(first[:, 0], pca)
    others = folds[1:] if chosen.sum() > 1 else folds[1:N_FOLDS_OF_ONE]
    contenders = [size for size, is_chosen in zip(sizes, chosen) if is_chosen]
    trained = np.array(run(train(search, fold, contenders, scorer) for fold in others))
    results[:, chosen, 1 : len(others) + 1] = trained.T
    scores, seconds = results
    is_estimate = np.isnan(seconds)
    gains = np.nanmean(np.where(is_estimate, np.nan, scores - pca), axis=1, keepdims=True)
    return np.where(is_estimate, pca + gains, scores), seconds, is_estimate


def clearly_worse(scores, pca):
    """Return which sizes have a score on one fold that no other fold is going to make up for.

    `pca` are the scores of PCA, of shape (n_sizes, n_folds). How much the differences between sizes
    vary over the folds is taken from them, and a share of the gain is added for the training.
    """
    best = scores.argmax()
    gains = np.abs(scores - pca[:, 0])
    errors = np.std(pca[best] - pca, axis=1, ddof=1), MAX_TRAINING_NOISE * (gains + gains[best])
    limit = np.std(pca[best], ddof=1) / math.sqrt(pca.shape[1])
    return scores[best] - scores > limit + N_CLEAR_ERRORS * np.hypot(*errors)
