"""ComponentSearchCV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from inspect import signature
import math
from numbers import Integral
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin, clone, is_classifier
from sklearn.utils import get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from skae._base import restored_on_error
from skae._compat import (
    HasMethods,
    Interval,
    check_method_params,
    count_samples,
    validate_parameters,
)
from skae._search_folds import Fold, count_features, find_parameter, fit_all
from skae._training.report import time_lines

MAX_DEFAULT_SIZE = 64


def _check_refit(search, name):
    """Raise AttributeError if `refit` is False, so that there is no estimator with the method."""
    if not search.refit:
        raise AttributeError(
            f"{name} needs a fitted estimator, which refit=False does not train: "
            "fit estimator.set_params(**best_params_), or search with refit=True."
        )


def _has(name):
    """Return a check for `available_if`: whether the estimator has a method of this name."""

    def check(search):
        _check_refit(search, name)
        getattr(vars(search).get("best_estimator_", search.estimator), name)
        return True

    return check


def _delegated(name: str, shape: str) -> Any:
    """Return the method of the search that calls that of the fitted estimator."""

    def method(self: Any, X: ArrayLike) -> Any:
        return getattr(self._fitted(), name)(X)

    takes = "n_components" if name == "inverse_transform" else "n_features"
    method.__name__, method.__qualname__ = name, f"ComponentSearchCV.{name}"
    method.__doc__ = f"""Call `{name}` of the fitted estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, {takes})
            What the method of the estimator takes.

        Returns
        -------
        result : ndarray or data frame of shape ({shape})
            What it returns.
        """
    return available_if(_has(name))(method)


class ComponentSearchCV(MetaEstimatorMixin, TransformerMixin, BaseEstimator):
    """Search for the number of components of an autoencoder by cross-validation.

    It takes a fraction of the time of GridSearchCV, and by default chooses the fewest components
    whose score is within one standard error of the best. With up to 500 training samples in a fold,
    the fold that judges a size also stops its training. With more, sizes that are clearly worse on
    the first fold are trained on no other. Steps of a Pipeline before the autoencoder are fitted
    once a fold. The chosen size is then trained as usual, on all samples.

    Parameters
    ----------
    estimator : estimator
        AutoencoderTransformer, DenoisingAutoencoder, VariationalAutoencoder, or an estimator that
        contains one, such as a Pipeline or a ColumnTransformer. Inside of anything but Pipelines it
        is fitted as by GridSearchCV: with all other steps, and with held-out samples of its own.
    n_components : array-like of int, int or None, default=None
        Numbers of components to compare. None stands for 1, 2, 4, ..., as long as the autoencoder
        has more features and training samples, and at most 64.
    param_name : str or None, default=None
        Name of the parameter to search over, such as "prep__ae__n_components", where the estimator
        contains several autoencoders.
    scoring : str, callable or None, default=None
        Score to maximise, as in GridSearchCV. None uses the `score` of the estimator: the share of
        the variance that an autoencoder explains, the accuracy of a classifier, or R² of a
        regressor.
    refit : bool or callable, default=True
        Whether to fit the estimator with the chosen size to all samples. A function chooses: it is
        called with `cv_results_` and returns the index of a size.
    cv : int, splitter or iterable of (train, test), default=None
        How to split the samples, as in GridSearchCV. None stands for five folds.
    one_standard_error : bool, default=True
        Whether to choose the fewest components whose mean score is at most one standard error
        below the best one. Otherwise the best mean score decides.
    n_jobs : int or None, default=None
        Number of folds that run at the same time.
    verbose : bool or int, default=False
        Whether to print a line for each size and fold that is trained, and the `summary`.

    Attributes
    ----------
    n_components_ : int
        The number of components that was chosen.
    best_estimator_ : estimator
        The estimator with this number of components, fitted to all samples, unless ``refit=False``.
    refit_time_ : float
        Seconds of this fit; likewise.
    best_index_ : int
        Index of the chosen number of components in `cv_results_`.
    best_score_ : float
        Its mean score on held-out samples: slightly too high, for all sizes alike, if these also
        stopped the training.
    best_params_ : dict
        The parameter that was chosen, by its name.
    cv_results_ : dict of ndarray
        Results for each number of components, named as in GridSearchCV. The score is NaN in folds
        on which a size was not trained. For the mean it is estimated by PCA's score on this fold
        plus the mean gain over PCA on the others.
    standard_errors_ : ndarray of shape (n_sizes,)
        Standard errors of the mean scores, from the differences between folds.
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
    n_splits_: int
    refit_time_: float
    standard_errors_: NDArray[np.float64]

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "transform"]), HasMethods(["fit", "predict"])],
        "n_components": ["array-like", Interval(Integral, 1, None, closed="left"), None],
        "param_name": [str, None],
        "scoring": [str, callable, None],
        "refit": ["boolean", callable],
        "cv": ["cv_object"],
        "one_standard_error": ["boolean"],
        "n_jobs": [Interval(Integral, None, None, closed="neither"), None],
        "verbose": ["verbose"],
    }

    if TYPE_CHECKING:

        def fit_transform(self, X: ArrayLike, y: Any = None, **fit_params: Any) -> Any: ...

    def __init__(
        self,
        estimator: Any,
        n_components: Sequence[int] | NDArray[np.integer[Any]] | int | None = None,
        *,
        param_name: str | None = None,
        scoring: str | Callable[..., float] | None = None,
        refit: bool | Callable[[dict[str, Any]], int] = True,
        cv: int | Iterable[Any] | Any = None,
        one_standard_error: bool = True,
        n_jobs: int | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.estimator = estimator
        self.n_components = n_components
        self.param_name = param_name
        self.scoring = scoring
        self.refit = refit
        self.cv = cv
        self.one_standard_error = one_standard_error
        self.n_jobs = n_jobs
        self.verbose = verbose

    @validate_parameters
    def fit(self, X: ArrayLike, y: Any = None, **params: Any) -> Self:
        """Choose the number of components and fit the estimator with it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,), default=None
            Targets, for the splits, for steps of a Pipeline and for the scores.
        **params : dict
            Parameters of the estimator's `fit`, as in GridSearchCV: `sample_weight`, which weighs
            scores too unless `scoring` is given, or ``ae__sample_weight`` for the step "ae" of a
            Pipeline, and `groups` for the splitter. With metadata routing each gets what it
            requests. With such parameters, a Pipeline is fitted as a whole for each size.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        ValueError
            If X or a parameter is invalid. The search is then unchanged.
        """
        # Imported here, because `import skae` is to import no more than PCA does.
        from sklearn.model_selection import check_cv

        started = perf_counter()
        name = find_parameter(self.estimator, self.param_name)
        with restored_on_error(self):
            validate_data(self, X, skip_check_array=True)  # the estimator checks the values
            X, y = indexable(X, y)
            given = (X,) if y is None else (X, y)
            params = {key: value for key, value in params.items() if value is not None}
            routed = self._routed(check_method_params(X, params))
            cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
            splits = list(cv.split(X, y, **routed["splitter"]["split"]))
            params = {"fit": routed["estimator"]["fit"], "score": routed["scorer"]["score"]}
            indices = np.arange(count_samples(X))
            folds = [
                Fold(X, y, *(indices[chosen] for chosen in pair), f"{i}/{len(splits)}", params)
                for i, pair in enumerate(splits, start=1)
            ]
            sizes = self._sizes(name, X, y, min(len(fold.train) for fold in folds))
            self._set_results(sizes, fit_all(self, folds, sizes, self._scorer()), name)
            self.n_splits_ = len(splits)
            vars(self).pop("best_estimator_", None)
            if self.refit:
                fitting = perf_counter()
                best = clone(self.estimator).set_params(**self.best_params_)
                self.best_estimator_ = best.fit(*given, **routed["estimator"]["fit"])
                self.refit_time_ = perf_counter() - fitting
            self._seconds = perf_counter() - started
        if self.verbose:
            print(self.summary())
        return self

    def _routed(self, params):
        """Return the parameters for the estimator, the splitter and the scorer, by method."""
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", **params)
        groups, weights = params.pop("groups", None), {}
        is_weighted = self.scoring is None and "sample_weight" in params
        if is_weighted and "sample_weight" in signature(self.estimator.score).parameters:
            weights["sample_weight"] = params["sample_weight"]
        split = {"split": {"groups": groups}}
        return {"estimator": {"fit": params}, "splitter": split, "scorer": {"score": weights}}

    def _sizes(self, name, X, y, n_train):
        """Return the numbers of components to compare, ascending; raise if they are invalid."""
        if self.n_components is None:
            n_features = getattr(self, "n_features_in_", 1)
            if name != "n_components":
                n_features = count_features(self.estimator, name, X, y)
            most = min(n_features, n_train, MAX_DEFAULT_SIZE + 1)
            return [2**i for i in range(7) if 2**i < most] or [1]
        sizes = np.atleast_1d(np.asarray(self.n_components))
        if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or not sizes.size or sizes.min() < 1:
            raise ValueError(
                f"n_components must be a list of positive ints or None, got {self.n_components!r}."
            )
        return [int(size) for size in np.unique(sizes)]

    def _set_results(self, sizes, results, name):
        """Set the attributes that follow from the results of `fit_all`."""
        scores, seconds, is_estimate = results
        n_splits = scores.shape[1]
        if not np.isfinite(scores).all():
            raise ValueError(f"The scores must be finite, got {scores.tolist()}.")
        means = scores.mean(axis=1)
        errors = np.zeros(len(sizes))
        if n_splits > 1:
            errors = scores.std(axis=1, ddof=1) / math.sqrt(n_splits)
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
        best, self._reason = self._choose(results, errors)
        self.best_index_, self.best_score_ = best, float(means[best])
        self.best_params_, self.n_components_ = {name: sizes[best]}, sizes[best]

    def _choose(self, results, errors):
        """Return the index of the chosen size, and in words why."""
        means = results["mean_test_score"]
        best = int(means.argmax())
        if callable(self.refit):
            index = self.refit(results)
            is_int = isinstance(index, Integral) and not isinstance(index, bool)
            if not is_int or not 0 <= index < len(means):
                raise ValueError(
                    f"refit must return an index from 0 to {len(means) - 1}, got {index!r}."
                )
            return int(index), "the choice of refit"
        if self.one_standard_error:
            first = int(np.flatnonzero(means >= means[best] - errors[best])[0])
            if first < best:
                (size,) = results["params"][best].values()
                reason = "the fewest within one standard error of the best score"
                return first, f"{reason}, {means[best]:.4g} with {size}"
        return best, "the best score"

    def summary(self) -> str:
        """Return a description of the search as text.

        Returns
        -------
        text : str
            A table of the sizes with mean score, standard error, folds trained and seconds; the
            chosen size and why; sizes that were skipped; and the time that `fit` took.

        Raises
        ------
        NotFittedError
            If the search is not fitted.
        """
        check_is_fitted(self, "cv_results_")
        results, n_splits = self.cv_results_, self.n_splits_
        scores = np.array([results[f"split{i}_test_score"] for i in range(n_splits)])
        sizes = [size for each in results["params"] for size in each.values()]
        n_trained = np.isfinite(scores).sum(axis=0)
        columns = sizes, results["mean_test_score"], self.standard_errors_, n_trained
        rows = zip(*columns, n_trained * results["mean_fit_time"], strict=True)
        head = f"{'n_components':>12}  {'score':>9}  {'error':>8}  {'folds':>5}  {'seconds':>7}"
        lines = [f"{type(self).__name__}: {len(sizes)} sizes, {n_splits} folds", "", head]
        lines.append("-" * len(head))
        lines += [f"{s:12}  {m:9.4g}  {e:8.2g}  {n:5}  {t:7.2g}" for s, m, e, n, t in rows]
        score = f"{self.best_score_:.4g} on held-out samples"
        lines += ["", f"Chosen: {self.n_components_} ({self._reason}), score {score}."]
        skipped = [size for size, n in zip(sizes, n_trained, strict=True) if n == 1 < n_splits]
        if skipped:
            numbers = ", ".join(map(str, skipped))
            lines.append(f"Skipped after the first fold, clearly worse there: {numbers}.")
        if n_trained.min() < n_splits:
            lines.append("Where a size was not trained, PCA's score plus its mean gain is counted.")
        lines += time_lines({"seconds": self._seconds})
        return "\n".join(lines)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return which parameters go to the estimator, the splitter and the scorer.

        Returns
        -------
        routing : MetadataRouter
            The routing, as in GridSearchCV.
        """
        fit_and_score = MethodMapping().add(caller="fit", callee="score")
        fit_and_score.add(caller="score", callee="score")
        return (
            MetadataRouter(owner=self)
            .add(
                estimator=self.estimator,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
            .add(scorer=self._scorer(), method_mapping=fit_and_score)
            .add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        )

    def _scorer(self):
        from sklearn.metrics import check_scoring

        return check_scoring(self.estimator, scoring=self.scoring)

    # ---------------------------------------------------------------- the fitted estimator

    transform = _delegated("transform", "n_samples, n_components")
    inverse_transform = _delegated("inverse_transform", "n_samples, n_features")
    predict = _delegated("predict", "n_samples,")
    predict_proba = _delegated("predict_proba", "n_samples, n_classes")
    decision_function = _delegated("decision_function", "n_samples,) or (n_samples, n_classes")
    score_samples = _delegated("score_samples", "n_samples,")

    def score(self, X: ArrayLike, y: Any = None, **params: Any) -> float:
        """Return the score that the search maximises.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to score.
        y : array-like of shape (n_samples,), default=None
            Targets, if the score needs them.
        **params : dict
            Parameters of the scorer, such as `sample_weight`.

        Returns
        -------
        score : float
            Score of the fitted estimator. Higher is better.
        """
        best = self._fitted("score")
        if get_config()["enable_metadata_routing"]:
            params = process_routing(self, "score", **params)["scorer"]["score"]
        return self.scorer_(best, *((X,) if y is None else (X, y)), **params)

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
        check_is_fitted(self, "cv_results_")
        return self._scorer()

    def _fitted(self, name=""):
        _check_refit(self, name)
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_

    def onnx_parser(self) -> Any:
        """Not available: raise TypeError. Export the fitted estimator.

        Raises
        ------
        TypeError
            Always, with what to export instead.
        """
        raise TypeError(
            "A ComponentSearchCV cannot be exported to ONNX: export its best_estimator_."
        )

    def __sklearn_tags__(self):
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.estimator_type, tags.input_tags = inner.estimator_type, inner.input_tags
        tags.classifier_tags, tags.regressor_tags = inner.classifier_tags, inner.regressor_tags
        tags.target_tags = inner.target_tags
        if inner.transformer_tags is not None:
            tags.transformer_tags = inner.transformer_tags
        return tags
