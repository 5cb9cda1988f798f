"""ComponentSearchDisplay: the score against the number of components, and the chosen number."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skae._search import ComponentSearchCV
from skae.plotting._drawing import OnAxes, cycle_colors, merge_keywords, text_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D


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
