"""Files: the state of an estimator with its version, and how another version reads it.

An estimator saves a dict of arrays, numbers and plain containers, which the next version can read.
A state of another version is checked first. Parameters that a state lacks get their defaults.
"""

import inspect
import re

import numpy as np
from sklearn.exceptions import InconsistentVersionWarning

from skae._network.network import build
from skae._parametrized import warn
from skae._version import __version__
from skae.activations import ACTIVATIONS
from skae.corruptions import CORRUPTIONS
from skae.losses import LOSSES
from skae.optimizers import OPTIMIZERS
from skae.penalties import PENALTIES

STAMP = "_skae_version"

# Attributes that every fitted model needs.
NEEDED = {"architecture_", "theta_", "mean_", "scale_", "code_scale_", "n_components_"}
NEEDED |= {"n_features_in_"}
NEEDED_BY_DETECTORS = {"offset_", "calibration_scores_", "calibration_weights_"}

# Names of the classes for the argument `trusted` of skops. They stand in every file, so the
# classes cannot move.
SKOPS_TRUSTED_TYPES = sorted(
    [
        "skae._denoising.DenoisingAutoencoder",
        "skae._imputer.AutoencoderImputer",
        "skae._outlier.AutoencoderOutlierDetector",
        "skae._search.ComponentSearchCV",
        "skae._transformer.AutoencoderTransformer",
        "skae._variational.VariationalAutoencoder",
        "skae.export.Decoder",
        "skae.export.Encoder",
        "skae.export.Reconstructor",
        "skae.export.SampleScorer",
        *(
            f"{kind.__module__}.{kind.__name__}"
            for registry in (ACTIVATIONS, CORRUPTIONS, LOSSES, OPTIMIZERS, PENALTIES)
            for kind in registry.values()
        ),
    ]
)


class NewerVersionWarning(InconsistentVersionWarning):
    """Warning that an estimator was saved by a newer or an unknown version of skae."""

    def __str__(self):
        return (
            f"{self.estimator_name} was saved by skae {self.original_sklearn_version} and is "
            f"loaded by skae {self.current_sklearn_version}. Its results may differ. Load it with "
            "the version that saved it, or fit it again."
        )


def in_file_order(state):
    """Return fitted state with all arrays contiguous, as they are after loading them from a file.

    Products of matrices differ in the last digit by the order of their elements in memory, so
    without this a saved estimator would not answer bit for bit.
    """
    if isinstance(state, np.ndarray):
        return np.array(state, order="C")
    if isinstance(state, dict):
        return {name: in_file_order(value) for name, value in state.items()}
    if isinstance(state, list):
        return [in_file_order(value) for value in state]
    return state


def with_version(state):
    return {**state, STAMP: __version__}


def read_state(estimator, state, needed=NEEDED):
    """Return a saved state without its version, as this version uses it.

    Raise ValueError if this version cannot use it, and warn if a newer version saved it.
    Parameters that the state lacks get their defaults.
    """
    state = dict(state)
    version = state.pop(STAMP, None)
    if version == __version__:
        return with_defaults(estimator, state)
    name = type(estimator).__name__
    written = version or "of an unknown version"
    problem = _problem(state, needed) if "theta_" in state or "architecture_" in state else None
    if problem:
        raise ValueError(
            f"{name} was saved by skae {written} and cannot be loaded by skae {__version__}: "
            f"{problem}. Load it with the version that saved it, or fit it again."
        )
    if version is None or _release(version) > _release(__version__):
        warn(
            NewerVersionWarning(
                estimator_name=name,
                current_sklearn_version=__version__,
                original_sklearn_version=written,
            ),
        )
    return with_defaults(estimator, state)


def with_defaults(estimator, state):
    parameters = inspect.signature(type(estimator)).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty} | state


def _problem(state, needed):
    """Return why a fitted state cannot be used by this version, or None."""
    missing = sorted(needed - state.keys())
    if missing:
        return f"it has no {', '.join(missing)}"
    try:
        n_parameters = build(state["architecture_"]).n_parameters
    except (KeyError, TypeError) as error:
        return f"its architecture_ is not understood ({type(error).__name__}: {error})"
    if state["theta_"].shape != (n_parameters,):
        return (
            f"theta_ has shape {state['theta_'].shape}, but its architecture_ needs "
            f"({n_parameters},)"
        )
    return None


def _release(version):
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
