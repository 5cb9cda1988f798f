"""LossCurveDisplay: the loss of each epoch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._containers import FloatArray
from skae.metrics import hint_of_steps
from skae.plotting._drawing import OnAxes, merge_keywords
from skae.plotting._validation import final_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

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
