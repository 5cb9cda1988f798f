"""The bound of variational networks: its value, its gradient, and its noise."""

from dataclasses import replace
import math

import gradients
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from scipy.special import logsumexp

from skae._network.gaussian_code import noise_variances
from skae._training.bound import Bound, BoundOptions, NoiseSampler
from skae._training.objective import sample_losses
from skae.activations import ACTIVATIONS
from skae.losses import LOSSES

N_ROWS = 12
ONE_DRAW = Bound()
# name: loss, number of noise variances
DECODERS = {
    "normal, shared": ("squared_error", 1),
    "normal, per feature": ("squared_error", 5),
    "Bernoulli": ("log_loss", 0),
    "Poisson": ("poisson", 0),
}
BOUNDS = {
    "one draw": ONE_DRAW,
    "kl_weight": Bound(kl_weight=0.3),
    "free bits": Bound(free_bits=0.4),
    "three draws": Bound(n_draws=3),
    "three draws, kl_weight": Bound(kl_weight=2.0, n_draws=3),
}


def make(decoder="normal, shared", bound=ONE_DRAW, dtype=np.float64, weights=None, **network):
    """Return an objective and its rows."""
    loss, n_noise = DECODERS[decoder]
    rng = np.random.default_rng(1)
    X = rng.random((N_ROWS, 5)).astype(dtype)
    if decoder == "Poisson":
        X = np.rint(5 * X)
    network, _ = gradients.make_network(loss=loss, n_noise_variances=n_noise, **network)
    parameters = gradients.make_parameters(network, rng, dtype)
    plan = {"bound": bound}
    rows = gradients.make_rows(X, weights=weights)
    return gradients.make_objective(network, parameters, rows, **plan), X


@pytest.mark.parametrize("linear_path", [False, True])
@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
@pytest.mark.parametrize("decoder", DECODERS)
def test_gradient(decoder, bound, linear_path):
    objective, _ = make(decoder, bound, linear_path=linear_path)
    expected, found = gradients.slopes(objective, np.random.default_rng(2))
    assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
def test_gradient_of_weighted_samples(bound):
    weights = np.random.default_rng(3).random(N_ROWS) + 0.1
    objective, _ = make("normal, shared", bound, weights=weights)
    expected, found = gradients.slopes(objective, np.random.default_rng(2))
    assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def make_incomplete(decoder, bound, missing):
    """Return an objective whose target lacks cells, and one of the same complete rows."""
    complete, X = make(decoder, bound)
    rows = replace(complete.loader.rows, missing=missing, target=X.copy())
    network, parameters = complete.workspace.network, complete.workspace.parameters
    return gradients.make_objective(network, parameters, rows, bound=bound), complete


@pytest.mark.parametrize("bound", [ONE_DRAW, Bound(n_draws=3)], ids=["one draw", "three draws"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_missing_cells_have_no_density(decoder, bound):
    """The loss loses what they add to it, and the gradient is that of the loss."""
    missing = np.random.default_rng(5).random((N_ROWS, 5)) < 0.4
    objective, complete = make_incomplete(decoder, bound, missing)
    expected, found = gradients.slopes(objective, np.random.default_rng(2))
    assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    nothing, _ = make_incomplete(decoder, bound, np.zeros_like(missing))
    for each in (nothing, complete):
        gradients.fill(each)
    assert_allclose(nothing(0, N_ROWS), complete(0, N_ROWS), rtol=1e-12)
    gradient = complete.workspace.gradient.trained
    assert_allclose(nothing.workspace.gradient.trained, gradient, rtol=1e-9, atol=1e-12)


def test_the_density_of_observed_cells():
    """It has the noise variances of these alone."""
    missing = np.zeros((N_ROWS, 5), bool)
    missing[:, 3] = True
    objective, complete = make_incomplete("normal, per feature", ONE_DRAW, missing)
    losses = []
    for each in (objective, complete):
        gradients.fill(each)
        each(0, N_ROWS)
        losses.append(5 * each.sample_losses[0])
    workspace = complete.workspace
    outputs = workspace.decoder.layers.outputs[workspace.network.n_layers][:N_ROWS, 3]
    variance = noise_variances(workspace.parameters.layers[-1][1])[3]
    squares = np.square(outputs - complete.loader.targets[:, 3])
    log_density = -0.5 * (np.log(2 * np.pi * variance) + squares / variance)
    assert_allclose(losses[1] - losses[0], -log_density)


@pytest.mark.parametrize("encoder", [(5, 2), (5, 4, 3, 2)])
@pytest.mark.parametrize("n_draws", [1, 3])
def test_gradient_without_hidden_layers_and_with_two(encoder, n_draws):
    objective, _ = make(bound=Bound(n_draws=n_draws), encoder=encoder)
    expected, found = gradients.slopes(objective, np.random.default_rng(2))
    assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
@pytest.mark.parametrize("decoder", DECODERS)
def test_gradient_in_float32(decoder, bound):
    """It is that of float64 up to rounding."""
    double, _ = make(decoder, bound)
    single, _ = make(decoder, bound, np.float32)
    single.workspace.parameters.flat[...] = double.workspace.parameters.flat
    for objective in (double, single):
        gradients.fill(objective)
    single.loader.inputs[...] = double.loader.inputs
    single.loader.draws[...] = double.loader.draws
    losses = [objective(0, N_ROWS) for objective in (double, single)]
    assert_allclose(losses[1], losses[0], rtol=1e-5)
    expected, found = (o.workspace.gradient.trained for o in (double, single))
    assert found.dtype == np.float32
    assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("n_draws", [1, 3])
def test_parts_of_a_batch(n_draws):
    """A batch that is cut has the same loss and gradient; with one sample a part too."""
    for n_parts in (2, 4, N_ROWS):
        whole, _ = make(bound=Bound(n_draws=n_draws))
        network, parameters = whole.workspace.network, whole.workspace.parameters
        cut = gradients.make_objective(
            network, parameters, whole.loader.rows, bound=Bound(n_draws=n_draws), n_parts=n_parts
        )
        for objective in (whole, cut):
            gradients.fill(objective)
        assert_allclose(cut(0, N_ROWS), whole(0, N_ROWS), rtol=1e-12)
        expected = whole.workspace.gradient.trained
        assert_allclose(cut.workspace.gradient.trained, expected, rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------- values


def log_densities(network, parameters, X, noise):
    """Return log p(x | z), log p(z) and log q(z | x), the textbook way, and the KL divergence."""
    code, h = network.n_encoder_layers, X
    for W, b in parameters.layers[: code - 1]:
        h = np.tanh(h @ W + b)
    (W, b), (V, c) = parameters.layers[code - 1], parameters.layers[network.n_layers]
    mean, variance = h @ W + b, np.exp(h @ V + c)
    z = mean + np.sqrt(variance) * noise
    h = z
    for W, b in parameters.layers[code : network.n_layers - 1]:
        h = np.tanh(h @ W + b)
    W, b = parameters.layers[network.n_layers - 1]
    output = h @ W + b
    v = noise_variances(parameters.layers[network.n_layers + 1][1])
    log_p = -0.5 * np.sum((X - output) ** 2 / v + np.log(2 * np.pi * v) * np.ones(5), axis=1)
    log_prior = -0.5 * np.sum(z**2 + math.log(2 * math.pi), axis=1)
    log_q = -0.5 * np.sum(noise**2 + np.log(2 * np.pi * variance), axis=1)
    kl = 0.5 * (mean**2 + variance - np.log(variance) - 1)
    return log_p, log_prior, log_q, kl


@pytest.mark.parametrize("n_noise", [1, 5])
@pytest.mark.parametrize("n_draws", [1, 4])
def test_value(n_draws, n_noise):
    decoder = "normal, shared" if n_noise == 1 else "normal, per feature"
    objective, X = make(decoder, Bound(kl_weight=0.7, n_draws=n_draws))
    gradients.fill(objective)
    loss = objective(0, N_ROWS)
    noise = objective.loader.draws.reshape(N_ROWS, n_draws, -1)
    network, parameters = objective.workspace.network, objective.workspace.parameters
    densities = [log_densities(network, parameters, X, noise[:, s]) for s in range(n_draws)]
    if n_draws == 1:
        log_p, _, _, kl = densities[0]
        bounds = log_p - 0.7 * kl.sum(axis=1)
    else:
        ratios = [log_p + 0.7 * (prior - q) for log_p, prior, q, _ in densities]
        bounds = logsumexp(ratios, axis=0) - math.log(n_draws)
    assert_allclose(loss, -bounds.mean() / 5, rtol=1e-12)


def test_free_bits_count_at_least_so_much():
    bound = Bound(free_bits=0.4)
    objective, X = make(bound=bound)
    gradients.fill(objective)
    loss = objective(0, N_ROWS)
    network, parameters = objective.workspace.network, objective.workspace.parameters
    log_p, _, _, kl = log_densities(network, parameters, X, objective.loader.draws)
    means = kl.mean(axis=0)
    assert means.min() < 0.4 < means.max()
    assert_allclose(loss, (np.maximum(means, 0.4).sum() - log_p.mean()) / 5, rtol=1e-12)


def test_divergence_is_the_expectation_of_the_log_ratio():
    """The closed form against draws: both estimate the same bound."""
    objective, X = make()
    network, parameters = objective.workspace.network, objective.workspace.parameters
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(4000):
        noise = rng.standard_normal((N_ROWS, 2))
        _, prior, q, kl = log_densities(network, parameters, X, noise)
        ratios.append(q - prior)
    error = np.std(ratios, axis=0) / math.sqrt(len(ratios))
    assert np.all(np.abs(np.mean(ratios, axis=0) - kl.sum(axis=1)) < 5 * error)


def test_losses_of_samples():
    """Their mean is the loss of the batch; free bits and warm-up do not apply."""
    objective, _ = make(bound=Bound(n_draws=2))
    gradients.fill(objective)
    loss = objective(0, N_ROWS)
    network, parameters = objective.workspace.network, objective.workspace.parameters
    validation = gradients.make_objective(
        network, parameters, objective.loader.rows, bound=Bound(n_draws=2), backward=False
    )
    losses = sample_losses(validation, None)
    assert_allclose(losses.mean(), loss, rtol=1e-12)
    assert np.ptp(losses) > 0


# ---------------------------------------------------------------- warm-up and noise


def test_the_weight_warms_up():
    state = {"steps": 0}
    bound = Bound(kl_weight=2.0, n_warm_up=4, state=state)
    weight = np.empty(())
    found = []
    for steps in range(6):
        state["steps"] = steps
        bound.set_weight(weight)
        found.append(float(weight))
    assert found == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


def test_noise_is_repeated_after_a_restart():
    sampler = NoiseSampler(3, seed=[1, 2])
    first, second, again = np.empty((3, 400, 3))
    sampler.draw(first)
    sampler.draw(second)
    sampler.restart()
    sampler.draw(again)
    assert_array_equal(first, again)
    assert np.all(first != second)
    assert abs(first.mean()) < 0.1
    assert abs(first.std() - 1) < 0.1
    assert len(sampler) == 3


def test_number_of_noise_variances():
    options, shared = BoundOptions(noise_per_feature=True), BoundOptions()
    for name, expected in (("squared_error", (7, 1)), ("log_loss", (0, 0)), ("poisson", (0, 0))):
        loss = LOSSES[name]()
        assert tuple(o.n_noise_variances(loss, 7) for o in (options, shared)) == expected


def test_every_activation_passes_the_gradient_through_the_head():
    for name in ACTIVATIONS:
        if name == "top_k":
            continue
        objective, _ = make(hidden=name)
        expected, found = gradients.slopes(objective, np.random.default_rng(2))
        assert_allclose(found, expected, rtol=1e-4, atol=1e-7)
