"""A network with its parameters and geometry, where training starts or goes on."""

from functools import partial
import math
from numbers import Integral

import numpy as np

from skae._network import code_order, spec
from skae._network.clipping import MARGIN, loosened, measure_bounds
from skae._network.inference import blocks
from skae._network.initialization import (
    initialize_means,
    initialize_output,
    initialize_path,
    initialize_weights,
    principal_directions,
    regress_path,
)
from skae._network.scaling import Scaling, identity_scaling, measure_scaling
from skae._parallel import MANY_PARAMETERS, run_sequentially
from skae._sampling import evenly_spaced

NOISY_ROWS = 5000
PIECE = 2048  # rows
BEYOND = 1.5  # of the greatest norm: nearer costs gains, at twice it some losses are large


def target_scaling(network, scaling):
    """Targets are in the network's geometry if its output is linear, else in the units of X."""
    if network.output_activation.is_identity:
        return scaling
    return identity_scaling(len(scaling.mean), scaling.mean.dtype)


class Model:
    """What is trained, and what is kept of it.

    `parameters` change with every step; `averaged` follows them, if asked for; `kept` holds
    the best so far and is what a fit ends with. `code_scale` times the network's code is the
    code that users see: in the units of X, as PCA's, where it is linear and these have one
    scale. `decoder_weights` is what the losses of a nested network's decoders count, and
    `columns_read` how many of 1, 2, ... columns are decoded, None for all of them. `reach` are
    the greatest norms of rows and codes that were learned, None before they are known.
    `explained_by_pca` is the share of the variance that PCA with 1, 2, ... components explains,
    None unless a share has been asked for.
    """

    def __init__(
        self,
        architecture,
        theta,
        scaling,
        state,
        code_scale=None,
        decoder_weights=None,
        columns_read=None,
        reach=None,
    ):
        self.architecture = architecture
        self.network = spec.build(architecture)
        self.parameters = self.network.parameters(theta)
        self.kept = self.network.parameters(theta.copy())
        self.before = self.network.parameters(theta.copy())
        self.averaged = None
        self.scaling = scaling
        self.target_scaling = target_scaling(self.network, scaling)
        self.state = state
        self.code_scale = code_scale
        self.decoder_weights = np.ones(1) if decoder_weights is None else decoder_weights
        self.columns_read = columns_read
        self.reach = reach
        self.explained_by_pca = None

    def start_average(self, averaging):
        """Begin to average the parameters where they are, unless that has begun."""
        if averaging and self.averaged is None:
            self.averaged = self.network.parameters(self.parameters.flat.copy())
            self.state |= {"average": self.averaged.trained, "averaging": averaging}

    def keep(self, decoder=None):
        """Keep the parameters as they are, averaged where they are averaged; or one decoder's."""
        found = self.averaged or self.parameters
        self.before.flat[...] = self.kept.flat
        if decoder is None:
            self.kept.flat[...] = found.flat
            return
        network = self.network
        for i in range(network.n_encoder_layers + 1, network.n_layers + 1):
            k = network.layer(i, decoder)
            for kept, now in zip(self.kept.layers[k], found.layers[k]):
                kept[...] = now

    def start_anew(self, activation=None):
        """Go back to what is kept, with nothing averaged and an optimizer without memory.

        If that is the start, the hidden layers can be given another activation.
        """
        if activation is not None:
            self._exchange_activations(activation)
        self.parameters.flat[...] = self.kept.flat
        self.averaged = None
        self.state = {"steps": self.state["steps"]}

    def _exchange_activations(self, activation):
        """Exchange those of the hidden layers, and bring the initial weights to their gain."""
        before = self.network.activations
        self.architecture = spec.with_hidden_activation(self.architecture, activation)
        self.network = network = spec.build(self.architecture)
        for i, (old, new) in enumerate(zip(before, network.activations), start=1):
            n_copies = len(network.decoder_sizes) if i > network.n_encoder_layers else 1
            for decoder in range(n_copies):
                W, _ = self.kept.layers[network.layer(i, decoder)]
                W *= new.gain / old.gain

    def cut_from(self, margin):
        """Cut outputs that are beyond the bounds by up to a margin, a list of one a column."""
        self.architecture = self.architecture | {"margin": margin}
        self.network = spec.build(self.architecture)

    def take_back(self):
        """Keep what was kept before, after all."""
        self.kept.flat[...] = self.before.flat


def start_model(estimator, rows, seed, run_jobs=run_sequentially, n_components=None):
    """Return the model that training starts with: random weights, PCA on the linear path.

    The random numbers depend on the seed and the widths, not on the rows. `n_components` is
    the size of the code if not what the estimator's parameters ask for; `run_jobs` does jobs.
    """
    X, target, weights = rows.arrays()
    n_features = X.shape[1]
    scaling = measure_scaling(X, weights, estimator._scale_per_feature, run_jobs)
    n_components = estimator.n_components if n_components is None else n_components
    directions = explained_by_pca = None
    if estimator.linear_path == "pca" or not isinstance(n_components, Integral):
        n_needed = n_components if isinstance(n_components, Integral) else n_features
        variances, directions, total = principal_directions(X, weights, scaling, n_needed, run_jobs)
        if not isinstance(n_components, Integral):
            explained_by_pca = np.cumsum(variances) / total if len(variances) else np.zeros(1)
            n_components = _count_components(explained_by_pca, n_components)
            if estimator._has_bottleneck:
                n_components = min(n_components, max(n_features - 1, 1))
            directions = directions[:n_components]
    architecture = spec.describe(estimator, n_features, int(n_components))
    bounds = measure_bounds(target) if spec.may_be_bounded(estimator) else None
    if bounds is not None:
        architecture["bounds"] = _scaled_bounds(bounds, scaling)
        architecture["margin"] = (MARGIN * np.ptp(target, axis=0) / scaling.scale).tolist()
    network = spec.build(architecture)
    parameters = network.parameters(np.empty(network.n_parameters, X.dtype))
    initialize_weights(network, parameters, np.random.default_rng(seed))
    if estimator.sparsity == "kl":
        initialize_means(network, parameters, estimator.sparsity_target)
    model = Model(architecture, parameters.flat, scaling, {"steps": 0})
    model.explained_by_pca = explained_by_pca
    size = 1.0
    if network.linear_path:
        size = initialize_path(
            network, model.parameters, X, weights, scaling, model.target_scaling, directions
        )
        if rows.is_noisy and network.latent_activation.is_identity:
            rng = np.random.default_rng(seed)
            regress_path(network, model.parameters, *rows.noisy_sample(NOISY_ROWS, rng), scaling)
    else:
        initialize_output(network, model.parameters, scaling.mean)
    model.keep()
    if scaling.scale.ndim == 0 and network.latent_activation.is_identity:
        size *= float(scaling.scale)
    model.code_scale = np.asarray(size, X.dtype)
    return model


def measure_margin(model, rows, max_rows, resumed):
    """How far beyond its bounds to cut each column, a list; None where there are no bounds.

    Three times the greatest distance of the output, before it is cut, from the rows, of which
    at most `max_rows`, evenly spaced, are looked at. What is further beyond is no error but a
    row that lies there: where PCA is all but exact, so is what is restored of it. After the
    first training not more than while it ran, unless the distance itself is; after another one
    not less than before.
    """
    architecture = model.architecture
    if architecture.get("bounds") is None:
        return None
    X, target, _ = rows.arrays()
    chosen = evenly_spaced(len(X), max_rows)
    X, target = X[chosen], target[chosen]
    uncut = spec.build(architecture | {"bounds": None})
    distance = np.zeros(X.shape[1])
    for of, output in blocks(X, uncut, model.parameters, model.scaling):
        expected = np.empty_like(output)
        model.target_scaling.apply(target[of], out=expected)
        distance = np.maximum(distance, np.abs(output - expected).max(axis=0))
    margin, before = MARGIN * distance, architecture.get("margin", np.inf)
    if resumed:
        return np.maximum(margin, before).tolist()
    return np.minimum(margin, np.maximum(before, distance)).tolist()


def _scaled_bounds(bounds, scaling):
    """Bounds in the geometry of the network, as lists."""
    return None if bounds is None else ((bounds - scaling.mean) / scaling.scale).tolist()


def judge_sizes(judges, max_decoded):
    """Squared error with 1, 2, ... columns of nested codes, and that of the mean.

    `judges` are models with the rows to judge what they have kept by, which they have not
    been trained on if there are such.
    """
    total, variance = 0.0, 0.0
    for model, rows in judges:
        _, target, weights = rows.arrays()
        some = target, weights, model.scaling, model.target_scaling, max_decoded
        found = code_order.errors_by_size(model.network, model.kept, *some)
        total, variance = (a + weights.sum() * b for a, b in zip((total, variance), found))
    return total, variance


def measure_reach(model, rows, max_rows, rng, run_jobs=run_sequentially):
    """The greatest norms of rows, noisy ones too, and of their codes, and half of these more.

    None is less than before. Of many rows about `max_rows`, evenly spaced, by jobs that `run_jobs`
    does. None without a linear path.
    """
    network, dtype = model.network, model.parameters.flat.dtype
    if not network.linear_path:
        return None
    clean, noisy, _ = rows.noisy_sample(max_rows, rng)
    found = [np.ones(2) if model.reach is None else model.reach.astype(float)]

    def look(X):
        found.append(_greatest_norms(model, X))

    run_jobs = run_jobs if model.parameters.flat.size > MANY_PARAMETERS else run_sequentially
    for X in (clean, noisy) if rows.is_noisy else (clean,):
        run_jobs([partial(look, X[start : start + PIECE]) for start in range(0, len(X), PIECE)])
    return np.max(found, axis=0).astype(dtype)


def _greatest_norms(model, X):
    """Those of rows and of their codes, in the geometry of the network, and half of these more."""
    network, greatest = model.network, np.zeros(2)
    path = network, model.parameters, model.scaling, 0, network.n_encoder_layers
    for of, code in blocks(X, *path):
        inputs = np.empty((len(code), X.shape[1]), code.dtype)
        model.scaling.apply(X[of], out=inputs)
        for k, found in enumerate((inputs, code)):
            squares = np.square(found, out=found).sum(axis=1, dtype=float)
            greatest[k] = max(greatest[k], BEYOND * math.sqrt(squares.max()))
    return greatest


def count_columns(errors, variance, share):
    """The fewest columns of nested codes that explain a share of the variance, or all."""
    enough = np.flatnonzero(errors <= (1 - share) * variance)
    return int(enough[0]) + 1 if len(enough) else len(errors)


def columns_to_read(errors):
    """How many of 1, 2, ... columns to decode: those with the least error, and all of the code."""
    read = [int(np.argmin(errors[: size + 1])) + 1 for size in range(len(errors))]
    return [*read[:-1], len(errors)]


def shortened(model, size):
    """Return a nested model with the first columns of its code alone, so many of them."""
    network = model.network
    widths = list(network.widths)
    widths[network.n_encoder_layers] = size
    decoders = [network.decoder_of(n) for n in network.decoder_sizes if n < size]
    decoders = [network.decoder_of(size), *decoders]
    return Model(
        model.architecture | {"widths": widths},
        code_order.shorten(network, model.parameters, size),
        model.scaling,
        model.state,
        model.code_scale,
        model.decoder_weights[decoders],
        [*model.columns_read[: size - 1], size],
        model.reach,
    )


def _count_components(explained, share):
    """The fewest components that explain a share of the variance."""
    return min(int(np.searchsorted(explained, share, side="right")) + 1, len(explained))


def resumed_model(estimator, target):
    """Return a fitted estimator's model, copied; raise ValueError for another network.

    Bounds that rows of the target lie beyond are none any more, nor is any for L-BFGS.
    """
    n_features, architecture = target.shape[1], dict(estimator.architecture_)
    asked = spec.describe(estimator, n_features, estimator.n_components_)
    if isinstance(estimator.n_components, Integral):
        asked = spec.describe(estimator, n_features, int(estimator.n_components))
    for name in spec.AUTO if estimator.activation == "auto" else ():
        possible = spec.with_hidden_activation(asked, name)
        if architecture["activations"] == possible["activations"]:
            asked = possible
    changes = [
        (key, asked[key], architecture.get(key, False))
        for key in ("nested", *asked)  # on which "auto" depends
        if asked[key] != architecture.get(key, False)
    ]
    if estimator.output_activation != "auto" and architecture.get("bounds") is not None:
        changes.append(("output_activation", estimator.output_activation, "auto, with bounds"))
    if changes:
        key, value, before = changes[0]
        raise ValueError(
            f"Training cannot go on with another network: {key} is now {value!r}, was "
            f"{before!r}. Set the parameter back, or fit with "
            "warm_start=False."
        )
    state = {
        key: value.copy() if isinstance(value, np.ndarray) else value
        for key, value in estimator._optimizer_state.items()
    }
    scaling = Scaling(estimator.mean_, estimator.scale_)
    if estimator.bounds_ is not None:
        is_bounded = spec.may_be_bounded(estimator)
        bounds = loosened(estimator.bounds_, target) if is_bounded else None
        architecture["bounds"] = _scaled_bounds(bounds, scaling)
    theta = estimator.theta_.copy()
    names = "_decoder_weights", "_columns_read", "reach_"
    kept = (getattr(estimator, name, None) for name in names)
    return Model(architecture, theta, scaling, state, estimator.code_scale_, *kept)
