"""NetworkDisplay: the layers of a network as a table and as a drawing."""

from collections.abc import Mapping
import math
from typing import TYPE_CHECKING, Any, Self

from sklearn.utils.validation import check_is_fitted

from skae._network.summary import layer_table
from skae.plotting._drawing import OnAxes, cycle_colors, merge_keywords, text_color
from skae.plotting._validation import final_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import FancyArrowPatch, Polygon

MIN_RELATIVE_HEIGHT = 0.04  # of a layer, relative to the widest one


class NetworkDisplay(OnAxes):
    """Layers of a network as a table and as a drawing.

    `str` returns the table as text, and notebooks show it as HTML. `summary` of an autoencoder
    returns the same table without matplotlib.

    Use `from_estimator` to create one.

    Parameters
    ----------
    architecture : dict
        Widths and activations of the layers, as in `architecture_` of an autoencoder.
    name : str, default="Network"
        Name in the title.

    Attributes
    ----------
    n_parameters : int
        Number of parameters, including those of the linear path, which are not trained.
    layers_ : list of matplotlib Polygon
        The layers, from the first to the output.
    paths_ : list of matplotlib FancyArrowPatch
        The two arrows of the linear path; empty if there is none.
    ax_ : matplotlib Axes
        Axes with the drawing.
    figure_ : matplotlib Figure
        Figure that contains the Axes.

    See Also
    --------
    WeightsDisplay : The weights of the first layer.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import NetworkDisplay
    >>> autoencoder = AutoencoderTransformer(2, hidden_layer_sizes=(16,), activation="relu")
    >>> print(NetworkDisplay.from_estimator(autoencoder.fit(load_iris().data)))
    AutoencoderTransformer: 4 features, code of 2 components
    <BLANKLINE>
    layer                  inputs  outputs  activation  parameters
    --------------------------------------------------------------
    encoder 1                   4       16  relu                80
    code                       16        2  identity            34
    decoder 1                   2       16  relu                48
    output                     16        4  identity            68
    linear path to code         4        2  identity             8
    linear path to output       2        4  identity             8
    --------------------------------------------------------------
    total                                                      246
    trained                                                    230
    """

    layers_: "list[Polygon]"
    paths_: "list[FancyArrowPatch]"

    def __init__(self, architecture: dict[str, Any], *, name: str = "Network") -> None:
        self.architecture = architecture
        self.name = name

    @property
    def n_parameters(self) -> int:
        """Number of parameters: int."""
        return self._table().n_parameters

    def _table(self):
        return layer_table(self.architecture, self.name)

    def __str__(self) -> str:
        return str(self._table())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self._table().to_html()

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        ax: "Axes | None" = None,
        layer_kwargs: Mapping[str, Any] | None = None,
        path_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the network of a fitted autoencoder.

        Parameters
        ----------
        estimator : object
            Fitted autoencoder of this package, or a Pipeline that ends in one.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        layer_kwargs : dict, default=None
            Keyword arguments for the `Polygon` of each layer.
        path_kwargs : dict, default=None
            Keyword arguments for the `FancyArrowPatch` of each arrow of the linear path.

        Returns
        -------
        display : NetworkDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator is not an autoencoder of this package, `ax` is not a matplotlib Axes,
            or keyword arguments are not a dict.
        """
        model = final_step(estimator)
        check_is_fitted(model)
        if not hasattr(model, "architecture_"):
            raise TypeError(
                f"{cls.__name__} needs a fitted autoencoder of skae, got {type(model).__name__}."
            )
        display = cls(model.architecture_, name=type(model).__name__)
        return display.plot(ax=ax, layer_kwargs=layer_kwargs, path_kwargs=path_kwargs)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        layer_kwargs: Mapping[str, Any] | None = None,
        path_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the layers from left to right, and the linear path above them.

        Heights are proportional to the square root of the layer widths.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates a new figure.
        layer_kwargs : dict, default=None
            Keyword arguments for the `Polygon` of each layer.
        path_kwargs : dict, default=None
            Keyword arguments for the `FancyArrowPatch` of each arrow of the linear path.

        Returns
        -------
        display : NetworkDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` is not a matplotlib Axes, or keyword arguments are not a dict.
        """
        widths, n_layers = self.architecture["widths"], len(self.architecture["activations"])
        ax = self._prepare(ax, (min(2 + 1.3 * len(widths), 10), 3.6))
        widest = math.sqrt(max(widths))
        heights = [max(math.sqrt(width) / widest, MIN_RELATIVE_HEIGHT) for width in widths]
        self.layers_ = self._draw_layers(ax, heights, layer_kwargs)
        for i, (width, height) in enumerate(zip(widths, heights)):
            ax.plot([i, i], [-height / 2, height / 2], color=text_color(), linewidth=3)
            ax.text(i, -height / 2 - 0.04, f"{width:,}", ha="center", va="top")
        self.paths_, top = [], max(heights) / 2
        if self.architecture["linear_path"]:
            self.paths_, top = self._draw_linear_path(ax, heights, path_kwargs)
        ax.set(xlim=(-0.4, n_layers + 0.4), xticks=[], yticks=[])
        ax.set_ylim(-max(heights) / 2 - 0.15, top + 0.02)
        ax.spines[:].set_visible(False)
        ax.set_title(self._table().title, fontsize="medium")
        return self

    def _draw_layers(self, ax, heights, layer_kwargs):
        """Draw a trapezium with the activation's name for each layer."""
        from matplotlib.patches import Polygon

        encoder_color, decoder_color = cycle_colors(2)
        polygons = []
        for i, activation in enumerate(self.architecture["activations"]):
            left, right = heights[i] / 2, heights[i + 1] / 2
            corners = [(i + 0.06, -left), (i + 0.06, left), (i + 0.94, right), (i + 0.94, -right)]
            is_encoder = i < self.architecture["n_encoder_layers"]
            color = encoder_color if is_encoder else decoder_color
            defaults = {"facecolor": color, "alpha": 0.45, "linewidth": 0}
            keywords = merge_keywords("layer_kwargs", layer_kwargs, Polygon, **defaults)
            polygons.append(ax.add_patch(Polygon(corners, **keywords)))
            ax.text(i + 0.5, 0, activation, ha="center", va="center", fontsize="small")
        return polygons

    def _draw_linear_path(self, ax, heights, path_kwargs):
        """Draw arrows over the encoder and the decoder; return them and their highest point."""
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.path import Path

        defaults = {"color": text_color(), "linestyle": "--", "arrowstyle": "->"}
        defaults |= {"mutation_scale": 14, "fill": False}
        keywords = merge_keywords("path_kwargs", path_kwargs, FancyArrowPatch, **defaults)
        code_layer, output_layer = self.architecture["n_encoder_layers"], len(heights) - 1
        arrows, top = [], 0.0
        for start, end in ((0, code_layer), (code_layer, output_layer)):
            peak = max(heights[start : end + 1]) / 2 + 0.12
            y_start, y_end = heights[start] / 2 + 0.03, heights[end] / 2 + 0.03
            middle = (start + end) / 2
            control = (middle, 2 * peak - (y_start + y_end) / 2)  # the curve peaks at `peak`
            curve = Path(
                [(start, y_start), control, (end, y_end)], [Path.MOVETO, Path.CURVE3, Path.CURVE3]
            )
            arrows.append(ax.add_patch(FancyArrowPatch(path=curve, **keywords)))
            ax.text(middle, peak + 0.02, "linear path", ha="center", va="bottom", fontsize="small")
            top = max(top, peak + 0.1)
        return arrows, top
