"""CodeDisplay: two components of a latent code as a scatter plot."""

from collections.abc import Mapping, Sequence
from itertools import cycle
import math
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import column_or_1d

from skae._missing.gaps import missing_cells
from skae._sampling import generator
from skae.metrics import check_reducer, explained_variance, reconstruction_score
from skae.plotting._drawing import (
    add_colorbar,
    cycle_colors,
    merge_keywords,
    prepare_axes_row,
    readable_colormap,
)
from skae.plotting._validation import Indices, as_samples, check_components, final_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

MAX_CLASSES = 20
MARKERS = "osD^vPX<>*"  # of classes, so that colours are not all that tells them apart
ROW_SHARE = 0.7  # of the height of a row, over which points are spread


class CodeDisplay:
    """Two components of a latent code as a scatter plot, beside the same two of PCA.

    Of a code with one component the points are spread over the height of the plot at random, each
    class in a row of its own.

    The titles give the share of the variance that all components together explain:
    :func:`skae.metrics.reconstruction_score` of the estimator and of PCA.

    Missing cells (NaN) do not count in the shares. PCA gets them as the estimator reconstructs
    them.

    Use `from_estimator` to create one.

    Parameters
    ----------
    codes : dict of {str: ndarray of shape (n_samples, 2) or (n_samples, 1)}
        The two components of each latent code, or the only one, by the name in the title.
    scores : dict of {str: float}
        Share of the variance that all components of each code explain.
    y : ndarray of shape (n_samples,), default=None
        Classes or numbers that colour the points. Up to 20 distinct values are classes.
    columns : tuple of int, default=(0, 1)
        Indices of the two components, or of one.

    Attributes
    ----------
    scatters_ : list of list of matplotlib PathCollection
        The points on each Axes: one collection per class, or a single one without classes.
    axes_ : ndarray of matplotlib Axes of shape (2,)
        Axes of the estimator's code and of PCA's code.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    TraversalDisplay : What the components of a latent code mean.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import CodeDisplay
    >>> iris = load_iris()
    >>> autoencoder = AutoencoderTransformer(max_iter=20, random_state=0).fit(iris.data)
    >>> display = CodeDisplay.from_estimator(autoencoder, iris.data, iris.target)
    >>> list(display.codes)
    ['AutoencoderTransformer', 'PCA']
    """

    scatters_: "list[list[PathCollection]]"
    axes_: NDArray[np.object_]
    figure_: "Figure"

    def __init__(
        self,
        codes: dict[str, NDArray[Any]],
        scores: dict[str, float],
        *,
        y: NDArray[Any] | None = None,
        columns: tuple[int, ...] = (0, 1),
    ) -> None:
        self.codes = codes
        self.scores = scores
        self.y = y
        self.columns = columns

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        pca: Any = None,
        columns: Indices = (0, 1),
        subsample: float | None = 1000,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        axes: "Sequence[Axes] | NDArray[np.object_] | None" = None,
        scatter_kwargs: Mapping[str, Any] | None = None,
        legend_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Encode samples with an estimator and with PCA, and plot two components of each code.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform` and `inverse_transform`: an autoencoder, or a Pipeline
            that ends in one.
        X : array-like of shape (n_samples, n_features)
            Samples to encode.
        y : array-like of shape (n_samples,), default=None
            Classes or numbers that colour the points. Up to 20 distinct values are classes.
        pca : object, default=None
            Fitted PCA, or another reducer, to compare with. For a fair comparison fit it to
            the training samples of the estimator. None fits PCA to X, with as many
            components as the estimator has and after the other steps of a Pipeline. This
            favours PCA if the estimator was not trained on X.
        columns : tuple of int, default=(0, 1)
            Indices of the two components to plot, or of one. The default is (0,) if the code has
            one component.
        subsample : int, float or None, default=1000
            Maximum number of samples to plot, or a fraction of them in (0, 1), chosen at
            random. None plots all. The scores are always computed on all samples.
        random_state : int, RandomState instance, Generator or None, default=None
            Determines which samples are plotted.
        axes : array-like of matplotlib Axes of shape (2,), default=None
            Axes to draw on; None creates a new figure.
        scatter_kwargs : dict, default=None
            Keyword arguments for `scatter`.
        legend_kwargs : dict, default=None
            Keyword arguments for the legend of the classes.

        Returns
        -------
        display : CodeDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator or `pca` is not fitted.
        TypeError
            If the estimator or `pca` cannot reconstruct, or keyword arguments are not a dict.
        ValueError
            If `columns`, `y`, `subsample` or `axes` is not as described.
        """
        check_reducer(estimator, cls.__name__)
        code = np.asarray(estimator.transform(X))
        is_default = isinstance(columns, tuple) and columns == (0, 1)
        columns = (0,) if code.shape[1] == 1 and is_default else columns
        columns = _check_columns(columns, code.shape[1])
        if pca is not None:
            check_reducer(pca, f"pca of {cls.__name__}")
        score, samples = reconstruction_score(estimator, X), as_samples(X, takes_nan=True)
        missing = missing_cells(samples)
        complete = X if missing is None else _fill(estimator, X, samples)
        if pca is None:
            pca = _fit_pca(estimator, complete, code.shape[1])
        pca_code = np.asarray(pca.transform(complete))
        _check_columns(columns, pca_code.shape[1], "PCA's code")
        name, pca_name = (type(final_step(reducer)).__name__ for reducer in (estimator, pca))
        if name == pca_name:
            name, pca_name = f"{name} (estimator)", f"{pca_name} (pca)"
        reconstruction = np.asarray(pca.inverse_transform(pca_code))
        samples, weights = np.nan_to_num(samples), np.ones(len(code))
        pca_score = explained_variance(samples, reconstruction, weights, missing)
        scores = {name: score, pca_name: pca_score}
        indices = _draw_samples(len(code), subsample, generator(random_state))
        if y is not None:
            y = _check_colors(y, len(code))[indices]
        codes = {name: code[indices][:, columns], pca_name: pca_code[indices][:, columns]}
        display = cls(codes, scores, y=y, columns=tuple(columns))
        return display.plot(axes=axes, scatter_kwargs=scatter_kwargs, legend_kwargs=legend_kwargs)

    def plot(
        self,
        axes: "Sequence[Axes] | NDArray[np.object_] | None" = None,
        *,
        scatter_kwargs: Mapping[str, Any] | None = None,
        legend_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the two scatter plots.

        Parameters
        ----------
        axes : array-like of matplotlib Axes of shape (2,), default=None
            Axes to draw on; None creates a new figure.
        scatter_kwargs : dict, default=None
            Keyword arguments for `scatter`.
        legend_kwargs : dict, default=None
            Keyword arguments for the legend of the classes.

        Returns
        -------
        display : CodeDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If keyword arguments are not a dict.
        ValueError
            If `axes` are not as described.
        """
        axes = prepare_axes_row(type(self).__name__, axes, len(self.codes), (9, 4.2))
        from matplotlib.collections import PathCollection

        keywords = merge_keywords(
            "scatter_kwargs", scatter_kwargs, PathCollection, s=14, alpha=0.8, linewidth=0
        )
        classes = self._classes()
        self.scatters_ = []
        for ax, (name, code) in zip(axes, self.codes.items()):
            code = code if code.shape[1] == 2 else self._with_heights(code, classes)
            if classes is None:
                colors = {} if self.y is None else {"c": self.y, "cmap": readable_colormap(ax)}
                self.scatters_.append([ax.scatter(*code.T, **colors | keywords)])
            else:
                self.scatters_.append(self._scatter_classes(ax, code, classes, keywords))
            ax.set_title(f"{name}\n{self.scores[name]:.1%} of the variance", fontsize="medium")
            ax.set_xlabel(f"component {self.columns[0]}")
            if len(self.columns) == 2:
                ax.set_ylabel(f"component {self.columns[1]}")
            else:
                ax.set(yticks=[], ylabel="points spread at random")
        if classes is not None:
            position = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "markerscale": 1.5}
            axes[-1].legend(**position | merge_keywords("legend_kwargs", legend_kwargs))
        elif self.y is not None:
            add_colorbar(self.scatters_[-1][0], axes, label="y")
        self.axes_, self.figure_ = axes, axes[0].figure
        return self

    def _classes(self):
        """Return the distinct values of y if they are classes, else None."""
        if self.y is None:
            return None
        classes = np.unique(self.y)
        return classes if len(classes) <= MAX_CLASSES else None

    def _with_heights(self, code, classes):
        """Return a code of one component with random heights; each class has a row of its own."""
        heights = np.random.default_rng(0).uniform(-ROW_SHARE / 2, ROW_SHARE / 2, len(code))
        if classes is not None:
            heights += np.searchsorted(classes, self.y)
        return np.column_stack([code, heights])

    def _scatter_classes(self, ax, code, classes, keywords):
        """Draw the points of each class in a colour and a shape of its own."""
        styles = zip(classes, cycle_colors(len(classes)), cycle(MARKERS))
        return [
            ax.scatter(
                *code[self.y == label].T,
                **{"color": color, "marker": marker} | keywords | {"label": label},
            )
            for label, color, marker in styles
        ]


def _check_columns(columns, n_components, code_name="the latent code"):
    indices = check_components(columns, n_components, code_name)
    if len(indices) not in (1, 2):
        raise ValueError(
            f"columns must be indices of one or two components of {code_name}, got {columns!r}."
        )
    return indices


def _check_colors(y, n_samples):
    """Return y as an array; raise for a wrong length and for too many classes."""
    y = column_or_1d(y)
    if len(y) != n_samples:
        raise ValueError(
            f"y must have one value per sample, got {len(y)} values for {n_samples} samples."
        )
    if y.dtype.kind not in "biuf" and len(np.unique(y)) > MAX_CLASSES:
        raise ValueError(
            f"y has {len(np.unique(y))} classes, but colours distinguish at most {MAX_CLASSES}."
        )
    return y


def _fit_pca(estimator, X, n_components):
    from sklearn.decomposition import PCA
    from sklearn.pipeline import Pipeline

    steps = list(getattr(estimator, "steps", []))[:-1]
    transformed = Pipeline(steps).transform(X) if steps else X
    pca = PCA(min(n_components, *np.shape(transformed))).fit(transformed)
    return Pipeline([*steps, ("pca", pca)]) if steps else pca


def _fill(estimator, X, samples):
    """Return X, an array or a frame, with missing cells as the estimator reconstructs them."""
    reconstruction = np.asarray(estimator.inverse_transform(estimator.transform(X)))
    filled = np.where(np.isnan(samples), reconstruction, samples)
    return type(X)(dict(zip(X.columns, filled.T))) if hasattr(X, "columns") else filled


def _draw_samples(n_samples, subsample, rng):
    """Return the indices of a random subsample, in ascending order."""
    if subsample is None:
        n_drawn = n_samples
    elif isinstance(subsample, Integral) and not isinstance(subsample, bool) and subsample > 0:
        n_drawn = min(subsample, n_samples)
    elif isinstance(subsample, Real) and 0 < subsample < 1:
        n_drawn = math.ceil(subsample * n_samples)
    else:
        raise ValueError(
            "subsample must be a positive int, a float between 0 and 1, or None, got "
            f"{subsample!r}."
        )
    return np.sort(rng.choice(n_samples, n_drawn, replace=False))
