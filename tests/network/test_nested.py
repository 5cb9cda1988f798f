"""Codes of every size from one network: decoders and what they read, and nested estimators."""

import pickle

from curved import curved_rows
from gradients import (
    fill,
    make_loader,
    make_model,
    make_network,
    make_objective,
    make_parameters,
    make_rows,
    slopes,
)
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
import reference
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder
from skae._network.inference import blocks, encode, reconstruct
from skae._network.nested import (
    CodeSizeSampler,
    columns_to_read,
    count_columns,
    decoder_weights,
    decoders_kept,
    errors_by_size,
    share_read,
    shortened,
    spans,
    training_batches,
    validated_sizes,
    validated_sizes_by_decoder,
    validation_batches,
)
from skae._network.scaling import Scaling
from skae._network.summary import layer_table
from skae._training import batches
from skae._training.objective import sample_losses
from skae._training.options import read_options
from skae._training.trainer import Step, Trainer, epochs
from skae.losses import LOSSES
from skae.optimizers import OPTIMIZERS
from skae.penalties import PENALTIES

TRANSFORMERS = [AutoencoderTransformer, DenoisingAutoencoder]
SMALL = {
    "hidden_layer_sizes": (8,),
    "max_iter": 5,
    "early_stopping": False,
    "random_state": 0,
    "nested": True,
}
RANDOM = [
    {},
    {"batch_size": 16, "linear_path": None},
    {"early_stopping": True, "linear_path": None},
    {"early_stopping": True, "n_components": 0.8},
    {"solver": "sgd", "batch_size": 16, "shuffle": False},
    {"solver": "lbfgs", "latent_activation": "tanh"},
    {"sparsity": "kl"},
]
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def rows(n_rows=60, n_features=7, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 5)) @ np.random.default_rng(1).normal(size=(5, n_features))
    return X + 0.3 * rng.normal(size=X.shape) + np.arange(n_features)


def pca_errors(X, unseen, sizes):
    """Mean squared errors of PCA on rows that it has not seen."""
    found = []
    for size in sizes:
        pca = PCA(size).fit(X)
        found.append(np.mean((pca.inverse_transform(pca.transform(unseen)) - unseen) ** 2))
    return np.array(found)


def errors(model, unseen, sizes):
    return np.array([np.mean((model.reconstruct(unseen, j) - unseen) ** 2) for j in sizes])


# ---------------------------------------------------------------- who reads what


@pytest.mark.parametrize("n_decoders", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("n_rows", [1, 2, 7, 100, 200])
def test_spans_give_each_decoder_samples_and_each_sample_decoders(n_rows, n_decoders):
    found = spans(n_rows, n_decoders)
    assert len(found) == n_decoders
    [length] = {span.stop - span.start for span in found}
    assert 1 <= length <= n_rows
    n_read = np.zeros(n_rows, int)
    for span in found:
        assert 0 <= span.start < span.stop <= n_rows
        n_read[span] += 1
    assert (n_read > 0).all()
    assert n_decoders * length <= 2.5 * n_rows + n_decoders
    assert length == n_rows or n_decoders > 2
    assert spans(n_rows, n_decoders, np.inf) == [slice(0, n_rows)] * n_decoders


def test_sizes_are_those_of_the_decoder_and_often_its_largest():
    draws = CodeSizeSampler((11, 8, 4, 2, 1), np.random.default_rng(0))
    sizes = np.empty((4000, 5), np.float32)
    draws.draw(sizes)
    expected = [{9, 10, 11}, {5, 6, 7, 8}, {3, 4}, {2}, {1}]
    assert [set(column) for column in sizes.T] == expected
    shares = [(sizes[:, 0] == size).mean() for size in (9, 10, 11)]
    assert_allclose(shares, [0.1, 0.1, 0.8], atol=0.02)
    shares = [(sizes[:, 1] == size).mean() for size in (5, 6, 7, 8)]
    assert_allclose(shares, [0.1625, 0.1625, 0.1625, 0.5125], atol=0.02)


@pytest.mark.parametrize(("solver", "share"), [("adam", 0.5), ("sgd", 0.5), ("lbfgs", 1)])
def test_decay_is_scaled_by_the_share_that_a_decoder_reads(solver, share):
    network, _ = make_network((7, 4, 5), nested=True)
    plain, _ = make_network((7, 4, 5))
    assert share_read(len(network.decoder_sizes)) == 0.5
    estimator = AutoencoderTransformer(hidden_layer_sizes=4, solver=solver, learning_rate_init=1e-3)
    trainer = Trainer(read_options(estimator.set_params(alpha=3.0).get_params(deep=False)), 20.0)
    alpha = 3.0 if solver == "adam" else 3.0 / 20
    assert trainer.decay(plain) == alpha
    assert trainer.decay(network) == share * alpha


def test_sizes_do_not_depend_on_how_many_are_drawn_at_a_time():
    at_once = np.empty((20, 3))
    CodeSizeSampler((5, 4, 2), np.random.default_rng(0)).draw(at_once)
    draws, found = CodeSizeSampler((5, 4, 2), np.random.default_rng(0)), np.empty((20, 3))
    for start in (0, 1, 7):
        stop = {0: 1, 1: 7, 7: 20}[start]
        draws.draw(found[start:stop])
    assert_array_equal(found, at_once)


def test_decoder_losses_are_weighed_in_units_of_their_start():
    losses = np.array([0.5, 1.0, 4.0])
    weights = decoder_weights(losses)
    assert_allclose(weights * losses, [0.25, 0.125, 0.125])  # the whole code counts twice
    assert_allclose(decoder_weights(np.array([0.0, 2.0])) * [2e-3, 2.0], [4e-3 / 3, 2e-3 / 3])
    assert_allclose(decoder_weights(np.zeros(2)), [2 / 3, 1 / 3])
    assert_allclose(decoder_weights(np.array([-3.0])), 1)


# ---------------------------------------------------------------- the network


def test_validated_sizes_are_the_ends_of_every_decoder():
    network, _ = make_network((7, 4, 5), nested=True, linear_path=True)
    assert validated_sizes(network) == (5, 4, 3, 2, 1)
    assert validated_sizes_by_decoder(network) == [[0], [1], [2], [3], [4]]
    wider, _ = make_network((9, 4, 7), nested=True)
    assert validated_sizes(wider) == (7, 6, 4, 3, 2, 1, 5)
    assert validated_sizes_by_decoder(wider) == [[0], [1, 6], [2], [3], [4], [5]]
    plain, _ = make_network((7, 4, 5), linear_path=True)
    assert validated_sizes(plain) == plain.decoder_sizes == (5,)


def test_batches_of_decoders():
    network, _ = make_network((7, 4, 7), nested=True)
    sizes = np.arange(120.0).reshape(20, 6)
    batches_read = training_batches(network, 20, sizes, np.arange(6), 2.5)
    assert [batch.rows for batch, _ in batches_read] == spans(20, 6, 2.5)
    for k, (batch, weight) in enumerate(batches_read):
        assert (batch.decoder, weight, len(batch)) == (k, float(k), 9)
        assert_array_equal(batch.sizes, sizes[batch.rows, k : k + 1])
    with pytest.raises(ValueError, match="shorter"):  # a weight for each decoder
        training_batches(network, 20, sizes, np.ones(1), 2.5)
    validated = validation_batches(network, 20, np.dtype(float))
    assert [int(batch.sizes[0, 0]) for batch, _ in validated] == list(validated_sizes(network))
    for batch, weight in validated:
        assert (batch.rows, weight, len(set(batch.sizes[:, 0]))) == (slice(0, 20), 1.0, 1)
        assert batch.decoder == network.decoder_of(batch.sizes[0, 0])


def decoded(network, names, parameters, code, size):
    """What the textbook makes of the first columns of a code whose other columns are zero."""
    decoder = network.decoder_of(size)
    n_read, n_encoder_layers = network.decoder_sizes[decoder], network.n_encoder_layers
    a = np.where(np.arange(n_read) < size, code[:, :n_read], 0)
    path = a @ parameters.path[1][:n_read] if network.linear_path else 0
    for i in range(n_encoder_layers + 1, network.n_layers + 1):
        W, b = parameters.layers[network.layer_index(i, decoder)]
        z = a @ W + b
        if i == network.n_layers:
            z = z + path
        a = reference.ACTIVATIONS[names[i - 1]][0](z)
    return a


def nested_case(loss="squared_error", encoder=(6, 4, 5), linear_path=True, n_rows=11, **options):
    rng = np.random.default_rng(1)
    network, names = make_network(
        encoder, loss=loss, linear_path=linear_path, nested=True, **options
    )
    parameters = make_parameters(network, rng)
    X, target = rng.random((2, n_rows, encoder[0]))
    weights = rng.uniform(0.2, 3, n_rows)
    code, _ = reference.forward(
        X, parameters.layers[: network.n_layers], parameters.path, names, network.n_encoder_layers
    )
    return network, names, parameters, X, target, weights / weights.mean(), code


@pytest.mark.parametrize("linear_path", [False, True])
@pytest.mark.parametrize("encoder", [(6, 5), (6, 4, 5), (6, 5, 4, 8), (6, 1)], ids=str)
def test_blocks_decode_codes_of_every_size(encoder, linear_path):
    network, names, parameters, X, *_, code = nested_case(encoder=encoder, linear_path=linear_path)
    model, scaled = make_model(network, parameters), make_model(network, parameters)
    model.code_scale = np.asarray(0.5)
    scaled.scaling = Scaling(np.full(6, 0.3), np.asarray(2.0))
    for size in range(1, encoder[-1] + 1):
        expected = decoded(network, names, parameters, code, size)
        for n_rows in (4, 512):
            found = [a.copy() for _, a in blocks(X, model, "reconstruct", size, n_rows=n_rows)]
            assert_allclose(np.concatenate(found), expected, rtol=1e-12)
            from_code = blocks(code[:, :size] / 2, model, "decode", size, n_rows=n_rows)
            assert_allclose(np.concatenate([a.copy() for _, a in from_code]), expected, rtol=1e-12)
        found = blocks(2 * X + 0.3, scaled, "reconstruct", size, raw=True)
        assert_allclose(np.concatenate([a for _, a in found]), expected, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_value_of_the_loss(loss, weighted):
    """Each decoder's mean over the rows it reads, at the sizes drawn, times what it counts.

    With eight columns some decoders have several sizes, so that masks are not all ones.
    """
    network, names, parameters, X, target, weights, code = nested_case(
        loss, encoder=(9, 4, 8), n_rows=40
    )
    weights = weights if weighted else np.ones(len(X))
    objective = make_objective(network, parameters, make_rows(X, target, weights))
    fill(objective)
    exact = 0.0
    for k, span in enumerate(spans(len(X), len(network.decoder_sizes))):
        found = []
        for i in range(span.start, span.stop):
            size = int(objective.loader.draws[i, k])
            output = decoded(network, names, parameters, code[i : i + 1], size)
            error = reference.LOSSES[loss][0](target[i : i + 1], output).mean()
            found.append(weights[i] * error)
        exact += (1 + k) * np.mean(found)
    assert objective(0, len(X)) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("linear_path", [False, True])
@pytest.mark.parametrize("penalty", [None, *PENALTIES])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("encoder", [(6, 3), (6, 4, 5), (9, 4, 8)], ids=str)
def test_gradient(encoder, loss, penalty, linear_path):
    latent = "logistic" if penalty == "kl" else "tanh"
    network, _, parameters, X, target, weights, _ = nested_case(
        loss, encoder, linear_path, n_rows=40, latent=latent
    )
    for row_weights in (weights, None):
        objective = make_objective(
            network, parameters, make_rows(X, target, row_weights), penalty=penalty
        )
        by_differences, by_gradient = slopes(objective, np.random.default_rng(2))
        assert by_gradient == pytest.approx(by_differences, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("penalty", [None, "l1"])
def test_gradient_of_the_decoders_alone(penalty):
    """With the encoder fixed it has no gradient, and that of the decoders is what it was."""
    network, _, parameters, X, target, weights, _ = nested_case()
    found = {}
    for fixed in (False, True):
        objective = make_objective(
            network, parameters, make_rows(X, target, weights), penalty=penalty, fixed_encoder=fixed
        )
        objective.workspace.gradient.flat[...] = 7.0  # what the step before has left there
        fill(objective)
        found[fixed] = objective(0, len(X)), objective.workspace.gradient.layers
    assert found[True][0] == found[False][0]
    code = network.n_encoder_layers
    for i, (alone, together) in enumerate(zip(found[True][1], found[False][1], strict=True)):
        for a, b in zip(alone, together, strict=True):
            assert_array_equal(a, b if i >= code else np.zeros_like(b))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("reads_per_sample", [1.5, np.inf])
def test_decoders_of_large_batches_run_in_parallel(reads_per_sample, fixed, weighted, monkeypatch):
    """In whichever order, each on its own workspace: the code's deltas are added up after."""
    network, _, parameters, X, target, weights, _ = nested_case(n_rows=230)
    rows_in = make_rows(X, target, weights if weighted else None)
    options = {
        "batch_size": 200,
        "reads_per_sample": reads_per_sample,
        "fixed_encoder": fixed,
    }
    whole = make_objective(network, parameters, rows_in, **options)
    monkeypatch.setattr("skae._training.objective.MIN_PARALLEL_FLOPS", 0)
    n_jobs = []

    def backwards(jobs):
        n_jobs.append(len(jobs))
        for job in reversed(jobs):
            job()

    objective = make_objective(network, parameters, rows_in, run_jobs=backwards, **options)
    assert len(whole.decoder_workspaces) == 1
    assert (len(objective.decoder_workspaces), len(network.decoder_sizes)) == (4, 5)
    for index, n_rows in ((0, 200), (1, 30), (0, 200)):
        fill(whole)
        fill(objective)
        found, expected = objective(index, n_rows), whole(index, n_rows)
        assert found == pytest.approx(expected, rel=1e-12)
        assert_allclose(
            objective.workspace.gradient.trained,
            whole.workspace.gradient.trained,
            rtol=1e-9,
            atol=1e-13,
        )
    assert n_jobs == [4, 4, 4]


def test_losses_of_samples_at_the_validated_sizes():
    network, names, parameters, X, target, weights, code = nested_case(n_rows=23)
    objective = make_objective(
        network, parameters, make_rows(X, target, weights), batch_size=5, backward=False
    )
    found = sample_losses(objective, None)
    assert found.shape == (23, 5)
    for size, losses in zip(validated_sizes(network), found.T, strict=True):
        output = decoded(network, names, parameters, code, size)
        assert_allclose(losses, ((output - target) ** 2 / 2).mean(axis=1), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("penalty", [None, "l1"])
def test_a_step_allocates_nothing(peak_memory, penalty, dtype):
    rng = np.random.default_rng(0)
    network, _ = make_network((60, 50, 700), linear_path=True, nested=True)
    parameters = make_parameters(network, rng, dtype, size=1e-2)
    X = rng.random((50, 60)).astype(dtype)
    objective = make_objective(network, parameters, make_rows(X), 20, penalty)
    optimizer = OPTIMIZERS["adam"]()
    step = Step(objective, optimizer, {"steps": 0} | optimizer.init(parameters.trained), 0.1)
    fill(objective)

    def steps():
        for index, n_rows in objective.loader.slots(50):
            objective(index, n_rows)
            step(1e-3)

    steps()
    assert peak_memory(steps) < 2500


@pytest.mark.parametrize("shuffle", [False, True])
def test_chunks_change_nothing(monkeypatch, shuffle):
    found = []
    for chunk_batches in (1, 2, 64):
        monkeypatch.setattr(batches, "MAX_CHUNK_BATCHES", chunk_batches)
        network, _, parameters, X, *_ = nested_case(n_rows=23)
        objective = make_objective(network, parameters, make_rows(X), 4)
        optimizer = OPTIMIZERS["adam"]()
        step = Step(objective, optimizer, {"steps": 0} | optimizer.init(parameters.trained))
        passes = epochs(objective, step, lambda t: 0.1, shuffle, np.random.default_rng(0))
        losses = [next(passes) for _ in range(3)]
        found.append((parameters.trained.copy(), losses))
    for theta, losses in found[1:]:
        assert_array_equal(theta, found[0][0])
        assert losses == found[0][1]


def test_every_decoder_reads_every_sample_even_without_shuffling():
    """Places in a batch are drawn anew; the batches stay as they are."""
    X = np.arange(12.0)[:, None]
    sampler = CodeSizeSampler((2, 1), np.random.default_rng(0))
    loader = make_loader(make_rows(X), 4, sampler=sampler)
    rng = np.random.default_rng(0)
    orders = np.array([loader.order(False, rng) for _ in range(50)])
    for start in (0, 4, 8):
        part = orders[:, start : start + 4]
        assert_array_equal(np.sort(part), np.tile(np.arange(start, start + 4), (50, 1)))
        assert all(len(set(place)) == 4 for place in part.T)


# ---------------------------------------------------------------- sizes of a model


def test_errors_of_every_size():
    network, names, parameters, X, _, weights, code = nested_case()
    errors_of_sizes, variance = errors_by_size(make_model(network, parameters), X, weights)
    share = weights / weights.sum()
    for size, error in enumerate(errors_of_sizes, start=1):
        residuals = decoded(network, names, parameters, code, size) - X
        assert error == pytest.approx(share @ np.square(residuals).sum(axis=1), rel=1e-12)
    assert variance == pytest.approx(share @ np.square(X).sum(axis=1))  # about the mean, 0
    plain, _ = make_network((6, 4, 5))
    parameters = make_parameters(plain, np.random.default_rng(0))
    assert len(errors_by_size(make_model(plain, parameters), X, weights)[0]) == 1


def test_the_fewest_columns_for_a_share():
    errors_of_sizes = np.array([6.0, 3.0, 3.5, 1.0])
    assert [count_columns(errors_of_sizes, 10.0, share) for share in (0.3, 0.4, 0.7, 0.8)] == [
        *(1, 1, 2, 4)
    ]
    assert count_columns(errors_of_sizes, 10.0, 0.95) == 4


def test_decoders_kept():
    network, _ = make_network((9, 4, 8), nested=True)  # decoders of 8, 6, 4, 3, 2, 1
    assert decoders_kept(network, 8) == [0, 1, 2, 3, 4, 5]
    assert decoders_kept(network, 7) == [0, 1, 2, 3, 4, 5]
    assert decoders_kept(network, 5) == [1, 2, 3, 4, 5]
    assert decoders_kept(network, 4) == [2, 3, 4, 5]
    assert decoders_kept(network, 1) == [5]


@pytest.mark.parametrize("linear_path", ["pca", None])
@pytest.mark.parametrize("size", [1, 4, 5, 7, 8])
def test_a_shortened_model_computes_the_same(size, linear_path):
    X = rows(n_features=9)
    options = SMALL | {"linear_path": linear_path}
    model = AutoencoderTransformer(8, **options).fit(X)._model
    short = shortened(model, size)
    assert short.network.n_components == size
    assert_allclose(encode(short, X), encode(model, X)[:, :size], rtol=1e-10, atol=1e-12)
    for n in range(1, size + 1):
        expected = reconstruct(model, X, n)
        assert_allclose(reconstruct(short, X, n), expected, rtol=1e-10, atol=1e-12)
    assert short.columns_read == [*model.columns_read[: size - 1], size]


# ---------------------------------------------------------------- estimators


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_components", [1, 2, 5, 7])
def test_at_the_start_every_size_is_pca(n_components, dtype):
    X, unseen = rows().astype(dtype), rows(80).astype(dtype)[60:]
    model = AutoencoderTransformer(n_components, **SMALL | {"max_iter": 0}).fit(X)
    pca = PCA(n_components).fit(X)
    tolerance = 1e-9 if dtype == np.float64 else 1e-4
    for j in range(1, n_components + 1):
        directions = pca.components_[:j]
        expected = (unseen - pca.mean_) @ directions.T @ directions + pca.mean_
        found = model.reconstruct(unseen, n_components=j)
        assert found.dtype == dtype
        assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert_allclose(model.explained_variance_ratio_, pca.explained_variance_ratio_, atol=tolerance)


@quiet
@pytest.mark.parametrize("parameters", RANDOM, ids=str)
@pytest.mark.parametrize("Estimator", TRANSFORMERS)
def test_codes_of_every_size(Estimator, parameters):
    X = rows(1300)
    options = SMALL | {"n_components": 5} | parameters
    model = Estimator(**options).fit(X[:60])
    code = model.transform(X)
    assert code.shape[1] == model.n_components_ <= 5
    for j in range(1, model.n_components_ + 1):
        found = model.inverse_transform(code[:, :j])
        assert np.isfinite(found).all()
        assert_allclose(model.reconstruct(X, j), found, rtol=1e-9, atol=1e-12)
        assert_allclose(model.reconstruct(X[:1], np.int64(j)), found[:1], rtol=1e-9, atol=1e-12)
        assert_allclose(model.inverse_transform(code[:1, :j]), found[:1], rtol=1e-9, atol=1e-12)
    assert_array_equal(found, model.inverse_transform(code))
    assert_array_equal(model.reconstruct(X), model.reconstruct(X, model.n_components_))


@pytest.mark.parametrize("Estimator", [*TRANSFORMERS, AutoencoderOutlierDetector])
def test_without_nesting_narrower_codes_are_refused(Estimator):
    X = rows()
    model = Estimator(3, hidden_layer_sizes=(8,), max_iter=2, random_state=0).fit(X)
    code = model.transform(X)
    with pytest.raises(ValueError, match=r"=2 is less than n_components_=3.*nested=True"):
        model.reconstruct(X, n_components=2)
    with pytest.raises(ValueError, match=r"X has 2 columns.*n_components_=3.*nested=True"):
        model.inverse_transform(code[:, :2])
    assert_array_equal(model.reconstruct(X, 3), model.reconstruct(X))


@pytest.mark.parametrize("n_components", [0, 4, -1, 2.0, "2", True, [2]])
def test_invalid_sizes(n_components):
    model = AutoencoderTransformer(3, **SMALL).fit(rows())
    message = "n_components must be an int from 1 to n_components_=3, or None, got"
    with pytest.raises(ValueError, match=message):
        model.reconstruct(rows(), n_components)
    for width in (4, 7):
        with pytest.raises(ValueError, match=f"X has {width} columns.*n_components_=3\\.$"):
            model.inverse_transform(rows()[:, :width])


def test_a_code_of_one_column_has_one_decoder():
    """One size of code: the network, and but for rounding the training, of a plain fit."""
    X = rows()
    options = SMALL | {"max_iter": 20, "activation": "relu"}
    nested = AutoencoderTransformer(1, **options).fit(X)
    plain = AutoencoderTransformer(1, **options | {"nested": False}).fit(X)
    assert_allclose(nested.theta_, plain.theta_, rtol=1e-6, atol=1e-8)


@quiet
@pytest.mark.parametrize("parameters", RANDOM, ids=str)
@pytest.mark.parametrize("Estimator", TRANSFORMERS)
def test_same_seed_same_bits_and_weights_are_repetitions(Estimator, parameters):
    X = rows()
    options = SMALL | {"n_components": 5} | parameters
    weights = np.random.default_rng(2).integers(0, 4, len(X))
    weighted = Estimator(**options).fit(X, sample_weight=weights)
    repeated = np.random.default_rng(3).permutation(np.repeat(X, weights, axis=0))
    plain = Estimator(**options).fit(repeated)
    assert_array_equal(weighted.theta_, plain.theta_)
    assert_array_equal(weighted.reconstruct(X, 1), plain.reconstruct(X, 1))
    other = Estimator(**options | {"random_state": 1}).fit(X, sample_weight=weights)
    assert not np.array_equal(other.theta_, plain.theta_)


def test_the_columns_stay_in_pca_s_order():
    X = load_digits().data[:400] / 16
    model = AutoencoderTransformer(
        6, hidden_layer_sizes=(32,), max_iter=30, early_stopping=False, nested=True, random_state=0
    ).fit(X)
    code, pca = model.transform(X), PCA(6).fit_transform(X)
    correlation = np.abs(np.corrcoef(code.T, pca.T)[:6, 6:])
    assert (correlation.argmax(axis=0) == np.arange(6)).all()
    ratios = model.explained_variance_ratio_
    assert (ratios >= 0).all()
    assert_allclose(ratios.sum(), model.score(X), rtol=1e-6)
    explained = [
        1 - np.sum((X - model.reconstruct(X, j)) ** 2) / np.sum((X - X.mean(axis=0)) ** 2)
        for j in range(1, 7)
    ]
    assert_allclose(np.cumsum(ratios), explained, rtol=1e-6)


@pytest.mark.slow
def test_one_fit_beats_pca_at_every_size_on_unseen_samples():
    X = load_digits().data / 16
    model = AutoencoderTransformer(9, hidden_layer_sizes=(64,), max_iter=40, nested=True)
    model.set_params(random_state=0).fit(X[:1400])
    assert model.architecture_["activations"][0] == "silu"
    sizes = range(1, 10)
    gains = 1 - errors(model, X[1400:], sizes) / pca_errors(X[:1400], X[1400:], sizes)
    assert gains.min() > 0.03
    assert np.median(gains) > 0.15
    assert (np.diff(errors(model, X[1400:], sizes)) < 0).all()


@pytest.mark.parametrize("n_rows", [120, 700])
def test_without_a_gain_every_size_is_pca(n_rows):
    """Cross-validated and with rows held out: noise has no curved structure."""
    X = np.random.default_rng(0).normal(size=(n_rows, 12)) * np.linspace(2, 1, 12)
    model = AutoencoderTransformer(5, nested=True, max_iter=15, random_state=0).fit(X)
    assert model.best_iter_ == 0
    assert len(model.validation_loss_curve_) == model.n_iter_ > 0
    expected = pca_errors(X, X, range(1, 6))
    assert_allclose(errors(model, X, range(1, 6)), expected, rtol=1e-9)


CURVED = {
    "hidden_layer_sizes": (32,),
    "learning_rate_init": 0.01,
    "nested": True,
    "activation": "relu",
}
CURVED |= {"max_iter": 60, "random_state": 0}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_rows", [300, 1500])
def test_the_code_stays_that_of_pca_where_some_size_is_exact(n_rows, dtype):
    """Decoders alone are trained, and of those the ones that gain are kept."""
    X, unseen = (curved_rows(n, 0, seed).astype(dtype) for n, seed in ((n_rows, 0), (500, 1)))
    model = AutoencoderTransformer(6, **CURVED | {"activation": "auto"}).fit(X)
    assert model.architecture_["activations"][0] == "relu"
    assert 0 < model.best_iter_ <= model.n_iter_ == len(model.validation_loss_curve_)
    assert model.best_loss_ < model.validation_loss_curve_[0]
    expected = PCA(5).fit(X).transform(unseen)
    assert_allclose(np.abs(model.transform(unseen)[:, :5]), np.abs(expected), atol=1e-4)
    gains = 1 - errors(model, unseen, range(1, 5)) / pca_errors(X, unseen, range(1, 5))
    assert gains.min() > 0.02
    assert gains.max() > 0.3
    assert errors(model, unseen, [5, 6]).max() < 1e-9


def test_sizes_that_gain_are_kept_where_one_loses():
    X, unseen = curved_rows(800, 0.3), curved_rows(2000, 0.3, seed=1)
    model = AutoencoderTransformer(7, **CURVED | {"random_state": 2}).fit(X)
    pca = PCA(7).fit(X)
    assert_allclose(np.abs(model.transform(unseen)), np.abs(pca.transform(unseen)), atol=1e-9)
    ratios = errors(model, unseen, range(1, 8)) / pca_errors(X, unseen, range(1, 8))
    assert ratios.min() < 0.95
    assert ratios.max() < 1.01
    assert_allclose(ratios[-1], 1, rtol=1e-9)
    assert 0 < model.best_iter_ <= model.n_iter_ == len(model.loss_curve_) <= 60


def test_a_warm_start_keeps_its_code():
    """It has the code that it was given: when nothing gains, decoders are not begun anew."""
    X = curved_rows(800, 0.3)
    options = CURVED | {"warm_start": True, "n_iter_no_change": 2, "learning_rate_init": 1e-12}
    model = AutoencoderTransformer(7, **options).fit(X)
    assert (model.best_iter_, model.n_iter_) == (0, 6)  # three epochs of all, three of decoders
    theta = model.theta_.copy()
    model.fit(X)
    assert (model.best_iter_, model.n_iter_) == (0, 3)
    assert_array_equal(model.theta_, theta)


def test_sizes_with_a_lower_error_of_fewer_columns_read_those():
    assert columns_to_read(np.array([4.0, 3.0, 3.5, 2.0, 2.0, 2.5])) == [1, 2, 2, 4, 4, 6]
    assert columns_to_read(np.array([1.0])) == [1]
    X = rows()
    model = AutoencoderTransformer(5, **SMALL).fit(X)
    assert model._columns_read[-1] == 5
    model._columns_read = [1, 2, 2, 2, 5]
    code = model.transform(X)
    for j, read in ((2, 2), (3, 2), (4, 2)):
        found = model.inverse_transform(code[:, :read])
        assert_array_equal(model.inverse_transform(code[:, :j]), found)
        assert_array_equal(model.reconstruct(X, j), model.reconstruct(X, read))
        assert_allclose(model.inverse_transform(code[:1, :j]), found[:1], rtol=1e-9)
    again = pickle.loads(pickle.dumps(model)).partial_fit(X)
    assert again._columns_read == model._columns_read


def test_validation_errors_do_not_rise_with_the_size():
    X = load_digits().data[:700] / 16
    model = AutoencoderTransformer(
        18, hidden_layer_sizes=(32,), max_iter=12, nested=True, random_state=0
    ).fit(X[:600], X_val=X[600:])
    found = errors(model, X[600:], range(1, 18))
    assert (np.diff(found) <= 1e-12).all()
    steps = np.diff(np.cumsum(model.explained_variance_ratio_))
    assert (steps >= 0).all()


@quiet
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_x_val_is_validated_at_every_size(solver):
    t = np.random.default_rng(0).uniform(-1, 1, (700, 2))
    X = np.column_stack([t, t**2, t[:, :1] * t[:, 1:], np.sin(3 * t)])
    model = AutoencoderTransformer(
        4,
        hidden_layer_sizes=(32,),
        solver=solver,
        nested=True,
        learning_rate_init=0.01,
        alpha=1e-4,
        max_iter=60,
        n_iter_no_change=60,
        random_state=0,
    ).fit(X[:600], X_val=X[600:])
    assert model.best_iter_ > 0
    assert model.validation_loss_curve_[model.best_iter_ - 1] == model.best_loss_
    sizes = range(1, 5)
    assert (errors(model, X[600:], sizes) < pca_errors(X[:600], X[600:], sizes)).all()


# ---------------------------------------------------------------- going on


@pytest.mark.parametrize("Estimator", TRANSFORMERS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_saving_and_loading_between_chunks_changes_nothing(Estimator, solver):
    X = rows()
    options = SMALL | {"solver": solver, "n_components": 5, "linear_path": None}
    steady, saved = Estimator(**options), Estimator(**options)
    for start in (0, 20, 40, 0, 20):
        steady.partial_fit(X[start : start + 20])
        saved = pickle.loads(pickle.dumps(saved)).partial_fit(X[start : start + 20])
    assert_array_equal(steady.theta_, saved.theta_)
    assert_array_equal(steady.reconstruct(X, 2), saved.reconstruct(X, 2))
    assert steady.t_ == 5
    steady.partial_fit(X[:1])
    assert np.isfinite(steady.reconstruct(X, 3)).all()


def test_a_warm_start_keeps_the_activation_of_decoders_alone():
    """They have another activation than a network whose code is learned."""
    X = curved_rows(300, 0)
    options = CURVED | {"activation": "auto", "warm_start": True, "max_iter": 5}
    model = AutoencoderTransformer(6, **options).fit(X)
    assert model.fit(X).architecture_["activations"][0] == "relu"
    model.set_params(activation="silu")
    with pytest.raises(ValueError, match="activations is now"):
        model.fit(X)


def test_warm_start_goes_on():
    X = rows()
    model = AutoencoderTransformer(
        5, **SMALL | {"warm_start": True, "linear_path": None, "max_iter": 30}
    ).fit(X)
    first = model.loss_curve_[-1]
    counted = model._decoder_weights
    model.fit(X)
    assert len(model.loss_curve_) == 60
    assert model.loss_curve_[-1] < first
    assert_array_equal(model._decoder_weights, counted)


@pytest.mark.parametrize("nested", [False, True])
def test_another_network_cannot_go_on(nested):
    X = rows()
    model = AutoencoderTransformer(3, **SMALL | {"warm_start": True, "nested": nested}).fit(X)
    before = pickle.dumps(model)
    model.set_params(nested=not nested)
    for method in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=f"nested is now {not nested}, was {nested}"):
            method(X)
    assert pickle.dumps(model.set_params(nested=nested)) == before


def test_a_fitted_model_stays_nested_whatever_the_parameter():
    X = rows()
    model = AutoencoderTransformer(3, **SMALL).fit(X)
    found = model.reconstruct(X, 2)
    assert_array_equal(model.set_params(nested=False).reconstruct(X, 2), found)
    other = pickle.loads(pickle.dumps(model))
    assert_array_equal(other.reconstruct(X, 2), found)
    plain = AutoencoderTransformer(3, **SMALL | {"nested": False}).fit(X).set_params(nested=True)
    with pytest.raises(ValueError, match="nested=True"):
        plain.reconstruct(X, 2)


def test_fitted_state():
    X = rows()
    model = AutoencoderTransformer(5, **SMALL).fit(X)
    assert model.architecture_["nested"] is True
    shapes = [(7, 8), (8, 5), (5, 8), (8, 7)]
    shapes += [shape for size in (4, 3, 2, 1) for shape in ((size, 8), (8, 7))]
    assert [W.shape for W in model.coefs_] == shapes
    assert [b.shape for b in model.intercepts_] == [(n_out,) for _, n_out in shapes]
    assert all(np.shares_memory(W, model.theta_) for W in model.coefs_)
    table = layer_table(model.architecture_, "Nested")
    assert table.n_parameters == model.theta_.size
    names = [layer.name for layer in table.layers[4:8]]
    assert names == ["decoder of 4", "decoder of 3", "decoder of 2", "decoder of 1"]
    assert table.layers[4].n_parameters == 4 * 8 + 8 + 8 * 7 + 7


@pytest.mark.parametrize("loss", [name for name, loss in LOSSES.items() if loss.fused])
@pytest.mark.parametrize("latent_activation", ["identity", "tanh"])
def test_losses_with_a_link_start_every_decoder_at_the_mean(loss, latent_activation):
    """A decoder that reads no more than the columns' means returns the mean of the rows.

    An exponential is convex: there the mean of the outputs is that of the rows, and the output at
    the mean of the code lies below.
    """
    X = np.random.default_rng(0).uniform(0.2, 0.8, (200, 6))
    model = AutoencoderTransformer(
        4, **SMALL | {"max_iter": 0}, loss=loss, latent_activation=latent_activation
    ).fit(X)
    center = model.transform(X).mean(axis=0, keepdims=True)
    is_convex = loss == "poisson"
    if is_convex:
        assert_allclose(model.reconstruct(X).mean(axis=0), X.mean(axis=0), rtol=0.01)
    for j in (1, 2, 4):
        ratio = model.inverse_transform(center[:, :j])[0] / X.mean(axis=0)
        assert_allclose(ratio, 0.95 if is_convex else 1.0, atol=0.05)
    model.set_params(max_iter=40).fit(X)
    assert (np.diff(errors(model, X, (1, 2, 4))) < 0).all()


# ---------------------------------------------------------------- a share of the variance


@pytest.mark.slow
@pytest.mark.parametrize(("share", "n_rows"), [(0.8, 300), (0.6, 900), (0.9, 900)])
def test_a_share_asks_for_the_fewest_columns(share, n_rows):
    """Cross-validated and with rows held out; what is left is the whole fit's, shortened."""
    digits = np.random.default_rng(0).permutation(load_digits().data / 16)
    X, unseen = digits[:n_rows], digits[n_rows:]
    options = {"hidden_layer_sizes": (32,), "max_iter": 15, "random_state": 0}
    model = AutoencoderTransformer(share, nested=True, **options).fit(X)
    of_pca, found = PCA(share).fit(X).n_components_, model.n_components_
    assert 1 <= found <= of_pca
    assert abs(model.score(unseen) - share) < 0.06
    assert model.architecture_["widths"][2] == found == len(model.explained_variance_ratio_)
    whole = AutoencoderTransformer(of_pca, nested=True, **options).fit(X)
    for j in range(1, found + 1):
        assert_allclose(
            model.reconstruct(unseen, j), whole.reconstruct(unseen, j), rtol=1e-9, atol=1e-12
        )
    codes = [each.transform(unseen)[:, :found] / each.code_scale_ for each in (model, whole)]
    assert_allclose(*codes, atol=1e-12)
    longer, shorter = (make_network((2, int(n)), nested=True)[0] for n in (of_pca, found))
    readers = [longer.decoder_of(size) for size in shorter.decoder_sizes]
    assert_array_equal(model._decoder_weights, whole._decoder_weights[readers])


def test_a_share_is_met_sooner_where_the_rows_are_curved():
    t = np.random.default_rng(0).uniform(-1, 1, (900, 1))
    X = np.hstack([t, t**2, np.sin(4 * t), t**3])
    options = {"hidden_layer_sizes": (32,), "max_iter": 80, "learning_rate_init": 0.01}
    options |= {"random_state": 0}
    model = AutoencoderTransformer(0.97, nested=True, **options).fit(X)
    assert AutoencoderTransformer(0.97, **options | {"max_iter": 0}).fit(X).n_components_ > 1
    assert model.n_components_ < PCA(0.97).fit(X).n_components_
    assert model.score(X) > 0.97
    theta = model.theta_.copy()
    model.set_params(warm_start=True, max_iter=5).fit(X)
    assert model.theta_.shape == theta.shape
    model.partial_fit(X[:50])
    assert np.isfinite(model.reconstruct(X, 1)).all()


def test_a_share_without_training_is_pca_s():
    X = load_iris().data
    for share in (0.5, 0.95, 0.999):
        model = AutoencoderTransformer(share, nested=True, max_iter=0).fit(X)
        assert model.n_components_ == PCA(share).fit(X).n_components_
