"""WeightsDisplay."""

import math

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae.plotting._drawing import one_axes, styled
from skae.plotting._validation import check_count, check_image_shape, final_step


class WeightsDisplay:
    """What the units of the first layer wait for: their weights as images.

    Use `from_estimator` to make one.

    Parameters
    ----------
    weights : ndarray of shape (n_units, n_features)
        Weights of each unit.
    image_shape : tuple of int
        (height, width) of the images that rows are, or (height, width, 3) of coloured ones,
        whose three weights are averaged.
    units : ndarray of shape (n_units,), default=None
        Numbers of the units; None counts them.

    Attributes
    ----------
    images_ : list of matplotlib AxesImage
        The images, unit by unit.
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Figure that contains them.

    See Also
    --------
    TraversalDisplay : What the columns of the code mean.
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

    def __init__(self, weights, image_shape, *, units=None):
        self.weights = weights
        self.image_shape = image_shape
        self.units = units

    @classmethod
    def from_estimator(cls, estimator, image_shape, *, n_units=40, ax=None, im_kwargs=None):
        """Plot the weights of the first layer of a network.

        Where that layer is the code itself, its linear path belongs to the weights. They act
        on rows that are centred and divided by `scale_`.

        Parameters
        ----------
        estimator : object
            Fitted, with `coefs_`: an autoencoder or an MLP, or a Pipeline that ends in one.
        image_shape : tuple of int
            (height, width) of the images that rows are, or (height, width, 3) of coloured
            ones, whose three weights are averaged.
        n_units : int, default=40
            Number of units to show at most, those with the greatest weights first; None shows
            all, in their order.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        im_kwargs : dict, default=None
            Keywords for `imshow`.

        Returns
        -------
        display : WeightsDisplay
            The weights, drawn.

        Raises
        ------
        TypeError
            If the estimator has no weights.
        ValueError
            If `image_shape` does not go with the features.
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
        if shape is None:
            raise ValueError("image_shape must be (height, width), got None.")
        units = np.arange(len(weights))
        if n_units is not None:
            norms = np.square(weights).sum(axis=1)
            units = np.argsort(-norms, kind="stable")
            units = units[: check_count(n_units, "n_units", len(weights))]
        return cls(weights[units], shape, units=units).plot(ax=ax, im_kwargs=im_kwargs)

    def plot(self, ax=None, *, im_kwargs=None):
        """Draw an image for each unit, on a scale of its own.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        im_kwargs : dict, default=None
            Keywords for `imshow`.

        Returns
        -------
        display : WeightsDisplay
            The display itself.
        """
        height, width = self.image_shape[:2]
        n_units = len(self.weights)
        n_columns = min(math.ceil(math.sqrt(2.5 * n_units * height / width)), n_units)
        n_lines = math.ceil(n_units / n_columns)
        cell = min(0.85, 8.4 / n_columns)
        figsize = (n_columns * cell + 0.2, n_lines * cell * height / width + 0.2)
        ax = one_axes(type(self).__name__, ax, figsize)
        style = styled("im_kwargs", im_kwargs, cmap="PuOr")
        gap = 0.08 * max(height, width)
        self.images_ = []
        for i, weights in enumerate(self.weights):
            image = weights.reshape(self.image_shape)
            image = image.mean(axis=2) if image.ndim == 3 else image
            limit = np.abs(image).max() or 1.0
            top, left = (i // n_columns) * (height + gap), (i % n_columns) * (width + gap)
            box = (left, left + width, top + height, top)
            keywords = {"vmin": -limit, "vmax": limit} | style | {"extent": box}
            self.images_.append(ax.imshow(image, **keywords))
        ax.set_xlim(-gap / 2, n_columns * (width + gap) - gap / 2)
        ax.set_ylim(n_lines * (height + gap) - gap / 2, -gap / 2)
        ax.set_aspect("equal")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self
