"""From the parameters of an estimator to options, and to the description of a network."""

import numpy as np
import pytest

from skae import AutoencoderTransformer
from skae._network.network import build
from skae._training.options import (
    AUTO_BATCH_SIZE,
    N_WARM_UP_STEPS,
    Seeds,
    check_hidden_layer_sizes,
    read_options,
    with_layer_sizes,
)
from skae.activations import ACTIVATIONS
from skae.losses import LOSSES
from skae.optimizers import OPTIMIZERS
from skae.penalties import PENALTIES


def parameters(**changed):
    """Return the parameters of an estimator."""
    defaults = AutoencoderTransformer(hidden_layer_sizes=(7, 6), activation="tanh").get_params()
    return defaults | {"random_state": 0} | changed


def describe(changed, n_features=10, n_components=3):
    """Return the description of the network that parameters ask for."""
    return read_options(changed).network.spec(n_features, n_components)


# ---------------------------------------------------------------- the description of a network


def test_the_decoder_mirrors_the_encoder():
    described = describe(parameters())
    assert described == {
        "widths": [10, 7, 6, 3, 6, 7, 10],
        "activations": ["tanh", "tanh", "identity", "tanh", "tanh", "identity"],
        "n_encoder_layers": 3,
        "linear_path": True,
        "loss": "squared_error",
        "nested": False,
    }
    network = build(described)
    assert network.widths == (10, 7, 6, 3, 6, 7, 10)
    assert network.n_encoder_layers == 3
    assert network.n_components == 3
    assert network.linear_path
    tanh, identity = ACTIVATIONS["tanh"](), ACTIVATIONS["identity"]()
    assert network.activations == (tanh, tanh, identity, tanh, tanh, identity)
    assert network.loss == LOSSES["squared_error"]()


def test_no_hidden_layers_and_no_linear_path():
    network = build(describe(parameters(hidden_layer_sizes=(), linear_path=None)))
    assert network.widths == (10, 3, 10)
    assert network.n_encoder_layers == 1
    assert not network.linear_path


def test_a_description_is_plain():
    described = describe(parameters(hidden_layer_sizes=np.array([4])))
    assert all(type(width) is int for width in described["widths"])
    assert all(type(name) is str for name in described["activations"])
    assert type(described["linear_path"]) is bool
    assert type(described["n_encoder_layers"]) is int
    assert type(describe(parameters(nested=np.True_))["nested"]) is bool


@pytest.mark.parametrize("loss", LOSSES)
def test_the_output_follows_the_loss(loss):
    described = describe(parameters(loss=loss))
    assert described["activations"][-1] == LOSSES[loss].link
    assert build(described).loss == LOSSES[loss]()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("output", ACTIVATIONS)
def test_a_loss_that_owns_its_link_allows_no_other_output(loss, output):
    changed = parameters(loss=loss, output_activation=output)
    if LOSSES[loss].fused and output != LOSSES[loss].link:
        with pytest.raises(ValueError, match=rf"loss='{loss}' needs output_activation="):
            describe(changed)
    else:
        assert describe(changed)["activations"][-1] == output


def test_the_code_follows_the_sparsity():
    def latent(**changed):
        return describe(parameters(**changed))["activations"][2]

    assert latent() == latent(sparsity="l1") == "identity"
    assert (
        latent(sparsity="kl") == latent(sparsity="kl", latent_activation="logistic") == "logistic"
    )
    assert latent(sparsity="l1", latent_activation="relu") == "relu"
    with pytest.raises(ValueError, match=r"sparsity='kl' .* got 'relu'"):
        latent(sparsity="kl", latent_activation="relu")


def test_every_layer_of_top_k_keeps_its_share():
    changed = parameters(activation="top_k", latent_activation="top_k", sparsity_target=0.3)
    described = describe(changed)
    assert described["sparsity_target"] == 0.3
    assert [a._n_kept for a in build(described).activations[:-1]] == [2, 2, 1, 2, 2]
    assert "sparsity_target" not in describe(parameters(sparsity_target=0.3))


@pytest.mark.parametrize(("nested", "first"), [(False, "relu"), (True, "silu")])
def test_the_activation_that_auto_starts_with(nested, first):
    network = read_options(parameters(activation="auto", nested=nested)).network
    assert network.first_activation() == first
    assert network.spec(10, 3)["activations"][0] == first
    assert read_options(parameters(nested=nested)).network.first_activation() == "tanh"


@pytest.mark.parametrize(
    ("changed", "clips"),
    [
        ({}, True),
        ({"loss": "huber"}, True),
        ({"loss": "poisson"}, False),
        ({"output_activation": "identity"}, False),
        ({"solver": "lbfgs"}, False),
    ],
    ids=str,
)
def test_outputs_that_are_clipped(changed, clips):
    assert read_options(parameters(**changed)).network.clips is clips
    assert read_options(parameters(**changed), is_detector=True).network.clips is False


# ---------------------------------------------------------------- the other options


def test_seeds_follow_the_random_state():
    assert Seeds.draw(3) == Seeds.draw(3) == read_options(parameters(random_state=3)).seeds
    assert len({Seeds.draw(3), Seeds.draw(4), Seeds.draw(None)}) == 3
    seeds = Seeds.draw(0)
    assert len({seeds.start, seeds.split, seeds.samples}) == 3


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_by_name_or_instance(name):
    solver = read_options(parameters(solver=name)).solver
    assert solver.optimizer == OPTIMIZERS[name]()
    assert not solver.is_lbfgs
    assert solver.decouples_decay == OPTIMIZERS[name]().is_scale_free
    given = read_options(parameters(solver=solver.optimizer)).solver
    assert given.optimizer is solver.optimizer


def test_lbfgs_has_no_optimizer():
    solver = read_options(parameters(solver="lbfgs")).solver
    assert solver.optimizer is None
    assert solver.is_lbfgs
    assert not solver.decouples_decay


def test_options_of_the_optimizers():
    changed = parameters(solver="sgd", momentum=0.3, nesterovs_momentum=False)
    assert read_options(changed).solver.optimizer == OPTIMIZERS["sgd"](0.3, False)
    changed = parameters(solver="adam", beta_1=0.5, beta_2=0.6, epsilon=0.1)
    assert read_options(changed).solver.optimizer == OPTIMIZERS["adam"](0.5, 0.6, 0.1)


def test_penalties_with_their_options():
    changed = parameters(sparsity="kl", sparsity_weight=2, sparsity_target=0.1)
    assert read_options(changed).penalty == PENALTIES["kl"](weight=2.0, target=0.1)
    changed = parameters(sparsity="l1", sparsity_weight=2)
    assert read_options(changed).penalty == PENALTIES["l1"](weight=2.0)
    assert read_options(parameters()).penalty is None


def test_sizes_of_batches():
    assert read_options(parameters(batch_size="auto")).solver.batch_size == AUTO_BATCH_SIZE
    assert read_options(parameters(batch_size=np.int64(7))).solver.batch_size == 7


@pytest.mark.parametrize(("n_components", "is_share"), [(3, False), (np.int64(3), False), (0.9, 1)])
def test_a_share_of_the_variance(n_components, is_share):
    assert read_options(parameters(n_components=n_components)).network.is_share == is_share


def test_without_epochs_nothing_is_validated():
    assert read_options(parameters(early_stopping=True)).validates
    assert not read_options(parameters(early_stopping=True, max_iter=0)).validates
    assert not read_options(parameters(early_stopping=False)).validates


# ---------------------------------------------------------------- checks


@pytest.mark.parametrize(
    ("given", "widths"),
    [
        (5, (5,)),
        ((5,), (5,)),
        ([5, 4], (5, 4)),
        (np.array([5, 4]), (5, 4)),
        (np.int64(5), (5,)),
        ((), ()),
        ([], ()),
    ],
    ids=repr,
)
def test_hidden_layer_sizes(given, widths):
    found = check_hidden_layer_sizes(given)
    assert found == widths
    assert all(type(width) is int for width in found)


@pytest.mark.parametrize(
    "given",
    [0, -1, (5, 0), (5, -2), 2.0, (5, 2.5), (True,), "10", ("10",), [[5, 4]], None],
    ids=repr,
)
def test_hidden_layer_sizes_that_are_none(given):
    with pytest.raises(ValueError, match="hidden_layer_sizes must be a positive int"):
        check_hidden_layer_sizes(given)


# ---------------------------------------------------------------- what suits the width


@pytest.mark.parametrize(
    ("sizes", "factor"),
    [((64,), 1), ((128, 64), 1), ((500,), 1), ((), 1), ((128, 32), 2), (6, 64 / 6), ((3, 9), 16)],
)
def test_automatic_learning_rate(sizes, factor):
    """Larger in narrow layers, with as much weight decay in each step."""
    for solver in ("adam", "shampoo"):
        changed = parameters(hidden_layer_sizes=sizes, solver=solver, learning_rate_init="auto")
        solver = read_options(changed | {"alpha": 0.5}).solver
        assert solver.learning_rate_init == pytest.approx(4e-3 * factor)
        assert solver.alpha == pytest.approx(0.5 / factor)
        assert solver.schedule.n_warm_up_steps == N_WARM_UP_STEPS
        given = read_options(changed | {"alpha": 0.5, "learning_rate_init": 0.1}).solver
        assert (given.learning_rate_init, given.alpha) == (0.1, 0.5)
        assert given.schedule.n_warm_up_steps == 0
    for solver in ("sgd", "lbfgs"):
        changed = parameters(hidden_layer_sizes=sizes, solver=solver, learning_rate_init="auto")
        solver = read_options(changed | {"alpha": 0.5}).solver
        assert (solver.learning_rate_init, solver.alpha) == (2e-3, 0.5)
        assert solver.schedule.n_warm_up_steps == 0


@pytest.mark.parametrize(
    ("n_features", "n_units"),
    [(1, 96), (48, 96), (49, 112), (56, 112), (57, 128), (999, 128)],
)
def test_automatic_layers(n_features, n_units):
    changed = with_layer_sizes(parameters(hidden_layer_sizes="auto"), n_features)
    assert changed["hidden_layer_sizes"] == (n_units, n_units)
    assert with_layer_sizes(parameters(), n_features) == parameters()


def test_defaults_are_automatic():
    defaults = AutoencoderTransformer().get_params()
    assert defaults["hidden_layer_sizes"] == defaults["learning_rate_init"] == "auto"
    X = np.random.default_rng(0).normal(size=(20, 50))
    model = AutoencoderTransformer(2, max_iter=1, early_stopping=False).fit(X)
    assert model.architecture_["widths"] == [50, 112, 112, 2, 112, 112, 50]
    assert model.partial_fit(X).architecture_["widths"] == [50, 112, 112, 2, 112, 112, 50]
