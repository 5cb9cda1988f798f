"""Small networks with everything optional, and the slope of their loss in one direction."""

from types import SimpleNamespace

import numpy as np
import reference

from skae._network.inference import Model
from skae._network.nested import CodeSizeSampler
from skae._network.network import Network
from skae._network.scaling import identity_scaling
from skae._parallel import run_sequentially
from skae._training.batches import BatchLoader, TrainingRows
from skae._training.bound import NoiseSampler
from skae._training.objective import Objective, Plan, count_parts
from skae._training.splitting import group_samples
from skae.activations import ACTIVATIONS
from skae.losses import LOSSES
from skae.penalties import PENALTIES


def make_network(
    encoder=(5, 4, 2),
    *,
    hidden="tanh",
    latent="identity",
    output=None,
    loss="squared_error",
    linear_path=False,
    nested=False,
    n_noise_variances=None,
):
    """Return a Network and the names of its activations; the decoder mirrors the encoder."""
    n_hidden = len(encoder) - 2
    names = [hidden] * n_hidden + [latent] + [hidden] * n_hidden
    names.append(LOSSES[loss].link if output is None else output)
    network = Network(
        widths=(*encoder, *reversed(encoder[:-1])),
        activations=tuple(ACTIVATIONS[name]() for name in names),
        n_encoder_layers=len(encoder) - 1,
        linear_path=linear_path,
        loss=LOSSES[loss](),
        nested=nested,
        n_noise_variances=n_noise_variances,
    )
    return network, names


def make_parameters(network, rng, dtype=np.float64, size=0.5):
    """Return parameters all of which are random."""
    return network.parameters((size * rng.standard_normal(network.n_parameters)).astype(dtype))


def make_penalty(name):
    """Return a penalty with the options that its reference is tried with, or None."""
    return None if name is None else PENALTIES[name](**reference.PENALTIES[name][2])


def make_rows(X, target=None, weights=None, corruption=None):
    """Return TrainingRows all of which take part, grouped."""
    target = X if target is None else target
    weights = np.ones(len(X)) if weights is None else weights
    index = np.arange(len(X))
    splitter = group_samples(X, weights, np.random.default_rng(0))
    return TrainingRows(X, target, weights, index, corruption, splitter, index, given=index)


def make_model(network, parameters, scaling=None):
    """Return a Model of a network without a description, unscaled by default."""
    dtype = parameters.flat.dtype
    scaling = identity_scaling(network.widths[0], dtype) if scaling is None else scaling
    model = Model.__new__(Model)
    fields = {"spec": {}, "parameters": parameters, "scaling": scaling, "network": network}
    fields |= {"target_scaling": scaling, "code_scale": np.ones((), dtype)}
    fields |= {"input_radius": None, "columns_read": None, "box": None, "single_row_passes": {}}
    vars(model).update(fields)
    return model


def make_loader(rows, batch_size=None, scaling=None, **options):
    """Return a BatchLoader of all rows in one batch, unscaled, unless said otherwise."""
    scaling = identity_scaling(rows.X.shape[1], rows.X.dtype) if scaling is None else scaling
    batch_size = len(rows) if batch_size is None else batch_size
    parameters = SimpleNamespace(flat=np.empty(0, scaling.mean.dtype))
    model = SimpleNamespace(scaling=scaling, target_scaling=scaling, parameters=parameters)
    return BatchLoader(rows, model, batch_size, **options)


def make_objective(
    network, parameters, rows, batch_size=None, penalty=None, run_jobs=run_sequentially, **plan
):
    """Return an Objective over unscaled rows, all of them in one batch unless said otherwise.

    Of a nested network the decoders count 1, 2, ..., and sizes are drawn from seed 0. A batch
    is cut into parts as in training, unless `plan` says otherwise.
    """
    sampler = None
    if network.nested:
        sizes = network.decoder_sizes
        sampler = CodeSizeSampler(sizes, np.random.default_rng(0))
        plan = {"decoder_weights": 1.0 + np.arange(len(sizes))} | plan
    if network.is_variational:
        sampler = NoiseSampler(plan["bound"].n_draws * network.n_components, seed=0)
    batch_size = len(rows) if batch_size is None else batch_size
    if penalty is None and plan.get("backward", True):
        dtype = parameters.flat.dtype
        plan = {"n_parts": count_parts(network, min(batch_size, len(rows)), dtype)} | plan
    defers = plan.pop("defers", False)
    loader = make_loader(rows, batch_size, sampler=sampler, defers=defers)
    model = make_model(network, parameters)
    return Objective(model, loader, Plan(**plan), make_penalty(penalty), run_jobs)


def fill(objective, rng=None):
    """Gather the first rows of an objective's loader, in their order."""
    objective.loader.fill(np.arange(len(objective.loader.inputs)), rng)


def slopes(objective, rng, epsilon=1e-6):
    """Return the slope of the loss in a random direction: by differences, by the gradient."""
    fill(objective, rng)
    n_rows = len(objective.loader.rows)
    theta = objective.workspace.parameters.trained
    u = rng.standard_normal(len(theta))
    u /= np.linalg.norm(u)
    start = theta.copy()
    values = []
    for step in (epsilon, -epsilon):
        theta[...] = start + step * u
        values.append(objective(0, n_rows))
    theta[...] = start
    objective(0, n_rows)
    return (values[0] - values[1]) / (2 * epsilon), float(objective.workspace.gradient.trained @ u)
