"""Valid values of the parameters that all estimators share."""

from numbers import Integral, Real

import numpy as np

from skae._compat import Interval, Offers, RealNotInt, SplitterOrSplits, StrOptions
from skae._training.trainer import SCHEDULES
from skae.activations import ACTIVATIONS, OUTPUT_ACTIVATIONS, Activation
from skae.losses import LOSSES, Loss
from skae.optimizers import OPTIMIZERS, Optimizer
from skae.penalties import PENALTIES, Penalty

CONSTRAINTS = {
    "n_components": [
        Interval(Integral, 1, None, closed="left"),
        Interval(RealNotInt, 0, 1, closed="neither"),
        None,
    ],
    "hidden_layer_sizes": [
        StrOptions({"auto"}),
        "array-like",
        Interval(Integral, 1, None, closed="left"),
    ],
    "activation": [StrOptions({"auto"} | set(ACTIVATIONS)), Offers(Activation)],
    "solver": [StrOptions({"lbfgs"} | set(OPTIMIZERS)), Offers(Optimizer)],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions(set(SCHEDULES))],
    "learning_rate_init": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 0, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state", np.random.Generator],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "validation_split": [SplitterOrSplits(), None],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "averaging": [Interval(Real, 0, 1, closed="left")],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "latent_activation": [StrOptions({"auto"} | set(ACTIVATIONS)), Offers(Activation)],
    "output_activation": [StrOptions({"auto"} | OUTPUT_ACTIVATIONS), Offers(Activation)],
    "loss": [StrOptions(set(LOSSES)), Offers(Loss)],
    "linear_path": [StrOptions({"pca"}), None],
    "sparsity": [StrOptions(set(PENALTIES)), None, Offers(Penalty)],
    "sparsity_target": [Interval(Real, 0, 1, closed="neither")],
    "sparsity_weight": [Interval(Real, 0, None, closed="left")],
}
