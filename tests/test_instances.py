"""Instances in the place of names: activations, losses, solvers, penalties and corruptions."""

import pickle

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from thoroughness import first_of

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder
from skae.activations import ACTIVATIONS, Activation, Isru, Logistic, Relu, Tanh, TopK
from skae.corruptions import CORRUPTIONS, Corruption, Swap
from skae.losses import LOSSES, Loss
from skae.optimizers import Adam, Optimizer, Sgd, Shampoo
from skae.penalties import L1, KullbackLeibler, Penalty

ESTIMATORS = [AutoencoderTransformer, DenoisingAutoencoder, AutoencoderOutlierDetector]
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}
INSTEAD = [
    ({"activation": "tanh"}, {"activation": Tanh()}),
    ({"latent_activation": "isru"}, {"latent_activation": Isru()}),
    ({"output_activation": "logistic"}, {"output_activation": Logistic()}),
    ({"loss": "log_loss"}, {"loss": LOSSES["log_loss"]()}),
    ({"solver": "adam", "beta_1": 0.8}, {"solver": Adam(beta_1=0.8)}),
    ({"solver": "sgd", "momentum": 0.5}, {"solver": Sgd(momentum=0.5)}),
    ({"solver": "shampoo"}, {"solver": Shampoo()}),
    ({"sparsity": "l1", "sparsity_weight": 0.3}, {"sparsity": L1(weight=0.3)}),
    ({"sparsity": "kl", "sparsity_target": 0.2}, {"sparsity": KullbackLeibler(target=0.2)}),
    (
        {"latent_activation": "top_k", "sparsity_target": 0.5},
        {"latent_activation": TopK(share=0.5)},
    ),
]


def samples(n_samples=120, n_features=5):
    rng = np.random.default_rng(0)
    sources = rng.uniform(-1, 1, size=(n_samples, 2))
    X = np.hstack([sources, sources**2, sources.prod(axis=1, keepdims=True)])
    return (X[:, :n_features] + 1) / 2


class Square(Activation):
    """a = z**2, with its slope 2 z from the scratch array: no name of the package has it."""

    n_scratch = 1

    def forward(self, z, before):
        yield np.multiply, z, 1, before
        yield np.multiply, z, z, z

    def backward(self, a, da, before):
        yield np.multiply, da, before, da
        yield np.multiply, da, 2, da


class Sine(Activation):
    """a = sin z: ONNX could, the exporter cannot."""

    n_scratch = 1

    def forward(self, z, slope):
        yield np.cos, z, slope
        yield np.sin, z, z

    def backward(self, a, da, slope):
        yield np.multiply, da, slope, da


class DuckLoss:
    """Half the squared error by a class that inherits nothing."""

    link, fused, sums, lowest, highest = "identity", False, False, -np.inf, np.inf

    def errors_and_delta(self, X, Z, errors, delta):
        yield np.subtract, Z, X, delta
        yield np.multiply, delta, delta, errors
        yield np.multiply, errors, 0.5, errors


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("named", "given"), INSTEAD, ids=str)
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_an_instance_is_what_its_name_stands_for(Estimator, named, given, dtype):
    X = samples().astype(dtype)
    by_name = Estimator(2, **SMALL | named).fit(X)
    by_instance = Estimator(2, **SMALL | given).fit(X)
    assert_array_equal(by_instance.theta_, by_name.theta_)
    assert_array_equal(by_instance.score_samples(X), by_name.score_samples(X))
    assert_array_equal(by_instance.partial_fit(X).theta_, by_name.partial_fit(X).theta_)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_are_what_their_names_stand_for(name):
    X = samples()
    by_name = DenoisingAutoencoder(2, noise=name, noise_level=0.2, **SMALL).fit(X)
    by_instance = DenoisingAutoencoder(2, noise=CORRUPTIONS[name](level=0.2), **SMALL).fit(X)
    assert_array_equal(by_instance.theta_, by_name.theta_)


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_they_are_cloned_pickled_and_go_on(Estimator):
    X = samples()
    parameters = {"activation": Square(), "solver": Adam(beta_1=0.7), "loss": DuckLoss()}
    model = Estimator(2, warm_start=True, **SMALL | parameters).fit(X)
    again = clone(model).fit(X)
    assert_array_equal(again.theta_, model.theta_)
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.transform(X), model.transform(X))
    assert_array_equal(loaded.fit(X).theta_, model.fit(X).theta_)
    assert len(model.loss_curve_) > len(again.loss_curve_)


def test_their_parameters_are_parameters_of_the_estimator():
    model = AutoencoderTransformer(solver=Adam(beta_1=0.5), latent_activation=TopK(share=0.2))
    deep = model.get_params(deep=True)
    assert deep["solver__beta_1"] == 0.5
    assert deep["latent_activation__share"] == 0.2
    assert "solver__beta_1" not in model.get_params(deep=False)
    model.set_params(solver__beta_1=0.6)
    assert model.solver == Adam(beta_1=0.6)
    with pytest.raises(ValueError, match="beta_3"):
        model.set_params(solver__beta_3=0.6)


def test_their_parameters_are_searched():
    X = samples()
    pipe = make_pipeline(StandardScaler(), AutoencoderTransformer(2, solver=Adam(), **SMALL))
    grid = {"autoencodertransformer__solver__beta_1": [0.0, 0.9]}
    search = GridSearchCV(pipe, grid, cv=2).fit(X)
    scores = []
    for beta_1 in (0.0, 0.9):
        estimator = clone(pipe).set_params(autoencodertransformer__solver=Adam(beta_1=beta_1))
        scores.append(GridSearchCV(estimator, {}, cv=2).fit(X).best_score_)
    assert_allclose(search.cv_results_["mean_test_score"], scores)
    assert scores[0] != scores[1]


def test_what_is_set_later_does_not_change_a_fitted_model():
    X = samples()
    model = AutoencoderTransformer(4, latent_activation=TopK(share=0.5), **SMALL).fit(X)
    code = model.transform(X)
    model.set_params(latent_activation__share=0.25)
    loaded = pickle.loads(pickle.dumps(model))  # whose network is made anew
    assert_array_equal(loaded.transform(X), code)
    assert loaded.latent_activation == TopK(share=0.25)
    assert (model.fit(X).transform(X) != 0).mean() < (code != 0).mean()


@pytest.mark.parametrize(
    ("parameter", "Base"),
    [
        ("activation", Activation),
        ("latent_activation", Activation),
        ("output_activation", Activation),
        ("loss", Loss),
        ("solver", Optimizer),
        ("sparsity", Penalty),
        ("noise", Corruption),
    ],
)
def test_what_is_missing_is_named_and_the_model_stays(parameter, Base):
    X = samples()
    offered = sorted(Base.__abstractmethods__)[1:] or ["init"]
    Lacking = type("Lacking", (), dict.fromkeys(offered, print))
    model = DenoisingAutoencoder(2, **SMALL).fit(X)
    code = model.transform(X)
    model.set_params(**{parameter: Lacking()})
    with pytest.raises((TypeError, ValueError), match=Base.__name__):
        model.fit(X)
    assert_array_equal(model.transform(X), code)


def test_a_class_is_no_instance():
    with pytest.raises(TypeError, match="solver=Adam is a class: pass an instance"):
        AutoencoderTransformer(solver=Adam).fit(samples())


def test_an_output_needs_the_inverse_of_its_activation():
    with pytest.raises(TypeError, match="Square has no method 'inverse'"):
        AutoencoderTransformer(output_activation=Square()).fit(samples())


def test_a_parameter_out_of_range_is_named():
    with pytest.raises(ValueError, match="beta_1 must be a number in"):
        AutoencoderTransformer(solver=Adam(beta_1=1.5)).fit(samples())
    with pytest.raises(ValueError, match="level must be a number in"):
        DenoisingAutoencoder(noise=Swap(level=2)).fit(samples())


@pytest.mark.parametrize("activation", [Square(), Relu(), "gelu"], ids=["own", "relu", "name"])
def test_onnx_knows_what_is_made_of_its_nodes(activation):
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    X = samples().astype(np.float32)
    model = AutoencoderTransformer(2, activation=activation, **SMALL).fit(X)
    graph = skl2onnx.to_onnx(model, X[:1]).SerializeToString()
    (code,) = onnxruntime.InferenceSession(graph).run(None, {"X": X})
    assert_allclose(code, model.transform(X), rtol=1e-4, atol=1e-5)


def test_onnx_says_what_it_does_not_know():
    skl2onnx = pytest.importorskip("skl2onnx")
    X = samples().astype(np.float32)
    model = AutoencoderTransformer(2, activation=Sine(), **SMALL).fit(X)
    with pytest.raises(TypeError, match="cannot be exported to ONNX, which has no node for cos"):
        skl2onnx.to_onnx(model, X[:1])


def test_the_layers_show_them():
    model = AutoencoderTransformer(2, activation=TopK(share=0.5), **SMALL).fit(samples())
    assert "TopK(share=0.5)" in model._repr_mimebundle_()["text/html"]


def test_names_and_instances_have_one_registry():
    assert {type(activation()) for activation in ACTIVATIONS.values()} == set(ACTIVATIONS.values())
