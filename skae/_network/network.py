"""Networks and their parameters: widths, activations, and one vector with views of it.

Layer i computes `outputs[i] = f_i(outputs[i - 1] W_i + b_i)`, and `outputs[0]` is X. With a
linear path the code gains `X P_0` before its activation, and the last layer gains `code P_1`
before its own. The path is given, not trained: the layers learn what it misses.

A nested network decodes codes of any size, that is their first columns. It has one encoder, a
decoder for the whole code and one for each of some smaller sizes. A code whose size lies
between two of these goes to the larger decoder, padded with zeros.
"""

from dataclasses import dataclass, field

import numpy as np

from skae._network.clipping import ClippedOutput
from skae.activations import ACTIVATIONS, Activation, TopK
from skae.losses import LOSSES, Loss


class Parameters:
    """`flat`, laid out `[W_0 | W_1 | ... | b_0 | b_1 | ... | P_0 | P_1]`, and views of it.

    `layers` holds a pair `(W, b)` for each layer, `path` the matrices of the linear path.
    `trained` is the slice of all but the path, which stays as it started; `weights` is that of
    all `W`, the part that weight decay acts on. Write into the views, never rebind them.
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
        """Return parameters of the same shapes around a new vector of undefined values."""
        return Parameters(self.shapes, self.path_shapes, np.empty_like(self.flat))

    def copy(self):
        """Return parameters of the same values around a vector of their own."""
        return Parameters(self.shapes, self.path_shapes, self.flat.copy())


def count_parameters(shapes, path_shapes):
    """Return the length of the vector: sum of (n_in + 1) n_out, and the path's n_in n_out."""
    n_layers = sum((n_in + 1) * n_out for n_in, n_out in shapes)
    return n_layers + sum(n_in * n_out for n_in, n_out in path_shapes)


def sizes_of_decoders(n_components):
    """Return the code sizes that nested decoders read: all columns, then 1, 2, 3, 4, 6, 8, ...

    These are the powers of two and the numbers halfway between them, in descending order.
    """
    doubled = {base * 2**i for base in (2, 3) for i in range(n_components.bit_length())}
    return (n_components, *sorted((n for n in {1} | doubled if n < n_components), reverse=True))


@dataclass(frozen=True)
class Network:
    """Widths from input to output, one activation a layer, and which output is the code.

    `decoder_sizes` says how many columns of the code each decoder reads, the whole code first.
    """

    widths: tuple[int, ...]
    activations: tuple[Activation, ...]
    n_encoder_layers: int
    linear_path: bool
    loss: Loss
    nested: bool = False
    n_layers: int = field(init=False, repr=False)
    n_components: int = field(init=False, repr=False)
    decoder_sizes: tuple[int, ...] = field(init=False, repr=False)
    shapes: tuple[tuple[int, int], ...] = field(init=False, repr=False)
    path_shapes: tuple[tuple[int, int], ...] = field(init=False, repr=False)

    def __post_init__(self):
        n_features, n_components = self.widths[0], self.widths[self.n_encoder_layers]
        sizes = sizes_of_decoders(n_components) if self.nested else (n_components,)
        pairs = tuple(zip(self.widths, self.widths[1:]))
        shapes = pairs[: self.n_encoder_layers]
        (_, width), *others = pairs[self.n_encoder_layers :]
        for size in sizes:
            shapes += ((size, width), *others)
        path_shapes = ((n_features, n_components), (n_components, n_features))
        derived = {
            "n_layers": len(self.activations),
            "n_components": n_components,
            "decoder_sizes": sizes,
            "shapes": shapes,
            "path_shapes": path_shapes if self.linear_path else (),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @property
    def latent_activation(self):
        return self.activations[self.n_encoder_layers - 1]

    @property
    def output_activation(self):
        return self.activations[-1]

    def decoder_of(self, size):
        """Return the number of the decoder for codes of a size: the narrowest that fits."""
        return sum(size <= columns for columns in self.decoder_sizes) - 1

    def layer(self, i, decoder=0):
        """Return the place of layer i, of the encoder or of a decoder, among the parameters."""
        n_before = decoder * (self.n_layers - self.n_encoder_layers)
        return i - 1 + (n_before if i > self.n_encoder_layers else 0)

    @property
    def n_parameters(self):
        return count_parameters(self.shapes, self.path_shapes)

    @property
    def n_parameters_of_a_sample(self):
        """Return about how many parameters a training step uses for each sample."""
        n_parameters = count_parameters(self.shapes[: self.n_layers], self.path_shapes)
        return 2 * n_parameters if self.nested else n_parameters

    def parameters(self, flat):
        """Return the views of a vector that this network computes with."""
        return Parameters(self.shapes, self.path_shapes, flat)


def activation_of(value, sparsity_target=None):
    """Return the Activation of a name, or the instance that was given instead of one."""
    if not isinstance(value, str):
        return value
    return TopK(sparsity_target) if value == "top_k" else ACTIVATIONS[value]()


def loss_of(value):
    """Return the Loss of a name, or the instance that was given instead of one."""
    return LOSSES[value]() if isinstance(value, str) else value


def build(spec):
    """Return the Network that a dict describes: the fitted attribute `architecture_`."""
    widths = spec["widths"]
    share = spec.get("sparsity_target")  # only where "top_k" is among the activations
    activations = [
        activation_of(value, share).for_width(n_units)
        for n_units, value in zip(widths[1:], spec["activations"])
    ]
    if spec.get("bounds") is not None:
        activations[-1] = ClippedOutput(*spec["bounds"], spec.get("margin", np.inf))
    return Network(
        widths=tuple(widths),
        activations=tuple(activations),
        n_encoder_layers=spec["n_encoder_layers"],
        linear_path=spec["linear_path"],
        loss=loss_of(spec["loss"]),
        nested=spec.get("nested", False),  # absent from files older than `nested`
    )


def hidden_activation(spec):
    """Return the activation of the hidden layers, None where there are no such layers."""
    return spec["activations"][0] if spec["n_encoder_layers"] > 1 else None


def with_hidden_activation(spec, activation):
    """Return the same description with another activation of the hidden layers."""
    n_hidden = spec["n_encoder_layers"] - 1
    latent, output = (spec["activations"][i] for i in (n_hidden, -1))
    hidden = [activation] * n_hidden
    return spec | {"activations": [*hidden, latent, *hidden, output]}
