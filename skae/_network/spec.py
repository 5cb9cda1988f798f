"""From the parameters of an estimator to a Network, and from a fitted record back to it."""

from numbers import Integral

import numpy as np

from skae._network.clipping import Bounded
from skae._network.network import Network
from skae.activations import ACTIVATIONS, TopK
from skae.losses import LOSSES

ALONE, TOGETHER, BOUNDED = AUTO = "relu", "silu", "isru"  # what activation="auto" stands for


def tried_first(nested):
    """What "auto" is at first: smooth where several decoders have a say in one code."""
    return TOGETHER if nested else ALONE


def check_hidden_layer_sizes(hidden_layer_sizes):
    """Return the encoder's widths as a tuple of positive ints, or raise ValueError."""
    widths = np.atleast_1d(np.asarray(hidden_layer_sizes, dtype=object)).tolist()
    for width in widths:
        if not isinstance(width, Integral) or isinstance(width, bool) or width < 1:
            raise ValueError(
                "hidden_layer_sizes must be a positive int or a sequence of them, got "
                f"{hidden_layer_sizes!r}."
            )
    return tuple(int(width) for width in widths)


def describe(estimator, n_features, n_components):
    """Return the architecture that the estimator's parameters ask for, as a plain dict.

    Raise ValueError where two parameters contradict each other.
    """
    loss = LOSSES[estimator.loss]()
    latent_activation = estimator.latent_activation
    if latent_activation == "auto":
        latent_activation = "logistic" if estimator.sparsity == "kl" else "identity"
    if estimator.sparsity == "kl" and latent_activation != "logistic":
        raise ValueError(
            "sparsity='kl' compares mean activations between 0 and 1 with sparsity_target: "
            f"it needs latent_activation='logistic' (or 'auto'), got {latent_activation!r}."
        )
    output_activation = estimator.output_activation
    if output_activation == "auto":
        output_activation = loss.link
    if loss.fused and output_activation != loss.link:
        raise ValueError(
            f"loss={estimator.loss!r} needs output_activation={loss.link!r} (or 'auto'), got "
            f"{output_activation!r}."
        )
    hidden = check_hidden_layer_sizes(estimator.hidden_layer_sizes)
    activation = estimator.activation
    if activation == "auto":
        activation = tried_first(estimator.nested)
    activations = [activation] * len(hidden) + [latent_activation]
    activations += [activation] * len(hidden) + [output_activation]
    found = {
        "widths": [n_features, *hidden, n_components, *reversed(hidden), n_features],
        "activations": activations,
        "n_encoder_layers": len(hidden) + 1,
        "linear_path": estimator.linear_path == "pca",
        "loss": estimator.loss,
        "nested": bool(estimator.nested),
    }
    if "top_k" in activations:
        found["sparsity_target"] = float(estimator.sparsity_target)
    return found


def may_be_bounded(estimator):
    """Whether the output is held within the bounds that columns of the rows have.

    L-BFGS needs the gradient of the very loss that it is told, which a bounded output has not.
    """
    is_free = estimator.output_activation == "auto" and LOSSES[estimator.loss]().link == "identity"
    return is_free and estimator.solver != "lbfgs" and not estimator._scale_per_feature


def hidden_activation(architecture):
    """The name of the hidden layers' activation, None where there are no such layers."""
    return architecture["activations"][0] if architecture["n_encoder_layers"] > 1 else None


def with_hidden_activation(architecture, name):
    """The same architecture, but for the activation of its hidden layers."""
    n_hidden = architecture["n_encoder_layers"] - 1
    latent, output = (architecture["activations"][i] for i in (n_hidden, -1))
    hidden = [name] * n_hidden
    return architecture | {"activations": [*hidden, latent, *hidden, output]}


def build(architecture):
    """Return the Network that a plain dict describes."""
    widths, names = architecture["widths"], architecture["activations"]
    share = architecture.get("sparsity_target")  # there with "top_k" alone
    activations = [TopK(share) if name == "top_k" else ACTIVATIONS[name]() for name in names]
    activations = [a.for_width(n_units) for a, n_units in zip(activations, widths[1:])]
    if architecture.get("bounds") is not None:
        activations[-1] = Bounded(*architecture["bounds"], architecture.get("margin", np.inf))
    return Network(
        widths=tuple(widths),
        activations=tuple(activations),
        n_encoder_layers=architecture["n_encoder_layers"],
        linear_path=architecture["linear_path"],
        loss=LOSSES[architecture["loss"]](),
        nested=architecture.get("nested", False),  # which was always so before there was a choice
    )


def check_range(X, loss_name):
    """Raise ValueError where squares of X overflow, or a loss is not defined on its values.

    What rounding adds is let through: MinMaxScaler ends a little beyond 1 now and then.
    """
    loss = LOSSES[loss_name]()
    lowest, highest = X.min(), X.max()
    largest = 1e-3 * np.sqrt(np.finfo(X.dtype).max)
    if max(-lowest, highest) > largest:
        raise ValueError(
            f"X has values too large to square in {X.dtype}: from {lowest:g} to {highest:g}. "
            f"Scale X to values below {largest:.0e} first."
        )
    rounding = 10 * np.finfo(X.dtype).eps
    if lowest < loss.lowest - rounding or highest > loss.highest + rounding:
        needed = f"X between {loss.lowest:g} and {loss.highest:g}"
        if loss.highest == np.inf:
            needed = f"X to be at least {loss.lowest:g}"
        found = "Negative values in data: " if lowest < loss.lowest == 0 else ""
        raise ValueError(
            f"{found}loss={loss_name!r} needs {needed}, got values from {lowest:g} to {highest:g}. "
            "Scale X first, with MinMaxScaler say, or use loss='squared_error'."
        )
