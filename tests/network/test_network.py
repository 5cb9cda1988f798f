"""Networks against naive computation: forward, gradient, blocks, memory."""

from gradients import fill, make_network, make_objective, make_parameters, make_rows, slopes
import numpy as np
import pytest
import reference

from skae._kernels import bind
from skae._network.inference import blocks
from skae._network.scaling import Scaling, identity_scaling
from skae._network.workspace import Workspace
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
    workspace = Workspace(network, parameters, 9)
    kept = X.copy()
    calls = bind(workspace.forward(X))
    found = workspace.outputs[workspace.last][: len(X)]
    for _ in range(2):
        for call in calls:
            call()
        tolerance = 1e-12 if dtype == np.float64 else 2e-5
        np.testing.assert_allclose(found, output, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(
            workspace.outputs[len(encoder) - 1][:6], code, rtol=tolerance, atol=tolerance
        )
    assert found.dtype == dtype
    np.testing.assert_array_equal(X, kept)


def test_description_of_a_network():
    network, _ = make_network((5, 4, 2), linear_path=True)
    assert network.widths == (5, 4, 2, 4, 5)
    assert network.n_layers == 4
    assert network.n_components == 2
    assert network.shapes == ((5, 4), (4, 2), (2, 4), (4, 5))
    assert network.path_shapes == ((5, 2), (2, 5))
    assert network.n_parameters == 20 + 8 + 8 + 20 + 15 + 20
    assert make_network((5, 4, 2))[0].path_shapes == ()
    with pytest.raises(AttributeError):
        network.widths = (5, 5)


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
            objective.workspace.gradient.trained, alone.gradient.trained, rtol=1e-10, atol=1e-14
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


# ---------------------------------------------------------------- blocks


def through_blocks(network, parameters, X, scaling, last_width, **options):
    """Collect the output of blocks; each slice must follow on the one before."""
    result, stop = np.full((len(X), last_width), np.nan, parameters.flat.dtype), 0
    for rows, output in blocks(X, network, parameters, scaling, **options):
        assert rows.start == stop
        stop = rows.stop
        result[rows] = output
    assert stop == len(X)
    return result


@pytest.mark.parametrize("linear_path", [False, True])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 7, 10, 21, 22, 23, 512])
def test_blocks_equal_the_whole(n_rows, linear_path):
    rng = np.random.default_rng(8)
    network, names = make_network(
        (5, 4, 2), hidden="softplus", output="logistic", linear_path=linear_path
    )
    parameters = make_parameters(network, rng)
    X = rng.normal(size=(22, 5))
    scaling = Scaling(X.mean(axis=0), np.asarray(2.5))
    kept = X.copy()
    code, output = reference.forward(
        (X - scaling.mean) / 2.5, parameters.layers, parameters.path, names, 2
    )
    found = through_blocks(network, parameters, X, scaling, 5, n_rows=n_rows)
    np.testing.assert_allclose(found, output, rtol=1e-12)
    found = through_blocks(network, parameters, X, scaling, 2, last=2, n_rows=n_rows)
    np.testing.assert_allclose(found, code, rtol=1e-12, atol=1e-14)
    plain = identity_scaling(2, X.dtype)
    found = through_blocks(network, parameters, found, plain, 5, first=2, n_rows=n_rows)
    np.testing.assert_allclose(found, output, rtol=1e-12)
    np.testing.assert_array_equal(X, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_take_strided_rows_and_the_other_dtype(dtype):
    rng = np.random.default_rng(9)
    network, _ = make_network((5, 2), linear_path=True)
    parameters = make_parameters(network, rng, dtype)
    plain = identity_scaling(5, np.dtype(dtype))
    X = np.asfortranarray(rng.normal(size=(40, 10)))[::2, ::2]
    found = through_blocks(network, parameters, X, plain, 5, n_rows=8)
    contiguous = np.ascontiguousarray(X).astype(dtype)
    expected = through_blocks(network, parameters, contiguous, plain, 5)
    np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_blocks_of_no_rows():
    network, _ = make_network()
    parameters = make_parameters(network, np.random.default_rng(0))
    assert list(blocks(np.empty((0, 5)), network, parameters, identity_scaling(5, float))) == []


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
    order = np.arange(objective.loader.n_rows)

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


def test_blocks_allocate_no_more_for_more_rows(peak_memory):
    network, _ = make_network((30, 20, 5), hidden="gelu", linear_path=True)
    parameters = make_parameters(network, np.random.default_rng(0))
    scaling = identity_scaling(30, np.dtype(float))

    def run(X):
        for _ in blocks(X, network, parameters, scaling, n_rows=100):
            pass

    short, long = (np.zeros((n, 30)) for n in (450, 20050))
    run(long)
    assert peak_memory(lambda: run(long)) < peak_memory(lambda: run(short)) + ALLOWED


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("per_feature", [False, True])
@pytest.mark.parametrize("reach", [None, (2.0, 1.0)])
@pytest.mark.parametrize("most_written", [0, 2**20])
def test_many_rows_take_another_route_to_the_same_result(
    dtype, per_feature, reach, most_written, monkeypatch
):
    """Products of a few rows at a time, biases and scalings written out, and what is left over."""
    monkeypatch.setattr("skae._network.scaling.MAX_REPEATED_BYTES", most_written)
    rng = np.random.default_rng(0)
    network, _ = make_network((7, 20, 3), linear_path=True)
    parameters = make_parameters(network, rng, dtype)
    X = rng.normal(size=(4 * 512 + 70, 7)).astype(dtype)
    scale = rng.uniform(1, 2, 7 if per_feature else ()).astype(dtype)
    scaling = Scaling(rng.normal(size=7).astype(dtype), np.asarray(scale))

    def run(rows, **options):
        path = network, parameters, scaling, 0, network.n_layers, None, reach, scaling
        return np.concatenate([a.copy() for _, a in blocks(rows, *path, **options)])

    found = run(X)
    expected = np.concatenate([run(X[i : i + 100], n_rows=100) for i in range(0, len(X), 100)])
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
