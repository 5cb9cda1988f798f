"""LossCurveDisplay."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae.plotting._drawing import one_axes, styled
from skae.plotting._validation import final_step

WIDE = 10


class LossCurveDisplay:
    """Loss of each epoch, on training rows and on held-out ones, and the epoch that was kept.

    Use `from_estimator` to make one.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Mean training loss of each epoch.
    validation_loss_curve : array-like of shape (n_watched_epochs,), default=None
        Mean loss on held-out rows after each epoch, or after some of them.
    first_validation_epoch : int, default=1
        The epoch that `validation_loss_curve` begins with.
    best_epoch : int, default=None
        The epoch whose parameters were kept; 0 is the start of training.
    best_loss : float, default=None
        Its loss on held-out rows.
    name : str, default=None
        What the legend calls the estimator; None leaves that out.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The training loss.
    validation_line_ : matplotlib Line2D or None
        The loss on held-out rows.
    best_line_ : matplotlib Line2D or None
        The marker at the epoch that was kept.
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure that contains them.

    See Also
    --------
    DistortionDisplay : The error against the width of the code.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import LossCurveDisplay
    >>> autoencoder = AutoencoderTransformer(random_state=0).fit(load_iris().data)
    >>> display = LossCurveDisplay.from_estimator(autoencoder)
    >>> display.best_epoch == autoencoder.best_iter_
    True
    """

    def __init__(
        self,
        loss_curve,
        validation_loss_curve=None,
        *,
        first_validation_epoch=1,
        best_epoch=None,
        best_loss=None,
        name=None,
    ):
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.first_validation_epoch = first_validation_epoch
        self.best_epoch = best_epoch
        self.best_loss = best_loss
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        name=None,
        ax=None,
        line_kwargs=None,
        validation_kwargs=None,
        best_kwargs=None,
    ):
        """Plot the loss curves of a fitted estimator.

        Losses are in the geometry of the network: of rows centred and divided by `scale_`. The
        epoch that was kept is marked where held-out rows chose it. It may be epoch 0, the
        start, whose loss lies at the left of both curves; with a linear path the model is then
        PCA. After `partial_fit` or a warm start the curve of the held-out rows belongs to the
        epochs that had such rows.

        Parameters
        ----------
        estimator : object
            Fitted, with `loss_curve_`, or a Pipeline that ends in such an estimator.
        name : str, default=None
            What the legend calls the estimator; None leaves that out.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        line_kwargs : dict, default=None
            Keywords for the line of the training loss.
        validation_kwargs : dict, default=None
            Keywords for the line of the loss on held-out rows.
        best_kwargs : dict, default=None
            Keywords for the marker at the epoch that was kept.

        Returns
        -------
        display : LossCurveDisplay
            The curves, drawn.

        Raises
        ------
        TypeError
            If the estimator has no loss curve.
        ValueError
            If it was trained for no epoch.
        """
        model = final_step(estimator)
        check_is_fitted(model)
        if not hasattr(model, "loss_curve_"):
            raise TypeError(
                f"{cls.__name__} needs an estimator with loss_curve_; {type(model).__name__} has "
                "none."
            )
        losses = np.asarray(model.loss_curve_, dtype=np.float64)
        if not len(losses):
            raise ValueError(
                f"There is no loss curve: this {type(model).__name__} has completed no epoch of "
                f"training (max_iter={model.max_iter})."
            )
        watched = np.asarray(getattr(model, "validation_loss_curve_", None) or [], np.float64)
        first = 1 + _n_unwatched(model, losses, watched)
        best_epoch = best_loss = None
        if len(watched):
            best_epoch = len(losses) - model.n_iter_ + model.best_iter_
            if best_epoch == first - 1:
                best_loss = model.best_loss_
            elif best_epoch - first < len(watched):
                best_loss = watched[best_epoch - first]
            else:
                best_loss = losses[best_epoch - 1]
        display = cls(
            losses,
            watched if len(watched) else None,
            first_validation_epoch=first,
            best_epoch=best_epoch,
            best_loss=best_loss,
            name=name,
        )
        return display.plot(
            ax=ax,
            line_kwargs=line_kwargs,
            validation_kwargs=validation_kwargs,
            best_kwargs=best_kwargs,
        )

    def plot(self, ax=None, *, line_kwargs=None, validation_kwargs=None, best_kwargs=None):
        """Draw the curves.

        The axis of the loss is logarithmic where the greatest is more than ten times the least.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        line_kwargs : dict, default=None
            Keywords for the line of the training loss.
        validation_kwargs : dict, default=None
            Keywords for the line of the loss on held-out rows.
        best_kwargs : dict, default=None
            Keywords for the marker at the epoch that was kept.

        Returns
        -------
        display : LossCurveDisplay
            The display itself.
        """
        ax = one_axes(type(self).__name__, ax, (6.4, 4.2))
        from matplotlib.lines import Line2D

        prefix = "" if self.name is None else f"{self.name}, "
        style = styled("line_kwargs", line_kwargs, Line2D, label=f"{prefix}training rows")
        epochs = np.arange(1, len(self.loss_curve) + 1)
        (self.line_,) = ax.plot(epochs, self.loss_curve, **style)
        color = self.line_.get_color()
        self.validation_line_ = self.best_line_ = None
        if self.validation_loss_curve is not None:
            style = styled(
                "validation_kwargs",
                validation_kwargs,
                Line2D,
                color=color,
                linestyle="--",
                label=f"{prefix}held-out rows",
            )
            epochs = self.first_validation_epoch + np.arange(len(self.validation_loss_curve))
            (self.validation_line_,) = ax.plot(epochs, self.validation_loss_curve, **style)
        if self.best_epoch is not None and self.best_loss is not None:
            kept = "the start" if self.best_epoch == 0 else f"epoch {self.best_epoch}"
            style = styled(
                "best_kwargs",
                best_kwargs,
                Line2D,
                color=color,
                marker="o",
                markersize=9,
                markerfacecolor="none",
                markeredgewidth=2,
                linestyle="none",
                clip_on=False,
                zorder=3,
                label=f"{prefix}kept: {kept}",
            )
            (self.best_line_,) = ax.plot([self.best_epoch], [self.best_loss], **style)
        curves = [
            self.loss_curve,
            () if self.validation_loss_curve is None else self.validation_loss_curve,
        ]
        losses = np.concatenate(curves)
        if losses.min() > 0 and losses.max() > WIDE * losses.min():
            ax.set_yscale("log")
        ax.set(xlabel="epoch", ylabel="loss")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _n_unwatched(model, losses, watched):
    """Epochs before those that the curve of held-out rows belongs to.

    Where the last call was a watched fit from a warm start, its epochs are the last ones.
    """
    last_was_watched = getattr(model, "early_stopping", False) and model.n_iter_ < len(losses)
    return len(losses) - len(watched) if last_was_watched and len(watched) else 0
