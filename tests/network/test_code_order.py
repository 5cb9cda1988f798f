"""Order, signs and shares of the columns of the code."""

from gradients import make_model, make_network, make_parameters
import numpy as np
import pytest
import reference
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA

from skae._network.code_order import explained_variance_ratios, fix_signs, reorder
from skae._network.scaling import Scaling, measure_scaling

ENCODERS = [(5, 3), (5, 4, 3), (5, 6, 4, 3)]


def outputs(network, names, parameters, X):
    return reference.forward(X, parameters.layers, parameters.path, names, network.n_encoder_layers)


def make(encoder, linear_path, **options):
    rng = np.random.default_rng(0)
    network, names = make_network(encoder, linear_path=linear_path, **options)
    return network, names, make_parameters(network, rng), rng.normal(size=(9, 5))


def pca_model(X, n_components):
    """Return PCA as a model without hidden layers."""
    scaling = measure_scaling(X, np.ones(len(X)), per_feature=False)
    network, _ = make_network((X.shape[1], n_components))
    parameters = network.parameters(np.zeros(network.n_parameters))
    directions = PCA(n_components).fit(X).components_
    parameters.layers[0][0][...] = directions.T
    parameters.layers[1][0][...] = directions
    return make_model(network, parameters, scaling)


@pytest.mark.parametrize("linear_path", [False, True])
@pytest.mark.parametrize("encoder", ENCODERS, ids=str)
@pytest.mark.parametrize("latent", ["identity", "tanh"])
def test_reordering_permutes_the_code_alone(latent, encoder, linear_path):
    network, names, parameters, X = make(encoder, linear_path, latent=latent)
    code, output = outputs(network, names, parameters, X)
    vector = parameters.flat
    reorder(network, parameters, np.array([2, 0, 1]))
    assert parameters.flat is vector
    found, same = outputs(network, names, parameters, X)
    np.testing.assert_allclose(found, code[:, [2, 0, 1]], rtol=1e-12)
    np.testing.assert_allclose(same, output, rtol=1e-12)


@pytest.mark.parametrize("linear_path", [False, True])
@pytest.mark.parametrize("encoder", ENCODERS, ids=str)
def test_signs_leave_the_output(encoder, linear_path):
    network, names, parameters, X = make(encoder, linear_path)
    code, output = outputs(network, names, parameters, X)
    fix_signs(network, parameters)
    found, same = outputs(network, names, parameters, X)
    np.testing.assert_allclose(np.abs(found), np.abs(code), rtol=1e-12)
    np.testing.assert_allclose(same, output, rtol=1e-12)
    once = parameters.flat.copy()
    fix_signs(network, parameters)
    np.testing.assert_array_equal(parameters.flat, once)


@pytest.mark.parametrize("linear_path", [False, True])
def test_signs_do_not_depend_on_the_signs_before(linear_path):
    network, _, parameters, _ = make((5, 4, 3), linear_path)
    turned = network.parameters(parameters.flat.copy())
    signs = np.array([-1, 1, -1])
    i = network.n_encoder_layers
    turned.layers[i - 1][0][...] *= signs
    turned.layers[i - 1][1][...] *= signs
    turned.layers[i][0][...] *= signs[:, None]
    if linear_path:
        turned.path[0][...] *= signs
        turned.path[1][...] *= signs[:, None]
    fix_signs(network, parameters)
    fix_signs(network, turned)
    np.testing.assert_array_equal(turned.flat, parameters.flat)


def test_signs_of_a_nonlinear_code_stay():
    network, _, parameters, _ = make((5, 4, 3), linear_path=True, latent="relu")
    kept = parameters.flat.copy()
    fix_signs(network, parameters)
    np.testing.assert_array_equal(parameters.flat, kept)


def test_signs_where_a_column_has_no_effect():
    network, _, parameters, _ = make((5, 3), linear_path=True)
    parameters.path[1][1] = 0
    encoder = parameters.path[0][:, 1].copy()
    fix_signs(network, parameters)
    np.testing.assert_array_equal(parameters.path[0][:, 1], encoder)


def test_ratios_of_pca():
    X = load_iris().data
    model = pca_model(X, 3)
    ratios = explained_variance_ratios(model, X, np.ones(len(X)))
    np.testing.assert_allclose(ratios, PCA(3).fit(X).explained_variance_ratio_, rtol=1e-8)


def test_ratios_by_weight_and_by_repetition():
    X = load_iris().data
    model = pca_model(X, 2)
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = explained_variance_ratios(model, X, weights.astype(float))
    repeated = np.repeat(X, weights, axis=0)
    expected = explained_variance_ratios(model, repeated, np.ones(len(repeated)))
    np.testing.assert_allclose(weighted, expected, rtol=1e-9)


def test_ratios_add_up_to_what_the_reconstruction_explains():
    network, names, parameters, X = make((5, 4, 3), linear_path=True)
    parameters.flat *= 0.3
    _, output = outputs(network, names, parameters, X)
    X = output + 0.1 * np.random.default_rng(1).normal(size=output.shape)
    _, output = outputs(network, names, parameters, X)
    explained = 1 - np.sum((X - output) ** 2) / np.sum((X - X.mean(axis=0)) ** 2)
    ratios = explained_variance_ratios(make_model(network, parameters), X, np.ones(9))
    assert (ratios >= 0).all()
    assert ratios.sum() == pytest.approx(max(explained, 0))


def test_ratios_of_many_samples_are_estimated_on_some():
    X = load_iris().data
    model = pca_model(X, 2)
    exact = explained_variance_ratios(model, X, np.ones(150))
    found = explained_variance_ratios(model, X, np.ones(150), max_decoded=100)
    np.testing.assert_allclose(found, exact, atol=0.05)
    assert (found != exact).any()


def test_ratios_of_equal_samples():
    network, _, parameters, _ = make((5, 3), linear_path=False)
    parameters.flat[...] = 0
    X = np.full((4, 5), 3.0)
    scaling = Scaling(np.full(5, 3.0), np.ones(()))
    model = make_model(network, parameters, scaling)
    ratios = explained_variance_ratios(model, X, np.ones(4))
    np.testing.assert_array_equal(ratios, [0, 0, 0])


def test_ratios_of_a_network_worse_than_the_mean():
    network, _, parameters, X = make((5, 3), linear_path=False)
    parameters.flat[...] = 10
    ratios = explained_variance_ratios(make_model(network, parameters), X, np.ones(9))
    np.testing.assert_array_equal(ratios, [0, 0, 0])


def test_ratios_change_neither_parameters_nor_samples():
    network, _, parameters, X = make((5, 4, 3), linear_path=True)
    kept = parameters.flat.copy(), X.copy()
    explained_variance_ratios(make_model(network, parameters), X, np.ones(9))
    np.testing.assert_array_equal(parameters.flat, kept[0])
    np.testing.assert_array_equal(X, kept[1])
