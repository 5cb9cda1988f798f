"""ReconstructionErrorDisplay and FeatureScoreDisplay: which samples are outliers, and why."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_outlier_detector
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skae._outliers.explanation import describe, is_one_hot, read_features
from skae._outliers.robust import weighted_quantile
from skae.metrics import check_reducer
from skae.plotting._drawing import OnAxes, cycle_colors, merge_keywords, text_color
from skae.plotting._validation import (
    as_samples,
    as_single_sample,
    check_count,
    check_feature_names,
    final_step,
    find_feature_names,
    names_after,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.lines import Line2D

LONG_TAIL_RATIO = 10  # largest error / median absolute error above which the axis is not linear


class ReconstructionErrorDisplay(OnAxes):
    """Histogram of reconstruction errors or outlier scores, with the threshold of a detector.

    Samples above the threshold are flagged. If `y` says which samples are outliers, inliers and
    outliers have a histogram each, and the heights are percentages of each class.

    Use `from_estimator` or `from_predictions` to create one.

    Parameters
    ----------
    errors : ndarray of shape (n_samples,)
        Error of each sample, higher for outliers.
    threshold : float, default=None
        Samples with a higher error are flagged.
    y : ndarray of shape (n_samples,), default=None
        1 for inliers, -1 for outliers.
    error_name : str, default="reconstruction error"
        Label of the error axis.

    Attributes
    ----------
    flagged_shares : dict of {str: float}
        Share of the samples that are flagged, by "samples", or by "inliers" and "outliers" if
        `y` is given. Empty without a threshold.
    bars_ : list of matplotlib BarContainer
        The histograms: one of all samples, or one of inliers and one of outliers.
    line_ : matplotlib Line2D or None
        The threshold.
    ax_ : matplotlib Axes
        Axes with the histograms.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    FeatureScoreDisplay : Which features make a sample an outlier.
    sklearn.metrics.RocCurveDisplay : How well scores separate inliers from outliers.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import AutoencoderOutlierDetector
    >>> from skae.plotting import ReconstructionErrorDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 1)) * [1, 2, 3] + rng.normal(scale=0.1, size=(200, 3))
    >>> detector = AutoencoderOutlierDetector(1, contamination=0.1, random_state=0).fit(X)
    >>> display = ReconstructionErrorDisplay.from_estimator(detector, X)
    >>> display.flagged_shares
    {'samples': 0.1}
    """

    bars_: "list[BarContainer]"
    line_: "Line2D | None"

    def __init__(
        self,
        errors: NDArray[Any],
        threshold: float | None = None,
        y: NDArray[Any] | None = None,
        *,
        error_name: str = "reconstruction error",
    ) -> None:
        self.errors = errors
        self.threshold = threshold
        self.y = y
        self.error_name = error_name

    @property
    def flagged_shares(self) -> dict[str, float]:
        """Share of the samples that are flagged, by class: dict of {str: float}."""
        if self.threshold is None:
            return {}
        return {
            label: float(np.mean(errors > self.threshold))
            for label, errors in self._errors_by_class().items()
        }

    def _errors_by_class(self):
        """Return the errors of all samples, or of those of each class that occurs in y."""
        if self.y is None:
            return {"samples": self.errors}
        errors = {"inliers": self.errors[self.y == 1], "outliers": self.errors[self.y == -1]}
        return {label: values for label, values in errors.items() if len(values)}

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        bins: int = 40,
        ax: "Axes | None" = None,
        hist_kwargs: Mapping[str, Any] | None = None,
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Compute the error of each sample and plot the distribution.

        Parameters
        ----------
        estimator : object
            Fitted outlier detector, or transformer with `inverse_transform`. For a detector
            errors are minus `score_samples` and the threshold is minus `offset_`. For a
            transformer errors are the mean squared error of each sample, over the cells that
            are not missing, without a threshold.
        X : array-like of shape (n_samples, n_features)
            Samples to score.
        y : array-like of shape (n_samples,), default=None
            1 for inliers, -1 for outliers.
        bins : int, default=40
            Number of bins.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        hist_kwargs : dict, default=None
            Keyword arguments for `hist`.
        line_kwargs : dict, default=None
            Keyword arguments for the line at the threshold.

        Returns
        -------
        display : ReconstructionErrorDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator neither detects outliers nor reconstructs, `ax` is not a
            matplotlib Axes, or keyword arguments are not a dict.
        ValueError
            If `X`, `y` or `bins` is not as described.
        """
        model = final_step(estimator)
        if is_outlier_detector(estimator):
            check_is_fitted(estimator)
            errors = -np.asarray(estimator.score_samples(X))
            threshold, error_name = -float(model.offset_), _error_name(model)
        else:
            check_reducer(estimator, cls.__name__)
            reconstruction = np.asarray(estimator.inverse_transform(estimator.transform(X)))
            squares = np.square(as_samples(X, takes_nan=True) - reconstruction)
            squares = np.ma.array(squares, mask=np.isnan(squares))
            errors = squares.mean(axis=1, dtype=np.float64).filled(0)
            threshold, error_name = None, "mean squared error of the reconstruction"
        return cls.from_predictions(
            errors,
            threshold,
            y,
            error_name=error_name,
            bins=bins,
            ax=ax,
            hist_kwargs=hist_kwargs,
            line_kwargs=line_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        errors: ArrayLike,
        threshold: float | None = None,
        y: ArrayLike | None = None,
        *,
        error_name: str = "reconstruction error",
        bins: int = 40,
        ax: "Axes | None" = None,
        hist_kwargs: Mapping[str, Any] | None = None,
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Plot the distribution of errors that were computed before.

        Parameters
        ----------
        errors : array-like of shape (n_samples,)
            Error of each sample, higher for outliers: for example minus `score_samples`.
        threshold : float, default=None
            Samples with a higher error are flagged. For a detector it is minus `offset_`.
        y : array-like of shape (n_samples,), default=None
            1 for inliers, -1 for outliers.
        error_name : str, default="reconstruction error"
            Label of the error axis.
        bins : int, default=40
            Number of bins.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        hist_kwargs : dict, default=None
            Keyword arguments for `hist`.
        line_kwargs : dict, default=None
            Keyword arguments for the line at the threshold.

        Returns
        -------
        display : ReconstructionErrorDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or keyword arguments are not a dict.
        ValueError
            If another argument is not as described.
        """
        errors = column_or_1d(errors, dtype=np.float64)
        if not len(errors) or not np.isfinite(errors).all():
            raise ValueError("errors must be finite numbers, at least one.")
        if threshold is not None and not np.isfinite(threshold):
            raise ValueError(f"threshold must be a finite number or None, got {threshold!r}.")
        if y is not None:
            y = _check_outlier_labels(y, len(errors))
        display = cls(errors, threshold, y, error_name=error_name)
        return display.plot(ax=ax, bins=bins, hist_kwargs=hist_kwargs, line_kwargs=line_kwargs)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        bins: int = 40,
        hist_kwargs: Mapping[str, Any] | None = None,
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the histograms and the threshold.

        The error axis is linear up to ten times the median absolute error. If the largest error
        exceeds that, the axis is logarithmic, or asinh if there are errors of zero or below.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        bins : int, default=40
            Number of bins.
        hist_kwargs : dict, default=None
            Keyword arguments for `hist`.
        line_kwargs : dict, default=None
            Keyword arguments for the line at the threshold.

        Returns
        -------
        display : ReconstructionErrorDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or keyword arguments are not a dict.
        ValueError
            If `bins` is not a positive int.
        """
        bins = check_count(bins, "bins")
        ax = self._prepare(ax, (6.4, 4.2))
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        errors_by_class, shares = self._errors_by_class(), self.flagged_shares
        edges, scale = self._bin_edges(bins)
        self.bars_, self.line_ = [], None
        for (label, errors), color in zip(errors_by_class.items(), cycle_colors(2)):
            flagged = f": {shares[label]:.1%} flagged" if shares else ""
            keywords = merge_keywords(
                "hist_kwargs",
                hist_kwargs,
                Patch,
                facecolor=color,
                alpha=0.75 if len(errors_by_class) > 1 else 1,
                weights=np.full(len(errors), 100 / len(errors)),
            )
            keywords["label"] = f"{len(errors)} {label}{flagged}"
            self.bars_.append(ax.hist(errors, edges, **keywords)[2])
        if self.threshold is not None:
            defaults = {"color": text_color(), "linestyle": "--"}
            defaults["label"] = f"threshold {self.threshold:.4g}"
            keywords = merge_keywords("line_kwargs", line_kwargs, Line2D, **defaults)
            self.line_ = ax.axvline(self.threshold, **keywords)
        ax.set_xscale(**scale)
        if scale["value"] == "asinh":
            ticks = _round_ticks(edges)
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.set_xticks([], minor=True)
            ax.set_xlim(edges[0], edges[-1])
        population = "all samples" if self.y is None else "each class"
        name = scale["value"]
        announced = "" if name == "linear" else f" ({name} scale)"
        ax.set(xlabel=f"{self.error_name}{announced}", ylabel=f"share of {population} (%)")
        ax.legend()
        return self

    def _bin_edges(self, bins):
        """Return the edges of bins that look equally wide, and the keywords of the axis scale.

        The bins cover all errors and the threshold.
        """
        covered = self.errors if self.threshold is None else [*self.errors, self.threshold]
        lowest, highest = np.min(covered), np.max(covered)
        typical = np.median(np.abs(self.errors))
        if lowest == highest:
            lowest, highest = lowest - 0.5, highest + 0.5
        if highest <= LONG_TAIL_RATIO * typical or typical == 0:
            return np.linspace(lowest, highest, bins + 1), {"value": "linear"}
        if lowest > 0:
            return np.geomspace(lowest, highest, bins + 1), {"value": "log"}
        ends = np.arcsinh(np.array([lowest, highest]) / typical)
        edges = typical * np.sinh(np.linspace(*ends, bins + 1))
        edges[[0, -1]] = lowest, highest  # rounding must not exclude an error
        return edges, {"value": "asinh", "linear_width": typical}


class FeatureScoreDisplay(OnAxes):
    """What each feature takes from the score of one sample: why it is an outlier or not.

    A bar shows how far the contribution of a feature to the score is below that of a typical
    sample. The longest, on top, is most to blame. Bars that point to the left belong to features
    that fit better than typical.

    Use `from_estimator` to create one.

    Parameters
    ----------
    contributions : ndarray of shape (n_features,)
        Contribution of each feature to the score, as returned by `score_features`, or the sum of
        those of a group.
    feature_names : list of str, default=None
        Names of the features; None numbers them.
    values : sequence of float, str or tuple, default=None
        Feature values of the sample, written beside the names.
    offset : float, default=None
        Threshold of the detector: samples with a lower score are outliers.
    typical : float or ndarray of shape (n_features,), default=0.0
        Contribution of a feature to the score of a typical sample: for a detector, the median of
        its `calibration_scores_` divided by the number of features, times those of a group.

    Attributes
    ----------
    score : float
        Score of the sample, the sum of the contributions.
    order : ndarray of shape (n_features,)
        Indices of the features, from the one that is most to blame to the one that fits best.
    bars_ : matplotlib BarContainer
        The bars.
    ax_ : matplotlib Axes
        Axes with the bars.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    ReconstructionErrorDisplay : The scores of many samples.
    skae.AutoencoderOutlierDetector.score_features : The contributions of many samples.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skae import AutoencoderOutlierDetector
    >>> from skae.plotting import FeatureScoreDisplay
    >>> wine = load_wine()
    >>> detector = AutoencoderOutlierDetector(random_state=0).fit(wine.data)
    >>> display = FeatureScoreDisplay.from_estimator(
    ...     detector, wine.data[121], feature_names=wine.feature_names
    ... )
    >>> display.feature_names[display.order[0]]
    'flavanoids'
    """

    bars_: "BarContainer"

    def __init__(
        self,
        contributions: NDArray[Any],
        feature_names: Sequence[str] | None = None,
        *,
        values: Sequence[Any] | NDArray[Any] | None = None,
        offset: float | None = None,
        typical: float | NDArray[Any] = 0.0,
    ) -> None:
        self.typical = typical
        self.contributions = contributions
        self.feature_names = feature_names
        self.values = values
        self.offset = offset

    @property
    def score(self) -> float:
        """Score of the sample: float."""
        return float(np.sum(self.contributions))

    @property
    def order(self) -> NDArray[np.intp]:
        """Indices of the features, most to blame first: ndarray of shape (n_features,)."""
        return np.argsort(self.contributions - self.typical, kind="stable")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        x: ArrayLike,
        *,
        feature_names: Collection[str] | None = None,
        groups: Mapping[str, Sequence[Any]] | None = None,
        n_features: int | None = 10,
        ax: "Axes | None" = None,
        bar_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Plot what each feature takes from the score of a sample.

        Parameters
        ----------
        estimator : object
            Fitted, with `score_features`: an `AutoencoderOutlierDetector`, or a Pipeline that ends
            in one. Features and values are then those that the other steps pass to the detector.
        x : array-like of shape (n_features,) or (1, n_features)
            The sample. Missing cells have no bar.
        feature_names : list of str, default=None
            Names of the features; None takes those of a data frame or of the estimator.
        groups : dict of {str: list}, default=None
            Features that have several columns, with the names or indices of these columns, as in
            `explain`. Each has one bar. Of a category that is encoded one-hot the name is written.
        n_features : int, default=10
            Maximum number of features to show, those that are most to blame. None shows all.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        bar_kwargs : dict, default=None
            Keyword arguments for `barh`.

        Returns
        -------
        display : FeatureScoreDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no `score_features`, `ax` is not a matplotlib Axes, or
            `bar_kwargs` is not a dict.
        ValueError
            If another argument is not as described.
        """
        steps, estimator = estimator, final_step(estimator)
        if not hasattr(estimator, "score_features"):
            raise TypeError(
                f"{cls.__name__} needs a detector with score_features; "
                f"{type(estimator).__name__} has none."
            )
        check_is_fitted(estimator)
        x = as_single_sample(x, "x")
        if len(getattr(steps, "steps", ())) > 1:
            x = steps[:-1].transform(x)
            if feature_names is None and not hasattr(x, "columns"):
                feature_names = names_after(steps[:-1])
        if feature_names is None:
            feature_names = find_feature_names(x, estimator)
        contributions = np.asarray(estimator.score_features(x))[0]
        is_known = ~np.isnan(contributions)  # missing cells have no contribution
        features = read_features(check_feature_names(feature_names, len(is_known)), groups)
        features = [feature for feature in features if is_known[feature.columns].any()]
        values, typical = as_samples(x, "x", takes_nan=True), _typical_score(estimator)
        n_columns = np.array([is_known[feature.columns].sum() for feature in features])
        display = cls(
            np.array([np.nansum(contributions[feature.columns]) for feature in features]),
            [str(feature.name) for feature in features],
            values=[describe(values, each, is_one_hot(values, each))[0] for each in features],
            offset=estimator.offset_,
            typical=typical / max(is_known.sum(), 1) * n_columns,
        )
        return display.plot(ax=ax, n_features=n_features, bar_kwargs=bar_kwargs)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        n_features: int | None = 10,
        bar_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw a bar for each of the features that are most to blame.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        n_features : int, default=10
            Maximum number of features to show, those that are most to blame. None shows all.
        bar_kwargs : dict, default=None
            Keyword arguments for `barh`.

        Returns
        -------
        display : FeatureScoreDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or `bar_kwargs` is not a dict.
        ValueError
            If `n_features` is not a positive int or None.
        """
        n_shown = check_count(n_features, "n_features", len(self.contributions))
        ax = self._prepare(ax, (6.4, 1.3 + 0.29 * n_shown))
        from matplotlib.patches import Patch

        lowest = self.order[:n_shown]
        names = check_feature_names(self.feature_names, len(self.contributions))
        labels = [names[j] for j in lowest]
        if self.values is not None:
            labels = [f"{names[j]} = {_as_text(self.values[j])}" for j in lowest]
        keywords = merge_keywords("bar_kwargs", bar_kwargs, Patch, facecolor=cycle_colors(1)[0])
        positions = np.arange(n_shown)
        self.bars_ = ax.barh(positions, (self.typical - self.contributions)[lowest], **keywords)
        ax.set_yticks(positions, labels)
        ax.invert_yaxis()
        n_hidden = len(self.contributions) - n_shown
        hidden = f" ({n_hidden} features not shown)" if n_hidden else ""
        ax.set_xlabel(f"taken from the score{hidden}")
        title = f"score {self.score:.4g}"
        if self.offset is not None:
            label = "outlier" if self.score < self.offset else "inlier"
            title = f"{label}: {title}, threshold {self.offset:.4g}"
        ax.set_title(title, fontsize="medium")
        return self


def _check_outlier_labels(y, n_samples):
    y = column_or_1d(y)
    if len(y) != n_samples:
        raise ValueError(
            f"y must have one value per sample, got {len(y)} values for {n_samples} samples."
        )
    if not np.isin(y, [-1, 1]).all():
        raise ValueError(
            f"y must be 1 for inliers and -1 for outliers, got the values {np.unique(y).tolist()}."
        )
    return y


def _error_name(detector):
    """Return the axis label for minus `score_samples`."""
    names = {
        "likelihood": "minus log-likelihood of the sample",
        "reconstruction": "mean squared standardised residual",
    }
    return names.get(getattr(detector, "criterion", None), "minus score_samples")


def _as_text(value):
    """Return a number, the name of a category, or a tuple of numbers as text."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_as_text, value))})"
    return value if isinstance(value, str) else f"{value:.4g}"


def _typical_score(detector):
    """Return the median score of the calibration samples; zero for a detector without these."""
    scores = getattr(detector, "calibration_scores_", None)
    if scores is None:
        return 0.0
    return weighted_quantile(scores, detector.calibration_weights_, 0.5)


def _round_ticks(edges, n_ticks=7):
    """Return rounded positions, about evenly spaced on the axis of the bin edges."""
    bins = np.linspace(0, len(edges) - 1, n_ticks)
    values = np.interp(bins, np.arange(len(edges)), edges)
    ticks = {0.0} | {float(f"{value:.0e}") for value in values}
    return sorted(tick for tick in ticks if edges[0] <= tick <= edges[-1])
