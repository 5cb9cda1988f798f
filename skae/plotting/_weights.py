"""WeightsDisplay: the weights of the first layer as images or as a heatmap."""

from collections.abc import Collection, Mapping, Sequence
import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skae.plotting._drawing import OnAxes, add_colorbar, merge_keywords
from skae.plotting._image_grid import MAX_IMAGE_INCHES, Tiles, hide_frame, label_features
from skae.plotting._validation import (
    check_count,
    check_feature_names,
    check_image_shape,
    final_step,
    find_feature_names,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

MAX_WIDTH_INCHES = 8.4
GRID_RATIO = 2.5  # width of the grid divided by its height
CELL_INCHES = 0.22  # of a heatmap


class WeightsDisplay(OnAxes):
    """Weights of the first layer: the input pattern that each unit responds to.

    They are drawn as one image per unit, or for tables as a heatmap of units and features.

    Use `from_estimator` to create one.

    Parameters
    ----------
    weights : ndarray of shape (n_units, n_features)
        Weights of each unit.
    image_shape : tuple of int, default=None
        Shape of the image that a sample represents: (height, width), or (height, width, 3) in
        colour. The weights of the three channels are averaged. None draws a heatmap.
    units : ndarray of shape (n_units,), default=None
        Indices of the units in their layer; None numbers them from 0.
    feature_names : list of str, default=None
        Feature names for a heatmap; None numbers the features.

    Attributes
    ----------
    images_ : list of matplotlib AxesImage
        The images, one per unit, or the heatmap alone.
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    TraversalDisplay : What the components of a latent code mean.
    NetworkDisplay : The layers as a table.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import WeightsDisplay
    >>> X = load_digits().data / 16
    >>> autoencoder = AutoencoderTransformer(8, max_iter=5, random_state=0).fit(X)
    >>> display = WeightsDisplay.from_estimator(autoencoder, (8, 8))
    >>> display.weights.shape
    (40, 64)
    """

    images_: "list[AxesImage]"

    def __init__(
        self,
        weights: NDArray[Any],
        image_shape: Sequence[int] | None = None,
        *,
        units: NDArray[Any] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self.weights = weights
        self.image_shape = image_shape
        self.units = units
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        image_shape: Sequence[int] | None = None,
        *,
        feature_names: Collection[str] | None = None,
        n_units: int | None = 40,
        ax: "Axes | None" = None,
        im_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Plot the weights of the first layer of a network.

        If that layer is the latent code, the weights of the linear path are added. The weights
        act on samples that are centred by `mean_` and divided by `scale_`.

        Parameters
        ----------
        estimator : object
            Fitted, with `coefs_`: an autoencoder, an MLP, or a Pipeline that ends in one.
        image_shape : tuple of int, default=None
            Shape of the image that a sample represents: (height, width), or
            (height, width, 3) in colour. The weights of the three channels are averaged. None
            draws a heatmap.
        feature_names : list of str, default=None
            Feature names for a heatmap; None takes those that the estimator was fitted with.
        n_units : int, default=40
            Maximum number of units to show: those with the largest norms of their weights, in
            descending order. None shows all in the order of the layer.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`.

        Returns
        -------
        display : WeightsDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no weights, `ax` is not a matplotlib Axes, or keyword
            arguments are not a dict.
        ValueError
            If `image_shape` or `feature_names` does not match the number of features, or
            `n_units` is not positive.
        """
        model = final_step(estimator)
        check_is_fitted(model)
        if not hasattr(model, "coefs_"):
            raise TypeError(
                f"{cls.__name__} needs an estimator with coefs_; {type(model).__name__} has none."
            )
        weights = np.array(model.coefs_[0].T)
        path = getattr(model, "path_coefs_", [])
        if path and model.architecture_["n_encoder_layers"] == 1:
            weights += path[0].T
        shape = check_image_shape(image_shape, weights.shape[1])
        if feature_names is None:
            feature_names = find_feature_names(None, model)
        names = check_feature_names(feature_names, weights.shape[1])
        units = np.arange(len(weights))
        if n_units is not None:
            n_units = check_count(n_units, "n_units", len(weights))
            squared_norms = np.square(weights).sum(axis=1)
            units = np.argsort(-squared_norms, kind="stable")[:n_units]
        display = cls(weights[units], shape, units=units, feature_names=names)
        return display.plot(ax=ax, im_kwargs=im_kwargs)

    def plot(self, ax: "Axes | None" = None, *, im_kwargs: Mapping[str, Any] | None = None) -> Self:
        """Draw one image per unit, or a heatmap with one line per unit.

        Colour scales are symmetric about zero. Each image has its own; a heatmap has one, with a
        colour bar.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`.

        Returns
        -------
        display : WeightsDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or `im_kwargs` is not a dict.
        """
        if self.image_shape is None:
            return self._plot_heatmap(ax, im_kwargs)
        height, width = self.image_shape[:2]
        n_units = len(self.weights)
        n_columns = min(math.ceil(math.sqrt(GRID_RATIO * n_units * height / width)), n_units)
        n_lines = math.ceil(n_units / n_columns)
        image_inches = min(MAX_IMAGE_INCHES, MAX_WIDTH_INCHES / n_columns)
        figsize = n_columns * image_inches + 0.2, n_lines * image_inches * height / width + 0.2
        ax = self._prepare(ax, figsize)
        keywords = merge_keywords("im_kwargs", im_kwargs, cmap="PuOr")
        tiles, self.images_ = Tiles(self.image_shape), []
        for i, weights in enumerate(self.weights):
            image = weights.reshape(self.image_shape)
            image = image.mean(axis=2) if image.ndim == 3 else image
            limit = np.abs(image).max() or 1.0
            extent = {"extent": tiles.extent(*divmod(i, n_columns))}
            limits = {"vmin": -limit, "vmax": limit}
            self.images_.append(ax.imshow(image, **limits | keywords | extent))
        tiles.fit(ax, n_lines, n_columns)
        ax.set(xticks=[], yticks=[])
        return self

    def _plot_heatmap(self, ax, im_kwargs):
        """Draw the weights of all units as lines of one image."""
        n_units, n_features = self.weights.shape
        names = check_feature_names(self.feature_names, n_features)
        figsize = 2.4 + CELL_INCHES * min(n_features, 40), 1.8 + CELL_INCHES * min(n_units, 40)
        ax = self._prepare(ax, figsize)
        limit = np.abs(self.weights).max() or 1.0
        defaults = {"cmap": "PuOr", "vmin": -limit, "vmax": limit, "aspect": "auto"}
        image = ax.imshow(self.weights, **merge_keywords("im_kwargs", im_kwargs, **defaults))
        add_colorbar(image, [ax], label="weight of a scaled feature")
        label_features(ax, names)
        units = np.arange(n_units) if self.units is None else self.units
        step = max(n_units // 20, 1)
        ax.set_yticks(np.arange(n_units)[::step], units[::step])
        ax.set_ylabel("unit of the first layer")
        hide_frame(ax)
        self.images_ = [image]
        return self
