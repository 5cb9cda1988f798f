"""Options: the parameters of an estimator, read once and checked against each other."""

import copy
from dataclasses import dataclass, replace
import math
from numbers import Integral

import numpy as np

from skae._network.network import loss_of
from skae._parametrized import Parametrized, warn
from skae._sampling import generator
from skae._training.bound import BoundOptions
from skae._training.parameter_checks import check_instances, warn_of_mirrored_layers
from skae.activations import Activation, TopK
from skae.losses import Loss
from skae.optimizers import OPTIMIZERS, Optimizer
from skae.penalties import PENALTIES, Penalty

AUTO_BATCH_SIZE = 200
# learning_rate_init="auto": for scale-free optimizers, hidden layers of 64 units or more, and after
# the first 50 steps; for others.
AUTO_LEARNING_RATE, AUTO_WIDTH, N_WARM_UP_STEPS, MAX_RATE_FACTOR = 4e-3, 64, 50, 16.0
AUTO_LEARNING_RATE_OF_OTHERS = 2e-3
# hidden_layer_sizes="auto": two layers of twice as many units as there are features, in this range
# and a multiple of the last number.
MIN_AUTO_UNITS, MAX_AUTO_UNITS, AUTO_UNITS_STEP = 96, 128, 16
# activation="auto" starts with the first in a plain network and with the second in a nested one;
# if training restarts, the third may replace them.
PLAIN_ACTIVATION, NESTED_ACTIVATION, BOUNDED_ACTIVATION = AUTO_ACTIVATIONS = "relu", "silu", "isru"


@dataclass(frozen=True)
class Seeds:
    """Seeds of the initial weights, of the folds, and of the order and the noise of samples."""

    start: int
    split: int
    samples: int

    @classmethod
    def draw(cls, random_state):
        return cls(*generator(random_state).integers(2**63, size=3))


@dataclass(frozen=True)
class NetworkOptions:
    """The network to build: its widths, activations and loss, and how the data are scaled.

    `clips` allows the output to be clipped. `standardize` gives each feature a scale of its own.
    For a detector, a code whose size is a share of the variance has a column fewer than the data.
    `n_components` is None, for all, until `Options.for_samples` replaces it.
    """

    n_components: int | float | None
    hidden_layer_sizes: tuple
    activation: str | Activation
    latent_activation: str | Activation
    output_activation: str | Activation
    loss: str | Loss
    linear_path: bool
    nested: bool
    sparsity_target: float
    clips: bool
    standardize: bool = False
    is_detector: bool = False

    @property
    def is_share(self):
        return not isinstance(self.n_components, Integral)

    @property
    def has_sparse_code(self):
        latent = self.latent_activation
        return latent == "top_k" or isinstance(latent, TopK)

    def first_activation(self):
        if self.activation != "auto":
            return self.activation
        return NESTED_ACTIVATION if self.nested else PLAIN_ACTIVATION

    def spec(self, n_features, n_components):
        """Return the spec of the network, a plain dict: the fitted attribute `architecture_`."""
        hidden, output = self.hidden_layer_sizes, self.output_activation
        if output == "auto":
            output = loss_of(self.loss).link
        hidden_activations = [self.first_activation()] * len(hidden)
        spec = {
            "widths": [n_features, *hidden, n_components, *reversed(hidden), n_features],
            "activations": [
                *hidden_activations,
                self.latent_activation,
                *hidden_activations,
                output,
            ],
            "n_encoder_layers": len(hidden) + 1,
            "linear_path": self.linear_path,
            "loss": self.loss,
            "nested": self.nested,
        }
        if any(value == "top_k" for value in spec["activations"]):
            spec["sparsity_target"] = self.sparsity_target
        return spec


@dataclass(frozen=True)
class Schedule:
    """How the learning rate changes: the name of a function of `trainer`, exponent, and warm-up."""

    name: str
    power_t: float
    n_warm_up_steps: int = 0


@dataclass(frozen=True)
class SolverOptions:
    """How to minimise the loss: by mini-batches, or by L-BFGS if there is no optimizer."""

    optimizer: Optimizer | None
    alpha: float
    batch_size: int
    learning_rate_init: float
    schedule: Schedule
    max_iter: int
    shuffle: bool
    tol: float
    n_iter_no_change: int
    averaging: float
    max_fun: int

    @property
    def is_lbfgs(self):
        return self.optimizer is None

    @property
    def decouples_decay(self):
        """Return whether alpha is a decay in each step instead of a penalty added to the loss."""
        return self.optimizer is not None and self.optimizer.is_scale_free


@dataclass(frozen=True)
class Options:
    """All options of one call of fit.

    With `searches_components` a plain code that is to explain a share of the variance gets the
    fewest columns that do so on held-out samples. `linear_weight` weighs the loss of
    `TrainingWorkspace.straighten`.
    """

    network: NetworkOptions
    solver: SolverOptions
    penalty: Penalty | None
    early_stopping: bool
    validation_fraction: float
    verbose: bool
    warm_start: bool
    seeds: Seeds
    searches_components: bool = True
    bound: BoundOptions | None = None
    linear_weight: float = 0.0

    @property
    def has_linear_encoder(self):
        return self.linear_weight == math.inf

    @property
    def validates(self):
        return self.early_stopping and self.solver.max_iter > 0

    def for_samples(self, n_features, n_samples=None):
        """Return the options with a number of components that the samples allow.

        None becomes min(n_samples, n_features), or n_features if there are more samples to come.
        Unless the code is sparse, more are refused with a linear path, as in PCA, and warned of
        without one.
        """
        network, limit, shape = self.network, "n_features", f"n_features={n_features}"
        warn_of_mirrored_layers(self.network.hidden_layer_sizes, self.network.n_components)
        most = n_features
        if n_samples is not None:
            most, limit = min(n_samples, n_features), "min(n_samples, n_features)"
            shape = f"n_samples={n_samples} and {shape}"
        if network.n_components is None:
            return replace(self, network=replace(network, n_components=most))
        is_sparse = self.penalty is not None or network.has_sparse_code
        if network.is_share or is_sparse or network.n_components <= most:
            return self
        message = f"n_components={network.n_components!r} must be between 1 and {limit}={most}"
        may_be_sparse = self.bound is None
        if network.linear_path:
            cure = "linear_path=None or sparsity" if may_be_sparse else "linear_path=None"
            raise ValueError(f"{message}, with {shape}. More components need {cure}.")
        cure = ", or make the code sparse with sparsity or latent_activation='top_k'"
        warn(
            f"{message}, with {shape}, or the network may learn to copy the samples. Pass fewer "
            f"components{cure if may_be_sparse else ''}.",
        )
        return self

    def spec(self, n_features, n_components):
        spec = self.network.spec(n_features, n_components)
        if self.bound is not None:
            loss = loss_of(self.network.loss)
            spec["n_noise_variances"] = self.bound.n_noise_variances(loss, n_features)
        return spec


def read_options(parameters, is_detector=False, searches_components=True):
    """Return the options for a dict of parameters; raise ValueError if two contradict."""
    check_instances(parameters)
    penalty = _penalty(parameters)
    network = _network_options(parameters, penalty, is_detector)
    return Options(
        network=network,
        solver=_solver_options(parameters),
        penalty=penalty,
        early_stopping=parameters["early_stopping"],
        validation_fraction=parameters["validation_fraction"],
        verbose=bool(parameters["verbose"]),
        warm_start=bool(parameters.get("warm_start", False)),
        seeds=Seeds.draw(parameters["random_state"]),
        searches_components=searches_components,
        linear_weight=_linear_weight(parameters, network),
    )


def with_layer_sizes(parameters, n_features):
    if not isinstance(parameters["hidden_layer_sizes"], str):
        return parameters
    n_units = AUTO_UNITS_STEP * math.ceil(2 * n_features / AUTO_UNITS_STEP)
    n_units = min(max(n_units, MIN_AUTO_UNITS), MAX_AUTO_UNITS)
    return parameters | {"hidden_layer_sizes": (n_units, n_units)}


def check_hidden_layer_sizes(hidden_layer_sizes):
    widths = np.atleast_1d(np.asarray(hidden_layer_sizes, dtype=object)).tolist()
    for width in widths:
        if not isinstance(width, Integral) or isinstance(width, bool) or width < 1:
            raise ValueError(
                "hidden_layer_sizes must be a positive int or a sequence of them, got "
                f"{hidden_layer_sizes!r}."
            )
    return tuple(int(width) for width in widths)


def _network_options(parameters, penalty, is_detector):
    loss, output_activation = loss_of(parameters["loss"]), parameters["output_activation"]
    latent_activation = parameters["latent_activation"]
    needed = None if penalty is None else penalty.latent_activation
    if latent_activation == "auto":
        latent_activation = needed or "identity"
    if needed is not None and latent_activation != needed:
        raise ValueError(
            f"sparsity={parameters['sparsity']!r} compares mean activations between 0 and 1 with "
            f"its target: it needs latent_activation={needed!r} (or 'auto'), got "
            f"{latent_activation!r}."
        )
    if loss.fused and output_activation not in ("auto", loss.link):
        raise ValueError(
            f"loss={parameters['loss']!r} needs output_activation={loss.link!r} (or 'auto'), got "
            f"{output_activation!r}."
        )
    is_linear = output_activation == "auto" and loss.link == "identity"
    return NetworkOptions(
        n_components=parameters["n_components"],
        hidden_layer_sizes=check_hidden_layer_sizes(parameters["hidden_layer_sizes"]),
        activation=_own(parameters["activation"]),
        latent_activation=_own(latent_activation),
        output_activation=_own(output_activation),
        loss=_own(parameters["loss"]),
        linear_path=parameters["linear_path"] == "pca",
        nested=bool(parameters.get("nested", False)),
        sparsity_target=float(parameters["sparsity_target"]),
        # The gradient that a clipped output passes on is not that of its loss, which L-BFGS needs.
        clips=bool(is_linear and not is_detector and parameters["solver"] != "lbfgs"),
        standardize=is_detector,
        is_detector=is_detector,
    )


def _linear_weight(parameters, network):
    weight = float(parameters.get("linear_weight", 0.0))
    if weight and not (network.linear_path and network.latent_activation == "identity"):
        raise ValueError(
            f"linear_weight={weight!r} compares the code with that of the linear path: it needs "
            "linear_path='pca' and latent_activation='identity' (or 'auto'), got linear_path="
            f"{parameters['linear_path']!r} and latent_activation={network.latent_activation!r}."
        )
    return weight


def _own(value):
    """Return a copy of an instance, so that `set_params` does not change a fitted network."""
    return copy.copy(value) if isinstance(value, Parametrized) else value


def _solver_options(parameters):
    batch_size, optimizer = parameters["batch_size"], _optimizer(parameters)
    names = [name for name in SolverOptions.__dataclass_fields__ if name in parameters]
    values = {name: parameters[name] for name in names}
    values["batch_size"] = AUTO_BATCH_SIZE if batch_size == "auto" else int(batch_size)
    n_warm_up_steps = 0
    if values["learning_rate_init"] == "auto":
        values["learning_rate_init"] = AUTO_LEARNING_RATE_OF_OTHERS
        if optimizer is not None and optimizer.is_scale_free:
            factor = rate_factor(parameters["hidden_layer_sizes"])
            values["learning_rate_init"] = AUTO_LEARNING_RATE * factor
            values["alpha"] /= factor
            n_warm_up_steps = N_WARM_UP_STEPS
    schedule = Schedule(parameters["learning_rate"], parameters["power_t"], n_warm_up_steps)
    return SolverOptions(optimizer=optimizer, schedule=schedule, **values)


def rate_factor(hidden_layer_sizes):
    """Return the factor of the automatic learning rate for these hidden layers.

    The rate of scale-free optimizers is inversely proportional to the width of the narrowest hidden
    layer (Yang et al., 2022, arXiv 2203.03466, table 3, for Adam), up to the width that it was
    chosen for.
    """
    narrowest = min(check_hidden_layer_sizes(hidden_layer_sizes), default=AUTO_WIDTH)
    return min(max(AUTO_WIDTH / narrowest, 1.0), MAX_RATE_FACTOR)


def _optimizer(parameters):
    solver = parameters["solver"]
    if not isinstance(solver, str):
        return solver
    if solver == "lbfgs":
        return None
    if solver == "sgd":
        return OPTIMIZERS[solver](parameters["momentum"], parameters["nesterovs_momentum"])
    return OPTIMIZERS[solver](parameters["beta_1"], parameters["beta_2"], parameters["epsilon"])


def _penalty(parameters):
    sparsity = parameters["sparsity"]
    if sparsity is None or not isinstance(sparsity, str):
        return sparsity
    options = {"weight": float(parameters["sparsity_weight"])}
    if sparsity == "kl":
        options["target"] = float(parameters["sparsity_target"])
    return PENALTIES[sparsity](**options)
