"""ComponentSearchCV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from inspect import signature
import math
from numbers import Integral
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self
import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin, clone, is_classifier
from sklearn.utils import get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, validate_data

from skae._compat import HasMethods, Interval, count_samples, take_rows, validate_parameters
from skae._training.run import MAX_CROSS_VALIDATED_ROWS

MAX_DEFAULT_SIZE = 64
# Of a difference between two sizes on one fold that others cannot make up for, in errors, and the
# error of training, as a share of the gain over PCA.
N_CLEAR_ERRORS, MAX_TRAINING_NOISE = 3.0, 0.03
N_FOLDS_OF_ONE = 3  # on which a size is trained if all others are clearly worse
MAX_ROUNDING, MAX_FLOAT32 = 1e-3, 1e12  # in deviations of a feature; of values to be squared


def _autoencoder_of(estimator):
    """Return the number of the step that is an autoencoder, and this autoencoder.

    The number is None if the estimator is no Pipeline.
    """
    is_pipeline = hasattr(estimator, "steps")
    steps = estimator.steps if is_pipeline else [(None, estimator)]
    found = [i for i, (_, step) in enumerate(steps) if _takes_validation_set(step)]
    if len(found) != 1:
        raise ValueError(
            "estimator must be an autoencoder of skae, or a Pipeline with one of them as a step of "
            f"its own, got {estimator!r}. Use GridSearchCV for others."
        )
    autoencoder = steps[found[0]][1]
    return (found[0] if is_pipeline else None), autoencoder


def _takes_validation_set(step):
    if not hasattr(step, "get_params") or not hasattr(step, "fit"):
        return False
    return "n_components" in step.get_params(deep=False) and (
        "X_val" in signature(step.fit).parameters
    )


def _as_float32(*arrays):
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


def _has(name):
    """Return a check for `available_if`: whether the estimator has a method of this name."""

    def check(search):
        getattr(getattr(search, "best_estimator_", search.estimator), name)
        return True

    return check


def _fit_sizes(search, fold, sizes, scorer, **options):
    """Return an array of scores and fit times, of shape (n_sizes, 2), of one fold.

    `fold` holds X, y and the indices of the training and the test samples. `options` are set on the
    autoencoder. The test samples of folds with few training samples stop the training as well.
    """
    from sklearn.pipeline import Pipeline

    X, y, train, test = fold
    X_train, X_test = take_rows(X, train), take_rows(X, test)
    y_train, y_test = (None if y is None else take_rows(y, rows) for rows in (train, test))
    step, _ = _autoencoder_of(search.estimator)
    estimator, results = clone(search.estimator), []
    before, A, B = [], X_train, X_test
    for name, transformer in estimator.steps[:step] if step is not None else ():
        if transformer is not None and transformer != "passthrough":
            A = transformer.fit_transform(A, y_train)
            B = transformer.transform(B)
        before.append((name, transformer))
    A, B = _as_float32(A, B)
    for size in sizes:
        start = perf_counter()
        _, autoencoder = _autoencoder_of(clone(search.estimator))
        autoencoder.set_params(n_components=size, **options)
        is_validated = autoencoder.early_stopping and len(train) <= MAX_CROSS_VALIDATED_ROWS
        with warnings.catch_warnings():
            # Folds of sorted samples differ; whether that is meant is for `cv` to say.
            warnings.filterwarnings("ignore", message="X_val is on another scale")
            fitted = autoencoder.fit(A, **({"X_val": B} if is_validated else {}))
        if step is not None:
            name, after = estimator.steps[step][0], clone(estimator).steps[step + 1 :]
            if after:
                Pipeline(after).fit(autoencoder.transform(A), y_train)
            fitted = Pipeline([*before, (name, autoencoder), *after])
        seconds = perf_counter() - start
        score = scorer(fitted, X_test) if y is None else scorer(fitted, X_test, y_test)
        results.append((score, seconds))
    return np.array(results)


def _fit_all(search, folds, sizes, scorer):
    """Return scores and fit times, of shape (n_sizes, n_folds), and which of them are estimates.

    Folds with many training samples are trained one after the other as far as they are needed: all
    sizes on the first, then those that are not clearly worse there; a single one on
    `N_FOLDS_OF_ONE` in all. On other folds the score is estimated by that of PCA, an autoencoder
    without training, plus the mean difference between both on the folds that were trained.
    """
    run, train = Parallel(n_jobs=search.n_jobs), delayed(_fit_sizes)
    autoencoder = _autoencoder_of(search.estimator)[1]
    n_train = min(len(fold[2]) for fold in folds)
    can_skip = n_train > MAX_CROSS_VALIDATED_ROWS and len(folds) > 1 and len(sizes) > 1
    if not can_skip or getattr(autoencoder, "linear_path", None) is None:
        scores, seconds = np.array(run(train(search, fold, sizes, scorer) for fold in folds)).T
        return scores, seconds, np.zeros(scores.shape, bool)
    jobs = [train(search, fold, sizes, scorer, max_iter=0) for fold in folds]
    first, *untrained = run([train(search, folds[0], sizes, scorer), *jobs])
    pca = np.array(untrained)[..., 0].T
    results = np.full((2, *pca.shape), np.nan)
    results[:, :, 0] = first.T
    chosen = ~_clearly_worse(first[:, 0], pca)
    others = folds[1:] if chosen.sum() > 1 else folds[1:N_FOLDS_OF_ONE]
    contenders = [size for size, is_chosen in zip(sizes, chosen) if is_chosen]
    trained = np.array(run(train(search, fold, contenders, scorer) for fold in others))
    results[:, chosen, 1 : len(others) + 1] = trained.T
    scores, seconds = results
    is_estimate = np.isnan(seconds)
    gains = np.nanmean(np.where(is_estimate, np.nan, scores - pca), axis=1, keepdims=True)
    return np.where(is_estimate, pca + gains, scores), seconds, is_estimate


def _clearly_worse(scores, pca):
    """Return which sizes have a score on one fold that no other fold is going to make up for.

    `pca` are the scores of PCA, of shape (n_sizes, n_folds). How much the differences between sizes
    vary over the folds is taken from them, and a share of the gain is added for the training.
    """
    best = scores.argmax()
    gains = np.abs(scores - pca[:, 0])
    errors = np.std(pca[best] - pca, axis=1, ddof=1), MAX_TRAINING_NOISE * (gains + gains[best])
    limit = np.std(pca[best], ddof=1) / math.sqrt(pca.shape[1])
    return scores[best] - scores > limit + N_CLEAR_ERRORS * np.hypot(*errors)


class ComponentSearchCV(MetaEstimatorMixin, TransformerMixin, BaseEstimator):
    """Search for the number of components of an autoencoder by cross-validation.

    It takes a fraction of the time of GridSearchCV, and by default chooses the fewest components
    whose score is within one standard error of the best. With up to 500 training samples in a fold,
    the fold that judges a size also stops its training. With more, all sizes are trained on the
    first fold, and on the others only those that are not clearly worse there; a single size that is
    left is trained on three folds. Steps of a Pipeline before the autoencoder are fitted once a
    fold. Arrays of float64 are trained on in float32 where that changes nothing but rounding
    errors. The chosen size is then trained as usual, on all samples as they are.

    Parameters
    ----------
    estimator : estimator
        AutoencoderTransformer, DenoisingAutoencoder, VariationalAutoencoder or a Pipeline in which
        one of them is a step. A classifier or a regressor may follow it.
    n_components : array-like of int, int or None, default=None
        Numbers of components to compare. None stands for 1, 2, 4, ..., as long as there are more
        features and training samples, and at most 64.
    scoring : str, callable or None, default=None
        Score to maximise, as in GridSearchCV: a name, or a function that is called with the fitted
        estimator, X and y of held-out samples. None uses the `score` of the estimator, which is the
        share of the variance that is explained for an autoencoder, and the accuracy or R² for a
        Pipeline with a classifier or a regressor.
    cv : int, splitter or iterable of (train, test), default=None
        How to split the samples, as in GridSearchCV. None stands for five folds.
    one_standard_error : bool, default=True
        Whether to choose the fewest components whose mean score is at most one standard error
        below the best one. Otherwise the best mean score decides.
    n_jobs : int or None, default=None
        Number of folds that run at the same time.

    Attributes
    ----------
    n_components_ : int
        The number of components that was chosen.
    best_estimator_ : estimator
        The estimator with this number of components, fitted to all samples.
    best_index_ : int
        Index of the chosen number of components in `cv_results_`.
    best_score_ : float
        Its mean score on held-out samples. With up to 500 training samples in a fold they also
        stopped the training, so that the score may be slightly too high, alike for all sizes.
    best_params_ : dict
        The parameter that was chosen, by its name.
    cv_results_ : dict of ndarray
        Results for each number of components, named as in GridSearchCV: "param_n_components",
        "params", "split0_test_score", ..., "mean_test_score", "std_test_score", "rank_test_score",
        "mean_fit_time" and "std_fit_time". The score is NaN in folds on which a size was not
        trained. For the mean it is then estimated: by PCA's score on this fold plus the mean
        difference between autoencoder and PCA on the folds that were trained.
    standard_errors_ : ndarray of shape (n_sizes,)
        Standard errors of the mean scores: deviations over the folds with divisor K - 1, divided by
        the square root of the number K of folds.
    scorer_ : callable
        The function that computes the scores.
    n_splits_ : int
        Number of folds.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : Search over any parameters.
    skae.plotting.ComponentSearchDisplay : The scores and the size that was chosen.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skae import AutoencoderTransformer, ComponentSearchCV
    >>> X, y = load_wine(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(max_iter=20, random_state=0)
    >>> pipe = make_pipeline(StandardScaler(), autoencoder, LogisticRegression())
    >>> search = ComponentSearchCV(pipe, n_components=[1, 2, 4], cv=3).fit(X, y)
    >>> search.n_components_
    2
    >>> search.best_score_ > 0.9
    True
    """

    best_estimator_: Any
    best_index_: int
    best_score_: float
    best_params_: dict[str, int]
    cv_results_: dict[str, Any]
    n_components_: int
    standard_errors_: NDArray[np.float64]

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "transform"]), HasMethods(["fit", "predict"])],
        "n_components": ["array-like", Interval(Integral, 1, None, closed="left"), None],
        "scoring": [str, callable, None],
        "cv": ["cv_object"],
        "one_standard_error": ["boolean"],
        "n_jobs": [Interval(Integral, None, None, closed="neither"), None],
    }

    if TYPE_CHECKING:

        def fit_transform(self, X: ArrayLike, y: Any = None, **fit_params: Any) -> Any: ...

    def __init__(
        self,
        estimator: Any,
        n_components: Sequence[int] | NDArray[np.integer[Any]] | int | None = None,
        *,
        scoring: str | Callable[..., float] | None = None,
        cv: int | Iterable[Any] | Any = None,
        one_standard_error: bool = True,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_components = n_components
        self.scoring = scoring
        self.cv = cv
        self.one_standard_error = one_standard_error
        self.n_jobs = n_jobs

    @validate_parameters
    def fit(self, X: ArrayLike, y: Any = None, *, groups: ArrayLike | None = None) -> Self:
        """Choose the number of components and fit the estimator with it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,), default=None
            Targets, for the splits, for steps of a Pipeline and for the scores.
        groups : array-like of shape (n_samples,), default=None
            Label of the group of each sample, for a splitter such as GroupKFold.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        ValueError
            If X or a parameter is invalid.
        """
        # Imported here, because `import skae` is to import no more than PCA does.
        from sklearn.metrics import check_scoring
        from sklearn.model_selection import check_cv

        step, _ = _autoencoder_of(self.estimator)
        validate_data(self, X, skip_check_array=True)  # the estimator checks the values
        X, y, groups = indexable(X, y, groups)
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = list(cv.split(X, y, groups))
        indices = np.arange(count_samples(X))
        n_train = min(indices[train].size for train, _ in splits)
        sizes = self._sizes(min(getattr(self, "n_features_in_", 1), n_train))
        scorer = check_scoring(self.estimator, scoring=self.scoring)
        folds = [(X, y, train, test) for train, test in splits]
        prefix = "" if step is None else f"{self.estimator.steps[step][0]}__"
        results = _fit_all(self, folds, sizes, scorer)
        self._set_results(sizes, results, f"{prefix}n_components")
        self.n_splits_ = len(splits)
        best = clone(self.estimator).set_params(**self.best_params_)
        self.best_estimator_ = best.fit(X) if y is None else best.fit(X, y)
        return self

    def _sizes(self, most):
        """Return the numbers of components to compare, ascending; raise if they are invalid."""
        if self.n_components is None:
            powers = [2**i for i in range(7) if 2**i < min(most, MAX_DEFAULT_SIZE + 1)]
            return powers or [1]
        sizes = np.atleast_1d(np.asarray(self.n_components))
        if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or not sizes.size or sizes.min() < 1:
            raise ValueError(
                f"n_components must be a list of positive ints or None, got {self.n_components!r}."
            )
        return [int(size) for size in np.unique(sizes)]

    def _set_results(self, sizes, results, name):
        """Set the attributes that follow from the results of `_fit_all`."""
        scores, seconds, is_estimate = results
        n_splits = scores.shape[1]
        if not np.isfinite(scores).all():
            raise ValueError(f"The scores must be finite, got {scores.tolist()}.")
        means = scores.mean(axis=1)
        errors = np.zeros(len(sizes))
        if n_splits > 1:
            errors = scores.std(axis=1, ddof=1) / math.sqrt(n_splits)
        best = int(means.argmax())
        if self.one_standard_error:
            best = int(np.flatnonzero(means >= means[best] - errors[best])[0])
        results = {f"param_{name}": np.array(sizes), "params": [{name: size} for size in sizes]}
        measured = np.where(is_estimate, np.nan, scores)
        results |= {f"split{i}_test_score": measured[:, i] for i in range(n_splits)}
        results |= {
            "mean_test_score": means,
            "std_test_score": scores.std(axis=1),
            "rank_test_score": rankdata(-means, method="min").astype(np.int32),
            "mean_fit_time": np.nanmean(seconds, axis=1),
            "std_fit_time": np.nanstd(seconds, axis=1),
        }
        self.cv_results_, self.standard_errors_ = results, errors
        self.best_index_, self.best_score_ = best, float(means[best])
        self.best_params_, self.n_components_ = {name: sizes[best]}, sizes[best]

    # ---------------------------------------------------------------- the fitted estimator

    @available_if(_has("transform"))
    def transform(self, X: ArrayLike) -> Any:
        """Call `transform` of the fitted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to encode.

        Returns
        -------
        code : ndarray of shape (n_samples, n_components)
            Code of each sample.
        """
        return self._fitted().transform(X)

    @available_if(_has("inverse_transform"))
    def inverse_transform(self, X: ArrayLike) -> Any:
        """Call `inverse_transform` of the fitted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes to decode.

        Returns
        -------
        X_original : ndarray or data frame of shape (n_samples, n_features)
            Reconstructed samples.
        """
        return self._fitted().inverse_transform(X)

    @available_if(_has("predict"))
    def predict(self, X: ArrayLike) -> Any:
        """Call `predict` of the fitted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to predict.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Predicted labels or values.
        """
        return self._fitted().predict(X)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: ArrayLike) -> Any:
        """Call `predict_proba` of the fitted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to predict.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Probabilities of the classes.
        """
        return self._fitted().predict_proba(X)

    @available_if(_has("decision_function"))
    def decision_function(self, X: ArrayLike) -> Any:
        """Call `decision_function` of the fitted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to judge.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Confidence of each sample.
        """
        return self._fitted().decision_function(X)

    @available_if(_has("score_samples"))
    def score_samples(self, X: ArrayLike) -> Any:
        """Call `score_samples` of the fitted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Score of each sample.
        """
        return self._fitted().score_samples(X)

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the score that the search maximises.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to score.
        y : array-like of shape (n_samples,), default=None
            Targets, if the score needs them.

        Returns
        -------
        score : float
            Score of the fitted estimator. Higher is better.
        """
        best = self._fitted()
        return self.scorer_(best, X) if y is None else self.scorer_(best, X, y)

    @available_if(_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features of X; only checked.

        Returns
        -------
        names : ndarray of shape (n_components,)
            Names of the columns.
        """
        return self._fitted().get_feature_names_out(input_features)

    @property
    def classes_(self) -> NDArray[Any]:
        """Classes of a classifier at the end of a Pipeline."""
        return getattr(self, "best_estimator_", self.estimator).classes_

    @property
    def scorer_(self) -> Any:
        """Function that computes the scores."""
        from sklearn.metrics import check_scoring

        return check_scoring(self._fitted(), scoring=self.scoring)

    def _fitted(self):
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_

    def __sklearn_tags__(self):
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.estimator_type, tags.input_tags = inner.estimator_type, inner.input_tags
        tags.classifier_tags, tags.regressor_tags = inner.classifier_tags, inner.regressor_tags
        tags.target_tags = inner.target_tags
        if inner.transformer_tags is not None:
            tags.transformer_tags = inner.transformer_tags
        return tags
