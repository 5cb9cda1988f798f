"""Checks of the parameters of an estimator: instances of users, misunderstandings, ranges."""

from numbers import Real

import numpy as np

from skae._kernels import check_kernel, run
from skae._network.network import activation_of, loss_of
from skae._parametrized import check_offers, warn
from skae._sparse import extremes
from skae.activations import Activation
from skae.corruptions import CORRUPTIONS
from skae.losses import Loss
from skae.optimizers import OPTIMIZERS, Optimizer
from skae.penalties import PENALTIES, Penalty

# Parameters that take effect only with some values of another one.
CASES = [
    ("momentum nesterovs_momentum", "solver", ["sgd"]),
    ("beta_1 beta_2 epsilon", "solver", ["adam", "shampoo"]),
    ("power_t", "learning_rate", ["invscaling"]),
    ("max_fun", "solver", ["lbfgs"]),
    ("averaging batch_size learning_rate learning_rate_init shuffle", "solver", OPTIMIZERS),
    ("validation_fraction validation_split", "early_stopping", ["True"]),
    ("sparsity_weight", "sparsity", PENALTIES),
    ("sparsity_target", "sparsity", ["kl"]),
    ("noise_level", "noise", CORRUPTIONS),
]


def check_instances(parameters):
    """Raise an error if an instance lacks a method or an attribute that its kind must have."""
    kinds = {
        "activation": (Activation,),
        "latent_activation": (Activation,),
        "output_activation": (Activation, ("inverse",)),
        "loss": (Loss,),
        "solver": (Optimizer,),
        "sparsity": (Penalty,),
    }
    for name, (Base, *others) in kinds.items():
        if not (parameters[name] is None or isinstance(parameters[name], str)):
            check_offers(parameters[name], Base, name, *others)
            if not type(parameters[name]).__module__.startswith("skae."):
                _check_kernels(parameters[name], Base)
                if Base is not Optimizer:
                    _warn_of_derivative(parameters[name], Base)


def _check_kernels(instance, Base):
    """Raise TypeError if methods of a user's instance yield no calls or return no number."""
    arrays = [np.empty((3, 4)) for _ in range(4)]
    if Base is Activation:
        instance = instance.for_width(4)
        scratch = [np.empty((3, 4)) for _ in range(instance.n_scratch)]
        check_kernel(instance.forward, arrays[0], *scratch)
        check_kernel(instance.backward, *arrays[:2], *scratch)
    elif Base is Loss:
        check_kernel(instance.errors_and_delta, *arrays)
        if instance.sums:
            check_kernel(instance.sum_and_delta, *arrays[:2], 0.5, np.empty(1), arrays[2])
    elif Base is Penalty:
        state = instance.init(3, 4, np.dtype(float))
        code, delta = np.full((3, 4), 0.5), np.zeros((3, 4))
        value = instance.value_and_add_gradient(code, delta, np.asarray(1 / 3), 1.0, state)
        if not isinstance(value, Real):
            name = type(instance).__name__
            raise TypeError(
                f"{name}.value_and_add_gradient returns a {type(value).__name__!r}. It must "
                "return the penalty, a number, and add its derivative to delta."
            )
    elif Base is Optimizer and getattr(type(instance), "parts", None) is Optimizer.parts:
        vectors = np.empty(9), np.empty(9)
        state = {"steps": 0} | instance.init(vectors[0])
        factors = [np.empty(()) for _ in range(instance.n_factors)]
        check_kernel(instance.step, *vectors, state, *factors)


def _warn_of_derivative(instance, Base):
    """Warn if a user's derivative is not that of finite differences, along a random direction."""
    rng, step = np.random.default_rng(0), 1e-6
    point, direction, weights, target = rng.uniform(0.1, 0.9, (4, 3, 4))
    if Base is Activation:
        instance, point = instance.for_width(4), 4 * point - 2

    def value_and_derivative(z):
        a, others = z.copy(), np.zeros((2, 3, 4))
        if Base is Activation:
            scratch, others[1] = np.zeros((instance.n_scratch, 3, 4)), weights
            run(instance.forward(a, *scratch))
            value = np.vdot(weights, a)
            run(instance.backward(a, others[1], *scratch))
        elif Base is Loss:
            run(instance.errors_and_delta(target, a, *others))
            value = others[0].sum()
        else:
            state = instance.init(3, 4, z.dtype)
            terms = np.asarray(1 / 3), 1.0, state
            value = instance.value_and_add_gradient(a, others[1], *terms)
        return value, np.vdot(others[1], direction)

    try:
        ends = [value_and_derivative(point + h * direction)[0] for h in (step, -step)]
        found, expected = value_and_derivative(point)[1], (ends[0] - ends[1]) / (2 * step)
    except Exception:  # so it is for these arrays, but perhaps not in training
        return
    if np.isfinite(expected) and not np.isclose(found, expected, rtol=1e-3, atol=1e-4):
        warn(
            f"The derivative of {type(instance).__name__} seems to be wrong: along a random "
            f"direction it is {found:.4g}, by finite differences {expected:.4g}."
        )


def ignored_parameters(parameters, defaults):
    parameters, sentences = dict(parameters), []
    if "top_k" in [str(value) for name, value in parameters.items() if "activation" in name]:
        del parameters["sparsity_target"]
    for names, other, needed in CASES:
        found = parameters.get(other)
        takes_effect = found != "lbfgs" if needed is OPTIMIZERS else str(found) in needed
        values = " or ".join(map(repr, sorted(needed)))
        for name in names.split():
            default = defaults.get(name)
            value = parameters.get(name, default)
            if not (takes_effect or value is default or np.array_equal(value, default)):
                sentences.append(
                    f"{name}={value!r:.40} has no effect: it needs {other}={values}, got "
                    f"{found!r:.40}."
                )
    return sentences


def warn_of_mirrored_layers(sizes, n_components):
    """Warn if the hidden layers are those of a whole autoencoder, as in an MLPRegressor."""
    middle = sizes[len(sizes) // 2] if len(sizes) % 2 else None
    is_narrow = middle is not None and middle < max(sizes) and middle <= (n_components or middle)
    if is_narrow and sizes == sizes[::-1]:
        warn(
            f"hidden_layer_sizes={sizes} are the layers of the encoder alone, which the decoder "
            f"mirrors, and the code has n_components={n_components!r}. If {middle} is the size of "
            f"the code, pass n_components={middle}, hidden_layer_sizes={sizes[: len(sizes) // 2]}."
        )


def check_range(X, loss, output_activation="auto"):
    """Raise ValueError if squares of X overflow or the loss is not defined on its values.

    Warn if the output activation cannot have them. Results of MinMaxScaler can be slightly above 1.
    """
    lowest, highest = extremes(X)
    largest = 1e-3 * np.sqrt(np.finfo(X.dtype).max)
    if max(-lowest, highest) > largest:
        raise ValueError(
            f"X has values too large to square in {X.dtype}: from {lowest:g} to {highest:g}. "
            f"Scale X to values below {largest:.0e} first."
        )
    rounding = 10 * np.finfo(X.dtype).eps
    activation = output_activation == "auto" or activation_of(output_activation)
    for parameter, value, function, cure in (
        ("loss", loss, loss_of(loss), "squared_error"),
        ("output_activation", output_activation, activation, "auto"),
    ):
        low, high = getattr(function, "lowest", -np.inf), getattr(function, "highest", np.inf)
        if not (lowest < low - rounding or highest > high + rounding):
            continue  # also of samples of nothing but NaN
        needed = f"to be at least {low:g}" if high == np.inf else f"between {low:g} and {high:g}"
        text = (
            f"{parameter}={value!r} needs X {needed}, got values from {lowest:g} to {highest:g}. "
            f"Scale X first, with MinMaxScaler say, or use {parameter}={cure!r}."
        )
        if parameter == "loss":
            raise ValueError("Negative values in data: " * bool(lowest < low == 0) + text)
        warn(f"{text} It cannot reconstruct other values.")
