"""ReconstructionErrorDisplay and FeatureScoreDisplay: which rows are outliers, and why."""

import numpy as np
from sklearn.base import is_outlier_detector
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skae.metrics import check_reducer
from skae.plotting._drawing import cycle_colors, one_axes, styled, text_color
from skae.plotting._validation import (
    as_rows,
    check_count,
    check_feature_names,
    final_step,
    find_feature_names,
    one_row,
)

LONG_TAIL = 10


class ReconstructionErrorDisplay:
    """How badly rows are reconstructed: a histogram, with the threshold of a detector.

    Rows beyond the threshold are flagged. Where it is known which rows are outliers, they have
    a histogram of their own; heights are shares of the rows of each kind.

    Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    errors : ndarray of shape (n_samples,)
        Error of each row: higher is more of an outlier.
    threshold : float, default=None
        Rows with a higher error are flagged.
    y : ndarray of shape (n_samples,), default=None
        1 for inliers, -1 for outliers.
    error_name : str, default="reconstruction error"
        What the errors are.

    Attributes
    ----------
    flagged_shares : dict of {str: float}
        Share of the rows that are flagged: of "rows", or of "inliers" and of "outliers". Empty
        without a threshold.
    bars_ : list of matplotlib BarContainer
        The histograms: one, or that of inliers and that of outliers.
    line_ : matplotlib Line2D or None
        The threshold.
    ax_ : matplotlib Axes
        Axes with the histogram.
    figure_ : matplotlib Figure
        Figure that contains it.

    See Also
    --------
    FeatureScoreDisplay : Which features make a row an outlier.
    sklearn.metrics.RocCurveDisplay : How well scores separate two kinds of rows.

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
    {'rows': 0.1}
    """

    def __init__(self, errors, threshold=None, y=None, *, error_name="reconstruction error"):
        self.errors = errors
        self.threshold = threshold
        self.y = y
        self.error_name = error_name

    @property
    def flagged_shares(self):
        """Share of the rows of each kind that are flagged: dict of {str: float}."""
        if self.threshold is None:
            return {}
        return {
            kind: float(np.mean(errors > self.threshold)) for kind, errors in self._kinds().items()
        }

    def _kinds(self):
        """Errors by the kind of the rows."""
        if self.y is None:
            return {"rows": self.errors}
        kinds = {"inliers": self.errors[self.y == 1], "outliers": self.errors[self.y == -1]}
        return {kind: errors for kind, errors in kinds.items() if len(errors)}

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        bins=40,
        ax=None,
        hist_kwargs=None,
        line_kwargs=None,
    ):
        """Compute the error of rows and plot its distribution.

        Parameters
        ----------
        estimator : object
            Fitted. Of an outlier detector the error is minus `score_samples`, and the
            threshold minus `offset_`; of a transformer with `inverse_transform` it is the mean
            squared error of each row, and there is no threshold.
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            1 for inliers, -1 for outliers.
        bins : int, default=40
            Number of bins.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        hist_kwargs : dict, default=None
            Keywords for `hist`.
        line_kwargs : dict, default=None
            Keywords for the line at the threshold.

        Returns
        -------
        display : ReconstructionErrorDisplay
            The errors, drawn.

        Raises
        ------
        TypeError
            If the estimator is neither an outlier detector nor can it reconstruct.
        ValueError
            If X or y is not as described.
        """
        threshold, error_name = None, "mean squared error of the reconstruction"
        if is_outlier_detector(estimator):
            check_is_fitted(estimator)
            errors = -np.asarray(estimator.score_samples(X))
            threshold = -float(final_step(estimator).offset_)
            error_name = _error_name(final_step(estimator))
        else:
            check_reducer(estimator, cls.__name__)
            reconstruction = np.asarray(estimator.inverse_transform(estimator.transform(X)))
            errors = np.mean(np.square(as_rows(X) - reconstruction), axis=1, dtype=np.float64)
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
        errors,
        threshold=None,
        y=None,
        *,
        error_name="reconstruction error",
        bins=40,
        ax=None,
        hist_kwargs=None,
        line_kwargs=None,
    ):
        """Plot the distribution of errors that exist.

        Parameters
        ----------
        errors : array-like of shape (n_samples,)
            Error of each row: higher is more of an outlier, so minus `score_samples`.
        threshold : float, default=None
            Rows with a higher error are flagged: minus `offset_`.
        y : array-like of shape (n_samples,), default=None
            1 for inliers, -1 for outliers.
        error_name : str, default="reconstruction error"
            What the errors are.
        bins : int, default=40
            Number of bins.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        hist_kwargs : dict, default=None
            Keywords for `hist`.
        line_kwargs : dict, default=None
            Keywords for the line at the threshold.

        Returns
        -------
        display : ReconstructionErrorDisplay
            The errors, drawn.

        Raises
        ------
        ValueError
            If errors or y is not as described.
        """
        errors = column_or_1d(errors, dtype=np.float64)
        if not len(errors) or not np.isfinite(errors).all():
            raise ValueError("errors must be finite numbers, one or more.")
        if threshold is not None and not np.isfinite(threshold):
            raise ValueError(f"threshold must be a finite number or None, got {threshold!r}.")
        if y is not None:
            y = column_or_1d(y)
            if len(y) != len(errors):
                raise ValueError(
                    f"y must have a value for each row: got {len(y)} for {len(errors)}."
                )
            if not np.isin(y, [-1, 1]).all():
                raise ValueError(
                    "y must be 1 for inliers and -1 for outliers, got the values "
                    f"{np.unique(y).tolist()}."
                )
        display = cls(errors, threshold, y, error_name=error_name)
        return display.plot(ax=ax, bins=bins, hist_kwargs=hist_kwargs, line_kwargs=line_kwargs)

    def plot(self, ax=None, *, bins=40, hist_kwargs=None, line_kwargs=None):
        """Draw the histogram and the threshold.

        Where some errors are more than ten times the median the axis is logarithmic, or, with
        errors that are not positive, logarithmic on either side of zero.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        bins : int, default=40
            Number of bins.
        hist_kwargs : dict, default=None
            Keywords for `hist`.
        line_kwargs : dict, default=None
            Keywords for the line at the threshold.

        Returns
        -------
        display : ReconstructionErrorDisplay
            The display itself.
        """
        bins = check_count(bins, "bins")
        ax = one_axes(type(self).__name__, ax, (6.4, 4.2))
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        kinds, shares = self._kinds(), self.flagged_shares
        ends = self.errors if self.threshold is None else np.append(self.errors, self.threshold)
        typical = np.median(np.abs(self.errors))
        edges, scale = _bin_edges(ends.min(), ends.max(), typical, bins)
        self.bars_, self.line_ = [], None
        for (kind, errors), color in zip(kinds.items(), cycle_colors(2)):
            label = f"{len(errors)} {kind}"
            if shares:
                label += f": {shares[kind]:.1%} flagged"
            style = styled(
                "hist_kwargs",
                hist_kwargs,
                Patch,
                facecolor=color,
                alpha=0.75 if len(kinds) > 1 else 1,
                weights=np.full(len(errors), 100 / len(errors)),
            )
            bars = ax.hist(errors, edges, **style | {"label": label})[2]
            self.bars_.append(bars)
        if self.threshold is not None:
            style = styled(
                "line_kwargs",
                line_kwargs,
                Line2D,
                color=text_color(),
                linestyle="--",
                label=f"threshold {self.threshold:.4g}",
            )
            self.line_ = ax.axvline(self.threshold, **style)
        ax.set_xscale(**scale)
        if scale["value"] == "asinh":
            ticks = _round_ticks(edges)
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.set_xticks([], minor=True)
            ax.set_xlim(edges[0], edges[-1])
        whole = "the rows" if self.y is None else "each kind"
        ax.set(xlabel=self.error_name, ylabel=f"share of {whole} (%)")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


class FeatureScoreDisplay:
    """What each feature adds to the score of one row: why it is an outlier, or is none.

    The lowest contributions stand on top, their bars go to the right.

    Use `from_estimator` to make one.

    Parameters
    ----------
    contributions : ndarray of shape (n_features,)
        What each feature adds to the score, as `score_features` gives it.
    feature_names : list of str, default=None
        Names of the features; None numbers them.
    values : ndarray of shape (n_features,), default=None
        The row itself, to be shown beside the names.
    offset : float, default=None
        The detector's threshold on scores.

    Attributes
    ----------
    score : float
        The row's score, the sum of the contributions.
    order : ndarray of shape (n_features,)
        The features from the lowest contribution to the highest.
    bars_ : matplotlib BarContainer
        The bars.
    ax_ : matplotlib Axes
        Axes with the bars.
    figure_ : matplotlib Figure
        Figure that contains them.

    See Also
    --------
    ReconstructionErrorDisplay : The scores of many rows.
    skae.AutoencoderOutlierDetector.score_features : What is shown.

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

    def __init__(self, contributions, feature_names=None, *, values=None, offset=None):
        self.contributions = contributions
        self.feature_names = feature_names
        self.values = values
        self.offset = offset

    @property
    def score(self):
        """The row's score: float."""
        return float(np.sum(self.contributions))

    @property
    def order(self):
        """The features, lowest contribution first: ndarray of shape (n_features,)."""
        return np.argsort(self.contributions, kind="stable")

    @classmethod
    def from_estimator(
        cls, estimator, x, *, feature_names=None, n_features=10, ax=None, bar_kwargs=None
    ):
        """Plot what each feature adds to the score of a row.

        Parameters
        ----------
        estimator : object
            Fitted, with `score_features`: an `AutoencoderOutlierDetector`.
        x : array-like of shape (n_features,) or (1, n_features)
            The row.
        feature_names : list of str, default=None
            Names of the features; None takes those of a frame or of the estimator.
        n_features : int, default=10
            Number of features to show at most, those with the lowest contributions; None
            for all.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        bar_kwargs : dict, default=None
            Keywords for `barh`.

        Returns
        -------
        display : FeatureScoreDisplay
            The contributions, drawn.

        Raises
        ------
        TypeError
            If the estimator has no `score_features`.
        ValueError
            If x is not one row, or `feature_names` does not name its features.
        """
        if not hasattr(estimator, "score_features"):
            raise TypeError(
                f"{cls.__name__} needs a detector with score_features; "
                f"{type(estimator).__name__} has none."
            )
        check_is_fitted(estimator)
        x = one_row(x, "x")
        if feature_names is None:
            feature_names = find_feature_names(x, estimator)
        contributions = np.asarray(estimator.score_features(x))[0]
        display = cls(
            contributions,
            check_feature_names(feature_names, len(contributions)),
            values=as_rows(x, "x")[0],
            offset=estimator.offset_,
        )
        return display.plot(ax=ax, n_features=n_features, bar_kwargs=bar_kwargs)

    def plot(self, ax=None, *, n_features=10, bar_kwargs=None):
        """Draw a bar for each of the lowest contributions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        n_features : int, default=10
            Number of features to show at most, those with the lowest contributions; None
            for all.
        bar_kwargs : dict, default=None
            Keywords for `barh`.

        Returns
        -------
        display : FeatureScoreDisplay
            The display itself.
        """
        n_shown = check_count(n_features, "n_features", len(self.contributions))
        ax = one_axes(type(self).__name__, ax, (6.4, 1.3 + 0.29 * n_shown))
        from matplotlib.patches import Patch

        shown = self.order[:n_shown]
        names = check_feature_names(self.feature_names, len(self.contributions))
        labels = [names[j] for j in shown]
        if self.values is not None:
            labels = [f"{names[j]} = {self.values[j]:.4g}" for j in shown]
        style = styled("bar_kwargs", bar_kwargs, Patch, facecolor=cycle_colors(1)[0])
        places = np.arange(n_shown)
        self.bars_ = ax.barh(places, self.contributions[shown], **style)
        ax.set_yticks(places, labels)
        ax.invert_yaxis()
        ax.invert_xaxis()
        left_out = len(self.contributions) - n_shown
        rest = f" ({left_out} features are left out)" if left_out else ""
        ax.set_xlabel(f"contribution to the score{rest}")
        title = f"score {self.score:.4g}"
        if self.offset is not None:
            verdict = "outlier" if self.score < self.offset else "inlier"
            title = f"{verdict}: {title}, threshold {self.offset:.4g}"
        ax.set_title(title, fontsize="medium")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _error_name(detector):
    """What minus `score_samples` is."""
    criterion = getattr(detector, "criterion", None)
    names = {
        "likelihood": "minus log-likelihood of the row",
        "reconstruction": "mean squared standardised residual",
    }
    return names.get(criterion, "minus score_samples")


def _bin_edges(lowest, highest, typical, bins):
    """Return edges of bins that are equally wide on an axis, and the scale of that axis."""
    if lowest == highest:
        lowest, highest = lowest - 0.5, highest + 0.5
    if highest <= LONG_TAIL * typical or typical == 0:
        return np.linspace(lowest, highest, bins + 1), {"value": "linear"}
    if lowest > 0:
        return np.geomspace(lowest, highest, bins + 1), {"value": "log"}
    ends = np.arcsinh(np.array([lowest, highest]) / typical)
    edges = typical * np.sinh(np.linspace(*ends, bins + 1))
    edges[[0, -1]] = lowest, highest  # rounding must leave no row out
    return edges, {"value": "asinh", "linear_width": typical}


def _round_ticks(edges, n_ticks=7):
    """Round numbers, about equally far from one another on the axis of the edges."""
    places = np.linspace(0, len(edges) - 1, n_ticks)
    found = {float(f"{value:.0e}") for value in np.interp(places, np.arange(len(edges)), edges)}
    return sorted(value for value in found | {0.0} if edges[0] <= value <= edges[-1])
