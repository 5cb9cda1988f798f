"""CodeDisplay."""

import math
from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import column_or_1d

from skae._sampling import generator
from skae.metrics import check_reducer, reconstruction_score
from skae.plotting._drawing import cycle_colors, several_axes, styled, visible_map
from skae.plotting._validation import check_columns, final_step

MAX_CLASSES = 20


class CodeDisplay:
    """Two columns of a code as a map, beside the same two of PCA.

    The titles say what share of the variance the whole code explains, and PCA's with as many
    columns: :func:`skae.metrics.reconstruction_score` of both.

    Use `from_estimator` to make one.

    Parameters
    ----------
    codes : dict of {str: ndarray of shape (n_samples, 2)}
        The two columns of each code, by the name to show.
    scores : dict of {str: float}
        Share of the variance that each whole code explains.
    y : ndarray of shape (n_samples,), default=None
        What the points are coloured by: up to 20 classes, or numbers.
    columns : tuple of int, default=(0, 1)
        Which two columns they are.

    Attributes
    ----------
    scatters_ : list of list of matplotlib PathCollection
        The points on each of the Axes: one collection for each class, or one for all.
    axes_ : ndarray of matplotlib Axes of shape (2,)
        Axes with the code and with PCA's.
    figure_ : matplotlib Figure
        Figure that contains them.

    See Also
    --------
    TraversalDisplay : What the columns of the code mean.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import CodeDisplay
    >>> iris = load_iris()
    >>> autoencoder = AutoencoderTransformer(random_state=0).fit(iris.data)
    >>> display = CodeDisplay.from_estimator(autoencoder, iris.data, iris.target)
    >>> list(display.codes)
    ['AutoencoderTransformer', 'PCA']
    """

    def __init__(self, codes, scores, *, y=None, columns=(0, 1)):
        self.codes = codes
        self.scores = scores
        self.y = y
        self.columns = columns

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        pca=None,
        columns=(0, 1),
        subsample=1000,
        random_state=None,
        axes=None,
        scatter_kwargs=None,
        legend_kwargs=None,
    ):
        """Encode rows by an estimator and by PCA, and plot two columns of both codes.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform` and `inverse_transform`: an autoencoder or a Pipeline that
            ends in one.
        X : array-like of shape (n_samples, n_features)
            Rows to encode.
        y : array-like of shape (n_samples,), default=None
            Classes or numbers to colour the points by. Up to 20 different values are taken
            as classes.
        pca : object, default=None
            Fitted PCA, or any other reducer, to compare with: fit it to the rows that the
            estimator was fitted to. None fits PCA to X itself, with as many columns as the code,
            after the other steps of a Pipeline; where X was not seen in training, that is
            in PCA's favour.
        columns : tuple of int, default=(0, 1)
            Which two columns of the codes to plot, from 0.
        subsample : int, float or None, default=1000
            Number of rows to plot at most, or the share of them in (0, 1); None for all.
            They are drawn at random. The scores are those of all rows.
        random_state : int, RandomState instance, Generator or None, default=None
            Determines which rows are drawn.
        axes : array-like of matplotlib Axes of shape (2,), default=None
            Axes to draw on; None makes a new figure.
        scatter_kwargs : dict, default=None
            Keywords for `scatter`.
        legend_kwargs : dict, default=None
            Keywords for the legend of the classes.

        Returns
        -------
        display : CodeDisplay
            The codes, drawn.

        Raises
        ------
        TypeError
            If the estimator or `pca` cannot reconstruct.
        ValueError
            If there is no such column, or `y` or `subsample` is not as described.
        """
        check_reducer(estimator, cls.__name__)
        code = np.asarray(estimator.transform(X))
        columns = _check_two_columns(columns, code.shape[1])
        if pca is None:
            pca = _fit_pca(estimator, X, code.shape[1])
        else:
            check_reducer(pca, f"pca of {cls.__name__}")
        pca_code = np.asarray(pca.transform(X))
        _check_two_columns(columns, pca_code.shape[1], of="PCA's code")
        name, pca_name = (type(final_step(reducer)).__name__ for reducer in (estimator, pca))
        if name == pca_name:
            name, pca_name = f"{name} (estimator)", f"{pca_name} (pca)"
        scores = {
            name: reconstruction_score(estimator, X),
            pca_name: reconstruction_score(pca, X),
        }
        shown = _draw_rows(len(code), subsample, generator(random_state))
        if y is not None:
            y = column_or_1d(y)
            if len(y) != len(code):
                raise ValueError(f"y must have a value for each row: got {len(y)} for {len(code)}.")
            if y.dtype.kind not in "biuf" and len(np.unique(y)) > MAX_CLASSES:
                raise ValueError(
                    f"y has {len(np.unique(y))} classes; more than {MAX_CLASSES} cannot be told "
                    "apart by their colours."
                )
            y = y[shown]
        codes = {name: code[shown][:, columns], pca_name: pca_code[shown][:, columns]}
        display = cls(codes, scores, y=y, columns=tuple(columns))
        return display.plot(axes=axes, scatter_kwargs=scatter_kwargs, legend_kwargs=legend_kwargs)

    def plot(self, axes=None, *, scatter_kwargs=None, legend_kwargs=None):
        """Draw the two maps.

        Parameters
        ----------
        axes : array-like of matplotlib Axes of shape (2,), default=None
            Axes to draw on; None makes a new figure.
        scatter_kwargs : dict, default=None
            Keywords for `scatter`.
        legend_kwargs : dict, default=None
            Keywords for the legend of the classes.

        Returns
        -------
        display : CodeDisplay
            The display itself.
        """
        axes = several_axes(type(self).__name__, axes, len(self.codes), (9, 4.2))
        from matplotlib.collections import PathCollection

        style = styled(
            "scatter_kwargs", scatter_kwargs, PathCollection, s=14, alpha=0.8, linewidth=0
        )
        classes = None if self.y is None else np.unique(self.y)
        is_classes = classes is not None and len(classes) <= MAX_CLASSES
        self.scatters_ = []
        for ax, (name, code) in zip(axes, self.codes.items()):
            if is_classes:
                colors = cycle_colors(len(classes))
                points = [
                    ax.scatter(
                        *code[self.y == label].T, **{"color": color} | style | {"label": label}
                    )
                    for label, color in zip(classes, colors)
                ]
            else:
                colors = {} if self.y is None else {"c": self.y, "cmap": visible_map(ax)}
                points = [ax.scatter(*code.T, **colors | style)]
            self.scatters_.append(points)
            ax.set_title(f"{name}: {self.scores[name]:.1%} of the variance")
            ax.set(xlabel=f"column {self.columns[0]}", ylabel=f"column {self.columns[1]}")
        if is_classes:
            place = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "markerscale": 1.5}
            axes[-1].legend(**place | styled("legend_kwargs", legend_kwargs))
        elif self.y is not None:
            axes[0].figure.colorbar(points[0], ax=list(axes), label="y")
        self.axes_, self.figure_ = axes, axes[0].figure
        return self


def _check_two_columns(columns, n_components, of="the code"):
    found = check_columns(columns, n_components, of)
    if len(found) != 2:
        raise ValueError(f"columns must be two columns of {of}, got {columns!r}.")
    return found


def _fit_pca(estimator, X, n_components):
    """PCA of X, after the other steps of a Pipeline."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import Pipeline

    steps = list(getattr(estimator, "steps", []))[:-1]
    rows = Pipeline(steps).transform(X) if steps else X
    pca = PCA(min(n_components, *np.shape(rows))).fit(rows)
    return Pipeline([*steps, ("pca", pca)]) if steps else pca


def _draw_rows(n_rows, subsample, rng):
    """Indices of the rows to show, in their order."""
    if subsample is None:
        n_shown = n_rows
    elif isinstance(subsample, Integral) and not isinstance(subsample, bool) and subsample > 0:
        n_shown = min(subsample, n_rows)
    elif isinstance(subsample, Real) and 0 < subsample < 1:
        n_shown = math.ceil(subsample * n_rows)
    else:
        raise ValueError(
            "subsample must be a positive int, a float between 0 and 1, or None, got "
            f"{subsample!r}."
        )
    return np.sort(rng.choice(n_rows, n_shown, replace=False))
