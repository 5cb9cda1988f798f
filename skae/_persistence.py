"""Files: the version that wrote one, and what becomes of it in another version.

What an estimator saves is a dict of plain things, and the promise is that the next version
reads it. A state of the same version is taken as it is; one of another version is looked at.
"""

import inspect
import re
import warnings

from sklearn.exceptions import InconsistentVersionWarning

from skae._network.network import build
from skae._version import __version__
from skae.activations import ACTIVATIONS
from skae.corruptions import CORRUPTIONS
from skae.losses import LOSSES
from skae.optimizers import OPTIMIZERS
from skae.penalties import PENALTIES

STAMP = "_skae_version"

# What a fitted model cannot answer without.
NEEDED = {"architecture_", "theta_", "mean_", "scale_", "code_scale_", "n_components_"}
NEEDED |= {"n_features_in_"}
NEEDED_BY_DETECTORS = {"offset_", "calibration_scores_", "calibration_weights_"}

# The names by which skops knows the classes, its `trusted` argument: they are in every file,
# so classes do not move.
SKOPS_TRUSTED_TYPES = sorted(
    [
        "skae._denoising.DenoisingAutoencoder",
        "skae._outlier.AutoencoderOutlierDetector",
        "skae._transformer.AutoencoderTransformer",
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
    """An estimator was saved by a version of skae that is newer, or that did not say."""

    def __str__(self):
        return (
            f"{self.estimator_name} was saved by skae {self.original_sklearn_version} and is "
            f"loaded by skae {self.current_sklearn_version}, which cannot know what has changed "
            "since: its results may differ. Load it with the version that saved it, or fit it "
            "again."
        )


def stamped(state):
    """The state with the version that wrote it."""
    return {**state, STAMP: __version__}


def checked(estimator, state, needed=NEEDED):
    """The state without its stamp, as this version understands it.

    Raise ValueError where it cannot, warn where the state is of a newer version. Parameters
    that did not exist yet get their defaults.
    """
    state = dict(state)
    version = state.pop(STAMP, None)
    if version == __version__:
        return state
    name = type(estimator).__name__
    written = version or "of an unknown version"
    problem = _problem(state, needed) if "theta_" in state or "architecture_" in state else None
    if problem:
        raise ValueError(
            f"{name} was saved by skae {written} and cannot be loaded by skae {__version__}: "
            f"{problem}. Load it with the version that saved it, or fit it again."
        )
    if version is None or _release(version) > _release(__version__):
        warnings.warn(
            NewerVersionWarning(
                estimator_name=name,
                current_sklearn_version=__version__,
                original_sklearn_version=written,
            ),
            stacklevel=3,
        )
    parameters = inspect.signature(type(estimator)).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty} | state


def _problem(state, needed):
    """What keeps a fitted state from being used here, None if nothing does."""
    missing = sorted(needed - state.keys())
    if missing:
        return f"it has no {', '.join(missing)}"
    try:
        n_parameters = build(state["architecture_"]).n_parameters
    except (KeyError, TypeError) as error:
        return f"its architecture_ is not understood ({type(error).__name__}: {error})"
    if state["theta_"].shape != (n_parameters,):
        return (
            f"theta_ has shape {state['theta_'].shape}, and its architecture_ needs "
            f"({n_parameters},)"
        )
    return None


def _release(version):
    """(1, 2, 3) of "1.2.3.dev0"."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
