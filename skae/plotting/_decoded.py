"""Displays of decoded samples, over a plane or along a line of the latent space."""

from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from skae.metrics import check_reducer
from skae.plotting._image_grid import ImageDisplay, ImageStyle, SampleGroup
from skae.plotting._validation import (
    Indices,
    as_samples,
    as_single_sample,
    check_components,
    check_count,
    check_feature_names,
    check_image_shape,
    final_step,
    find_feature_names,
    named_reducers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_GRID_RANGE = 0.95  # of the standard normal distribution, between the ends of a grid


class LatentGridDisplay(ImageDisplay):
    """Decoded codes over a plane of the latent space.

    Two components take values on a grid, and the others stay fixed. The values are quantiles of
    the codes of samples, or of the prior of a variational autoencoder.

    Use `from_estimator` to create one.

    Parameters
    ----------
    decoded : ndarray of shape (n_steps, n_steps, n_features) or (1, n_steps, n_features)
        Decoded samples: the second component rises along the first axis, the first component along
        the second.
    codes : ndarray of shape (2, n_steps) or (1, n_steps)
        Values of the components.
    columns : tuple of int, default=(0, 1)
        Indices of the two components.
    image_shape : tuple of int, default=None
        Shape of the image that a sample represents: (height, width), or (height, width, 3) in
        colour. None draws a heatmap with a block for each value of the second component.
    feature_names : list of str, default=None
        Feature names for a heatmap; None numbers the features.

    Attributes
    ----------
    images_ : list of list of matplotlib AxesImage
        The images: a list for each row of images, or for each block of a heatmap.
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    SampleDisplay : Samples that a model has drawn.
    TraversalDisplay : Decoded samples while one component varies.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import VariationalAutoencoder
    >>> from skae.plotting import LatentGridDisplay
    >>> X = load_digits().data
    >>> model = VariationalAutoencoder(2, max_iter=5, random_state=0).fit(X)
    >>> display = LatentGridDisplay.from_estimator(model, n_steps=5, image_shape=(8, 8))
    >>> display.decoded.shape
    (5, 5, 64)
    """

    def __init__(
        self,
        decoded: NDArray[Any],
        codes: NDArray[Any],
        *,
        columns: Sequence[int] = (0, 1),
        image_shape: Sequence[int] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self.decoded = decoded
        self.codes = codes
        self.columns = columns
        self.image_shape = image_shape
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | None = None,
        *,
        columns: Indices = (0, 1),
        n_steps: int = 10,
        image_shape: Sequence[int] | None = None,
        feature_names: Collection[str] | None = None,
        ax: "Axes | None" = None,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Decode the codes of a grid and plot them.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform` and `inverse_transform`: an autoencoder, PCA or a Pipeline.
        X : array-like of shape (n_samples, n_features), default=None
            Samples whose codes define the quantiles; the other components stay at their medians.
            None takes quantiles of the standard normal distribution, for a variational autoencoder,
            and zeros.
        columns : pair of int, default=(0, 1)
            Indices of the two components. The only component of a code gives one row.
        n_steps : int, default=10
            Number of values of each component.
        image_shape : tuple of int, default=None
            Shape of the image that a sample represents: (height, width), or
            (height, width, 3) in colour. None draws a heatmap.
        feature_names : list of str, default=None
            Feature names for a heatmap; None takes those of a data frame or of the estimator.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        colorbar : bool, default=True
            Whether to draw a colour bar for a heatmap.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`.

        Returns
        -------
        display : LatentGridDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator cannot reconstruct, `ax` is not a matplotlib Axes, or `im_kwargs` is
            not a dict.
        ValueError
            If X is None and the estimator has no prior, or another argument is not as described.
        """
        check_reducer(estimator, cls.__name__)
        n_steps = check_count(n_steps, "n_steps")
        if feature_names is None:
            feature_names = find_feature_names(X, estimator)
        shares = np.linspace((1 - MAX_GRID_RANGE) / 2, (1 + MAX_GRID_RANGE) / 2, n_steps)
        if X is not None:
            code = np.asarray(estimator.transform(X))
            centre, n_components = np.median(code, axis=0), code.shape[1]
            quantiles = np.quantile(code, shares, axis=0)
        elif hasattr(estimator, "posterior_std"):
            n_components = estimator.n_components_
            centre = np.zeros(n_components)
            quantiles = np.repeat(norm.ppf(shares)[:, None], n_components, axis=1)
        else:
            raise ValueError(
                f"X must be given: a {type(estimator).__name__} has no prior from which the range "
                "of its codes would follow."
            )
        if n_components == 1 and isinstance(columns, tuple) and columns == (0, 1):
            columns = (0,)
        columns = check_components(columns, n_components)
        if len(columns) != min(n_components, 2) or len(set(columns)) < len(columns):
            raise ValueError(f"columns must be two components, got {columns!r}.")
        dtype = code.dtype if X is not None else estimator.theta_.dtype
        codes = quantiles[:, columns].T.astype(dtype)
        grid = np.tile(centre.astype(dtype), (n_steps ** (len(columns) - 1), n_steps, 1))
        for column, values in zip(columns, (codes[0], codes[-1][:, None])):
            grid[:, :, column] = values
        decoded = np.asarray(estimator.inverse_transform(grid.reshape(-1, n_components)))
        display = cls(
            decoded.reshape(*grid.shape[:2], -1),
            codes,
            columns=columns,
            image_shape=check_image_shape(image_shape, decoded.shape[1]),
            feature_names=check_feature_names(feature_names, decoded.shape[1]),
        )
        return display.plot(ax=ax, colorbar=colorbar, im_kwargs=im_kwargs)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the grid; the second component rises from the bottom to the top.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        colorbar : bool, default=True
            Whether to draw a colour bar for a heatmap.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`.

        Returns
        -------
        display : LatentGridDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or `im_kwargs` is not a dict.
        """
        is_row = len(self.codes) == 1
        names = [""] if is_row else [f"{value:.2g}" for value in self.codes[1]]
        groups = [SampleGroup(*row) for row in zip(names, self.decoded)][::-1]
        self._draw(
            groups,
            self.decoded.reshape(-1, self.decoded.shape[2]),
            ax,
            ImageStyle(colorbar, im_kwargs),
            sample_labels=[f"{value:.2g}" for value in self.codes[0]],
            labels_title=f"component {self.columns[0]}",
        )
        if not is_row:
            self.ax_.set_ylabel(f"component {self.columns[1]}")
        return self


class TraversalDisplay(ImageDisplay):
    """What the components of a latent code mean: samples decoded while one component varies.

    Each component in turn takes quantiles of its own distribution, while the others stay fixed.
    A heatmap shows each feature in standard deviations from its mean in `X`.

    Use `from_estimator` to create one.

    Parameters
    ----------
    decoded : ndarray of shape (n_columns, n_steps, n_features)
        Decoded samples, for each component that varies.
    codes : ndarray of shape (n_columns, n_steps)
        Values that each of these components takes.
    X : ndarray of shape (n_samples, n_features)
        Samples whose latent codes define the quantiles.
    columns : list of int
        Indices of the components that vary.
    quantiles : ndarray of shape (n_steps,)
        Quantile level of each value in `codes`, in [0, 1].
    shares : ndarray of shape (n_columns,), default=None
        Share of the variance that each of these components explains.
    image_shape : tuple of int, default=None
        Shape of the image that a sample represents: (height, width), or (height, width, 3) in
        colour. None draws a heatmap.
    feature_names : list of str, default=None
        Feature names for a heatmap; None numbers the features.

    Attributes
    ----------
    images_ : list of list of matplotlib AxesImage
        The images: a list for each row of images, or for each block of a heatmap.
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    InterpolationDisplay : Decoded samples between two samples.
    CodeDisplay : Two components of the latent code as a scatter plot.

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
        decoded: NDArray[Any],
        codes: NDArray[Any],
        X: NDArray[Any],
        columns: list[int],
        quantiles: NDArray[Any],
        *,
        shares: NDArray[Any] | None = None,
        image_shape: Sequence[int] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
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
        estimator: Any,
        X: ArrayLike,
        *,
        x: ArrayLike | None = None,
        columns: Indices | None = None,
        n_steps: int = 9,
        quantile_range: Sequence[float] = (0.05, 0.95),
        image_shape: Sequence[int] | None = None,
        feature_names: Collection[str] | None = None,
        ax: "Axes | None" = None,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Vary each component of the latent code and plot the decoded samples.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform` and `inverse_transform`: an autoencoder, PCA or a
            Pipeline.
        X : array-like of shape (n_samples, n_features)
            Samples whose latent codes define the quantiles.
        x : array-like of shape (n_features,) or (1, n_features), default=None
            Sample whose latent code gives the values of the fixed components. None fixes them
            at their medians.
        columns : list of int, default=None
            Indices of the components to vary; None varies the first ten.
        n_steps : int, default=9
            Number of values that each component takes.
        quantile_range : tuple of float, default=(0.05, 0.95)
            Lowest and highest quantile level.
        image_shape : tuple of int, default=None
            Shape of the image that a sample represents: (height, width), or
            (height, width, 3) in colour. None draws a heatmap.
        feature_names : list of str, default=None
            Feature names for a heatmap; None takes those of a data frame or of the estimator.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        colorbar : bool, default=True
            Whether to draw a colour bar for a heatmap.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`.

        Returns
        -------
        display : TraversalDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator cannot reconstruct, `ax` is not a matplotlib Axes, or `im_kwargs`
            is not a dict.
        ValueError
            If `X` does not match the estimator, or another argument is not as described.
        """
        check_reducer(estimator, cls.__name__)
        n_steps = check_count(n_steps, "n_steps")
        quantiles = np.linspace(*_check_quantile_range(quantile_range), n_steps)
        if feature_names is None:
            feature_names = find_feature_names(X, estimator)
        code = np.asarray(estimator.transform(X))
        X = as_samples(X, takes_nan=True)
        n_components, n_features = code.shape[1], X.shape[1]
        image_shape = check_image_shape(image_shape, n_features)
        columns = check_components(columns, n_components)
        fixed = np.median(code, axis=0)
        if x is not None:
            fixed = np.asarray(estimator.transform(as_single_sample(x, "x")))[0]
        codes = np.quantile(code[:, columns], quantiles, axis=0).T.astype(code.dtype)
        varied = np.tile(fixed.astype(code.dtype), (len(columns), n_steps, 1))
        varied[np.arange(len(columns)), :, columns] = codes
        decoded = np.asarray(estimator.inverse_transform(varied.reshape(-1, n_components)))
        shares = getattr(final_step(estimator), "explained_variance_ratio_", None)
        display = cls(
            decoded.reshape(len(columns), n_steps, -1),
            codes,
            X,
            columns,
            quantiles,
            shares=None if shares is None else np.asarray(shares)[columns],
            image_shape=image_shape,
            feature_names=check_feature_names(feature_names, n_features),
        )
        return display.plot(ax=ax, colorbar=colorbar, im_kwargs=im_kwargs)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw a row of images, or a block of a heatmap, for each component.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        colorbar : bool, default=True
            Whether to draw a colour bar for a heatmap.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`.

        Returns
        -------
        display : TraversalDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or `im_kwargs` is not a dict.
        """
        names = [f"component {j}" for j in self.columns]
        if self.shares is not None:
            names = [f"{name}\n{share:.1%}" for name, share in zip(names, self.shares)]
        groups = [SampleGroup(name, decoded) for name, decoded in zip(names, self.decoded)]
        return self._draw(
            groups,
            self.X,
            ax,
            ImageStyle(colorbar, im_kwargs),
            sample_labels=[f"{quantile:.0%}" for quantile in self.quantiles],
            labels_title="quantile of the component",
        )


class InterpolationDisplay(ImageDisplay):
    """Decoded samples on the straight line between the latent codes of two samples.

    The straight line between the samples themselves can be shown above for comparison. A heatmap
    shows each feature in standard deviations from its mean.

    Use `from_estimator` to create one.

    Parameters
    ----------
    paths : dict of {str: ndarray of shape (n_steps, n_features)}
        Samples along each path, by name.
    steps : ndarray of shape (n_steps,)
        Position of each sample on the path, from 0 to 1.
    X : ndarray of shape (n_samples, n_features), default=None
        Samples that define the standardisation of a heatmap, or the grey scale of images. None
        takes all paths for a heatmap and the first path for images.
    image_shape : tuple of int, default=None
        Shape of the image that a sample represents: (height, width), or (height, width, 3) in
        colour. None draws a heatmap.
    feature_names : list of str, default=None
        Feature names for a heatmap; None numbers the features.

    Attributes
    ----------
    images_ : list of list of matplotlib AxesImage
        The images: a list for each row of images, or for each block of a heatmap.
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    TraversalDisplay : Decoded samples while one component varies.

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

    def __init__(
        self,
        paths: dict[str, NDArray[Any]],
        steps: NDArray[Any],
        *,
        X: NDArray[Any] | None = None,
        image_shape: Sequence[int] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self.paths = paths
        self.steps = steps
        self.X = X
        self.image_shape = image_shape
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        x_from: ArrayLike,
        x_to: ArrayLike,
        *,
        n_steps: int = 9,
        show_input: bool = True,
        X: ArrayLike | None = None,
        image_shape: Sequence[int] | None = None,
        feature_names: Collection[str] | None = None,
        ax: "Axes | None" = None,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Decode the straight line between the latent codes of two samples and plot it.

        Parameters
        ----------
        estimator : object or dict of {str: object}
            Fitted, with `transform` and `inverse_transform`: an autoencoder, PCA or a
            Pipeline. A dict draws one path per estimator, labelled by its key.
        x_from : array-like of shape (n_features,) or (1, n_features)
            Sample at the start.
        x_to : array-like of shape (n_features,) or (1, n_features)
            Sample at the end.
        n_steps : int, default=9
            Number of samples on the path, both ends included.
        show_input : bool, default=True
            Whether to show the straight line between the two samples in input space as well.
        X : array-like of shape (n_samples, n_features), default=None
            Samples that define the standardisation of a heatmap, or the grey scale of images.
            None takes all paths for a heatmap and the first path for images.
        image_shape : tuple of int, default=None
            Shape of the image that a sample represents: (height, width), or
            (height, width, 3) in colour. None draws a heatmap.
        feature_names : list of str, default=None
            Feature names for a heatmap; None takes those of a data frame or of the estimator.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        colorbar : bool, default=True
            Whether to draw a colour bar for a heatmap.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`.

        Returns
        -------
        display : InterpolationDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If an estimator is not fitted.
        TypeError
            If an estimator cannot reconstruct, `ax` is not a matplotlib Axes, or `im_kwargs`
            is not a dict.
        ValueError
            If another argument is not as described.
        """
        reducers = named_reducers(estimator, cls.__name__)
        n_steps = check_count(n_steps, "n_steps")
        x_from, x_to = as_single_sample(x_from, "x_from"), as_single_sample(x_to, "x_to")
        if feature_names is None:
            feature_names = find_feature_names(x_from, next(iter(reducers.values())))
        steps = np.linspace(0, 1, n_steps)
        paths = {}
        for name, reducer in reducers.items():
            start, end = (np.asarray(reducer.transform(x))[0] for x in (x_from, x_to))
            paths[name] = np.asarray(reducer.inverse_transform(_line(start, end, steps)))
        start, end = as_samples(x_from, "x_from", True)[0], as_samples(x_to, "x_to", True)[0]
        if show_input:
            paths = {"input space": _line(start, end, steps)} | paths
        display = cls(
            paths,
            steps,
            X=None if X is None else as_samples(X, takes_nan=True),
            image_shape=check_image_shape(image_shape, len(start)),
            feature_names=check_feature_names(feature_names, len(start)),
        )
        return display.plot(ax=ax, colorbar=colorbar, im_kwargs=im_kwargs)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw a row of images, or a block of a heatmap, for each path.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        colorbar : bool, default=True
            Whether to draw a colour bar for a heatmap.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`.

        Returns
        -------
        display : InterpolationDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or `im_kwargs` is not a dict.
        """
        groups = [SampleGroup(name, path) for name, path in self.paths.items()]
        paths = list(self.paths.values())
        all_paths = np.concatenate(paths) if self.image_shape is None else paths[0]
        return self._draw(
            groups,
            all_paths if self.X is None else self.X,
            ax,
            ImageStyle(colorbar, im_kwargs),
            sample_labels=[f"{step:.0%}" for step in self.steps],
            labels_title="position on the path",
        )


def _check_quantile_range(quantile_range):
    """Return the lowest and the highest quantile level."""
    levels = np.ravel(np.asarray(quantile_range, dtype=object)).tolist()
    if len(levels) == 2 and all(isinstance(level, Real) for level in levels):
        lowest, highest = levels
        if 0 <= lowest < highest <= 1:
            return lowest, highest
    raise ValueError(
        f"quantile_range must be two increasing numbers from 0 to 1, got {quantile_range!r}."
    )


def _line(start, end, steps):
    """Return points on the straight line between two, at the given positions from 0 to 1."""
    return ((1 - steps[:, None]) * start + steps[:, None] * end).astype(start.dtype)
