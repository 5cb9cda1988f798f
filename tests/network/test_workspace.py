"""Workspaces against naive computation: forward passes, gradients, memory."""

from dataclasses import replace

from gradients import (
    fill,
    make_model,
    make_network,
    make_objective,
    make_parameters,
    make_rows,
    slopes,
)
import numpy as np
import pytest
import reference

from skae import _kernels as kernels
from skae._network.workspace import Workspace, product, pull_in
from skae._training.trainer import Step
from skae.activations import ACTIVATIONS
from skae.losses import LOSSES
from skae.optimizers import OPTIMIZERS
from skae.penalties import PENALTIES

ENCODERS = [(5, 2), (5, 4, 2), (5, 4, 3, 2)]
OUTPUTS = [
    (loss, output)
    for loss in LOSSES
    for output in ([LOSSES[loss].link] if LOSSES[loss].fused else ACTIVATIONS)
]


def rows_and_targets(n_rows=7, n_features=5, seed=0):
    """Noisy rows and clean targets in [0, 1], where every loss is defined."""
    rng = np.random.default_rng(seed)
    target = rng.random((n_rows, n_features))
    return target + 0.3 * rng.standard_normal(target.shape), target


# ---------------------------------------------------------------- forward


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("linear_path", [False, True])
@pytest.mark.parametrize("encoder", ENCODERS, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_forward(name, encoder, linear_path, dtype):
    rng = np.random.default_rng(0)
    network, names = make_network(
        encoder, hidden=name, latent=name, output=name, linear_path=linear_path
    )
    parameters = make_parameters(network, rng, dtype, size=0.3)
    X = rng.standard_normal((6, 5)).astype(dtype)
    code, output = reference.forward(
        X.astype(float), parameters.layers, parameters.path, names, len(encoder) - 1
    )
    span = (0, network.n_layers)
    workspace = Workspace(make_model(network, parameters), 9, span)
    outputs = workspace.layers.outputs
    kept = X.copy()
    calls = kernels.bind(workspace.forward(X))
    found = outputs[workspace.last][: len(X)]
    for _ in range(2):
        for call in calls:
            call()
        tolerance = 1e-12 if dtype == np.float64 else 2e-5
        np.testing.assert_allclose(found, output, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(
            outputs[len(encoder) - 1][:6], code, rtol=tolerance, atol=tolerance
        )
    assert found.dtype == dtype
    np.testing.assert_array_equal(X, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pull_in(dtype):
    z = np.array([[3, 4], [30, -40], [0, 0], [-0.6, 0.8]], dtype)
    pulled = np.full_like(z, np.nan)
    kept = z.copy()
    kernels.run(pull_in(z, np.asarray(25, dtype), np.ones(2, dtype), np.empty(4, dtype), pulled))
    norms = np.linalg.norm(z.astype(float), axis=1, keepdims=True)
    expected = z * np.minimum(1, 5 / np.maximum(norms, 1e-300))
    np.testing.assert_allclose(pulled, expected, rtol=1e-6)
    np.testing.assert_array_equal(z, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_rows", [1, 64, 511, 512, 576, 600])
@pytest.mark.parametrize("shape", [(3, 2), (200, 100)])
def test_product(shape, n_rows, dtype):
    """In tiles or in one go: 512 and 576 rows are whole tiles, of a small layer alone."""
    rng = np.random.default_rng(0)
    a, W = rng.normal(size=(n_rows, shape[0])).astype(dtype), rng.normal(size=shape).astype(dtype)
    out = np.empty((n_rows, shape[1]), dtype)
    calls = list(product(a, W, out))
    kernels.run(calls)
    in_tiles = n_rows in (512, 576) and shape == (3, 2)
    assert [operands[0].ndim for _, *operands in calls] == ([3] if in_tiles else [2])
    exact = a.astype(float) @ W.astype(float)
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(out, exact, rtol=tolerance, atol=tolerance)
    by_columns = np.empty_like(out)
    kernels.run(product(np.asfortranarray(a), W, by_columns))
    np.testing.assert_allclose(by_columns, exact, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("latent", ["identity", "logistic"])
def test_forward_with_an_input_radius(latent, size):
    """The layers read distant inputs and codes pulled in, the linear path as they are."""
    rng = np.random.default_rng(0)
    network, names = make_network((5, 4, 3), latent=latent, linear_path=True, nested=True)
    parameters = make_parameters(network, rng)
    radius, X = (2.0, 0.5), 3 * rng.normal(size=(20, 5))

    def pulled(z, radius):
        return z * np.minimum(1, radius / np.linalg.norm(z, axis=1, keepdims=True))

    decoder = network.decoder_of(size)
    layers = [parameters.layers[network.layer_index(i, decoder)] for i in range(1, 5)]
    functions = [reference.ACTIVATIONS[name][0] for name in names]
    (W, b), (W_code, b_code), (W_next, b_next), (W_last, b_last) = layers
    hidden = functions[0](pulled(X, radius[0]) @ W + b)
    code = functions[1](hidden @ W_code + b_code + X @ parameters.path[0])[:, :size]
    expected = functions[2](pulled(code, radius[1]) @ W_next + b_next)
    expected = expected @ W_last + b_last + code @ parameters.path[1][:size]
    model = make_model(network, parameters)
    workspace = Workspace(model, 25, (0, network.n_layers), size, np.array(radius))
    kernels.run(workspace.forward(X))
    output = workspace.layers.outputs[network.n_layers][:20]
    np.testing.assert_allclose(output, expected, rtol=1e-10, atol=1e-12)
    assert (np.linalg.norm(X, axis=1) > radius[0]).any()
    assert (np.linalg.norm(code, axis=1) > radius[1]).any()


# ---------------------------------------------------------------- gradients


@pytest.mark.parametrize("encoder", ENCODERS, ids=str)
@pytest.mark.parametrize("linear_path", [False, True])
@pytest.mark.parametrize("penalty", [None, *PENALTIES])
@pytest.mark.parametrize(("loss", "output"), OUTPUTS)
def test_gradient(loss, output, penalty, linear_path, encoder):
    rng = np.random.default_rng(1)
    latent = "logistic" if penalty == "kl" else "tanh"
    network, _ = make_network(
        encoder, latent=latent, output=output, loss=loss, linear_path=linear_path
    )
    parameters = make_parameters(network, rng)
    X, target = rows_and_targets()
    weights = rng.uniform(0.2, 3, len(X))
    rows = make_rows(X, target, weights / weights.mean())
    objective = make_objective(network, parameters, rows, penalty=penalty)
    by_differences, by_gradient = slopes(objective, rng)
    assert by_gradient == pytest.approx(by_differences, rel=1e-6, abs=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("linear_path", [False, True])
@pytest.mark.parametrize("latent", ACTIVATIONS)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_gradient_through_hidden_and_latent_activations(hidden, latent, linear_path):
    rng = np.random.default_rng(2)
    network, _ = make_network((5, 4, 4, 2), hidden=hidden, latent=latent, linear_path=linear_path)
    parameters = make_parameters(network, rng, size=0.3)
    X, target = rows_and_targets()
    objective = make_objective(network, parameters, make_rows(X, target))
    by_differences, by_gradient = slopes(objective, rng)
    assert by_gradient == pytest.approx(by_differences, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_missing_cells_have_no_loss_and_no_gradient(loss, nested, weighted):
    """The loss is the mean over all features; what a missing target is filled with is not read."""
    rng = np.random.default_rng(5)
    network, names = make_network(loss=loss, linear_path=True, nested=nested)
    parameters = make_parameters(network, rng)
    X, target = rows_and_targets()
    weights = rng.uniform(0.2, 3, len(X)) if weighted else np.ones(len(X))
    weights /= weights.mean()
    missing = rng.random(target.shape) < 0.4
    found = []
    for filling in (0.1, 0.9):
        filled = np.where(missing, filling, target)
        rows = replace(make_rows(X, filled, weights), missing=missing)
        objective = make_objective(network, parameters, rows)
        by_differences, by_gradient = slopes(objective, np.random.default_rng(0))
        assert by_gradient == pytest.approx(by_differences, rel=1e-6, abs=1e-8)
        found.append((by_gradient, objective(0, len(X))))
    assert found[0] == found[1]
    if not nested:
        _, output = reference.forward(X, parameters.layers, parameters.path, names, 2)
        errors = np.where(missing, 0, reference.LOSSES[loss][0](target, output)).mean(axis=1)
        assert found[0][1] == pytest.approx(np.average(errors, weights=weights), rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_value_of_the_loss(loss):
    """The mean over the rows, by weight, of the mean error over the features."""
    rng = np.random.default_rng(3)
    network, names = make_network(loss=loss, linear_path=True)
    parameters = make_parameters(network, rng)
    X, target = rows_and_targets()
    weights = rng.uniform(0.2, 3, len(X))
    weights /= weights.mean()
    _, output = reference.forward(X, parameters.layers, parameters.path, names, 2)
    errors = reference.LOSSES[loss][0](target, output).mean(axis=1)
    for row_weights in (None, weights):
        objective = make_objective(network, parameters, make_rows(X, target, row_weights))
        fill(objective)
        exact = np.average(errors, weights=row_weights)
        assert objective(0, len(X)) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("name", PENALTIES)
def test_value_of_the_penalty(name):
    rng = np.random.default_rng(4)
    network, names = make_network(latent="logistic")
    parameters = make_parameters(network, rng)
    X, target = rows_and_targets()
    weights = rng.uniform(0.2, 3, len(X))
    weights /= weights.mean()
    rows = make_rows(X, target, weights)
    plain, priced = (make_objective(network, parameters, rows, penalty=p) for p in (None, name))
    fill(plain)
    fill(priced)
    code, _ = reference.forward(X, parameters.layers, (), names, 2)
    function, _, options = reference.PENALTIES[name]
    exact = function(code, weights / len(X), **options)
    assert priced(0, len(X)) - plain(0, len(X)) == pytest.approx(exact, rel=1e-10)


def test_gradient_equals_backpropagation_row_by_row():
    rng = np.random.default_rng(5)
    network, names = make_network((4, 3, 2), hidden="logistic", latent="tanh", output="logistic")
    parameters = make_parameters(network, rng)
    X, target = rows_and_targets(6, 4)
    objective = make_objective(network, parameters, make_rows(X, target))
    fill(objective)
    objective(0, len(X))
    by_rows = [
        reference.backpropagate(x, t, parameters.layers, names)
        for x, t in zip(X, target, strict=True)
    ]
    for i, (dW, db) in enumerate(objective.workspace.gradient.layers):
        np.testing.assert_allclose(dW, np.mean([g[i][0] for g in by_rows], axis=0), rtol=1e-10)
        np.testing.assert_allclose(db, np.mean([g[i][1] for g in by_rows], axis=0), rtol=1e-10)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_shorter_batch_in_the_same_buffers(name):
    """What a longer batch left there does not matter, nor the order of the batches."""
    rng = np.random.default_rng(6)
    network, _ = make_network((5, 4, 2), hidden=name, latent="logistic", linear_path=True)
    parameters = make_parameters(network, rng, size=0.3)
    X, target = rows_and_targets(11)
    objective = make_objective(network, parameters, make_rows(X, target), 4, penalty="l1")
    fill(objective)
    slots = list(objective.loader.slots(11))
    assert slots == [(0, 4), (1, 4), (2, 3)]
    for index, n_rows in slots + slots[::-1]:
        value = objective(index, n_rows)
        start = 4 * index
        part = make_rows(X[start : start + n_rows], target[start : start + n_rows])
        alone = make_objective(network, parameters, part, penalty="l1")
        fill(alone)
        assert value == pytest.approx(alone(0, n_rows), rel=1e-13)
        np.testing.assert_allclose(
            objective.workspace.gradient.trained,
            alone.workspace.gradient.trained,
            rtol=1e-10,
            atol=1e-14,
        )


@pytest.mark.parametrize("loss", LOSSES)
def test_float32_stays_near_float64(loss):
    X, target = rows_and_targets(20)
    found = {}
    for dtype in (np.float32, np.float64):
        rng = np.random.default_rng(7)
        network, _ = make_network(loss=loss, hidden="relu", latent="logistic", linear_path=True)
        parameters = make_parameters(network, rng, dtype)
        rows = make_rows(X.astype(dtype), target.astype(dtype), np.ones(20, dtype))
        objective = make_objective(network, parameters, rows, penalty="kl")
        fill(objective)
        found[dtype] = objective(0, 20), objective.workspace.gradient.trained
        assert objective.workspace.gradient.flat.dtype == dtype
    assert found[np.float32][0] == pytest.approx(found[np.float64][0], rel=1e-5)
    np.testing.assert_allclose(found[np.float32][1], found[np.float64][1], rtol=1e-3, atol=1e-5)


# ---------------------------------------------------------------- memory


# NumPy's iterator of a broadcast and the headers of views, but none of these arrays
ALLOWED = 2500
ALLOWED_OF = {"top_k": 3500}  # and its iterator of a partial sort, which is as large for any array
WIDE = (60, 50, 700)  # a row of float32 codes is more than that


def assert_step_allocates_nothing(peak_memory, optimizer=None, dtype=np.float64, **options):
    penalty = options.pop("penalty", None)
    batch_size = options.pop("batch_size", 20)
    encoder = options.pop("encoder", WIDE)
    network, _ = make_network(encoder, **options)
    parameters = make_parameters(network, np.random.default_rng(0), dtype, size=1e-2)
    X, target = rows_and_targets(50, encoder[0])
    X, target = X.astype(dtype), target.astype(dtype)
    weights = np.ones(50, dtype)
    rows = make_rows(X, target, weights)
    objective = make_objective(network, parameters, rows, batch_size, penalty)
    theta = parameters.trained
    optimizer = OPTIMIZERS["sgd"](momentum=0.0) if optimizer is None else optimizer
    step = Step(objective, optimizer, {"steps": 0} | optimizer.init(theta))
    order = np.arange(len(objective.loader.inputs))

    def steps():
        objective.loader.fill(order, None)
        for index, n_rows in objective.loader.slots(len(order)):
            objective(index, n_rows)
            step(1e-3)

    steps()
    assert peak_memory(steps) < ALLOWED_OF.get(options.get("latent"), ALLOWED)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_allocates_nothing_for_any_activation(peak_memory, name, dtype):
    assert_step_allocates_nothing(
        peak_memory, hidden=name, latent=name, output=name, linear_path=True, dtype=dtype
    )


@pytest.mark.parametrize("linear_path", [False, True])
@pytest.mark.parametrize("penalty", [None, *PENALTIES])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_allocates_nothing_for_any_loss_and_penalty(peak_memory, loss, penalty, linear_path):
    assert_step_allocates_nothing(
        peak_memory, loss=loss, penalty=penalty, latent="logistic", linear_path=linear_path
    )


@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda name=name, options=options: OPTIMIZERS[name](**options)
        for name, variants in reference.OPTIMIZERS.items()
        for options, _ in variants
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_allocates_nothing_for_any_optimizer(peak_memory, make_optimizer, dtype):
    assert_step_allocates_nothing(peak_memory, make_optimizer(), dtype)


@pytest.mark.parametrize("encoder", [(420, 1), (420, 410, 1), (1, 420, 1), (420, 400)], ids=str)
@pytest.mark.parametrize("batch_size", [1, 2, 50])
def test_a_step_allocates_nothing_at_the_edges(peak_memory, encoder, batch_size):
    assert_step_allocates_nothing(
        peak_memory, encoder=encoder, batch_size=batch_size, linear_path=True, penalty="l1"
    )
