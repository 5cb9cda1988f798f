"""Networks and their parameters: widths, activations, and one vector with views of it.

Layer i computes `outputs[i] = f_i(outputs[i - 1] W_i + b_i)`, and `outputs[0]` is X. A linear
path adds `X P_0` to the code and `code P_1` to the output, each before the activation. The path
is not trained: the layers learn what it misses.

A nested network has one encoder, a decoder for the whole code and one for each of some smaller
sizes. A code of a size between two of these is padded with zeros and goes to the larger decoder.

The code of a variational network is a Gaussian: the encoder computes its mean, and a layer of its
own, the head, the logarithm of its variance. That layer follows those of the decoder in
`Parameters.layers`. The last of all has no inputs: its biases are logarithms of noise variances.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skae._network.clipping import BoundedExponential, ClippedOutput
from skae.activations import ACTIVATIONS, Activation, TopK
from skae.losses import LOSSES, Loss


class Parameters:
    """The vector `flat`, laid out `[W_0 | W_1 | ... | b_0 | b_1 | ... | P_0 | P_1]`, and its views.

    `layers` holds a pair `(W, b)` for each layer, `path` the matrices of the linear path.
    `trained` is a view of all but the path, `weights` a view of all `W`, which weight decay acts
    on. Write into the views, never rebind them.
    """

    __slots__ = ("flat", "layers", "path", "path_shapes", "shapes", "trained", "weights")

    def __init__(self, shapes, path_shapes, flat):
        sizes = [n_in * n_out for n_in, n_out in shapes]
        sizes += [n_out for _, n_out in shapes]
        sizes += [n_in * n_out for n_in, n_out in path_shapes]
        pieces = np.split(flat, np.cumsum(sizes)[:-1])
        n_layers = len(shapes)
        self.shapes = shapes
        self.path_shapes = path_shapes
        self.flat = flat
        self.layers = tuple(
            (W.reshape(shape), b) for W, b, shape in zip(pieces, pieces[n_layers:], shapes)
        )
        self.path = tuple(P.reshape(shape) for P, shape in zip(pieces[2 * n_layers :], path_shapes))
        self.trained = flat[: sum(sizes[: 2 * n_layers])]
        self.weights = flat[: sum(sizes[:n_layers])]

    def __reduce__(self):
        """Save the vector alone: a copy of the views would no longer share its memory."""
        return Parameters, (self.shapes, self.path_shapes, self.flat)

    def empty_like(self):
        return Parameters(self.shapes, self.path_shapes, np.empty_like(self.flat))

    def copy(self):
        return Parameters(self.shapes, self.path_shapes, self.flat.copy())

    def cast(self, dtype):
        return Parameters(self.shapes, self.path_shapes, self.flat.astype(dtype))


def count_parameters(shapes, path_shapes):
    in_layers = sum((n_in + 1) * n_out for n_in, n_out in shapes)
    return in_layers + sum(n_in * n_out for n_in, n_out in path_shapes)


def sizes_of_decoders(n_components):
    """Return the code sizes that nested decoders read, in descending order.

    These are all columns, and the smaller ones of 1, 2, 3, 4, 6, 8, 12, ..., the powers of two and
    the numbers halfway between them.
    """
    sizes = {1} | {base * 2**i for base in (2, 3) for i in range(n_components.bit_length())}
    return (n_components, *sorted((n for n in sizes if n < n_components), reverse=True))


@dataclass(frozen=True)
class Network:
    """Widths from input to output, the activation of each layer, and which output is the code.

    `decoder_sizes` holds the number of columns of the code that each decoder reads, the whole code
    first; unless the network is nested there is one decoder. `n_noise_variances` of a variational
    network are 1, one for each feature, or 0 if the loss has none; others have None.
    """

    widths: tuple[int, ...]
    activations: tuple[Activation, ...]
    n_encoder_layers: int
    linear_path: bool
    loss: Loss
    nested: bool = False
    n_noise_variances: int | None = None

    @cached_property
    def n_layers(self):
        return len(self.activations)

    @cached_property
    def n_components(self):
        return self.widths[self.n_encoder_layers]

    @cached_property
    def decoder_sizes(self):
        return sizes_of_decoders(self.n_components) if self.nested else (self.n_components,)

    @cached_property
    def shapes(self):
        pairs = tuple(zip(self.widths, self.widths[1:]))
        shapes = pairs[: self.n_encoder_layers]
        (_, first_width), *others = pairs[self.n_encoder_layers :]
        for size in self.decoder_sizes:
            shapes += ((size, first_width), *others)
        if self.n_noise_variances is not None:
            head = (self.widths[self.n_encoder_layers - 1], self.n_components)
            shapes += (head, (0, self.n_noise_variances))
        return shapes

    @cached_property
    def path_shapes(self):
        shape = self.widths[0], self.n_components
        return (shape, shape[::-1]) if self.linear_path else ()

    @property
    def is_variational(self):
        return self.n_noise_variances is not None

    @property
    def latent_activation(self):
        return self.activations[self.n_encoder_layers - 1]

    @property
    def output_activation(self):
        return self.activations[-1]

    def decoder_of(self, size):
        """Return the index of the narrowest decoder that reads codes of this size."""
        return sum(size <= columns for columns in self.decoder_sizes) - 1

    def layer_index(self, i, decoder=0):
        n_before = decoder * (self.n_layers - self.n_encoder_layers)
        return i - 1 + (n_before if i > self.n_encoder_layers else 0)

    @property
    def n_parameters(self):
        return count_parameters(self.shapes, self.path_shapes)

    @property
    def n_parameters_per_sample(self):
        """Return about how many parameters a step uses for each sample: nested, two decoders."""
        n_parameters = count_parameters(self.shapes[: self.n_layers], self.path_shapes)
        return 2 * n_parameters if self.nested else n_parameters

    def parameters(self, flat):
        return Parameters(self.shapes, self.path_shapes, flat)


def activation_of(value, sparsity_target=None):
    if not isinstance(value, str):
        return value
    return TopK(sparsity_target) if value == "top_k" else ACTIVATIONS[value]()


def loss_of(value):
    return LOSSES[value]() if isinstance(value, str) else value


def build(spec):
    """Return the network that a spec describes, a dict such as the attribute `architecture_`."""
    widths = spec["widths"]
    sparsity_target = spec.get("sparsity_target")  # there if "top_k" is among the activations
    activations = [
        activation_of(value, sparsity_target).for_width(n_units)
        for n_units, value in zip(widths[1:], spec["activations"])
    ]
    if spec.get("bounds") is not None:
        activations[-1] = ClippedOutput(*spec["bounds"], spec.get("margin", np.inf))
    if spec.get("highest_logits") is not None:
        activations[-1] = BoundedExponential(spec["highest_logits"])
    return Network(
        widths=tuple(widths),
        activations=tuple(activations),
        n_encoder_layers=spec["n_encoder_layers"],
        linear_path=spec["linear_path"],
        loss=loss_of(spec["loss"]),
        nested=spec.get("nested", False),  # absent from files older than `nested`
        n_noise_variances=spec.get("n_noise_variances"),
    )


def hidden_activation(spec):
    return spec["activations"][0] if spec["n_encoder_layers"] > 1 else None


def with_hidden_activation(spec, activation):
    n_hidden = spec["n_encoder_layers"] - 1
    latent, output = (spec["activations"][i] for i in (n_hidden, -1))
    hidden = [activation] * n_hidden
    return spec | {"activations": [*hidden, latent, *hidden, output]}
