"""Displays of samples beside their reconstructions, restored copies, or drawn samples."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self
import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import validate_data

from skae._containers import floats
from skae._denoising import DenoisingAutoencoder
from skae._missing.gaps import missing_cells
from skae._sampling import generator
from skae.corruptions import make_corruption
from skae.metrics import check_reducer, explained_variance
from skae.plotting._image_grid import ImageDisplay, ImageStyle, SampleGroup
from skae.plotting._validation import (
    Indices,
    as_samples,
    as_samples_like,
    check_count,
    check_feature_names,
    check_image_shape,
    find_feature_names,
    named_reducers,
    select_samples,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ReconstructionDisplay(ImageDisplay):
    """Samples, their reconstructions and residuals, as images or as a heatmap.

    The heatmap shows each feature in standard deviations from its mean, and residuals divided by
    these. Missing cells (NaN) are yellow and do not count in the scores.

    Use `from_estimator` or `from_predictions` to create one.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The samples.
    reconstructions : dict of {str: ndarray of shape (n_samples, n_features)}
        Reconstructions of the samples, by name.
    image_shape : tuple of int, default=None
        Shape of the image that a sample represents: (height, width), or (height, width, 3) in
        colour. None draws a heatmap.
    feature_names : list of str, default=None
        Feature names for a heatmap; None numbers the features.

    Attributes
    ----------
    scores : dict of {str: float}
        Share of the variance of all samples that each reconstruction explains.
    residuals : dict of {str: ndarray of shape (n_samples, n_features)}
        Samples minus reconstructions.
    images_ : list of list of matplotlib AxesImage
        The images: a list for each row of images, or for each block of a heatmap.
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    DenoisingDisplay : Clean, corrupted and denoised samples.
    skae.metrics.reconstruction_score : The score of each reconstruction.

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

    def __init__(
        self,
        X: NDArray[Any],
        reconstructions: dict[str, NDArray[Any]],
        *,
        image_shape: Sequence[int] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self.X = X
        self.reconstructions = reconstructions
        self.image_shape = image_shape
        self.feature_names = feature_names

    @property
    def scores(self) -> dict[str, float]:
        """Share of the variance that each reconstruction explains: dict of {str: float}."""
        weights, missing = np.ones(len(self.X)), missing_cells(self.X)
        X = np.nan_to_num(self.X)
        return {
            name: explained_variance(X, reconstruction, weights, missing)
            for name, reconstruction in self.reconstructions.items()
        }

    @property
    def residuals(self) -> dict[str, NDArray[Any]]:
        """Samples minus reconstructions: dict of {str: ndarray}."""
        return {
            name: self.X - reconstruction for name, reconstruction in self.reconstructions.items()
        }

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        image_shape: Sequence[int] | None = None,
        feature_names: Collection[str] | None = None,
        samples: int | Indices | None = 10,
        residuals: bool | None = None,
        ax: "Axes | None" = None,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
        residual_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Reconstruct samples and plot them.

        Parameters
        ----------
        estimator : object or dict of {str: object}
            Fitted, with `transform` and `inverse_transform`: an autoencoder, PCA or a
            Pipeline. A dict draws one reconstruction per estimator, labelled by its key.
        X : array-like of shape (n_samples, n_features)
            Samples to reconstruct. All of them enter the scores and the standard deviations.
        image_shape : tuple of int, default=None
            Shape of the image that a sample represents: (height, width), or
            (height, width, 3) in colour. None draws a heatmap.
        feature_names : list of str, default=None
            Feature names for a heatmap; None takes those of a data frame or of the estimator.
        samples : int or list of int, default=10
            Maximum number of samples to show, from the first, or indices of the samples to
            show. None shows all.
        residuals : bool, default=None
            Whether to show residuals; None shows them for a single estimator.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        colorbar : bool, default=True
            Whether to draw a colour bar for a heatmap, or for the residual images.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`, except for residuals.
        residual_kwargs : dict, default=None
            Keyword arguments for `imshow` of residuals.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If an estimator is not fitted.
        TypeError
            If an estimator cannot reconstruct, `ax` is not a matplotlib Axes, or keyword
            arguments are not a dict.
        ValueError
            If `X` does not match the estimator, or `image_shape`, `feature_names` or `samples`
            does not match `X`.
        """
        reducers = named_reducers(estimator, cls.__name__)
        if feature_names is None:
            feature_names = find_feature_names(X, next(iter(reducers.values())))
        reconstructions = {
            name: np.asarray(reducer.inverse_transform(reducer.transform(X)))
            for name, reducer in reducers.items()
        }
        return cls.from_predictions(
            X,
            reconstructions,
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
        X: ArrayLike,
        X_reconstructed: ArrayLike | Mapping[str, ArrayLike],
        *,
        image_shape: Sequence[int] | None = None,
        feature_names: Collection[str] | None = None,
        samples: int | Indices | None = 10,
        residuals: bool | None = None,
        ax: "Axes | None" = None,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
        residual_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Plot samples and reconstructions that were computed before.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples. All of them enter the scores and the standard deviations.
        X_reconstructed : array-like of shape (n_samples, n_features) or dict of such
            Their reconstructions. A dict draws each, labelled by its key.
        image_shape : tuple of int, default=None
            Shape of the image that a sample represents: (height, width), or
            (height, width, 3) in colour. None draws a heatmap.
        feature_names : list of str, default=None
            Feature names for a heatmap; None takes those of a data frame.
        samples : int or list of int, default=10
            Maximum number of samples to show, from the first, or indices of the samples to
            show. None shows all.
        residuals : bool, default=None
            Whether to show residuals; None shows them for a single reconstruction.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        colorbar : bool, default=True
            Whether to draw a colour bar for a heatmap, or for the residual images.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`, except for residuals.
        residual_kwargs : dict, default=None
            Keyword arguments for `imshow` of residuals.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or keyword arguments are not a dict.
        ValueError
            If `X_reconstructed`, `image_shape`, `feature_names` or `samples` does not match
            `X`.
        """
        if not isinstance(X_reconstructed, Mapping):
            X_reconstructed = {"reconstruction": X_reconstructed}
        if feature_names is None:
            feature_names = find_feature_names(X)
        X = as_samples(X, takes_nan=True)
        reconstructions = {
            str(name): as_samples_like(reconstruction, X, "X_reconstructed")
            for name, reconstruction in X_reconstructed.items()
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
        ax: "Axes | None" = None,
        *,
        samples: int | Indices | None = 10,
        residuals: bool | None = None,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
        residual_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw samples and their reconstructions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        samples : int or list of int, default=10
            Maximum number of samples to show, from the first, or indices of the samples to
            show. None shows all.
        residuals : bool, default=None
            Whether to show residuals; None shows them for a single reconstruction.
        colorbar : bool, default=True
            Whether to draw a colour bar for a heatmap, or for the residual images.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`, except for residuals.
        residual_kwargs : dict, default=None
            Keyword arguments for `imshow` of residuals.

        Returns
        -------
        display : ReconstructionDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or keyword arguments are not a dict.
        ValueError
            If `samples` is not as described.
        """
        indices = select_samples(samples, len(self.X))
        if residuals is None:
            residuals = len(self.reconstructions) == 1
        scores, differences = self.scores, self.residuals
        groups = [SampleGroup("original", self.X[indices])]
        for name, reconstruction in self.reconstructions.items():
            title = f"{name}\nR² = {scores[name]:.3f}"
            groups.append(SampleGroup(title, reconstruction[indices]))
            if residuals:
                residual = differences[name][indices]
                groups.append(SampleGroup("residual", residual, is_residual=True))
        style = ImageStyle(colorbar, im_kwargs, residual_kwargs)
        return self._draw(groups, self.X, ax, style)


class DenoisingDisplay(ImageDisplay):
    """Clean samples, their corrupted copies, and the copies restored by a model.

    A heatmap shows each feature in standard deviations from its mean. Missing cells (NaN) are
    yellow and do not count in the errors.

    Use `from_estimator` to create one.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Clean samples.
    X_noisy : ndarray of shape (n_samples, n_features)
        Corrupted copies of the samples.
    X_restored : ndarray of shape (n_samples, n_features)
        Reconstructions of the corrupted copies.
    image_shape : tuple of int, default=None
        Shape of the image that a sample represents: (height, width), or (height, width, 3) in
        colour. None draws a heatmap.
    feature_names : list of str, default=None
        Feature names for a heatmap; None numbers the features.

    Attributes
    ----------
    noisy_error : float
        Mean squared difference between corrupted and clean samples.
    restored_error : float
        Mean squared difference between restored and clean samples.
    images_ : list of list of matplotlib AxesImage
        The images: a list for each row of images, or for each block of a heatmap.
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    ReconstructionDisplay : Samples and their reconstructions.
    skae.DenoisingAutoencoder : An autoencoder trained to restore samples.

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

    def __init__(
        self,
        X: NDArray[Any],
        X_noisy: NDArray[Any],
        X_restored: NDArray[Any],
        *,
        image_shape: Sequence[int] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self.X = X
        self.X_noisy = X_noisy
        self.X_restored = X_restored
        self.image_shape = image_shape
        self.feature_names = feature_names

    @property
    def noisy_error(self) -> float:
        """Mean squared difference between corrupted and clean samples: float."""
        return float(np.nanmean(np.square(self.X_noisy - self.X), dtype=np.float64))

    @property
    def restored_error(self) -> float:
        """Mean squared difference between restored and clean samples: float."""
        return float(np.nanmean(np.square(self.X_restored - self.X), dtype=np.float64))

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        X_noisy: ArrayLike | None = None,
        *,
        image_shape: Sequence[int] | None = None,
        feature_names: Collection[str] | None = None,
        samples: int | Indices | None = 10,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        ax: "Axes | None" = None,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Restore corrupted samples and plot them below the clean and the corrupted ones.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform` and `inverse_transform`: a denoiser, or any reducer to
            compare it with.
        X : array-like of shape (n_samples, n_features)
            Clean samples. All of them enter the errors and the standard deviations.
        X_noisy : array-like of shape (n_samples, n_features), default=None
            Corrupted copies of the samples; None corrupts `X` with the built-in noise of a
            `DenoisingAutoencoder`.
        image_shape : tuple of int, default=None
            Shape of the image that a sample represents: (height, width), or
            (height, width, 3) in colour. None draws a heatmap.
        feature_names : list of str, default=None
            Feature names for a heatmap; None takes those of a data frame or of the estimator.
        samples : int or list of int, default=10
            Maximum number of samples to show, from the first, or indices of the samples to
            show. None shows all.
        random_state : int, RandomState instance, Generator or None, default=None
            Determines the built-in noise.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        colorbar : bool, default=True
            Whether to draw a colour bar for a heatmap.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`.

        Returns
        -------
        display : DenoisingDisplay
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
            If `X` does not match the estimator, or another argument does not match `X`. Also if
            `X_noisy` is None and the estimator has no built-in noise.
        """
        check_reducer(estimator, cls.__name__)
        if feature_names is None:
            feature_names = find_feature_names(X, estimator)
        if X_noisy is None:
            X, X_noisy = _corrupt(estimator, X, generator(random_state))
            X_restored = _reconstruct_array(estimator, X_noisy)
        else:
            X_restored = np.asarray(estimator.inverse_transform(estimator.transform(X_noisy)))
            X = as_samples(X, takes_nan=True)
            X_noisy = as_samples_like(X_noisy, X, "X_noisy", takes_nan=True)
        display = cls(
            X,
            X_noisy,
            as_samples_like(X_restored, X, "The reconstruction"),
            image_shape=check_image_shape(image_shape, X.shape[1]),
            feature_names=check_feature_names(feature_names, X.shape[1]),
        )
        return display.plot(ax=ax, samples=samples, colorbar=colorbar, im_kwargs=im_kwargs)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        samples: int | Indices | None = 10,
        colorbar: bool = True,
        im_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw clean, corrupted and restored samples.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        samples : int or list of int, default=10
            Maximum number of samples to show, from the first, or indices of the samples to
            show. None shows all.
        colorbar : bool, default=True
            Whether to draw a colour bar for a heatmap.
        im_kwargs : dict, default=None
            Keyword arguments for `imshow`.

        Returns
        -------
        display : DenoisingDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or `im_kwargs` is not a dict.
        ValueError
            If `samples` is not as described.
        """
        indices = select_samples(samples, len(self.X))
        groups = [
            SampleGroup("clean", self.X[indices]),
            SampleGroup(f"corrupted\nMSE {self.noisy_error:.3g}", self.X_noisy[indices]),
            SampleGroup(f"restored\nMSE {self.restored_error:.3g}", self.X_restored[indices]),
        ]
        return self._draw(groups, self.X, ax, ImageStyle(colorbar, im_kwargs))


class SampleDisplay(ImageDisplay):
    """Samples that a model has drawn, below real ones.

    A heatmap shows each feature in standard deviations from its mean in the real samples, whose
    missing cells (NaN) are yellow.

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
            If another argument is not as described.
        """
        if not hasattr(estimator, "sample"):
            raise TypeError(
                f"{cls.__name__} needs an estimator with sample; {type(estimator).__name__} has "
                "no sample."
            )
        n_samples = check_count(n_samples, "n_samples")
        n_columns = check_count(n_columns, "n_columns")
        if feature_names is None:
            feature_names = find_feature_names(X, estimator)
        keywords = {} if random_state is None else {"random_state": random_state}
        drawn = estimator.sample(n_samples, **keywords)
        drawn = as_samples(drawn[0] if isinstance(drawn, tuple) else drawn, "drawn samples")
        X = None if X is None else as_samples(X, takes_nan=True)[:n_samples]
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
        return self._draw(groups, reference, ax, ImageStyle(colorbar, im_kwargs))


def _corrupt(estimator, X, rng):
    """Return X as an array, and a copy with the built-in noise of a DenoisingAutoencoder."""
    if not isinstance(estimator, DenoisingAutoencoder) or estimator.noise is None:
        raise ValueError(
            "Pass X_noisy: only a DenoisingAutoencoder with built-in noise can corrupt X, got "
            f"{type(estimator).__name__}."
        )
    X = validate_data(estimator, X, reset=False, dtype=floats(X), ensure_all_finite="allow-nan")
    missing, X_noisy = np.isnan(X), np.empty_like(X)
    filled = np.where(missing, _reconstruct_array(estimator, X), X) if missing.any() else X
    make_corruption(estimator.noise, estimator.noise_level, filled).corrupt(filled, X_noisy, rng)
    X_noisy[missing] = np.nan
    return X, X_noisy


def _reconstruct_array(estimator, X):
    """Reconstruct an array; an estimator that was fitted to a frame does not warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        return np.asarray(estimator.reconstruct(X))
