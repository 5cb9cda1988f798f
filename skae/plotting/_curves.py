"""Displays of curves: the loss of each epoch, scores against sizes, rate against distortion."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skae._containers import FloatArray
from skae._search import ComponentSearchCV
from skae.metrics import hint_of_steps, kl_weight_curve
from skae.plotting._drawing import OnAxes, cycle_colors, merge_keywords, text_color
from skae.plotting._validation import final_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

LOG_SCALE_RATIO = 10  # largest loss / smallest loss above which the axis is logarithmic


class LossCurveDisplay(OnAxes):
    """Training and validation loss of each epoch, and the epoch that was kept.

    Use `from_estimator` to create one.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Mean training loss of each epoch.
    validation_loss_curve : array-like of shape (n_validated_epochs,), default=None
        Mean loss on held-out samples after each epoch from `first_validation_epoch` on.
    first_validation_epoch : int, default=1
        Epoch of the first value of `validation_loss_curve`.
    best_epoch : int, default=None
        Epoch whose parameters were kept; 0 is the initial model.
    best_loss : float, default=None
        Loss at `best_epoch`, where the marker is drawn.
    name : str, default=None
        Name of the estimator in the legend; None omits it.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The training loss.
    validation_line_ : matplotlib Line2D or None
        The loss on held-out samples.
    best_line_ : matplotlib Line2D or None
        The marker at the epoch that was kept.
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    DistortionDisplay : The reconstruction error against the number of components.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import LossCurveDisplay
    >>> autoencoder = AutoencoderTransformer(max_iter=20, random_state=0).fit(load_iris().data)
    >>> display = LossCurveDisplay.from_estimator(autoencoder)
    >>> display.best_epoch == autoencoder.best_iter_
    True
    """

    line_: "Line2D"
    validation_line_: "Line2D | None"
    best_line_: "Line2D | None"

    def __init__(
        self,
        loss_curve: Sequence[float] | FloatArray,
        validation_loss_curve: Sequence[float] | FloatArray | None = None,
        *,
        first_validation_epoch: int = 1,
        best_epoch: int | None = None,
        best_loss: float | None = None,
        name: str | None = None,
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.first_validation_epoch = first_validation_epoch
        self.best_epoch = best_epoch
        self.best_loss = best_loss
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        name: str | None = None,
        ax: "Axes | None" = None,
        line_kwargs: Mapping[str, Any] | None = None,
        validation_kwargs: Mapping[str, Any] | None = None,
        best_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Plot the loss curves of a fitted estimator.

        An autoencoder computes its losses on samples centred by `mean_` and divided by `scale_`.
        With early stopping, a marker shows the epoch that was kept. Epoch 0 is the initial
        model; with a linear path it is PCA.

        After `partial_fit` the marker shows the last epoch. After a warm start the validation
        curve covers only the epochs that had held-out samples.

        Parameters
        ----------
        estimator : object
            Fitted, with `loss_curve_`, or a Pipeline that ends in such an estimator.
        name : str, default=None
            Name of the estimator in the legend; None omits it.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        line_kwargs : dict, default=None
            Keyword arguments for the line of the training loss.
        validation_kwargs : dict, default=None
            Keyword arguments for the line of the loss on held-out samples.
        best_kwargs : dict, default=None
            Keyword arguments for the marker at the epoch that was kept.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no loss curve, `ax` is not a matplotlib Axes, or keyword
            arguments are not a dict.
        ValueError
            If the estimator has completed no epoch.
        """
        model = final_step(estimator)
        check_is_fitted(model)
        if not hasattr(model, "loss_curve_"):
            raise TypeError(
                f"{cls.__name__} needs an estimator with loss_curve_; {type(model).__name__} has "
                f"none.{hint_of_steps(estimator)}"
            )
        losses = np.asarray(model.loss_curve_, dtype=np.float64)
        if not len(losses):
            divergence = (getattr(model, "_record", None) or {}).get("divergence")
            why = f"diverged {divergence}" if divergence else f"max_iter={model.max_iter}"
            raise ValueError(
                f"There is no loss curve: this {type(model).__name__} has completed no epoch of "
                f"training ({why})."
            )
        validation_losses = np.asarray(getattr(model, "validation_loss_curve_", None) or [], float)
        if len(validation_losses):
            first = _first_validation_epoch(model)
            best_epoch, best_loss = _kept_epoch(model, first)
            display = cls(
                losses,
                validation_losses,
                first_validation_epoch=first,
                best_epoch=best_epoch,
                best_loss=best_loss,
                name=name,
            )
        else:
            display = cls(losses, name=name)
        return display.plot(
            ax=ax,
            line_kwargs=line_kwargs,
            validation_kwargs=validation_kwargs,
            best_kwargs=best_kwargs,
        )

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        line_kwargs: Mapping[str, Any] | None = None,
        validation_kwargs: Mapping[str, Any] | None = None,
        best_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the curves.

        The loss axis is logarithmic if the largest loss exceeds ten times the smallest, and all
        losses are positive.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        line_kwargs : dict, default=None
            Keyword arguments for the line of the training loss.
        validation_kwargs : dict, default=None
            Keyword arguments for the line of the loss on held-out samples.
        best_kwargs : dict, default=None
            Keyword arguments for the marker at the epoch that was kept.

        Returns
        -------
        display : LossCurveDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or keyword arguments are not a dict.
        """
        ax = self._prepare(ax, (6.4, 4.2))
        from matplotlib.lines import Line2D

        prefix = "" if self.name is None else f"{self.name}, "
        keywords = merge_keywords(
            "line_kwargs", line_kwargs, Line2D, label=f"{prefix}training samples"
        )
        epochs = np.arange(1, len(self.loss_curve) + 1)
        (self.line_,) = ax.plot(epochs, self.loss_curve, **keywords)
        color = self.line_.get_color()
        self.validation_line_ = self.best_line_ = None
        losses = np.asarray(self.loss_curve)
        if self.validation_loss_curve is not None:
            defaults = {"color": color, "linestyle": "--", "label": f"{prefix}held-out samples"}
            keywords = merge_keywords("validation_kwargs", validation_kwargs, Line2D, **defaults)
            epochs = self.first_validation_epoch + np.arange(len(self.validation_loss_curve))
            (self.validation_line_,) = ax.plot(epochs, self.validation_loss_curve, **keywords)
            losses = np.concatenate([losses, self.validation_loss_curve])
        if self.best_epoch is not None and self.best_loss is not None:
            initial = " (initial model)" if self.best_epoch == 0 else ""
            defaults = {
                "color": color,
                "marker": "o",
                "markersize": 9,
                "markerfacecolor": "none",
                "markeredgewidth": 2,
                "linestyle": "none",
                "clip_on": False,
                "zorder": 3,
                "label": f"{prefix}epoch kept: {self.best_epoch}{initial}",
            }
            keywords = merge_keywords("best_kwargs", best_kwargs, Line2D, **defaults)
            (self.best_line_,) = ax.plot([self.best_epoch], [self.best_loss], **keywords)
        scale = ""
        if losses.min() > 0 and losses.max() > LOG_SCALE_RATIO * losses.min():
            ax.set_yscale("log")
            scale = " (log scale)"
        ax.set(xlabel="epoch", ylabel=f"loss{scale}")
        ax.legend()
        return self


def _first_validation_epoch(model):
    """Return the epoch of the first validation loss.

    It is 1, unless the last fit was a warm start with early stopping. Then the validation losses
    are those of the last epochs.
    """
    n_epochs = len(model.loss_curve_)
    is_warm_start = getattr(model, "early_stopping", False) and model.n_iter_ < n_epochs
    return 1 + n_epochs - len(model.validation_loss_curve_) if is_warm_start else 1


def _kept_epoch(model, first_validation_epoch):
    """Return the epoch whose parameters were kept, counted over all fits, and its loss.

    The loss is the validation loss. An epoch of `partial_fit` has a training loss only.
    """
    epoch = len(model.loss_curve_) - model.n_iter_ + model.best_iter_
    i = epoch - first_validation_epoch
    if i == -1:
        return epoch, model.best_loss_
    if i < len(model.validation_loss_curve_):
        return epoch, model.validation_loss_curve_[i]
    return epoch, model.loss_curve_[epoch - 1]


class ComponentSearchDisplay(OnAxes):
    """Score against the number of components, with standard errors and the chosen number.

    Use `from_estimator` to create one.

    Parameters
    ----------
    n_components : ndarray of shape (n_sizes,)
        Numbers of components, ascending.
    scores : ndarray of shape (n_sizes,)
        Mean score of each on held-out samples.
    errors : ndarray of shape (n_sizes,)
        Standard errors of the mean scores.
    chosen : int
        Index of the number that was chosen.
    score_name : str, default="score"
        Label of the score axis.

    Attributes
    ----------
    scores_ : matplotlib ErrorbarContainer
        The scores with their errors.
    chosen_ : matplotlib Line2D
        The mark of the chosen number.
    limit_ : matplotlib Line2D
        The line one standard error below the best score.
    ax_ : matplotlib Axes
        Axes with the scores.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    DistortionDisplay : The reconstruction error against the number of components.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer, ComponentSearchCV
    >>> from skae.plotting import ComponentSearchDisplay
    >>> autoencoder = AutoencoderTransformer(max_iter=10, random_state=0)
    >>> search = ComponentSearchCV(autoencoder, [1, 2, 3], cv=3).fit(load_iris().data)
    >>> display = ComponentSearchDisplay.from_estimator(search)
    >>> display.n_components.tolist()
    [1, 2, 3]
    """

    scores_: "ErrorbarContainer"
    chosen_: "Line2D"
    limit_: "Line2D"

    def __init__(
        self,
        n_components: NDArray[Any],
        scores: NDArray[Any],
        errors: NDArray[Any],
        chosen: int,
        *,
        score_name: str = "score",
    ) -> None:
        self.n_components = n_components
        self.scores = scores
        self.errors = errors
        self.chosen = chosen
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        search: ComponentSearchCV,
        *,
        ax: "Axes | None" = None,
        line_kwargs: Mapping[str, Any] | None = None,
        chosen_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Plot the results of a search.

        Parameters
        ----------
        search : ComponentSearchCV
            Fitted search.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        line_kwargs : dict, default=None
            Keyword arguments for the scores.
        chosen_kwargs : dict, default=None
            Keyword arguments for the mark of the chosen number.

        Returns
        -------
        display : ComponentSearchDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the search is not fitted.
        TypeError
            If `search` is no ComponentSearchCV, `ax` is not a matplotlib Axes, or keyword arguments
            are not a dict.
        """
        if not isinstance(search, ComponentSearchCV):
            raise TypeError(
                f"{cls.__name__} needs a ComponentSearchCV, got {type(search).__name__}. "
                "DistortionDisplay.from_cv_results draws other searches."
            )
        check_is_fitted(search, "cv_results_")
        results, scoring = search.cv_results_, search.scoring
        (name,) = search.best_params_
        display = cls(
            np.asarray(results[f"param_{name}"]),
            results["mean_test_score"],
            search.standard_errors_,
            search.best_index_,
            score_name=scoring if isinstance(scoring, str) else "score",
        )
        return display.plot(ax=ax, line_kwargs=line_kwargs, chosen_kwargs=chosen_kwargs)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        line_kwargs: Mapping[str, Any] | None = None,
        chosen_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the scores, their errors and the chosen number of components.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        line_kwargs : dict, default=None
            Keyword arguments for the scores.
        chosen_kwargs : dict, default=None
            Keyword arguments for the mark of the chosen number.

        Returns
        -------
        display : ComponentSearchDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or keyword arguments are not a dict.
        """
        ax = self._prepare(ax, (6.4, 4.2))
        from matplotlib.lines import Line2D

        sizes, best = self.n_components, int(np.argmax(self.scores))
        color = cycle_colors(1)[0]
        defaults = {"color": color, "marker": "D", "capsize": 3, "markersize": 5}
        keywords = merge_keywords("line_kwargs", line_kwargs, Line2D, **defaults)
        self.scores_ = ax.errorbar(sizes, self.scores, self.errors, **keywords)
        label = f"chosen: {sizes[self.chosen]}"
        defaults = {"color": color, "marker": "o", "markersize": 14, "linestyle": "none"}
        defaults |= {"markerfacecolor": "none", "label": label}
        keywords = merge_keywords("chosen_kwargs", chosen_kwargs, Line2D, **defaults)
        (self.chosen_,) = ax.plot(sizes[self.chosen], self.scores[self.chosen], **keywords)
        limit = self.scores[best] - self.errors[best]
        label = "one standard error below the best"
        self.limit_ = ax.axhline(limit, color=text_color(), ls=":", lw=1, label=label)
        ax.set_xscale("log")
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.set_xticks([], minor=True)
        ax.set(xlabel="n_components", ylabel=f"{self.score_name}, held-out samples")
        ax.legend()
        return self


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
