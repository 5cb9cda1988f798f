"""ReconstructionDisplay and DenoisingDisplay: rows, and what comes back of them."""

import numpy as np

from skae._denoising import DenoisingAutoencoder
from skae._sampling import generator
from skae.metrics import check_reducer, explained_variance
from skae.plotting._image_grid import Strip, draw_strips, row_format
from skae.plotting._validation import (
    as_rows,
    as_rows_like,
    check_feature_names,
    check_image_shape,
    check_samples,
    final_step,
    find_feature_names,
    named_reducers,
)


class ReconstructionDisplay:
    """Rows, their reconstructions and residuals: as images, or as a table of colours.

    A table shows numbers as standard deviations of their column, from its mean, so that columns
    of all units can be compared; residuals are in the same unit.

    Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    reconstructions : dict of {str: ndarray of shape (n_samples, n_features)}
        Reconstructions of them, by the name to show.
    image_shape : tuple of int, default=None
        (height, width) of the images that rows are, or (height, width, 3) of coloured ones;
        None makes a table.
    feature_names : list of str, default=None
        Names of the features, for a table; None numbers them.

    Attributes
    ----------
    scores : dict of {str: float}
        Share of the variance of the rows, all of them, that each reconstruction explains.
    residuals : dict of {str: ndarray of shape (n_samples, n_features)}
        Rows minus reconstructions.
    images_ : list of list of matplotlib AxesImage
        What was drawn: a list for each line of images or each block of a table.
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Figure that contains them.

    See Also
    --------
    DenoisingDisplay : Clean, corrupted and restored rows.
    skae.metrics.reconstruction_score : The number that is shown.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae.plotting import ReconstructionDisplay
    >>> X = load_digits().data
    >>> pca = PCA(8).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(pca, X, image_shape=(8, 8))
    >>> display.scores
    {'PCA': 0.67...}
    """

    def __init__(self, X, reconstructions, *, image_shape=None, feature_names=None):
        self.X = X
        self.reconstructions = reconstructions
        self.image_shape = image_shape
        self.feature_names = feature_names

    @property
    def scores(self):
        """Share of the variance that each reconstruction explains: dict of {str: float}."""
        ones = np.ones(len(self.X))
        return {
            name: explained_variance(self.X, reconstruction, ones)
            for name, reconstruction in self.reconstructions.items()
        }

    @property
    def residuals(self):
        """Rows minus reconstructions: dict of {str: ndarray}."""
        return {
            name: self.X - reconstruction for name, reconstruction in self.reconstructions.items()
        }

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        image_shape=None,
        feature_names=None,
        samples=10,
        residuals=None,
        ax=None,
        colorbar=True,
        im_kwargs=None,
        residual_kwargs=None,
    ):
        """Reconstruct rows and plot them.

        Parameters
        ----------
        estimator : object or dict of {str: object}
            Fitted, with `transform` and `inverse_transform`: an autoencoder, PCA, a Pipeline. Of
            a dict all are shown below one another, by their names.
        X : array-like of shape (n_samples, n_features)
            Rows to reconstruct. Some are shown; scores, and the standard deviations of a
            table, are those of all.
        image_shape : tuple of int, default=None
            (height, width) of the images that rows are, or (height, width, 3) of coloured
            ones; None makes a table.
        feature_names : list of str, default=None
            Names of the features, for a table; None takes those of a frame or of the
            estimator.
        samples : int or list of int, default=10
            How many rows to show at most, from the first, or the indices of those to show;
            None for all.
        residuals : bool, default=None
            Whether to show residuals; None does so for a single estimator.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        colorbar : bool, default=True
            Whether to draw the scale of a table, or of the residuals of images.
        im_kwargs : dict, default=None
            Keywords for `imshow`, for all but residuals.
        residual_kwargs : dict, default=None
            Keywords for `imshow`, for residuals.

        Returns
        -------
        display : ReconstructionDisplay
            The rows and their reconstructions, drawn.

        Raises
        ------
        TypeError
            If an estimator cannot reconstruct.
        ValueError
            If `image_shape` does not go with X, or X does not go with the estimator.
        """
        single = type(final_step(estimator)).__name__
        reducers = named_reducers(estimator, single, cls.__name__)
        if feature_names is None:
            feature_names = find_feature_names(X, next(iter(reducers.values())))
        found = {
            name: np.asarray(reducer.inverse_transform(reducer.transform(X)))
            for name, reducer in reducers.items()
        }
        return cls.from_predictions(
            X,
            found,
            image_shape=image_shape,
            feature_names=feature_names,
            samples=samples,
            residuals=residuals,
            ax=ax,
            colorbar=colorbar,
            im_kwargs=im_kwargs,
            residual_kwargs=residual_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        X,
        X_reconstructed,
        *,
        image_shape=None,
        feature_names=None,
        samples=10,
        residuals=None,
        ax=None,
        colorbar=True,
        im_kwargs=None,
        residual_kwargs=None,
    ):
        """Plot rows and reconstructions that exist.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows. Some are shown; scores, and the standard deviations of a table, are those
            of all.
        X_reconstructed : array-like of shape (n_samples, n_features) or dict of such
            Their reconstructions; of a dict all are shown below one another, by their names.
        image_shape : tuple of int, default=None
            (height, width) of the images that rows are, or (height, width, 3) of coloured
            ones; None makes a table.
        feature_names : list of str, default=None
            Names of the features, for a table; None takes those of a frame.
        samples : int or list of int, default=10
            How many rows to show at most, from the first, or the indices of those to show;
            None for all.
        residuals : bool, default=None
            Whether to show residuals; None does so for a single reconstruction.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        colorbar : bool, default=True
            Whether to draw the scale of a table, or of the residuals of images.
        im_kwargs : dict, default=None
            Keywords for `imshow`, for all but residuals.
        residual_kwargs : dict, default=None
            Keywords for `imshow`, for residuals.

        Returns
        -------
        display : ReconstructionDisplay
            The rows and their reconstructions, drawn.

        Raises
        ------
        ValueError
            If a reconstruction has not the shape of X, or `image_shape` does not go with it.
        """
        if not isinstance(X_reconstructed, dict):
            X_reconstructed = {"reconstruction": X_reconstructed}
        if feature_names is None:
            feature_names = find_feature_names(X)
        X = as_rows(X)
        reconstructions = {
            str(name): as_rows_like(rows, X, "X_reconstructed")
            for name, rows in X_reconstructed.items()
        }
        display = cls(
            X,
            reconstructions,
            image_shape=check_image_shape(image_shape, X.shape[1]),
            feature_names=check_feature_names(feature_names, X.shape[1]),
        )
        return display.plot(
            ax=ax,
            samples=samples,
            residuals=residuals,
            colorbar=colorbar,
            im_kwargs=im_kwargs,
            residual_kwargs=residual_kwargs,
        )

    def plot(
        self,
        ax=None,
        *,
        samples=10,
        residuals=None,
        colorbar=True,
        im_kwargs=None,
        residual_kwargs=None,
    ):
        """Draw some rows and their reconstructions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        samples : int or list of int, default=10
            How many rows to show at most, from the first, or the indices of those to show;
            None for all.
        residuals : bool, default=None
            Whether to show residuals; None does so for a single reconstruction.
        colorbar : bool, default=True
            Whether to draw the scale of a table, or of the residuals of images.
        im_kwargs : dict, default=None
            Keywords for `imshow`, for all but residuals.
        residual_kwargs : dict, default=None
            Keywords for `imshow`, for residuals.

        Returns
        -------
        display : ReconstructionDisplay
            The display itself.
        """
        shown = check_samples(samples, len(self.X))
        if residuals is None:
            residuals = len(self.reconstructions) == 1
        scores, differences = self.scores, self.residuals
        strips = [Strip("original", self.X[shown])]
        for name, rows in self.reconstructions.items():
            strips.append(Strip(f"{name}\nR² = {scores[name]:.3f}", rows[shown]))
            if residuals:
                strips.append(Strip("residual", differences[name][shown], is_residual=True))
        look = row_format(self.X, self.image_shape, self.feature_names)
        return draw_strips(self, look, strips, ax, colorbar, im_kwargs, residual_kwargs)


class DenoisingDisplay:
    """Clean rows, corrupted ones, and what a model restores from these.

    Use `from_estimator` to make one.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Clean rows.
    X_noisy : ndarray of shape (n_samples, n_features)
        Corrupted copies of them.
    X_restored : ndarray of shape (n_samples, n_features)
        What the model makes of the corrupted rows.
    image_shape : tuple of int, default=None
        (height, width) of the images that rows are, or (height, width, 3) of coloured ones;
        None makes a table.
    feature_names : list of str, default=None
        Names of the features, for a table; None numbers them.

    Attributes
    ----------
    noisy_error : float
        Mean squared difference between corrupted and clean rows, all of them.
    restored_error : float
        Mean squared difference between restored and clean rows, all of them.
    images_ : list of list of matplotlib AxesImage
        What was drawn: a list for each line of images or each block of a table.
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Figure that contains them.

    See Also
    --------
    ReconstructionDisplay : Rows and their reconstructions.
    skae.DenoisingAutoencoder : Trained to restore rows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenoisingAutoencoder
    >>> from skae.plotting import DenoisingDisplay
    >>> X = load_digits().data / 16
    >>> denoiser = DenoisingAutoencoder(16, max_iter=5, random_state=0).fit(X[:500])
    >>> display = DenoisingDisplay.from_estimator(
    ...     denoiser, X[500:600], image_shape=(8, 8), random_state=0
    ... )
    >>> display.restored_error < display.noisy_error
    True
    """

    def __init__(self, X, X_noisy, X_restored, *, image_shape=None, feature_names=None):
        self.X = X
        self.X_noisy = X_noisy
        self.X_restored = X_restored
        self.image_shape = image_shape
        self.feature_names = feature_names

    @property
    def noisy_error(self):
        """Mean squared difference between corrupted and clean rows: float."""
        return float(np.mean(np.square(self.X_noisy - self.X), dtype=np.float64))

    @property
    def restored_error(self):
        """Mean squared difference between restored and clean rows: float."""
        return float(np.mean(np.square(self.X_restored - self.X), dtype=np.float64))

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        X_noisy=None,
        *,
        image_shape=None,
        feature_names=None,
        samples=10,
        random_state=None,
        ax=None,
        colorbar=True,
        im_kwargs=None,
    ):
        """Restore corrupted rows and plot them between clean ones and their noise.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform` and `inverse_transform`: a denoiser, or anything that it
            is to be compared with.
        X : array-like of shape (n_samples, n_features)
            Clean rows. Some are shown; errors, and the standard deviations of a table, are
            those of all.
        X_noisy : array-like of shape (n_samples, n_features), default=None
            Corrupted copies of them; None adds the noise that a `DenoisingAutoencoder` was
            trained with.
        image_shape : tuple of int, default=None
            (height, width) of the images that rows are, or (height, width, 3) of coloured
            ones; None makes a table.
        feature_names : list of str, default=None
            Names of the features, for a table; None takes those of a frame or of the
            estimator.
        samples : int or list of int, default=10
            How many rows to show at most, from the first, or the indices of those to show;
            None for all.
        random_state : int, RandomState instance, Generator or None, default=None
            Determines the noise, where `X_noisy` is None.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        colorbar : bool, default=True
            Whether to draw the scale of a table.
        im_kwargs : dict, default=None
            Keywords for `imshow`.

        Returns
        -------
        display : DenoisingDisplay
            Clean, corrupted and restored rows, drawn.

        Raises
        ------
        TypeError
            If the estimator cannot reconstruct.
        ValueError
            If `X_noisy` or `image_shape` does not go with X, or the estimator has no noise of its
            own and `X_noisy` is None.
        """
        check_reducer(estimator, cls.__name__)
        if feature_names is None:
            feature_names = find_feature_names(X, estimator)
        if X_noisy is None:
            X, X_noisy = _corrupted(estimator, X, generator(random_state))
            restored = estimator._reconstruct(X_noisy)
        else:
            restored = np.asarray(estimator.inverse_transform(estimator.transform(X_noisy)))
            X = as_rows(X)
            X_noisy = as_rows_like(X_noisy, X, "X_noisy")
        display = cls(
            X,
            X_noisy,
            as_rows_like(restored, X, "The reconstruction"),
            image_shape=check_image_shape(image_shape, X.shape[1]),
            feature_names=check_feature_names(feature_names, X.shape[1]),
        )
        return display.plot(ax=ax, samples=samples, colorbar=colorbar, im_kwargs=im_kwargs)

    def plot(self, ax=None, *, samples=10, colorbar=True, im_kwargs=None):
        """Draw some rows: clean, corrupted, restored.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        samples : int or list of int, default=10
            How many rows to show at most, from the first, or the indices of those to show;
            None for all.
        colorbar : bool, default=True
            Whether to draw the scale of a table.
        im_kwargs : dict, default=None
            Keywords for `imshow`.

        Returns
        -------
        display : DenoisingDisplay
            The display itself.
        """
        shown = check_samples(samples, len(self.X))
        strips = [
            Strip("clean", self.X[shown]),
            Strip(f"corrupted\nMSE {self.noisy_error:.3g}", self.X_noisy[shown]),
            Strip(f"restored\nMSE {self.restored_error:.3g}", self.X_restored[shown]),
        ]
        look = row_format(self.X, self.image_shape, self.feature_names)
        return draw_strips(self, look, strips, ax, colorbar, im_kwargs)


def _corrupted(estimator, X, rng):
    """The rows of X, and copies with the noise that a DenoisingAutoencoder was trained with."""
    if not isinstance(estimator, DenoisingAutoencoder) or estimator.noise is None:
        raise ValueError(
            "X_noisy is needed: only a DenoisingAutoencoder with noise of its own knows how to "
            f"corrupt X, not this {type(estimator).__name__}."
        )
    X = estimator._validate(X)
    X_noisy = np.empty_like(X)
    estimator._make_corruption(X).corrupt(X, X_noisy, rng)
    return X, X_noisy
