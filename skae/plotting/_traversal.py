"""TraversalDisplay and InterpolationDisplay: what the decoder makes of codes along a line."""

from numbers import Real

import numpy as np

from skae.metrics import check_reducer
from skae.plotting._image_grid import Strip, draw_strips, row_format
from skae.plotting._validation import (
    as_rows,
    check_columns,
    check_count,
    check_feature_names,
    check_image_shape,
    final_step,
    find_feature_names,
    named_reducers,
    one_row,
)


class TraversalDisplay:
    """What the columns of a code mean: each moved through its quantiles and decoded.

    All other columns stay where they are. A table shows numbers as standard deviations of
    their column in `X`, from its mean.

    Use `from_estimator` to make one.

    Parameters
    ----------
    decoded : ndarray of shape (n_columns, n_steps, n_features)
        Decoded rows, for each column of the code that is moved.
    codes : ndarray of shape (n_columns, n_steps)
        Values of these columns.
    X : ndarray of shape (n_samples, n_features)
        The rows whose codes the quantiles are of.
    columns : list of int
        Numbers of the columns.
    quantiles : ndarray of shape (n_steps,)
        What `codes` are quantiles of, in [0, 1].
    shares : ndarray of shape (n_columns,), default=None
        Share of the variance that each column explains.
    image_shape : tuple of int, default=None
        (height, width) of the images that rows are, or (height, width, 3) of coloured ones;
        None makes a table.
    feature_names : list of str, default=None
        Names of the features, for a table; None numbers them.

    Attributes
    ----------
    images_ : list of list of matplotlib AxesImage
        What was drawn: a list for each line of images or each block of a table.
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Figure that contains them.

    See Also
    --------
    InterpolationDisplay : From one row to another.
    CodeDisplay : Two columns of the code as a map.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae.plotting import TraversalDisplay
    >>> X = load_digits().data
    >>> pca = PCA(3).fit(X)
    >>> display = TraversalDisplay.from_estimator(pca, X, image_shape=(8, 8))
    >>> display.decoded.shape
    (3, 9, 64)
    """

    def __init__(
        self,
        decoded,
        codes,
        X,
        columns,
        quantiles,
        *,
        shares=None,
        image_shape=None,
        feature_names=None,
    ):
        self.decoded = decoded
        self.codes = codes
        self.X = X
        self.columns = columns
        self.quantiles = quantiles
        self.shares = shares
        self.image_shape = image_shape
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        x=None,
        columns=None,
        n_steps=9,
        quantile_range=(0.05, 0.95),
        image_shape=None,
        feature_names=None,
        ax=None,
        colorbar=True,
        im_kwargs=None,
    ):
        """Move along the columns of an estimator's code and plot what it decodes.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform` and `inverse_transform`: an autoencoder, PCA, a Pipeline.
        X : array-like of shape (n_samples, n_features)
            Rows, whose codes give the quantiles.
        x : array-like of shape (n_features,) or (1, n_features), default=None
            Row to start from: the columns that are not moved have the values of its code.
            None gives them their medians.
        columns : list of int, default=None
            Which columns of the code to move, from 0; None takes the first ten.
        n_steps : int, default=9
            Number of values that each column takes.
        quantile_range : tuple of float, default=(0.05, 0.95)
            The least and the greatest quantile.
        image_shape : tuple of int, default=None
            (height, width) of the images that rows are, or (height, width, 3) of coloured
            ones; None makes a table.
        feature_names : list of str, default=None
            Names of the features, for a table; None takes those of a frame or of the
            estimator.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        colorbar : bool, default=True
            Whether to draw the scale of a table.
        im_kwargs : dict, default=None
            Keywords for `imshow`.

        Returns
        -------
        display : TraversalDisplay
            Decoded rows, drawn.

        Raises
        ------
        TypeError
            If the estimator cannot reconstruct.
        ValueError
            If there is no such column, or `quantile_range` or `image_shape` is not as described.
        """
        check_reducer(estimator, cls.__name__)
        n_steps = check_count(n_steps, "n_steps")
        quantiles = np.linspace(*_check_quantile_range(quantile_range), n_steps)
        if feature_names is None:
            feature_names = find_feature_names(X, estimator)
        code = np.asarray(estimator.transform(X))
        X = as_rows(X)
        image_shape = check_image_shape(image_shape, X.shape[1])
        columns = check_columns(columns, code.shape[1])
        origin = np.median(code, axis=0)
        if x is not None:
            origin = np.asarray(estimator.transform(one_row(x, "x")))[0]
        codes = np.quantile(code[:, columns], quantiles, axis=0).T.astype(code.dtype)
        moved = np.tile(origin.astype(code.dtype), (len(columns), n_steps, 1))
        moved[np.arange(len(columns)), :, columns] = codes
        decoded = np.asarray(estimator.inverse_transform(moved.reshape(-1, code.shape[1])))
        shares = getattr(final_step(estimator), "explained_variance_ratio_", None)
        display = cls(
            decoded.reshape(len(columns), n_steps, -1),
            codes,
            X,
            columns,
            quantiles,
            shares=None if shares is None else np.asarray(shares)[columns],
            image_shape=image_shape,
            feature_names=check_feature_names(feature_names, X.shape[1]),
        )
        return display.plot(ax=ax, colorbar=colorbar, im_kwargs=im_kwargs)

    def plot(self, ax=None, *, colorbar=True, im_kwargs=None):
        """Draw a line of images, or a block of a table, for each column.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        colorbar : bool, default=True
            Whether to draw the scale of a table.
        im_kwargs : dict, default=None
            Keywords for `imshow`.

        Returns
        -------
        display : TraversalDisplay
            The display itself.
        """
        names = [f"column {j}" for j in self.columns]
        if self.shares is not None:
            names = [f"{name}\n{share:.1%}" for name, share in zip(names, self.shares)]
        strips = [Strip(name, rows) for name, rows in zip(names, self.decoded)]
        look = row_format(
            self.X,
            self.image_shape,
            self.feature_names,
            [f"{quantile:.0%}" for quantile in self.quantiles],
            "quantile of the column",
        )
        return draw_strips(self, look, strips, ax, colorbar, im_kwargs)


class InterpolationDisplay:
    """The way from one row to another, on the straight line between their codes.

    Above it may stand the straight line between the rows themselves: halfway on that lies a
    double exposure, halfway between codes, if all is well, a row like others. A table shows
    numbers as standard deviations of their column in `X`, from its mean.

    Use `from_estimator` to make one.

    Parameters
    ----------
    paths : dict of {str: ndarray of shape (n_steps, n_features)}
        Rows along each way, by the name to show.
    steps : ndarray of shape (n_steps,)
        How far each row is on the way, from 0 to 1.
    X : ndarray of shape (n_samples, n_features), default=None
        Rows that standard deviations of a table are of; None takes those of the paths.
    image_shape : tuple of int, default=None
        (height, width) of the images that rows are, or (height, width, 3) of coloured ones;
        None makes a table.
    feature_names : list of str, default=None
        Names of the features, for a table; None numbers them.

    Attributes
    ----------
    images_ : list of list of matplotlib AxesImage
        What was drawn: a list for each line of images or each block of a table.
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Figure that contains them.

    See Also
    --------
    TraversalDisplay : Along the columns of the code.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae.plotting import InterpolationDisplay
    >>> X = load_digits().data
    >>> pca = PCA(8).fit(X)
    >>> display = InterpolationDisplay.from_estimator(pca, X[3], X[8], image_shape=(8, 8))
    >>> sorted(display.paths)
    ['PCA', 'input space']
    """

    def __init__(self, paths, steps, *, X=None, image_shape=None, feature_names=None):
        self.paths = paths
        self.steps = steps
        self.X = X
        self.image_shape = image_shape
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        x_from,
        x_to,
        *,
        n_steps=9,
        show_input=True,
        X=None,
        image_shape=None,
        feature_names=None,
        ax=None,
        colorbar=True,
        im_kwargs=None,
    ):
        """Decode the straight line between the codes of two rows and plot it.

        Parameters
        ----------
        estimator : object or dict of {str: object}
            Fitted, with `transform` and `inverse_transform`: an autoencoder, PCA, a Pipeline. Of
            a dict all are shown below one another, by their names.
        x_from : array-like of shape (n_features,) or (1, n_features)
            Row to start from.
        x_to : array-like of shape (n_features,) or (1, n_features)
            Row to end at.
        n_steps : int, default=9
            Number of rows to show, both ends counted.
        show_input : bool, default=True
            Whether to show the straight line between the rows themselves as well.
        X : array-like of shape (n_samples, n_features), default=None
            Rows that the standard deviations of a table are of; None takes those that are
            shown.
        image_shape : tuple of int, default=None
            (height, width) of the images that rows are, or (height, width, 3) of coloured
            ones; None makes a table.
        feature_names : list of str, default=None
            Names of the features, for a table; None takes those of a frame or of the
            estimator.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        colorbar : bool, default=True
            Whether to draw the scale of a table.
        im_kwargs : dict, default=None
            Keywords for `imshow`.

        Returns
        -------
        display : InterpolationDisplay
            The paths, drawn.

        Raises
        ------
        TypeError
            If an estimator cannot reconstruct.
        ValueError
            If `x_from` or `x_to` is not one row, or `image_shape` does not go with them.
        """
        single = type(final_step(estimator)).__name__
        reducers = named_reducers(estimator, single, cls.__name__)
        n_steps = check_count(n_steps, "n_steps")
        x_from, x_to = one_row(x_from, "x_from"), one_row(x_to, "x_to")
        if feature_names is None:
            feature_names = find_feature_names(x_from, next(iter(reducers.values())))
        steps = np.linspace(0, 1, n_steps)
        paths = {}
        for name, reducer in reducers.items():
            start, end = (np.asarray(reducer.transform(x))[0] for x in (x_from, x_to))
            codes = _line(start, end, steps)
            paths[name] = np.asarray(reducer.inverse_transform(codes))
        start, end = as_rows(x_from, "x_from")[0], as_rows(x_to, "x_to")[0]
        if show_input:
            paths = {"input space": _line(start, end, steps)} | paths
        display = cls(
            paths,
            steps,
            X=None if X is None else as_rows(X),
            image_shape=check_image_shape(image_shape, len(start)),
            feature_names=check_feature_names(feature_names, len(start)),
        )
        return display.plot(ax=ax, colorbar=colorbar, im_kwargs=im_kwargs)

    def plot(self, ax=None, *, colorbar=True, im_kwargs=None):
        """Draw a line of images, or a block of a table, for each path.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        colorbar : bool, default=True
            Whether to draw the scale of a table.
        im_kwargs : dict, default=None
            Keywords for `imshow`.

        Returns
        -------
        display : InterpolationDisplay
            The display itself.
        """
        paths = list(self.paths.values())
        if self.X is not None:
            reference = self.X
        else:
            reference = np.concatenate(paths) if self.image_shape is None else paths[0]
        look = row_format(
            reference,
            self.image_shape,
            self.feature_names,
            [f"{step:.0%}" for step in self.steps],
            "share of the way",
        )
        strips = [Strip(name, rows) for name, rows in self.paths.items()]
        return draw_strips(self, look, strips, ax, colorbar, im_kwargs)


def _check_quantile_range(quantile_range):
    """Return the two quantiles."""
    found = np.ravel(np.asarray(quantile_range, dtype=object)).tolist()
    if (
        len(found) == 2
        and all(isinstance(q, Real) for q in found)
        and 0 <= found[0] < found[1] <= 1
    ):
        return found
    raise ValueError(
        f"quantile_range must be two increasing numbers from 0 to 1, got {quantile_range!r}."
    )


def _line(start, end, steps):
    """Rows on the straight line between two."""
    return ((1 - steps[:, None]) * start + steps[:, None] * end).astype(start.dtype)
