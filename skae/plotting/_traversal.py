"""TraversalDisplay and InterpolationDisplay: decoded samples along a line in the latent space."""

from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skae.metrics import check_reducer
from skae.plotting._image_grid import ImageStyle, SampleGroup, choose_layout, draw_groups
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
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


class TraversalDisplay:
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

    images_: "list[list[AxesImage]]"
    ax_: "Axes"
    figure_: "Figure"

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
            If `X` does not match the estimator, or `x`, `columns`, `n_steps`,
            `quantile_range`, `image_shape` or `feature_names` is not as described.
        """
        check_reducer(estimator, cls.__name__)
        n_steps = check_count(n_steps, "n_steps")
        quantiles = np.linspace(*_check_quantile_range(quantile_range), n_steps)
        if feature_names is None:
            feature_names = find_feature_names(X, estimator)
        code = np.asarray(estimator.transform(X))
        X = as_samples(X)
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
        layout = choose_layout(
            self.X,
            self.image_shape,
            self.feature_names,
            sample_labels=[f"{quantile:.0%}" for quantile in self.quantiles],
            labels_title="quantile of the component",
        )
        return draw_groups(self, layout, groups, ax, ImageStyle(colorbar, im_kwargs))


class InterpolationDisplay:
    """Decoded samples on the straight line between the latent codes of two samples.

    The straight line between the samples themselves can be shown above for comparison. Its midpoint
    is the mean of the two samples. From the midpoint between their latent codes, a good decoder
    returns a plausible sample. A heatmap shows each feature in standard deviations from its mean.

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

    images_: "list[list[AxesImage]]"
    ax_: "Axes"
    figure_: "Figure"

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
            If `x_from`, `x_to`, `n_steps`, `X`, `image_shape` or `feature_names` is not as
            described.
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
        start, end = as_samples(x_from, "x_from")[0], as_samples(x_to, "x_to")[0]
        if show_input:
            paths = {"input space": _line(start, end, steps)} | paths
        display = cls(
            paths,
            steps,
            X=None if X is None else as_samples(X),
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
        layout = choose_layout(
            self._reference(),
            self.image_shape,
            self.feature_names,
            sample_labels=[f"{step:.0%}" for step in self.steps],
            labels_title="position on the path",
        )
        return draw_groups(self, layout, groups, ax, ImageStyle(colorbar, im_kwargs))

    def _reference(self):
        """Return the samples that define the colour scale."""
        if self.X is not None:
            return self.X
        paths = list(self.paths.values())
        return np.concatenate(paths) if self.image_shape is None else paths[0]


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
