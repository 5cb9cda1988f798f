"""RateDistortionDisplay: rate against distortion as the weight of the divergence varies."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skae.metrics import kl_weight_curve
from skae.plotting._drawing import OnAxes, merge_keywords
from skae.plotting._validation import final_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Text


class RateDistortionDisplay(OnAxes):
    """Rate against distortion of variational autoencoders with several values of `kl_weight`.

    Points further to the right say more about a sample; points further down reconstruct it better.
    With rate and distortion in nats, lines of slope -1 have the same evidence lower bound.

    Use `from_estimator` to create one.

    Parameters
    ----------
    kl_weights : ndarray of shape (n_weights,)
        Weight of the divergence of each model.
    rates : ndarray of shape (n_weights,)
        Divergence of the codes from the prior, in nats.
    distortions : ndarray of shape (n_weights,)
        Distortion of each model.
    distortion_name : str, default="distortion (nats)"
        Label of the axis of the distortion.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The curve.
    texts_ : list of matplotlib Text
        The weights beside its points.
    ax_ : matplotlib Axes
        Axes with the curve.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    skae.metrics.kl_weight_curve : The values of the curve.
    DistortionDisplay : The error against the number of components.

    Examples
    --------
    >>> from skae.plotting import RateDistortionDisplay
    >>> display = RateDistortionDisplay([0.5, 1.0, 2.0], [9.0, 6.0, 4.0], [11.0, 13.0, 17.0])
    >>> display.distortion_name
    'distortion (nats)'
    """

    line_: "Line2D"
    texts_: "list[Text]"

    def __init__(
        self,
        kl_weights: NDArray[Any],
        rates: NDArray[Any],
        distortions: NDArray[Any],
        *,
        distortion_name: str = "distortion (nats)",
    ) -> None:
        self.kl_weights = kl_weights
        self.rates = rates
        self.distortions = distortions
        self.distortion_name = distortion_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        X_test: ArrayLike | None = None,
        *,
        kl_weights: ArrayLike = (0.1, 0.3, 1.0, 3.0, 10.0),
        distortion: str = "nats",
        ax: "Axes | None" = None,
        line_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Fit a variational autoencoder with each weight and plot rate against distortion.

        Parameters
        ----------
        estimator : VariationalAutoencoder
            Parameters of the models to fit; it need not be fitted and is not changed.
        X : array-like of shape (n_samples, n_features)
            Training samples.
        X_test : array-like of shape (n_samples_test, n_features), default=None
            Samples to measure rate and distortion on; None takes X.
        kl_weights : array-like of float of shape (n_weights,), default=(0.1, 0.3, 1.0, 3.0, 10.0)
            Weights, each at least zero.
        distortion : {"nats", "mean_squared_error"}, default="nats"
            What to plot: minus the expected log-likelihood in nats, or the mean squared error of
            the reconstruction.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        line_kwargs : dict, default=None
            Keyword arguments for `plot`.

        Returns
        -------
        display : RateDistortionDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is no VariationalAutoencoder, `ax` is not a matplotlib Axes, or
            `line_kwargs` is not a dict.
        ValueError
            If `X`, `X_test`, `kl_weights` or `distortion` is not as described.
        """
        names = {"nats": "distortion (nats)", "mean_squared_error": "mean squared error"}
        if distortion not in names:
            raise ValueError(f"distortion must be one of {sorted(names)}, got {distortion!r}.")
        curve = kl_weight_curve(final_step(estimator), X, X_test, kl_weights=kl_weights)
        values = curve.distortion if distortion == "nats" else curve.mean_squared_error
        display = cls(curve.kl_weight, curve.rate, values, distortion_name=names[distortion])
        return display.plot(ax=ax, line_kwargs=line_kwargs)

    def plot(
        self, ax: "Axes | None" = None, *, line_kwargs: Mapping[str, Any] | None = None
    ) -> Self:
        """Draw the curve, with the weight beside each point.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        line_kwargs : dict, default=None
            Keyword arguments for `plot`.

        Returns
        -------
        display : RateDistortionDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or `line_kwargs` is not a dict.
        """
        ax = self._prepare(ax, (6, 4))
        from matplotlib.lines import Line2D

        keywords = merge_keywords("line_kwargs", line_kwargs, Line2D, marker="o")
        order = np.argsort(self.rates)
        rates, distortions = np.asarray(self.rates)[order], np.asarray(self.distortions)[order]
        (self.line_,) = ax.plot(rates, distortions, **keywords)
        self.texts_ = [
            ax.annotate(f"{weight:g}", point, (5, 5), textcoords="offset points")
            for weight, *point in zip(np.asarray(self.kl_weights)[order], rates, distortions)
        ]
        ax.margins(0.1)  # room for the numbers
        ax.set(xlabel="rate (nats)", ylabel=self.distortion_name)
        ax.set_title("numbers beside points: kl_weight", fontsize="medium")
        return self
