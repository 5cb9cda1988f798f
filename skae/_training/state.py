"""The state of a training: how it starts or resumes, what changes, and what is kept."""

from dataclasses import dataclass, field, replace
import math

import numpy as np

from skae._network.clipping import (
    MARGIN_FACTOR,
    highest_logits,
    loosened,
    measure_bounds,
    scaled_bounds,
)
from skae._network.extrapolation import is_exponential
from skae._network.inference import Model, make_model
from skae._network.initialization import (
    initialize_means,
    initialize_output,
    initialize_path,
    initialize_weights,
    principal_directions,
    regress_path,
)
from skae._network.network import Parameters, build, with_hidden_activation
from skae._network.probabilistic_pca import start_as_probabilistic_pca
from skae._network.scaling import measure_scaling, spread_out, widened
from skae._parallel import run_sequentially
from skae._training.options import AUTO_ACTIVATIONS

TIE = 8  # rounding errors of a share
REGRESSED_ROWS = 5000


@dataclass
class TrainingState:
    """A model in training, with the optimizer's memory and the best parameters so far.

    The parameters of `model` change with every step. `averaged` is their moving average, if there
    is one. `best` holds the parameters that a fit ends with, `previous_best` those before the last
    `keep`. `decoder_weights` are the weights of the losses of decoders, by default equal. With
    `fixed_encoder` only the decoders are trained. `explained_by_pca` holds the shares of the
    variance that PCA explains with 1, 2, ... components if a share is asked for. `n_steps_before`
    counts the steps before a warm start. `is_unfinished` tells whether training ended because no
    epochs were left. `before_cast` are the parameters that the state was cast from, if it was.
    """

    model: Model
    optimizer: dict
    decoder_weights: np.ndarray | None = None
    fixed_encoder: bool = False
    explained_by_pca: np.ndarray | None = None
    averaged: Parameters | None = None
    n_steps_before: int = 0
    is_unfinished: bool = False
    before_cast: Parameters | None = None
    best: Parameters = field(init=False)
    previous_best: Parameters = field(init=False)

    def __post_init__(self):
        if self.decoder_weights is None:
            n_decoders = len(self.model.network.decoder_sizes)
            self.decoder_weights = np.full(n_decoders, 1 / n_decoders)
        self.best, self.previous_best = self.parameters.copy(), self.parameters.copy()

    @property
    def parameters(self):
        return self.model.parameters

    @property
    def best_model(self):
        return replace(self.model, parameters=self.best)

    def start_average(self, averaging):
        if averaging and self.averaged is None:
            self.averaged = self.parameters.copy()
            self.optimizer |= {"average": self.averaged.trained, "averaging": averaging}

    def memory(self):
        found = {"theta": self.parameters.flat.copy(), "best": self.best.flat.copy()}
        if self.averaged is not None:
            found["averaged"] = self.averaged.flat
        return found | {
            k: v for k, v in self.optimizer.items() if k not in ("average", "averaging")
        }

    def recall(self, memory, averaging):
        """Continue where training ended, from a copy of what `memory` returned.

        Without averaging from now on, it continues from the average.
        """
        memory = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in memory.items()}
        self.parameters.flat[...] = memory.pop("theta")
        self.best.flat[...] = memory.pop("best")
        self.previous_best.flat[...] = self.best.flat
        averaged = memory.pop("averaged", None)
        self.optimizer = memory
        if averaged is not None and not averaging:
            self.parameters.flat[...] = averaged
        elif averaged is not None:
            self.averaged = self.parameters.copy()
            self.averaged.flat[...] = averaged
            self.optimizer |= {"average": self.averaged.trained, "averaging": averaging}

    def keep(self, decoder=None):
        """Make the present parameters, or their average, the best; or those of one decoder."""
        parameters = self.averaged or self.parameters
        self.previous_best.flat[...] = self.best.flat
        if decoder is None:
            self.best.flat[...] = parameters.flat
            return
        network = self.model.network
        for i in range(network.n_encoder_layers + 1, network.n_layers + 1):
            k = network.layer_index(i, decoder)
            for best, present in zip(self.best.layers[k], parameters.layers[k]):
                best[...] = present

    def restore_previous_best(self):
        self.best.flat[...] = self.previous_best.flat

    def restart(self, activation=None):
        """Go back to the best parameters, without moving average and optimizer's memory.

        If they are the initial ones, hidden layers can be given another activation.
        """
        if activation is not None:
            self._replace_activation(activation)
        self.parameters.flat[...] = self.best.flat
        self.averaged, self.is_unfinished = None, False
        self.forget_steps()

    def cast(self, dtype):
        model = replace(self.model, parameters=self.best.cast(dtype))
        optimizer, before = self.optimizer.copy(), self.best.copy()
        return TrainingState(
            model, optimizer, self.decoder_weights, self.fixed_encoder, before_cast=before
        )

    def restored(self, parameters):
        """Return parameters in the dtype before `cast`, with the exact path; or the same object."""
        if self.before_cast is None:
            return parameters
        restored = self.before_cast.copy()
        restored.trained[...] = parameters.trained
        return restored

    def adopt(self, other):
        """Make the best parameters of another state the best of this one, but for the path."""
        self.best.trained[...] = other.best.trained
        self.parameters.flat[...] = self.best.flat

    def forget_steps(self):
        self.optimizer = {"steps": self.optimizer["steps"]}

    def _replace_activation(self, activation):
        """Replace the activation of the hidden layers, and scale initial weights to its gain."""
        activations_before = self.model.network.activations
        self.model = replace(self.model, spec=with_hidden_activation(self.model.spec, activation))
        network = self.model.network
        for i, (old, new) in enumerate(zip(activations_before, network.activations), start=1):
            n_copies = len(network.decoder_sizes) if i > network.n_encoder_layers else 1
            for decoder in range(n_copies):
                W, _ = self.best.layers[network.layer_index(i, decoder)]
                W *= new.gain / old.gain


# ---------------------------------------------------------------- start


def start_state(rows, options, run_jobs=run_sequentially, n_components=None, moments=None):
    """Return the state that training starts with: random weights, PCA on the linear path.

    The weights depend only on the seed and the widths. `n_components`, if given, replaces that of
    the options. With it, mean, scale and PCA can follow from `moments` of more samples.
    """
    X, target, weights = rows.arrays()
    network, seed = options.network, options.seeds.start
    explained_by_pca = None
    if moments is None:
        scaling = measure_scaling(X, weights, network.standardize, run_jobs)
        variation = X, weights
        if rows.spread is not None:
            scaling = widened(scaling, rows.spread)
            variation = spread_out(X, weights, rows.spread)
        pca = _pca_start(*variation, scaling, network, n_components, run_jobs)
        n_components, directions, explained_by_pca = pca
    else:
        scaling = moments.scaling(network.standardize, X.dtype)
        directions = moments.directions(scaling, n_components)
    spec = options.spec(X.shape[1], int(n_components))
    bounds = measure_bounds(target) if network.clips else None
    if bounds is not None:
        spec["bounds"] = scaled_bounds(bounds, scaling)
        ranges = target.max(axis=0) - target.min(axis=0)
        spec["margin"] = (MARGIN_FACTOR * ranges / scaling.scale).tolist()
    if is_exponential(build(spec)):
        spec["highest_logits"] = highest_logits(target)
    model = make_model(spec, _empty_parameters(spec, X.dtype), scaling)
    initialize_weights(model.network, model.parameters, np.random.default_rng(seed))
    if options.penalty is not None and options.penalty.initial_mean is not None:
        initialize_means(model.network, model.parameters, options.penalty.initial_mean)
    code_scale, is_linear = 1.0, model.network.latent_activation.is_identity
    if model.network.linear_path:
        code_scale = initialize_path(model, X, weights, directions)
        if rows.is_noisy and is_linear:
            noisy = rows.noisy_sample(REGRESSED_ROWS, np.random.default_rng(seed))
            regress_path(model, *noisy, len(rows))
    else:
        initialize_output(model.network, model.parameters, scaling.mean)
    if options.bound is not None:
        if model.network.linear_path:
            kl_weight = options.bound.kl_weight
            start_as_probabilistic_pca(model, X, weights, directions, code_scale, kl_weight)
            # The decoder reads draws from the prior as they are, but for one in about 10,000.
            model.input_radius = np.array([1, math.sqrt(n_components) + 4], X.dtype)
        code_scale = 1.0
    elif scaling.scale.ndim == 0 and is_linear:
        code_scale *= float(scaling.scale)
    model.code_scale = np.asarray(code_scale, X.dtype)
    return TrainingState(model, {"steps": 0}, explained_by_pca=explained_by_pca)


def _empty_parameters(spec, dtype):
    n_parameters = build(spec).n_parameters
    try:
        return np.empty(n_parameters, dtype)
    except (MemoryError, OverflowError, ValueError) as error:
        code = spec["n_encoder_layers"]
        raise MemoryError(
            f"n_components={spec['widths'][code]} and hidden_layer_sizes="
            f"{tuple(spec['widths'][1:code])} make {n_parameters:,} parameters, which do not fit "
            "into memory. Choose smaller numbers."
        ) from error


def _pca_start(X, weights, scaling, network, n_components, run_jobs):
    n_features = X.shape[1]
    is_share = network.is_share and n_components is None
    n_components = network.n_components if n_components is None else n_components
    if not (network.linear_path or is_share):
        return n_components, None, None
    n_directions, share = (n_features, n_components) if is_share else (n_components, None)
    pca = principal_directions(X, weights, scaling, n_directions, run_jobs, share)
    variances, directions, total = pca
    if not is_share:
        return n_components, directions, None
    explained = np.cumsum(variances / total) if len(variances) else np.zeros(1)
    tie = n_components * (1 + TIE * np.finfo(X.dtype).eps)  # PCA takes one more then
    n_too_few = int(np.searchsorted(explained, tie, side="right"))
    n_components = min(n_too_few + 1, len(explained))
    if network.is_detector:
        n_components = min(n_components, max(n_features - 1, 1))
    return n_components, directions[:n_components], explained


# ---------------------------------------------------------------- resume


@dataclass(frozen=True)
class Previous:
    """The results of an earlier fit from which training resumes."""

    model: Model
    optimizer: dict
    decoder_weights: np.ndarray | None
    loss_curve: list
    validation_loss_curve: list
    n_samples_seen: int
    explained_variance: np.ndarray | None = None

    @property
    def dtype(self):
        return self.model.parameters.flat.dtype

    def forget_training(self):
        """Return the results with only the kept parameters to continue from."""
        optimizer = {k: v for k, v in self.optimizer.items() if k != "unfinished"}
        return replace(self, optimizer=optimizer)

    def cast(self, *arrays):
        return [None if a is None else a.astype(self.dtype, copy=False) for a in arrays]


def resumed_state(previous, options, target):
    """Return a copy of the state of a fitted model; raise ValueError if the network differs.

    Bounds that targets exceed are dropped; if outputs are no longer clipped, all bounds are. If the
    last fit ended only because no epochs were left, training continues where it ended, with the
    columns of the code in their order during training, unless parameters have been changed since.
    """
    model, network = previous.model, options.network
    _check_same_network(model, options, target.shape[1])
    spec, bounds = dict(model.spec), model.bounds
    if bounds is not None:
        bounds = loosened(bounds, target) if network.clips else None
        spec["bounds"] = scaled_bounds(bounds, model.scaling)
    if spec.get("highest_logits") is not None:
        highest = np.maximum(spec["highest_logits"], highest_logits(target))
        spec["highest_logits"] = highest.tolist()
    optimizer = {
        key: value.copy() if isinstance(value, np.ndarray) else value
        for key, value in previous.optimizer.items()
    }
    memory = optimizer.pop("unfinished", None)
    model = replace(model, spec=spec, parameters=model.parameters.copy())
    n_steps = optimizer["steps"]
    state = TrainingState(model, optimizer, previous.decoder_weights, n_steps_before=n_steps)
    if memory is not None and np.isclose(
        *(_squared_norm(v) for v in (memory["best"], state.best.flat))
    ):
        state.recall(memory, 0 if options.solver.is_lbfgs else options.solver.averaging)
    return state


def _squared_norm(vector):
    return float(np.vdot(vector, vector))


def _is_bent(model):
    return model.parameters.layers[model.network.n_encoder_layers - 1][0].any()


def _check_same_network(model, options, n_features):
    spec, network = model.spec, options.network
    n_components = spec["widths"][spec["n_encoder_layers"]]
    n_asked = n_components if network.is_share else int(network.n_components)
    asked = options.spec(n_features, n_asked)
    for activation in AUTO_ACTIVATIONS if network.activation == "auto" else ():
        possible = with_hidden_activation(asked, activation)
        if spec["activations"] == possible["activations"]:
            asked = possible
    changes = [
        (key, asked[key], spec.get(key, False))
        for key in ("nested", *asked)  # `nested` first: "auto" depends on it
        if asked[key] != spec.get(key, False)
    ]
    if network.output_activation != "auto" and spec.get("bounds") is not None:
        changes.append(("output_activation", network.output_activation, "auto, with bounds"))
    if options.has_linear_encoder and _is_bent(model):
        changes.append(("linear_weight", options.linear_weight, "finite"))
    if changes:
        key, value, before = changes[0]
        raise ValueError(
            f"Training cannot go on with another network: {key} is now {value!r}, was "
            f"{before!r}. Set the parameter back, or fit with warm_start=False."
        )
