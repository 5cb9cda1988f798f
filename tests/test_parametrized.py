"""Parameters of activations, losses and the like, as scikit-learn's tools set them."""

import ast
from dataclasses import dataclass, field
import inspect
from pathlib import Path
import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skae
from skae._parametrized import Parametrized, Range, check_offers
from skae.activations import ACTIVATIONS, Activation, Identity, Relu, TopK
from skae.corruptions import CORRUPTIONS, Corruption, Swap, UserNoise
from skae.losses import LOSSES, Huber, Loss
from skae.optimizers import OPTIMIZERS, Adam, Optimizer, Shampoo
from skae.penalties import PENALTIES, KullbackLeibler, Penalty

REGISTRIES = {
    Activation: ACTIVATIONS,
    Loss: LOSSES,
    Penalty: PENALTIES,
    Optimizer: OPTIMIZERS,
    Corruption: CORRUPTIONS,
}
CLASSES = [
    pytest.param(Class, Base, id=name)
    for Base, registry in REGISTRIES.items()
    for name, Class in registry.items()
]


class Toy(BaseEstimator):
    """Its score is greatest at beta_1=0.5."""

    def __init__(self, solver=None):
        self.solver = solver

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return -abs(self.solver.beta_1 - 0.5)


def noise(X, rng):
    return X


@pytest.mark.parametrize(("Class", "Base"), CLASSES)
def test_classes_of_the_registries(Class, Base):
    one, other = Class(), Class()
    assert isinstance(one, Base)
    assert isinstance(one, Parametrized)
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other}) == 1
    shown = ", ".join(f"{name}={value!r}" for name, value in one.get_params().items())
    assert repr(one) == f"{Class.__name__}({shown})"
    assert pickle.loads(pickle.dumps(one)) == one
    check_offers(one, Base, "parameter")


def test_names_are_those_of_different_classes():
    for registry in REGISTRIES.values():
        assert len(set(registry.values())) == len(registry)
        instances = [Class() for Class in registry.values()]
        assert all(one != other for one in instances for other in instances if one is not other)


def test_get_params_and_set_params():
    optimizer = Adam(beta_1=0.5)
    assert optimizer.get_params() == {"beta_1": 0.5, "beta_2": 0.999, "epsilon": 1e-8}
    assert optimizer.set_params(beta_1=0.25, epsilon=1e-4) is optimizer
    assert optimizer == Adam(0.25, epsilon=1e-4)
    assert Identity().get_params() == {}
    assert TopK(0.1).for_width(40).get_params() == {"share": 0.1}


def test_unknown_parameters_are_named_and_nothing_is_set():
    optimizer = Adam()
    with pytest.raises(ValueError, match=r"Invalid parameter 'beta' for Adam\(.*'beta_2', 'eps"):
        optimizer.set_params(beta_1=0.5, beta=0.5)
    with pytest.raises(ValueError, match=r"'_shapes'.*Valid parameters are: \['beta_1', "):
        Shampoo().set_params(_shapes=())
    assert optimizer == Adam()


def test_a_class_with_a_constructor_of_its_own():
    class Leaky(Activation):
        def __init__(self, slope=0.2):
            self.slope = slope

        def forward(self, z):
            yield np.multiply, z, self.slope, z

        backward = forward

    assert Leaky(0.1).get_params() == {"slope": 0.1}
    assert clone(Leaky(0.1)).slope == 0.1
    assert Leaky().set_params(slope=0.3).slope == 0.3


@pytest.mark.parametrize(
    "held", [Adam(beta_1=0.25), Huber(2.0), Relu(), TopK(0.3), KullbackLeibler(0.5), Swap(0.1)]
)
def test_clone_of_an_estimator_that_holds_one(held):
    toy = Toy(held)
    copied = clone(toy)
    assert copied.solver is not held
    assert copied.solver == held
    assert pickle.loads(pickle.dumps(toy)).solver == held
    assert repr(held) in repr(toy)
    assert "Toy" in toy._repr_html_()


def test_clone_of_noise_keeps_the_function():
    assert clone(Toy(UserNoise(noise))).solver.function is noise


def test_parameters_can_be_searched():
    toy = Toy(Adam())
    search = GridSearchCV(toy, {"solver__beta_1": [0.1, 0.5, 0.9]}, cv=2).fit(np.eye(8))
    assert search.best_params_ == {"solver__beta_1": 0.5}
    assert search.best_estimator_.solver == Adam(0.5)
    assert toy.solver == Adam()
    search = GridSearchCV(toy, {"solver": [Adam(0.1), Adam(0.6)]}, cv=2).fit(np.eye(8))
    assert search.best_params_ == {"solver": Adam(0.6)}


# ---------------------------------------------------------------- what users pass


class Foo:
    def factors(self, state, learning_rate):
        return (learning_rate,)

    def step(self, theta, gradient, state, rate):
        yield np.subtract, theta, gradient, theta


def test_what_is_missing_is_named():
    with pytest.raises(TypeError) as error:
        check_offers(Foo(), Optimizer, "solver")
    assert str(error.value) == (
        "solver=<Foo> cannot be used: Foo has no method 'init'. See skae.optimizers.Optimizer for "
        "what an optimizer must offer."
    )
    with pytest.raises(TypeError, match="no method 'init' and no method 'value_and_add_gradient'"):
        check_offers(Foo(), Penalty, "sparsity")
    with pytest.raises(TypeError, match=r"See skae.losses.Loss for what a loss must"):
        check_offers("mse", Loss, "loss")


def test_classes_of_other_origin_need_what_the_base_class_has_a_default_for():
    class Bar(Foo):
        def init(self, theta):
            return {}

    with pytest.raises(TypeError, match=r"Bar has no attribute 'n_factors' and no .* 'prepares'"):
        check_offers(Bar(), Optimizer, "solver")
    for name in ("n_factors", "prepares", "is_scale_free", "for_shapes", "parts", "prepare"):
        setattr(Bar, name, vars(Optimizer)[name])
    check_offers(Bar(), Optimizer, "solver")


def test_methods_that_are_left_open():
    check_offers(TopK(), Activation, "activation")
    check_offers(Relu(), Activation, "output_activation", also=["inverse"])
    with pytest.raises(TypeError, match=r"output_activation=<TopK> .* no method 'inverse'"):
        check_offers(TopK(), Activation, "output_activation", also=["inverse"])


def test_a_class_instead_of_an_instance():
    with pytest.raises(TypeError, match="solver=Adam is a class: pass an instance, Adam"):
        check_offers(Adam, Optimizer, "solver")


@pytest.mark.parametrize("value", [1, 1.5, -0.1, "0.5", None, float("nan")])
def test_values_out_of_range(value):
    with pytest.raises(ValueError, match=r"solver=Adam\(.*\) cannot be used: beta_1 must be .*\[0"):
        check_offers(Adam(beta_1=value), Optimizer, "solver")


def test_ranges_are_of_parameters_that_exist_and_hold_the_defaults():
    for registry in REGISTRIES.values():
        for Class in registry.values():
            for name, valid in Class._ranges.items():
                assert Class().get_params()[name] in valid


def test_ends_of_ranges():
    ends = [
        (0 in r, 1 in r, 0.5 in r) for r in (Range(0, 1, c) for c in ("both", "left", "neither"))
    ]
    assert ends == [(True, True, True), (True, False, True), (False, False, True)]
    assert [str(Range(0, 1)), str(Range(0, closed="left"))] == ["[0, 1]", "[0, inf)"]


def test_private_fields_are_no_parameters():
    @dataclass(frozen=True)
    class Held(Parametrized):
        a: int = 1
        _b: int = field(default=2, init=False, repr=False)

    bound = Held(3)._copy_with(_b=4)
    assert bound.get_params() == {"a": 3}
    assert bound._b == 4
    assert clone(bound) == Held(3)
    assert repr(bound).endswith("Held(a=3)")


# ---------------------------------------------------------------- warnings


X = np.random.default_rng(0).normal(size=(30, 4))


@pytest.mark.parametrize("wrap", [lambda m: m, make_pipeline, lambda m: GridSearchCV(m, {}, cv=2)])
def test_a_warning_of_fit_shows_the_line_that_called_fit(wrap):
    model = wrap(skae.AutoencoderTransformer(1, solver="lbfgs", max_iter=1, random_state=0))
    line = inspect.currentframe().f_lineno + 2
    with pytest.warns(ConvergenceWarning, match="L-BFGS stopped") as warned:
        model.fit(X)
    assert {(w.filename, w.lineno) for w in warned} == {(__file__, line)}


def test_all_warnings_are_issued_by_one_function():
    house = Path(skae.__file__).parent
    for path in house.rglob("*.py"):
        calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
        assert path.stem == "_parametrized" or "warnings.warn" not in {
            ast.unparse(c.func) for c in calls
        }
