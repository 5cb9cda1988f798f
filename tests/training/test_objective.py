"""The mean loss of a batch with its gradient, in parts or whole, and the losses of samples."""

import math

from gradients import fill, make_network, make_objective, make_parameters, make_rows, slopes
import numpy as np
import pytest
import reference

from skae._training.objective import DivergedError, count_parts, sample_losses
from skae.corruptions import UserNoise
from skae.penalties import PENALTIES


def rows_of(n_rows=20, n_features=5, seed=0):
    return np.random.default_rng(seed).random((n_rows, n_features))


def objective_of(rows, batch_size=None, penalty=None, **options):
    """Return an Objective of a small network that is the same each time."""
    network, _ = make_network()
    parameters = make_parameters(network, np.random.default_rng(1), rows.X.dtype)
    return make_objective(network, parameters, rows, batch_size, penalty, **options)


# ---------------------------------------------------------------- losses of samples


@pytest.mark.parametrize("penalty", [None, "l1"])
def test_sample_losses(penalty):
    X, target = rows_of(23), rows_of(23, seed=1)
    network, names = make_network(latent="logistic", linear_path=True)
    parameters = make_parameters(network, np.random.default_rng(1))
    rows = make_rows(X, target)
    objective = make_objective(network, parameters, rows, 5, backward=False)
    _, output = reference.forward(X, parameters.layers, parameters.path, names, 2)
    expected = ((output - target) ** 2 / 2).mean(axis=1)
    found = sample_losses(objective, None)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    if penalty is not None:
        priced = make_objective(network, parameters, rows, 5, penalty, backward=False)
        whole = make_objective(network, parameters, rows, penalty=penalty)
        fill(whole)
        assert sample_losses(priced, None).mean() == pytest.approx(whole(0, 23), rel=0.1)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_sample_losses_take_nothing_from_unwritten_memory(penalty, nested):
    """A penalty adds to the code's delta, which nothing has written without a backward pass."""
    network, _ = make_network(latent="logistic", nested=nested)
    parameters = make_parameters(network, np.random.default_rng(0))
    rows = make_rows(rows_of())
    objective = make_objective(network, parameters, rows, 5, penalty, backward=False)
    delta = objective.workspace.deltas[network.n_encoder_layers]
    delta[...] = np.inf
    assert np.isfinite(sample_losses(objective, None)).all()
    assert np.isfinite(delta).all()


def test_sample_losses_leave_the_parameters_and_see_one_noise():
    noise = UserNoise(lambda X, rng: X + rng.standard_normal(X.shape))
    network, _ = make_network()
    parameters = make_parameters(network, np.random.default_rng(1))
    start = parameters.flat.copy()
    rows = make_rows(rows_of(23), corruption=noise)
    objective = make_objective(network, parameters, rows, 5, backward=False)
    first, again = (sample_losses(objective, np.random.default_rng(0)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(parameters.flat, start)


# ---------------------------------------------------------------- the loss of bends


@pytest.mark.parametrize("options", [{}, {"n_parts": 2}])
@pytest.mark.parametrize("nested", [False, True])
def test_what_the_networks_add_to_the_code_costs_its_square(nested, options):
    rng = np.random.default_rng(0)
    network, _ = make_network((5, 4, 3), linear_path=True, nested=nested)
    parameters = make_parameters(network, rng)
    weights = rng.uniform(0.5, 1.5, 23)
    rows = make_rows(rows_of(23), weights=weights / weights.mean())

    def loss(**plan):
        objective = make_objective(network, parameters, rows, **plan, **options)
        fill(objective)
        return objective(0, 23)

    X, Q = rows.X, parameters.path[1]
    hidden = np.tanh(X @ parameters.layers[0][0] + parameters.layers[0][1])
    bends = hidden @ parameters.layers[1][0] + parameters.layers[1][1]
    squares = np.square(bends) @ np.square(Q).sum(axis=1)
    expected = 0.7 * (rows.weights / 23) @ squares / 2 / 5
    assert loss(linear_weight=0.7) - loss() == pytest.approx(expected, rel=1e-9)
    assert loss(linear_weight=0.7, fixed_encoder=True) == loss()
    objective = make_objective(network, parameters, rows, linear_weight=0.7, **options)
    by_differences, by_gradient = slopes(objective, rng)
    assert by_gradient == pytest.approx(by_differences, rel=1e-6)


# ---------------------------------------------------------------- divergence


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
def test_a_loss_far_above_the_first_one_is_divergence(bad):
    objective = objective_of(make_rows(rows_of()))
    objective.check(2.0)
    objective.check(2.9e4)
    with pytest.raises(DivergedError):
        objective.check(bad)
    with pytest.raises(DivergedError, match=r"went from 2 to 3.1e\+04"):
        objective.check(3.1e4)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_first_loss_that_is_not_finite_is_divergence(bad):
    objective = objective_of(make_rows(rows_of()))
    with pytest.raises(DivergedError):
        objective.check(bad)


def test_the_last_batch_is_checked_at_the_present_parameters():
    objective = objective_of(make_rows(rows_of()), 5)
    fill(objective)
    objective.check(objective(0, 5))
    objective.check_last()
    objective.workspace.parameters.flat[...] = math.nan
    with pytest.raises(DivergedError), np.errstate(invalid="ignore"):
        objective.check_last()


# ---------------------------------------------------------------- parts of a batch


@pytest.mark.parametrize(
    ("batch_size", "n_parts"), [(1, 1), (99, 1), (100, 2), (1023, 2), (1024, 4), (2048, 8)]
)
def test_parts_of_large_networks(batch_size, n_parts):
    network, _ = make_network((800, 1000, 10))
    assert count_parts(network, batch_size, np.dtype(np.float64)) == n_parts
    small, _ = make_network((5, 4, 2))
    assert count_parts(small, batch_size, np.dtype(np.float64)) == 1


def test_numbers_of_twice_the_size_count_twice():
    network, _ = make_network((100, 100, 10))
    n_rows = math.ceil(1e8 / (6 * network.n_parameters_per_sample))
    assert count_parts(network, n_rows, np.dtype(np.float32)) > 1
    assert count_parts(network, n_rows - 1, np.dtype(np.float32)) == 1
    assert count_parts(network, n_rows // 2 + 1, np.dtype(np.float64)) > 1


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("defers", [False, True])
@pytest.mark.parametrize("leaves_sum", [False, True])
@pytest.mark.parametrize("n_rows", [40, 31, 3])
def test_parts_have_the_loss_and_the_gradient_of_the_whole(n_rows, leaves_sum, defers, weighted):
    """Of full batches, of shorter ones, and of those too short for all the parts."""
    weights = np.random.default_rng(2).random(40 + n_rows) if weighted else None
    rows = make_rows(rows_of(40 + n_rows), weights=weights)
    whole = objective_of(rows, 40, n_parts=1)
    options = {"n_parts": 4, "leaves_sum": leaves_sum, "defers": defers}
    parts = objective_of(rows, 40, **options)
    for objective in (whole, parts):
        objective.loader.fill(np.arange(40 + n_rows), None)
    for slot in ((0, 40), (1, n_rows)):
        assert parts(*slot) == pytest.approx(whole(*slot), rel=1e-12)
        gradient = parts.workspace.gradient.trained + sum(parts.other_gradients)
        expected = whole.workspace.gradient.trained
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)
    assert len(parts.other_gradients) == (3 if leaves_sum else 0)


def test_parts_do_not_depend_on_who_executes_them():
    def run_backwards(jobs):
        for job in reversed(jobs):
            job()

    rows = make_rows(rows_of(40))
    found = []
    for options in ({}, {"run_jobs": run_backwards}):
        objective = objective_of(rows, n_parts=4, **options)
        fill(objective)
        found.append((objective(0, 40), objective.workspace.gradient.trained.copy()))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])
