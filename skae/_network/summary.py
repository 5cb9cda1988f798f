"""The layers of a fitted network as a table, in text and in HTML."""

from dataclasses import dataclass
import html

from skae._network.network import sizes_of_decoders

COLUMNS = ("layer", "inputs", "outputs", "activation", "parameters")
CELL = "padding:0.15em 0.8em;border-bottom:1px solid rgba(128,128,128,0.35)"


@dataclass(frozen=True)
class Layer:
    """A layer: its numbers of inputs, outputs and parameters."""

    name: str
    n_inputs: int
    n_outputs: int
    activation: str
    n_parameters: int
    is_trained: bool = True

    def cells(self):
        """Return the cells of the layer's line of the table."""
        numbers = (f"{n:,}" for n in (self.n_inputs, self.n_outputs))
        return (self.name, *numbers, self.activation, f"{self.n_parameters:,}")


@dataclass(frozen=True)
class LayerTable:
    """Table of the layers from input to output, then of further decoders and the linear path."""

    estimator_name: str
    layers: tuple[Layer, ...]

    @property
    def n_parameters(self):
        return sum(layer.n_parameters for layer in self.layers)

    @property
    def n_trained(self):
        return sum(layer.n_parameters for layer in self.layers if layer.is_trained)

    @property
    def title(self):
        n_features = self.layers[0].n_inputs
        code = next(layer for layer in self.layers if layer.name == "code")
        noun = "component" if code.n_outputs == 1 else "components"
        size = f"code of {code.n_outputs:,} {noun}"
        return f"{self.estimator_name}: {n_features:,} features, {size}"

    def lines(self):
        """Return the lines below the head: layers, all parameters, trained parameters."""
        lines = [layer.cells() for layer in self.layers]
        lines.append(("total", "", "", "", f"{self.n_parameters:,}"))
        if self.n_trained < self.n_parameters:
            lines.append(("trained", "", "", "", f"{self.n_trained:,}"))
        return lines

    def __str__(self):
        table = [COLUMNS, *self.lines()]
        widths = [max(len(line[j]) for line in table) for j in range(len(COLUMNS))]
        aligned = [
            "  ".join(
                cell.ljust(width) if name in ("layer", "activation") else cell.rjust(width)
                for name, cell, width in zip(COLUMNS, line, widths)
            ).rstrip()
            for line in table
        ]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        n_layers = len(self.layers)
        aligned[1:1] = [rule]
        aligned[2 + n_layers : 2 + n_layers] = [rule]
        return "\n".join([self.title, "", *aligned])

    def to_html(self):
        """Return the table in HTML, in the colours of the page, light or dark."""

        def line(cells, tag):
            html_cells = (
                f'<{tag} style="{CELL};text-align:'
                f'{"left" if name in ("layer", "activation") else "right"}">'
                f"{html.escape(cell)}</{tag}>"
                for name, cell in zip(COLUMNS, cells)
            )
            return f"<tr>{''.join(html_cells)}</tr>"

        body = "".join(line(cells, "td") for cells in self.lines())
        return (
            '<table style="border-collapse:collapse;color:inherit;background:none">'
            f'<caption style="text-align:left">{html.escape(self.title)}</caption>'
            f"<thead>{line(COLUMNS, 'th')}</thead><tbody>{body}</tbody></table>"
        )


def layer_table(architecture, estimator_name):
    widths, activations = architecture["widths"], architecture["activations"]
    n_encoder_layers, n_layers = architecture["n_encoder_layers"], len(activations)
    layers = []
    for i, (n_in, n_out, activation) in enumerate(zip(widths, widths[1:], activations), start=1):
        if i < n_encoder_layers:
            name = f"encoder {i}"
        elif i == n_encoder_layers:
            name = "code"
        else:
            name = "output" if i == n_layers else f"decoder {i - n_encoder_layers}"
        activation = activation if isinstance(activation, str) else repr(activation)
        layers.append(Layer(name, n_in, n_out, activation, n_in * n_out + n_out))
    if architecture.get("nested"):
        _, *sizes = sizes_of_decoders(widths[n_encoder_layers])
        n_inside = sum(layer.n_parameters for layer in layers[n_encoder_layers + 1 :])
        n_out = widths[n_encoder_layers + 1]
        for size in sizes:
            n_parameters = size * n_out + n_out + n_inside
            layers.append(Layer(f"decoder of {size}", size, widths[-1], "", n_parameters))
    if architecture.get("n_noise_variances") is not None:
        n_in, n_components = (widths[n_encoder_layers - k] for k in (1, 0))
        size = (n_in + 1) * n_components
        layers.append(Layer("log variance of code", n_in, n_components, "identity", size))
        n_noise = architecture["n_noise_variances"]
        if n_noise:
            layers.append(Layer("noise variance", 0, n_noise, "", n_noise))
    if architecture["linear_path"]:
        n_features, n_components = widths[0], widths[n_encoder_layers]
        size = n_features * n_components
        layers += [
            Layer("linear path to code", n_features, n_components, "identity", size, False),
            Layer("linear path to output", n_components, n_features, "identity", size, False),
        ]
    return LayerTable(estimator_name, tuple(layers))
