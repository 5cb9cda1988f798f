"""DistortionDisplay."""

from collections.abc import Mapping
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skae._denoising import DenoisingAutoencoder
from skae._transformer import AutoencoderTransformer
from skae.metrics import rate_distortion, reconstruction_score
from skae.plotting._drawing import cycle_colors, one_axes, styled, text_color
from skae.plotting._validation import final_step

LINEAR_BELOW, NARROW = 1e-3, 100


class DistortionDisplay:
    """How much is lost for each width of the code, with PCA's curve beside it.

    Use `from_estimator`, `from_predictions` or `from_cv_results` to make one.

    Parameters
    ----------
    curves : dict of {str: dict}
        For each curve, by its name, "n_components" and "errors", arrays of shape (n_sizes,), and
        "deviations", an array of standard deviations of that shape or None.
    error_name : str, default="mean squared error"
        What the errors are.

    Attributes
    ----------
    lines_ : dict of {str: matplotlib ErrorbarContainer}
        The curves, by their names.
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure that contains them.

    See Also
    --------
    LossCurveDisplay : The loss against the epoch.

    Examples
    --------
    >>> from skae.plotting import DistortionDisplay
    >>> display = DistortionDisplay.from_predictions(
    ...     [2, 4, 8], [0.031, 0.018, 0.010], [0.052, 0.038, 0.024]
    ... )
    >>> list(display.curves)
    ['autoencoder', 'PCA']
    """

    def __init__(self, curves, *, error_name="mean squared error"):
        self.curves = curves
        self.error_name = error_name

    @classmethod
    def from_estimator(
        cls, estimator, X, *, n_components=None, ax=None, line_kwargs=None, pca_kwargs=None
    ):
        """Plot the errors of one autoencoder at every size of its code.

        Parameters
        ----------
        estimator : AutoencoderTransformer or DenoisingAutoencoder
            Fitted with ``nested=True``.
        X : array-like of shape (n_samples, n_features)
            Rows to reconstruct, best unseen ones.
        n_components : array-like of int of shape (n_sizes,), default=None
            Sizes of code, all of them for None.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        line_kwargs : dict, default=None
            Keywords for the curve.
        pca_kwargs : dict, default=None
            Keywords for PCA's curve, which there is with a linear path.

        Returns
        -------
        display : DistortionDisplay
            The curves, drawn.

        Raises
        ------
        ValueError
            If the estimator was not fitted with ``nested=True``, or a size of code is none
            that it has.
        """
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
        n_components,
        errors,
        pca_errors=None,
        *,
        error_name="mean squared error",
        ax=None,
        line_kwargs=None,
        pca_kwargs=None,
    ):
        """Plot errors that exist.

        Parameters
        ----------
        n_components : array-like of shape (n_sizes,)
            Widths of the code.
        errors : array-like of shape (n_sizes,) or dict of such
            Error with each of them; of a dict each is a curve, by its name.
        pca_errors : array-like of shape (n_sizes,), default=None
            PCA's error with as many components.
        error_name : str, default="mean squared error"
            What the errors are.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        line_kwargs : dict, default=None
            Keywords for the curves.
        pca_kwargs : dict, default=None
            Keywords for PCA's curve.

        Returns
        -------
        display : DistortionDisplay
            The curves, drawn.

        Raises
        ------
        ValueError
            If there is not one error for each width, or it is negative or not finite.
        """
        sizes = np.atleast_1d(n_components)
        if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or not sizes.size or sizes.min() < 1:
            raise ValueError(f"n_components must be positive whole numbers, got {n_components!r}.")
        if not isinstance(errors, Mapping):
            errors = {"autoencoder": errors}
        if pca_errors is not None:
            errors = errors | {"PCA": pca_errors}
        curves = {}
        for name, values in errors.items():
            values = np.atleast_1d(np.asarray(values, dtype=np.float64))
            proper = values.shape == sizes.shape and np.isfinite(values).all() and values.min() >= 0
            if not proper:
                raise ValueError(
                    "errors must be a finite number, not negative, for each of n_components="
                    f"{sizes.tolist()}; {name!r} has {values.tolist()}."
                )
            order = np.argsort(sizes, kind="stable")
            curves[str(name)] = {
                "n_components": sizes[order],
                "errors": values[order],
                "deviations": None,
            }
        display = cls(curves, error_name=error_name)
        return display.plot(ax=ax, line_kwargs=line_kwargs, pca_kwargs=pca_kwargs)

    @classmethod
    def from_cv_results(cls, search, X=None, *, ax=None, line_kwargs=None, pca_kwargs=None):
        """Plot the outcome of a search over the width of the code.

        There is a curve for each combination of the other parameters of the grid. Scores have
        to be shares of the variance that is explained, as the autoencoders' `score` and
        :func:`skae.metrics.reconstruction_score` are, and what is plotted is the share that
        is lost; or errors with the sign changed, by a scorer of scikit-learn's whose name
        begins with ``"neg_"``.

        Parameters
        ----------
        search : object
            Fitted GridSearchCV or another search, over a parameter `n_components`: of the
            estimator itself or of a step of a Pipeline.
        X : array-like of shape (n_samples, n_features), default=None
            The rows that the search was fitted to. If given, PCA takes the place of the
            estimator, is judged on the same folds by :func:`skae.metrics.reconstruction_score`,
            and stands beside it. Without an int or a splitter that repeats itself as `cv` the
            folds differ.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        line_kwargs : dict, default=None
            Keywords for the curves.
        pca_kwargs : dict, default=None
            Keywords for PCA's curve.

        Returns
        -------
        display : DistortionDisplay
            The curves, drawn; bars are standard deviations over the folds.

        Raises
        ------
        TypeError
            If this is no search, or one over estimators that cannot reconstruct.
        ValueError
            If the search is not over whole numbers of `n_components`, or its scores are not as
            described.
        """
        if not hasattr(search, "scoring") or not hasattr(search, "estimator"):
            raise TypeError(
                f"{cls.__name__}.from_cv_results needs a search such as GridSearchCV, got "
                f"{type(search).__name__}."
            )
        check_is_fitted(search, "cv_results_")
        if not hasattr(search.estimator, "inverse_transform"):
            raise TypeError(
                f"{cls.__name__} shows reconstruction errors; the search is over a "
                f"{type(search.estimator).__name__} that has no inverse_transform."
            )
        results = search.cv_results_
        if "mean_test_score" not in results:
            raise ValueError(
                "The search has several scores: search with one, the share of the variance that "
                "is explained."
            )
        parameter = _size_parameter(results["params"])
        _check_scoring(search)
        is_error = isinstance(search.scoring, str) and search.scoring.startswith("neg_")
        curves = _curves(results, parameter, is_error, final_step(search.estimator))
        error_name = "share of the variance lost"
        if is_error:
            error_name = search.scoring.removeprefix("neg_").replace("_", " ")
        if X is not None:
            if is_error:
                raise ValueError(
                    "PCA is judged by the share of the variance, the search by "
                    f"{search.scoring!r}: leave X out, or search with "
                    "scoring=reconstruction_score."
                )
            curves["PCA"] = _pca_curve(search, parameter, X)
        display = cls(curves, error_name=f"{error_name}, held-out rows")
        return display.plot(ax=ax, line_kwargs=line_kwargs, pca_kwargs=pca_kwargs)

    def plot(self, ax=None, *, line_kwargs=None, pca_kwargs=None):
        """Draw the curves.

        Both axes are logarithmic; that of the errors is linear below a thousandth of the
        greatest, where there are errors as small.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        line_kwargs : dict, default=None
            Keywords for the curves.
        pca_kwargs : dict, default=None
            Keywords for PCA's curve.

        Returns
        -------
        display : DistortionDisplay
            The display itself.
        """
        ax = one_axes(type(self).__name__, ax, (6.4, 4.2))
        from matplotlib.lines import Line2D
        from matplotlib.ticker import LogLocator

        others = [name for name in self.curves if name != "PCA"]
        colors = dict(zip(others, cycle_colors(len(others))))
        self.lines_ = {}
        for name, curve in self.curves.items():
            if name == "PCA":
                defaults = {"color": text_color(), "linestyle": "--", "marker": "o"}
                style = styled("pca_kwargs", pca_kwargs, Line2D, **defaults)
            else:
                defaults = {"color": colors[name], "marker": "D"}
                style = styled("line_kwargs", line_kwargs, Line2D, **defaults)
            style = {"capsize": 3, "markersize": 5, "label": name} | style
            self.lines_[name] = ax.errorbar(
                curve["n_components"], curve["errors"], curve["deviations"], **style
            )
        errors = np.concatenate([curve["errors"] for curve in self.curves.values()])
        sizes = np.unique(np.concatenate([curve["n_components"] for curve in self.curves.values()]))
        ax.set_xscale("log")
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.set_xticks([], minor=True)
        least = LINEAR_BELOW * errors.max()
        if errors.min() > least:
            ax.set_yscale("log")
            if errors.max() < NARROW * errors.min():
                ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
                ax.yaxis.set_major_formatter("{x:g}")
                ax.yaxis.set_minor_formatter("")
        elif least > 0:
            ax.set_yscale("symlog", linthresh=least)
            ax.set_ylim(-0.2 * least, 2 * errors.max())
        ax.set(xlabel="n_components", ylabel=self.error_name)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _check_scoring(search):
    """Without a scorer, every estimator's own score must be a share of the variance."""
    if search.scoring is not None:
        return
    values = (value for params in search.cv_results_["params"] for value in params.values())
    estimators = [final_step(search.estimator), *values]
    for estimator in estimators:
        if hasattr(estimator, "fit") and not isinstance(
            estimator, AutoencoderTransformer | DenoisingAutoencoder
        ):
            raise ValueError(
                f"The score of {type(estimator).__name__} is no share of the variance: search "
                "with scoring=reconstruction_score."
            )


def _size_parameter(candidates):
    """Name of the parameter that is the width of the code."""
    names = {name for params in candidates for name in params}
    found = sorted(name for name in names if name.split("__")[-1] == "n_components")
    if len(found) != 1 or not all(found[0] in params for params in candidates):
        raise ValueError(
            "The search must be over one parameter n_components, in all its candidates; it is over "
            f"{sorted(names)}."
        )
    sizes = [params[found[0]] for params in candidates]
    if not all(isinstance(size, Integral) for size in sizes):
        raise ValueError(f"n_components must be whole numbers, the search is over {sizes}.")
    return found[0]


def _curves(results, parameter, is_error, estimator):
    """The errors of each combination of the other parameters, by what they are."""
    means = np.asarray(results["mean_test_score"])
    if not np.isfinite(means).all():
        raise ValueError("The search has scores that are not finite: some of its fits failed.")
    if not is_error and means.max() > 1 + 1e-9:
        raise ValueError(
            "The scores of the search must be shares of the variance, at most 1, but one is "
            f"{means.max():.3g}: search with scoring=reconstruction_score."
        )
    errors = -means if is_error else 1 - means
    found = {}
    for i, params in enumerate(results["params"]):
        others = {key: value for key, value in params.items() if key != parameter}
        label = ", ".join(_describe(key, value) for key, value in others.items())
        found.setdefault(label or type(estimator).__name__, []).append(i)
    curves = {}
    for label, chosen in found.items():
        sizes = np.array([results["params"][i][parameter] for i in chosen])
        order = np.argsort(sizes, kind="stable")
        chosen = np.array(chosen)[order]
        curves[label] = {
            "n_components": sizes[order],
            "errors": errors[chosen],
            "deviations": np.asarray(results["std_test_score"])[chosen],
        }
    return curves


def _describe(key, value):
    """An estimator by its class, other parameters as key=value."""
    is_estimator = hasattr(value, "get_params")
    return type(value).__name__ if is_estimator else f"{key.split('__')[-1]}={value}"


def _pca_curve(search, parameter, X):
    """PCA in the place of the estimator whose n_components was searched."""
    from sklearn.decomposition import PCA
    from sklearn.model_selection import GridSearchCV

    estimator, step = PCA(), parameter.rpartition("__")[0]
    if step:
        estimator = clone(search.estimator).set_params(**{step: PCA()})
    sizes = sorted({params[parameter] for params in search.cv_results_["params"]})
    pca_search = GridSearchCV(
        estimator, {parameter: sizes}, scoring=reconstruction_score, cv=search.cv, refit=False
    )
    curves = _curves(pca_search.fit(X).cv_results_, parameter, False, PCA())
    return curves["PCA"]
