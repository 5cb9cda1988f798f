"""Where training starts or goes on."""

from gradients import make_rows
import numpy as np
import pytest

from skae import AutoencoderTransformer
from skae._training.start import resumed_model, start_model


def rows_of(n_rows, seed=0):
    return make_rows(np.random.default_rng(seed).normal(size=(n_rows, 5)) * [3, 2, 1, 1, 1])


@pytest.mark.parametrize("linear_path", ["pca", None])
def test_random_weights_do_not_depend_on_the_rows(linear_path):
    estimator = AutoencoderTransformer(2, hidden_layer_sizes=(4,), linear_path=linear_path)
    few, many = (start_model(estimator, rows_of(n, seed=n), seed=3) for n in (10, 500))
    for (W, _), (W_many, _) in zip(few.parameters.layers, many.parameters.layers, strict=True):
        np.testing.assert_array_equal(W, W_many)
    other = start_model(estimator, rows_of(10), seed=4)
    assert (few.parameters.layers[0][0] != other.parameters.layers[0][0]).all()


def test_a_share_of_the_variance_gives_the_fewest_components():
    rows = rows_of(300)
    singular_values = np.linalg.svd(rows.X - rows.X.mean(axis=0), compute_uv=False)
    explained = np.cumsum(singular_values**2) / np.sum(singular_values**2)
    for n_components in range(1, 6):
        share = float(explained[n_components - 1]) - 1e-6
        model = start_model(AutoencoderTransformer(share), rows, seed=0)
        assert model.network.n_components == n_components


def test_what_is_kept_starts_as_what_is_trained():
    model = start_model(AutoencoderTransformer(2), rows_of(20), seed=0)
    np.testing.assert_array_equal(model.kept.flat, model.parameters.flat)
    assert not np.shares_memory(model.kept.flat, model.parameters.flat)
    model.parameters.flat += 1
    assert (model.kept.flat != model.parameters.flat).all()
    model.keep()
    np.testing.assert_array_equal(model.kept.flat, model.parameters.flat)


def test_the_average_is_kept_where_there_is_one():
    model = start_model(AutoencoderTransformer(2), rows_of(20), seed=0)
    model.start_average(0.9)
    average = model.state["average"]
    assert np.shares_memory(average, model.averaged.flat)
    average += 1
    model.keep()
    np.testing.assert_array_equal(model.kept.trained, model.parameters.trained + 1)
    model.start_average(0.9)
    assert model.state["average"] is average


def test_another_share_is_another_network_where_there_is_top_k():
    X = rows_of(20).X
    fitted = AutoencoderTransformer(4, latent_activation="top_k", max_iter=0).fit(X)
    resumed_model(fitted, X)
    with pytest.raises(ValueError, match=r"sparsity_target is now 0.6, was 0.05"):
        resumed_model(fitted.set_params(sparsity_target=0.6), X)
    plain = AutoencoderTransformer(4, max_iter=0).fit(X)
    resumed_model(plain.set_params(sparsity_target=0.6), X)


def test_another_network_is_refused_and_the_same_one_copied():
    X = rows_of(20).X
    fitted = AutoencoderTransformer(2, hidden_layer_sizes=(4,), max_iter=0).fit(X)
    model = resumed_model(fitted, X)
    np.testing.assert_array_equal(model.parameters.flat, fitted.theta_)
    assert not np.shares_memory(model.parameters.flat, fitted.theta_)
    for changed in ({"n_components": 3}, {"hidden_layer_sizes": (5,)}, {"activation": "tanh"}):
        kept = {name: getattr(fitted, name) for name in changed}
        with pytest.raises(ValueError, match="cannot go on with another network"):
            resumed_model(fitted.set_params(**changed), X)
        fitted.set_params(**kept)
