"""DistortionDisplay: the reconstruction error against the number of components."""

from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skae._denoising import DenoisingAutoencoder
from skae._transformer import AutoencoderTransformer
from skae.metrics import check_nested, rate_distortion, reconstruction_score
from skae.plotting._drawing import OnAxes, cycle_colors, merge_keywords, text_color
from skae.plotting._validation import final_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer

LINEAR_SHARE = 1e-3  # of the largest error; the error axis is linear below it
MAX_LABELLED_SIZES = 12
MAX_LABELLED_RATIO = 100  # largest error / smallest error up to which minor ticks are labelled
MAX_LABEL_LENGTH = 40  # of a line beside an axis


class DistortionDisplay(OnAxes):
    """Reconstruction error against the number of components, with the curve of PCA.

    Use `from_estimator`, `from_predictions` or `from_cv_results` to create one.

    Parameters
    ----------
    curves : dict of {str: dict}
        One dict per curve, by its name in the legend: "n_components" and "errors" are arrays
        of shape (n_sizes,), "deviations" is an array of standard deviations of that shape or
        None.
    error_name : str, default="mean squared error"
        Label of the error axis.

    Attributes
    ----------
    lines_ : dict of {str: matplotlib ErrorbarContainer}
        The curves, by name.
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    LossCurveDisplay : The loss of each epoch.
    skae.metrics.rate_distortion : The errors of one nested autoencoder.

    Examples
    --------
    >>> from skae.plotting import DistortionDisplay
    >>> display = DistortionDisplay.from_predictions(
    ...     [2, 4, 8], [0.031, 0.018, 0.010], [0.052, 0.038, 0.024]
    ... )
    >>> list(display.curves)
    ['autoencoder', 'PCA']
    """

    lines_: "dict[str, ErrorbarContainer]"

    def __init__(
        self, curves: dict[str, dict[str, Any]], *, error_name: str = "mean squared error"
    ) -> None:
        self.curves = curves
        self.error_name = error_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        n_components: ArrayLike | None = None,
        ax: "Axes | None" = None,
        line_kwargs: Mapping[str, Any] | None = None,
        pca_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Plot the errors of one nested autoencoder with each number of components.

        Parameters
        ----------
        estimator : AutoencoderTransformer or DenoisingAutoencoder
            Fitted with ``nested=True``.
        X : array-like of shape (n_samples, n_features)
            Samples to reconstruct, preferably held-out ones.
        n_components : array-like of int of shape (n_sizes,), default=None
            Numbers of components; None stands for all from 1 to `n_components_`.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        line_kwargs : dict, default=None
            Keyword arguments for the curve.
        pca_kwargs : dict, default=None
            Keyword arguments for the curve of PCA, which is drawn if the estimator has a
            linear path.

        Returns
        -------
        display : DistortionDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator cannot reconstruct, `ax` is not a matplotlib Axes, or keyword
            arguments are not a dict.
        ValueError
            If the estimator was not fitted with ``nested=True``, or `n_components` is out of
            range.
        """
        check_nested(estimator, cls.__name__)
        curve = rate_distortion(estimator, X, n_components=n_components)
        return cls.from_predictions(
            curve.n_components,
            {type(estimator).__name__: curve.mean_squared_error},
            curve.pca_mean_squared_error,
            ax=ax,
            line_kwargs=line_kwargs,
            pca_kwargs=pca_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        n_components: ArrayLike,
        errors: ArrayLike | Mapping[str, ArrayLike],
        pca_errors: ArrayLike | None = None,
        *,
        error_name: str = "mean squared error",
        ax: "Axes | None" = None,
        line_kwargs: Mapping[str, Any] | None = None,
        pca_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Plot errors that were computed before.

        Parameters
        ----------
        n_components : array-like of int of shape (n_sizes,)
            Numbers of components.
        errors : array-like of shape (n_sizes,) or dict of such
            Error with each number of components. A dict draws one curve per name.
        pca_errors : array-like of shape (n_sizes,), default=None
            Errors of PCA with the same numbers of components.
        error_name : str, default="mean squared error"
            Label of the error axis.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        line_kwargs : dict, default=None
            Keyword arguments for the curves.
        pca_kwargs : dict, default=None
            Keyword arguments for the curve of PCA.

        Returns
        -------
        display : DistortionDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or keyword arguments are not a dict.
        ValueError
            If `n_components` are not positive integers, or there is not one finite,
            non-negative error for each.
        """
        sizes = np.atleast_1d(n_components)
        if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or not sizes.size or sizes.min() < 1:
            raise ValueError(f"n_components must be positive integers, got {n_components!r}.")
        errors = dict(errors) if isinstance(errors, Mapping) else {"autoencoder": errors}
        if pca_errors is not None:
            errors["PCA"] = pca_errors
        curves = {
            str(name): _curve(sizes, _check_errors(values, sizes, name))
            for name, values in errors.items()
        }
        display = cls(curves, error_name=error_name)
        return display.plot(ax=ax, line_kwargs=line_kwargs, pca_kwargs=pca_kwargs)

    @classmethod
    def from_cv_results(
        cls,
        search: Any,
        X: ArrayLike | None = None,
        *,
        ax: "Axes | None" = None,
        line_kwargs: Mapping[str, Any] | None = None,
        pca_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Plot the results of a search over `n_components`.

        Each combination of the other searched parameters has its own curve. The scores of the
        search must be of one of two kinds:

        - shares of explained variance, such as the `score` of an autoencoder or
          :func:`skae.metrics.reconstruction_score`; the share that is lost is plotted. By `score`
          it is measured in the units of the last step of a Pipeline, by `reconstruction_score` in
          those of its input;
        - negated errors of a scikit-learn scorer whose name begins with ``"neg_"``; the errors
          are plotted.

        Parameters
        ----------
        search : object
            Fitted GridSearchCV or another search over `n_components` of the estimator or of a
            step of a Pipeline.
        X : array-like of shape (n_samples, n_features), default=None
            Samples that the search was fitted to. If given, the curve of PCA is added: PCA replaces
            the estimator and is scored on the same folds, in the same units. This requires that
            `cv` of the search yields the same splits again, as it does if it is an int.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        line_kwargs : dict, default=None
            Keyword arguments for the curves.
        pca_kwargs : dict, default=None
            Keyword arguments for the curve of PCA.

        Returns
        -------
        display : DistortionDisplay
            The display, drawn. Error bars are standard deviations over the folds.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the search is not fitted.
        TypeError
            If `search` is not a search, its estimator cannot reconstruct, `ax` is not a
            matplotlib Axes, or keyword arguments are not a dict.
        ValueError
            If the search is not over integers of one parameter `n_components`, or its scores
            are not as described.
        """
        _check_search(search, cls.__name__)
        parameter = _size_parameter(search.cv_results_["params"])
        if search.scoring is None:
            _check_default_scores(search)
        is_error = isinstance(search.scoring, str) and search.scoring.startswith("neg_")
        if is_error and X is not None:
            raise ValueError(
                "PCA is scored by the share of explained variance, but the search by "
                f"{search.scoring!r}: leave X out, or search with scoring=reconstruction_score."
            )
        curves = _search_curves(search, parameter, is_error)
        error_name = "share of the variance lost"
        if is_error:
            error_name = search.scoring.removeprefix("neg_").replace("_", " ")
        if X is not None:
            curves["PCA"] = _pca_curve(search, parameter, X)
        display = cls(curves, error_name=f"{error_name}, held-out samples")
        return display.plot(ax=ax, line_kwargs=line_kwargs, pca_kwargs=pca_kwargs)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        line_kwargs: Mapping[str, Any] | None = None,
        pca_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the curves.

        Both axes are logarithmic. If there are errors below a thousandth of the largest one, the
        error axis is linear below that.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        line_kwargs : dict, default=None
            Keyword arguments for the curves.
        pca_kwargs : dict, default=None
            Keyword arguments for the curve of PCA.

        Returns
        -------
        display : DistortionDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or keyword arguments are not a dict.
        """
        ax = self._prepare(ax, (6.4, 4.2))
        from matplotlib.lines import Line2D

        names = [name for name in self.curves if name != "PCA"]
        colors = dict(zip(names, cycle_colors(len(names))))
        self.lines_ = {}
        for name, curve in self.curves.items():
            if name == "PCA":
                defaults = {"color": text_color(), "linestyle": "--", "marker": "o"}
                keywords = merge_keywords("pca_kwargs", pca_kwargs, Line2D, **defaults)
            else:
                defaults = {"color": colors[name], "marker": "D"}
                keywords = merge_keywords("line_kwargs", line_kwargs, Line2D, **defaults)
            keywords = {"capsize": 3, "markersize": 5, "label": name} | keywords
            self.lines_[name] = ax.errorbar(
                curve["n_components"], curve["errors"], curve["deviations"], **keywords
            )
        sizes = np.unique(np.concatenate([curve["n_components"] for curve in self.curves.values()]))
        ax.set_xscale("log")
        labelled = _labelled_sizes(sizes)
        ax.set_xticks(labelled, [str(size) for size in labelled])
        ax.set_xticks([], minor=True)
        scale = _scale_error_axis(ax, [curve["errors"] for curve in self.curves.values()])
        separator = "\n" if len(self.error_name + scale) > MAX_LABEL_LENGTH else " "
        ylabel = f"{self.error_name}{separator}{scale}".rstrip()
        ax.set(xlabel="n_components (log scale)", ylabel=ylabel)
        ax.legend()
        return self


def _check_errors(errors, sizes, name):
    """Return the errors of a curve as an array; raise unless there is a valid one per size."""
    errors = np.atleast_1d(np.asarray(errors, dtype=np.float64))
    if errors.shape != sizes.shape or not np.isfinite(errors).all() or errors.min() < 0:
        raise ValueError(
            "errors must be one finite, non-negative number for each of n_components="
            f"{sizes.tolist()}; {name!r} has {errors.tolist()}."
        )
    return errors


def _curve(sizes, errors, deviations=None):
    """Return a curve, sorted by the number of components."""
    order = np.argsort(sizes, kind="stable")
    return {
        "n_components": sizes[order],
        "errors": errors[order],
        "deviations": None if deviations is None else deviations[order],
    }


def _scale_error_axis(ax, errors):
    """Make the error axis logarithmic, or linear near zero if there are very small errors.

    Return what to add to its label.
    """
    from matplotlib.ticker import LogLocator

    errors = np.concatenate(errors)
    largest, linear_below = errors.max(), LINEAR_SHARE * errors.max()
    if errors.min() > linear_below:
        ax.set_yscale("log")
        if largest < MAX_LABELLED_RATIO * errors.min():
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
            ax.yaxis.set_major_formatter("{x:g}")
            ax.yaxis.set_minor_formatter("")
        return "(log scale)"
    if largest > 0:
        ax.set_yscale("symlog", linthresh=linear_below)
        ax.set_ylim(-0.2 * linear_below, 2 * largest)
        return f"(log scale, linear below {linear_below:.0e})"
    return ""


def _labelled_sizes(sizes):
    """Return the sizes whose ticks are labelled: all if they are few, else powers of two."""
    if len(sizes) <= MAX_LABELLED_SIZES:
        return sizes
    return sizes[(sizes & (sizes - 1)) == 0]


def _check_search(search, display):
    """Raise unless the search is fitted, reconstructs and has a single score."""
    if not hasattr(search, "scoring") or not hasattr(search, "estimator"):
        raise TypeError(
            f"{display}.from_cv_results needs a search such as GridSearchCV, got "
            f"{type(search).__name__}."
        )
    check_is_fitted(search, "cv_results_")
    if not hasattr(search.estimator, "inverse_transform"):
        raise TypeError(
            f"{display} needs an estimator with inverse_transform; the search is over a "
            f"{type(search.estimator).__name__}, which has none."
        )
    if "mean_test_score" not in search.cv_results_:
        raise ValueError(
            "The search has several scores: search with scoring=reconstruction_score alone."
        )


def _check_default_scores(search):
    """Raise unless the `score` of all estimators in the search is a share of variance."""
    values = (value for params in search.cv_results_["params"] for value in params.values())
    estimators = [final_step(search.estimator), *values]
    for estimator in estimators:
        if hasattr(estimator, "fit") and not isinstance(
            estimator, AutoencoderTransformer | DenoisingAutoencoder
        ):
            raise ValueError(
                f"The score of {type(estimator).__name__} is not a share of explained variance: "
                "search with scoring=reconstruction_score."
            )


def _size_parameter(candidates):
    """Return the name of the searched parameter `n_components`, with the prefix of its step."""
    names = {name for params in candidates for name in params}
    size_names = sorted(name for name in names if name.split("__")[-1] == "n_components")
    if len(size_names) != 1 or not all(size_names[0] in params for params in candidates):
        raise ValueError(
            "The search must be over one parameter n_components, in all its candidates; it is over "
            f"{sorted(names)}."
        )
    sizes = [params[size_names[0]] for params in candidates]
    if not all(isinstance(size, Integral) for size in sizes):
        raise ValueError(f"n_components must be integers, but the search is over {sizes}.")
    return size_names[0]


def _search_curves(search, parameter, is_error):
    results = search.cv_results_
    means = np.asarray(results["mean_test_score"])
    deviations = np.asarray(results["std_test_score"])
    if not np.isfinite(means).all():
        raise ValueError("The search has scores that are not finite: some of its fits failed.")
    if not is_error and means.max() > 1 + 1e-9:
        raise ValueError(
            "The scores of the search must be shares of explained variance, at most 1, but one is "
            f"{means.max():.3g}: search with scoring=reconstruction_score."
        )
    errors = -means if is_error else 1 - means
    candidates_by_label = {}
    for i, params in enumerate(results["params"]):
        label = ", ".join(_describe(key, params[key]) for key in params if key != parameter)
        label = label or type(final_step(search.estimator)).__name__
        candidates_by_label.setdefault(label, []).append(i)
    sizes = np.array([params[parameter] for params in results["params"]])
    return {
        label: _curve(sizes[candidates], errors[candidates], deviations[candidates])
        for label, candidates in candidates_by_label.items()
    }


def _describe(key, value):
    """Describe an estimator by its class, and another parameter as key=value."""
    is_estimator = hasattr(value, "get_params")
    return type(value).__name__ if is_estimator else f"{key.split('__')[-1]}={value}"


def _score_of_final_step(estimator, X, y=None):
    """Return the share that the last step of a Pipeline explains of what it gets, as `score`."""
    steps = getattr(estimator, "steps", [])
    X = estimator[:-1].transform(X) if len(steps) > 1 else X
    return reconstruction_score(final_step(estimator), X)


def _pca_curve(search, parameter, X):
    from sklearn.decomposition import PCA
    from sklearn.model_selection import GridSearchCV

    estimator, step = PCA(), parameter.rpartition("__")[0]
    if step:
        estimator = clone(search.estimator).set_params(**{step: PCA()})
    sizes = sorted({params[parameter] for params in search.cv_results_["params"]})
    scoring = _score_of_final_step if search.scoring is None else reconstruction_score
    pca_search = GridSearchCV(
        estimator, {parameter: sizes}, scoring=scoring, cv=search.cv, refit=False
    )
    (curve,) = _search_curves(pca_search.fit(X), parameter, is_error=False).values()
    return curve
