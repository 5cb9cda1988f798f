"""Where training starts or goes on, and what it keeps."""

from gradients import make_rows
import numpy as np
import pytest

from skae import AutoencoderTransformer
from skae._training.options import read_options, with_layer_sizes
from skae._training.state import resumed_state, start_state


def rows_of(n_rows, seed=0):
    return make_rows(np.random.default_rng(seed).normal(size=(n_rows, 5)) * [3, 2, 1, 1, 1])


def options_of(estimator, random_state=0):
    parameters = with_layer_sizes(estimator.get_params(deep=False), 5)
    return read_options(parameters | {"random_state": random_state})


def start(estimator, rows, random_state=0):
    return start_state(rows, options_of(estimator, random_state))


def resume(fitted, X):
    """Return the state in which training of a fitted estimator goes on."""
    return resumed_state(fitted._previous(), options_of(fitted), X)


@pytest.mark.parametrize("linear_path", ["pca", None])
def test_random_weights_do_not_depend_on_the_rows(linear_path):
    estimator = AutoencoderTransformer(2, hidden_layer_sizes=(4,), linear_path=linear_path)
    few, many = (start(estimator, rows_of(n, seed=n), random_state=3) for n in (10, 500))
    for (W, _), (W_many, _) in zip(few.parameters.layers, many.parameters.layers, strict=True):
        np.testing.assert_array_equal(W, W_many)
    other = start(estimator, rows_of(10), random_state=4)
    assert (few.parameters.layers[0][0] != other.parameters.layers[0][0]).all()


def test_a_share_of_the_variance_gives_the_fewest_components():
    rows = rows_of(300)
    singular_values = np.linalg.svd(rows.X - rows.X.mean(axis=0), compute_uv=False)
    explained = np.cumsum(singular_values**2) / np.sum(singular_values**2)
    for n_components in range(1, 6):
        share = float(explained[n_components - 1]) - 1e-6
        state = start(AutoencoderTransformer(share), rows)
        assert state.model.network.n_components == n_components
        np.testing.assert_allclose(state.explained_by_pca, explained)
    assert start(AutoencoderTransformer(2), rows).explained_by_pca is None


def test_a_size_that_is_given_counts_more_than_the_options():
    rows, estimator = rows_of(300), AutoencoderTransformer(0.9)
    state = start_state(rows, options_of(estimator), n_components=2)
    plain = start(AutoencoderTransformer(2), rows)
    np.testing.assert_array_equal(state.parameters.flat, plain.parameters.flat)


@pytest.mark.parametrize(("nested", "weights"), [(False, [1]), (True, [1 / 3] * 3)])
def test_losses_of_decoders_have_equal_weights_at_first(nested, weights):
    state = start(AutoencoderTransformer(3, nested=nested), rows_of(50))
    np.testing.assert_array_equal(state.decoder_weights, weights)


# ---------------------------------------------------------------- what is kept


def test_what_is_kept_starts_as_what_is_trained():
    state = start(AutoencoderTransformer(2), rows_of(20))
    np.testing.assert_array_equal(state.best.flat, state.parameters.flat)
    assert not np.shares_memory(state.best.flat, state.parameters.flat)
    state.parameters.flat += 1
    assert (state.best.flat != state.parameters.flat).all()
    state.keep()
    np.testing.assert_array_equal(state.best.flat, state.parameters.flat)
    assert state.best_model.parameters is state.best


def test_what_was_kept_before_can_be_restored():
    state = start(AutoencoderTransformer(2), rows_of(20))
    state.parameters.flat += 1
    state.keep()
    first = state.best.flat.copy()
    state.parameters.flat += 1
    state.keep()
    state.restore_previous_best()
    np.testing.assert_array_equal(state.best.flat, first)
    np.testing.assert_array_equal(state.parameters.flat, first + 1)


def test_one_decoder_can_be_kept_alone():
    state = start(AutoencoderTransformer(4, hidden_layer_sizes=(6,), nested=True), rows_of(20))
    network, start_values = state.model.network, state.best.copy()
    state.parameters.flat += 1
    state.keep(decoder=1)
    of_decoder = range(network.n_encoder_layers + 1, network.n_layers + 1)
    kept = {network.layer_index(i, 1) for i in of_decoder}
    assert 0 < len(kept) < len(state.best.layers)
    for k, layers in enumerate(zip(state.best.layers, start_values.layers, strict=True)):
        for found, before in zip(*layers, strict=True):
            np.testing.assert_array_equal(found, before + 1 if k in kept else before)
    for P, P_start in zip(state.best.path, start_values.path, strict=True):
        np.testing.assert_array_equal(P, P_start)


def test_the_average_is_kept_where_there_is_one():
    state = start(AutoencoderTransformer(2), rows_of(20))
    state.start_average(0.9)
    average = state.optimizer["average"]
    assert np.shares_memory(average, state.averaged.flat)
    average += 1
    state.keep()
    np.testing.assert_array_equal(state.best.trained, state.parameters.trained + 1)
    state.start_average(0.9)
    assert state.optimizer["average"] is average


# ---------------------------------------------------------------- restarts


def test_a_restart_goes_back_to_the_best_and_forgets_the_steps_but_for_their_number():
    state = start(AutoencoderTransformer(2), rows_of(20))
    state.start_average(0.9)
    state.optimizer |= {"steps": 7, "first": np.ones(3)}
    best = state.best.flat.copy()
    state.parameters.flat += 1
    state.restart()
    np.testing.assert_array_equal(state.parameters.flat, best)
    assert not np.shares_memory(state.parameters.flat, state.best.flat)
    assert state.averaged is None
    assert state.optimizer == {"steps": 7}


@pytest.mark.parametrize("nested", [False, True])
def test_a_restart_with_another_activation_is_a_start_with_it(nested):
    """Initial weights follow the gain of their activation."""
    options = {"hidden_layer_sizes": (6, 4), "nested": nested}
    rows = rows_of(20)
    state = start(AutoencoderTransformer(2, activation="relu", **options), rows)
    state.restart("tanh")
    expected = start(AutoencoderTransformer(2, activation="tanh", **options), rows)
    assert state.model.spec == expected.model.spec
    assert state.model.network == expected.model.network
    np.testing.assert_allclose(state.parameters.flat, expected.parameters.flat, rtol=1e-12)
    np.testing.assert_array_equal(state.parameters.flat, state.best.flat)


# ---------------------------------------------------------------- going on


def test_another_share_is_another_network_where_there_is_top_k():
    X = rows_of(20).X
    fitted = AutoencoderTransformer(4, latent_activation="top_k", max_iter=0).fit(X)
    resume(fitted, X)
    with pytest.raises(ValueError, match=r"sparsity_target is now 0.6, was 0.05"):
        resume(fitted.set_params(sparsity_target=0.6), X)
    plain = AutoencoderTransformer(4, max_iter=0).fit(X)
    resume(plain.set_params(sparsity_target=0.6), X)


def test_another_network_is_refused_and_the_same_one_copied():
    X = rows_of(20).X
    fitted = AutoencoderTransformer(2, hidden_layer_sizes=(4,), max_iter=0).fit(X)
    state = resume(fitted, X)
    np.testing.assert_array_equal(state.parameters.flat, fitted.theta_)
    assert not np.shares_memory(state.parameters.flat, fitted.theta_)
    for changed in ({"n_components": 3}, {"hidden_layer_sizes": (5,)}, {"activation": "tanh"}):
        before = {name: getattr(fitted, name) for name in changed}
        with pytest.raises(ValueError, match="cannot go on with another network"):
            resume(fitted.set_params(**changed), X)
        fitted.set_params(**before)


def test_the_optimizer_s_memory_is_copied():
    X = rows_of(20).X
    fitted = AutoencoderTransformer(2, hidden_layer_sizes=(4,), random_state=0).partial_fit(X)
    optimizer = resume(fitted, X).optimizer
    assert optimizer.keys() == fitted._optimizer_state.keys()
    assert optimizer["steps"] == 1
    arrays = [name for name, value in optimizer.items() if isinstance(value, np.ndarray)]
    assert arrays
    for name in arrays:
        np.testing.assert_array_equal(optimizer[name], fitted._optimizer_state[name])
        assert not np.shares_memory(optimizer[name], fitted._optimizer_state[name])
