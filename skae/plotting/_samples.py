"""SampleDisplay and LatentGridDisplay: drawn samples, and decoded codes over the latent plane."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from skae.metrics import check_reducer
from skae.plotting._image_grid import ImageStyle, SampleGroup, choose_layout, draw_groups
from skae.plotting._validation import (
    Indices,
    as_samples,
    check_components,
    check_count,
    check_feature_names,
    check_image_shape,
    find_feature_names,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

MAX_GRID_RANGE = 0.95  # of the standard normal distribution, between the ends of a grid


class SampleDisplay:
    """Samples that a model has drawn, below real ones.

    A heatmap shows each feature in standard deviations from its mean in the real samples.

    Use `from_estimator` to create one.

    Parameters
    ----------
    drawn : ndarray of shape (n_samples, n_features)
        Samples that were drawn.
    X : ndarray of shape (n_samples, n_features), default=None
        Real samples to show above them. None shows the drawn samples alone.
    n_columns : int, default=10
        Number of images in a row.
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
    LatentGridDisplay : Decoded codes over a plane of the latent space.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import VariationalAutoencoder
    >>> from skae.plotting import SampleDisplay
    >>> X = load_digits().data
    >>> model = VariationalAutoencoder(8, max_iter=5, random_state=0).fit(X)
    >>> display = SampleDisplay.from_estimator(
    ...     model, X, n_samples=20, random_state=0, image_shape=(8, 8)
    ... )
    >>> display.drawn.shape
    (20, 64)
    """

    images_: "list[list[AxesImage]]"
    ax_: "Axes"
    figure_: "Figure"

    def __init__(
        self,
        drawn: NDArray[Any],
        *,
        X: NDArray[Any] | None = None,
        n_columns: int = 10,
        image_shape: Sequence[int] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self.drawn = drawn
        self.X = X
        self.n_columns = n_columns
        self.image_shape = image_shape
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | None = None,
        *,
        n_samples: int = 20,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        n_columns: int = 10,
        image_shape: Sequence[int] | None = None,
        feature_names: Collection[str] | None = None,
        ax: "Axes | None" = None,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw samples from a fitted model and plot them.

        Parameters
        ----------
        estimator : object
            Fitted, with `sample`: an autoencoder, or another model whose samples are the first or
            only result, as those of GaussianMixture or KernelDensity.
        X : array-like of shape (n_samples_real, n_features), default=None
            Real samples; the first `n_samples` are shown above the drawn ones. None shows the drawn
            samples alone.
        n_samples : int, default=20
            Number of samples to draw.
        random_state : int, RandomState instance, Generator or None, default=None
            Determines the samples of an autoencoder. Models whose `sample` takes no random state
            use their own.
        n_columns : int, default=10
            Number of images in a row.
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
        display : SampleDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no `sample`, `ax` is not a matplotlib Axes, or `im_kwargs` is not a
            dict.
        ValueError
            If `X`, `n_samples`, `n_columns`, `image_shape` or `feature_names` is not as described.
        """
        if not hasattr(estimator, "sample"):
            raise TypeError(
                f"{cls.__name__} needs an estimator with sample; {type(estimator).__name__} has "
                "no sample."
            )
        n_samples, n_columns = (
            check_count(n_samples, "n_samples"),
            check_count(n_columns, "n_columns"),
        )
        if feature_names is None:
            feature_names = find_feature_names(X, estimator)
        keywords = {} if random_state is None else {"random_state": random_state}
        drawn = estimator.sample(n_samples, **keywords)
        drawn = as_samples(drawn[0] if isinstance(drawn, tuple) else drawn, "drawn samples")
        X = None if X is None else as_samples(X)[:n_samples]
        display = cls(
            drawn,
            X=X,
            n_columns=n_columns,
            image_shape=check_image_shape(image_shape, drawn.shape[1]),
            feature_names=check_feature_names(feature_names, drawn.shape[1]),
        )
        return display.plot(ax=ax, colorbar=colorbar, im_kwargs=im_kwargs)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw rows of images, or a block of a heatmap, for real and for drawn samples.

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
        display : SampleDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or `im_kwargs` is not a dict.
        """
        blocks = {} if self.X is None else {"real": self.X}
        blocks["drawn"] = self.drawn
        n_together = len(self.drawn) if self.image_shape is None else self.n_columns
        groups = [
            SampleGroup("" if start else name, block[start : start + n_together])
            for name, block in blocks.items()
            for start in range(0, len(block), n_together)
        ]
        reference = self.drawn if self.X is None else self.X
        layout = choose_layout(reference, self.image_shape, self.feature_names)
        return draw_groups(self, layout, groups, ax, ImageStyle(colorbar, im_kwargs))


class LatentGridDisplay:
    """Decoded codes over a plane of the latent space.

    Two components take values on a grid, and the others stay fixed. The values are quantiles of
    the codes of samples, or of the prior of a variational autoencoder.

    Use `from_estimator` to create one.

    Parameters
    ----------
    decoded : ndarray of shape (n_steps, n_steps, n_features)
        Decoded samples: the second component rises along the first axis, the first component along
        the second.
    codes : ndarray of shape (2, n_steps)
        Values of the two components.
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

    images_: "list[list[AxesImage]]"
    ax_: "Axes"
    figure_: "Figure"

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
            Indices of the two components.
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
            If X is None and the estimator has no prior, or `X`, `columns`, `n_steps`, `image_shape`
            or `feature_names` is not as described.
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
        columns = check_components(columns, n_components)
        if len(columns) != 2 or columns[0] == columns[1]:
            raise ValueError(f"columns must be two components, got {columns!r}.")
        dtype = code.dtype if X is not None else estimator.theta_.dtype
        codes = quantiles[:, columns].T.astype(dtype)
        grid = np.tile(centre.astype(dtype), (n_steps, n_steps, 1))
        grid[:, :, columns[0]] = codes[0]
        grid[:, :, columns[1]] = codes[1][:, None]
        decoded = np.asarray(estimator.inverse_transform(grid.reshape(-1, n_components)))
        display = cls(
            decoded.reshape(n_steps, n_steps, -1),
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
        rows = list(zip(self.codes[1], self.decoded))[::-1]
        groups = [SampleGroup(f"{value:.2g}", decoded) for value, decoded in rows]
        layout = choose_layout(
            self.decoded.reshape(-1, self.decoded.shape[2]),
            self.image_shape,
            self.feature_names,
            sample_labels=[f"{value:.2g}" for value in self.codes[0]],
            labels_title=f"component {self.columns[0]}",
        )
        draw_groups(self, layout, groups, ax, ImageStyle(colorbar, im_kwargs))
        self.ax_.set_ylabel(f"component {self.columns[1]}")
        return self
