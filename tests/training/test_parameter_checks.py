"""Checks of parameters: ranges, kernels of users, misunderstandings."""

import warnings

import numpy as np
import pytest

from skae import AutoencoderTransformer
from skae._kernels import run
from skae._training.options import read_options
from skae._training.parameter_checks import check_range, ignored_parameters
from skae.activations import ACTIVATIONS, OUTPUT_ACTIVATIONS, Silu, Tanh
from skae.losses import LOSSES, Huber
from skae.optimizers import OPTIMIZERS
from skae.penalties import L1


def parameters(**changed):
    """Return the parameters of an estimator."""
    changed = {"hidden_layer_sizes": (7, 6), "random_state": 0} | changed
    return AutoencoderTransformer(**changed).get_params(deep=False)


# ---------------------------------------------------------------- ranges and instances


@pytest.mark.parametrize("loss", LOSSES)
def test_range_of_a_loss(loss):
    inside = np.array([[0.0, 0.5], [1.0, 0.25]])
    check_range(inside, loss)
    for outside in (inside - 0.1, inside + 0.1):
        if LOSSES[loss].lowest <= outside.min() and outside.max() <= LOSSES[loss].highest:
            check_range(outside, loss)
        else:
            with pytest.raises(
                ValueError, match=f"loss='{loss}' needs X (between 0 and 1|to be at least 0),"
            ):
                check_range(outside, loss)


def test_range_of_an_output_activation():
    """A warning: unlike those of a loss, errors are defined for all values."""
    inside = np.array([[0.0, 0.5], [1.0, 0.25]])
    for output in sorted(OUTPUT_ACTIVATIONS):
        activation = ACTIVATIONS[output]()
        check_range(inside, "squared_error", output)
        for outside in (inside - 2, inside + 0.1):
            if activation.lowest <= outside.min() and outside.max() <= activation.highest:
                check_range(outside, "squared_error", output)
            else:
                with pytest.warns(UserWarning, match=f"^output_activation='{output}' needs X"):
                    check_range(outside, "squared_error", output)
        z, scratch = np.linspace(-9, 9, 99), np.zeros((activation.n_scratch, 99))
        run(activation.forward(z, *scratch))
        assert activation.lowest <= z.min() <= activation.lowest + 0.2 or z.min() < -0.05
        assert activation.highest - 0.1 <= z.max() <= activation.highest or z.max() > 8


def users(Base, **methods):
    """Return an instance of a class of a user, with methods of a built-in class replaced."""
    return type("Mine", (Base,), methods)()


@pytest.mark.parametrize("registry", [ACTIVATIONS, LOSSES, OPTIMIZERS], ids=["a", "l", "o"])
def test_kernels_of_users_are_checked(registry):
    """A copy of a built-in class passes; one with a method that yields no calls does not."""
    name, kernel = {
        "relu": ("activation", "backward"),
        "huber": ("loss", "errors_and_delta"),
        "adam": ("solver", "step"),
    }[next(key for key in ("relu", "huber", "adam") if key in registry)]
    for Base in registry.values():
        read_options(parameters(**{name: users(Base)}))
    for Base in list(registry.values())[:2]:
        bad = users(Base, **{kernel: lambda self, first, *others: first})
        with pytest.raises(TypeError, match=r"Mine\.<lambda> returns a 'ndarray'"):
            read_options(parameters(**{name: bad}))


class Silent(L1):
    """A penalty that forgets to return its value."""

    def value_and_add_gradient(self, code, delta, scale, share, state):
        delta += code


def test_a_penalty_returns_a_number():
    with pytest.raises(TypeError, match=r"Silent\.value_and_add_gradient returns a 'NoneType'"):
        read_options(parameters(sparsity=Silent()))


def halved(method, i_array):
    """Return a method like another one, but with half of the derivative in this array."""

    def kernel(self, *arrays):
        yield from method(self, *arrays)
        yield np.multiply, arrays[i_array], 0.5, arrays[i_array]

    return kernel


class HalfL1(L1):
    def value_and_add_gradient(self, code, delta, *others):
        value = super().value_and_add_gradient(code, delta, *others)
        delta *= 0.5
        return value


@pytest.mark.parametrize("name", ["activation", "output_activation", "loss", "sparsity"])
def test_a_wrong_derivative_is_warned_of(name):
    wrong = {
        "activation": users(Silu, backward=halved(Silu.backward, 1)),
        "output_activation": users(Tanh, backward=halved(Tanh.backward, 1)),
        "loss": users(Huber, errors_and_delta=halved(Huber.errors_and_delta, 3)),
        "sparsity": HalfL1(),
    }
    right = {"activation": users(Silu), "output_activation": users(Tanh), "loss": users(Huber)}
    right["sparsity"] = users(L1)
    read_options(parameters(**{name: right[name]}))
    with pytest.warns(UserWarning, match=r"^The derivative of (Mine|HalfL1) seems to be wrong"):
        read_options(parameters(**{name: wrong[name]}))


# ---------------------------------------------------------------- misunderstandings


@pytest.mark.parametrize(
    ("sizes", "n_components", "cure"),
    [
        ((64, 32, 2, 32, 64), 2, "n_components=2, hidden_layer_sizes=(64, 32)."),
        ((9, 3, 9), 5, "n_components=3, hidden_layer_sizes=(9,)."),
        ((9, 3, 9), 0.5, None),
        ((9, 4, 9), 3, None),
        ((9, 9, 9), 9, None),
        ((9, 3, 3, 9), 3, None),
        ((9,), 9, None),
        ((), 9, None),
    ],
)
def test_layers_of_a_whole_autoencoder_are_warned_of(sizes, n_components, cure):
    given = parameters(hidden_layer_sizes=sizes, n_components=n_components)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        read_options(given).for_samples(20)
    assert len(warned) == (cure is not None)
    assert cure is None or str(warned[0].message).endswith(cure)


def test_parameters_without_effect():
    defaults = AutoencoderTransformer().get_params()

    def names(**changed):
        return [s.partition("=")[0] for s in ignored_parameters(defaults | changed, defaults)]

    assert names() == names(solver="sgd", momentum=0.5) == names(solver="lbfgs", max_fun=9) == []
    assert names(momentum=0.5, max_fun=9, beta_1=0.5) == ["momentum", "max_fun"]
    assert names(solver=OPTIMIZERS["adam"](), beta_1=0.5) == ["beta_1"]
    assert names(solver="lbfgs", shuffle=False, beta_2=0.5) == ["beta_2", "shuffle"]
    assert names(early_stopping=False, validation_split=[(np.arange(3), np.arange(2))])
    assert names(sparsity_target=0.1, sparsity_weight=2) == ["sparsity_weight", "sparsity_target"]
    assert names(sparsity="l1", sparsity_target=0.1, sparsity_weight=2) == ["sparsity_target"]
    assert names(latent_activation="top_k", sparsity_target=0.1) == []
    [sentence] = ignored_parameters(defaults | {"power_t": 0.25}, defaults)
    assert sentence == (
        "power_t=0.25 has no effect: it needs learning_rate='invscaling', got 'constant'."
    )
