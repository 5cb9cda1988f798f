"""scikit-learn's own checks: those of check_estimator, and those that it leaves out.

No failure is expected anywhere: `parametrize_with_checks` is given no list of excuses.
"""

import warnings

import pytest
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import validate_data
from versions import is_older

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder
from skae.losses import LOSSES

ESTIMATORS = [AutoencoderTransformer, DenoisingAutoencoder, AutoencoderOutlierDetector]

# Short and small: the checks are about behaviour, not about the model's quality.
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 3, "early_stopping": False}
CONFIGURATIONS = {
    "plain": SMALL | {"linear_path": None},
    "sgd": SMALL | {"solver": "sgd"},
    "lbfgs": SMALL | {"solver": "lbfgs"},
    "shampoo": SMALL | {"solver": "shampoo"},
    "deep": SMALL | {"hidden_layer_sizes": (8, 6, 4)},
    "kl": SMALL | {"sparsity": "kl"},
    "l1": SMALL | {"sparsity": "l1"},
    "early stopping": SMALL | {"early_stopping": True},
    "full batch": SMALL | {"batch_size": 10**6},
    "batches of 7": SMALL | {"batch_size": 7},
    "share of the variance": SMALL | {"n_components": 0.9},
    "share of held-out variance": SMALL | {"n_components": 0.9, "early_stopping": True},
    "nested": SMALL | {"nested": True},
    "nested, full batch": SMALL | {"nested": True, "batch_size": 10**6},
    "nested, early stopping": SMALL | {"nested": True, "early_stopping": True},
    "nested, share of the variance": SMALL | {"nested": True, "n_components": 0.9},
    "nested, plain": SMALL | {"nested": True, "linear_path": None, "sparsity": "l1"},
    "nested, lbfgs": SMALL | {"nested": True, "solver": "lbfgs"},
}
DENOISING_CONFIGURATIONS = {
    "masking": SMALL | {"noise": "masking"},
    "salt and pepper": SMALL | {"noise": "salt_pepper"},
    "swap": SMALL | {"noise": "swap"},
    "no noise": SMALL | {"noise": None},
}
# A detector is trained six times in a fit, for its threshold: fewer of each kind, and the
# likelihood, which takes the longest, by default and in one of them.
QUICK = SMALL | {"criterion": "reconstruction"}
DETECTOR_CONFIGURATIONS = {
    "plain": SMALL | {"linear_path": None},
    "sgd": QUICK | {"solver": "sgd"},
    "lbfgs": QUICK | {"solver": "lbfgs"},
    "deep": QUICK | {"hidden_layer_sizes": (8, 6, 4)},
    "kl": QUICK | {"sparsity": "kl"},
    "l1": QUICK | {"sparsity": "l1"},
    "batches of 7": QUICK | {"batch_size": 7},
    "early stopping": QUICK | {"early_stopping": True},
    "full batch": QUICK | {"batch_size": 10**6},
    "contamination": QUICK | {"contamination": 0.1},
}


def configured():
    """Every class with its defaults and in every configuration."""
    yield from (Estimator() for Estimator in ESTIMATORS)
    for parameters in CONFIGURATIONS.values():
        yield AutoencoderTransformer(**parameters)
    for parameters in (CONFIGURATIONS | DENOISING_CONFIGURATIONS).values():
        yield DenoisingAutoencoder(**parameters)
    for parameters in DETECTOR_CONFIGURATIONS.values():
        yield AutoencoderOutlierDetector(**parameters)


def run(check, estimator):
    """Run a check as scikit-learn runs it on its own: few iterations may warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


@parametrize_with_checks(list(configured()))
def test_checks(estimator, check):
    run(check, estimator)


# ------------------------------------------------------------ losses with a range
#
# The checks make their own data, of any sign and size, and some of them offer no way to
# scale it (nor would a Pipeline do: scikit-learn's own Pipelines fail a dozen checks). So
# here the estimator squeezes whatever it is given into (0, 1), value by value, right after
# it has been validated; everything else is as in `skae`, and every check runs in full.


class Squeezing(BaseEstimator):
    """An estimator that accepts any X although its loss does not."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = False
        return tags


class SqueezingTransformer(Squeezing, AutoencoderTransformer):
    pass


class SqueezingDenoiser(Squeezing, DenoisingAutoencoder):
    pass


class SqueezingDetector(Squeezing, AutoencoderOutlierDetector):
    pass


def validate_and_squeeze(estimator, X, **options):
    return expit(validate_data(estimator, X, **options))


@parametrize_with_checks(
    [
        SqueezingTransformer(loss="log_loss", **SMALL),
        SqueezingTransformer(loss="poisson", **SMALL),
        SqueezingDenoiser(loss="log_loss", **SMALL),
        SqueezingDenoiser(loss="poisson", **SMALL),
        SqueezingDetector(loss="log_loss", **QUICK),
    ]
)
def test_checks_of_losses_with_a_range(estimator, check, monkeypatch):
    monkeypatch.setattr("skae._base.validate_data", validate_and_squeeze)
    run(check, estimator)


@pytest.mark.parametrize("loss", [name for name, loss in LOSSES.items() if loss.lowest == 0])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_losses_with_a_range_say_so(Estimator, loss):
    estimator = Estimator(loss=loss, max_iter=2)
    assert estimator.__sklearn_tags__().input_tags.positive_only
    estimator_checks.check_positive_only_tag_during_fit(Estimator.__name__, estimator)


# ------------------------------------------------------------ what check_estimator leaves out

LEFT_OUT = [
    "check_all_zero_sample_weights_error",
    "check_dataframe_column_names_consistency",
    "check_get_feature_names_out_error",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


@pytest.mark.parametrize("name", LEFT_OUT)
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_checks_left_out(Estimator, name):
    if is_older("scikit-learn", 1, 9) and not hasattr(estimator_checks, name):
        pytest.skip("a check that this scikit-learn does not have yet")
    check = getattr(estimator_checks, name)
    estimator = Estimator(hidden_layer_sizes=(8,), max_iter=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check(Estimator.__name__, estimator)
    if name == "check_dataframe_column_names_consistency":
        assert not [w for w in caught if "was fitted without feature names" in str(w.message)]
    # Some checks go from frames to arrays and back, and shall be warned of nothing else.
    assert all("feature names, but" in str(w.message) for w in caught)
