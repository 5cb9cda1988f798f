"""scikit-learn's own checks: those of check_estimator, and those that it leaves out.

No failure is expected anywhere: `parametrize_with_checks` is given no list of excuses.
"""

import re
import warnings

import pytest
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from sklearn.utils.validation import validate_data
from thoroughness import first_of
from versions import is_older

from skae import (
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    ComponentSearchCV,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)
from skae.losses import LOSSES

# Whatever is not the defaults: a detector is trained once more for each fold of its calibration.
few_folds = pytest.mark.usefixtures("two_calibration_folds")

ESTIMATORS = [
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
]

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
# A denoiser differs from a transformer in what its network reads. Of the configurations above, it
# runs in those that read noisy rows in a way of their own: all at once, for a search of the size,
# for held-out rows, for several decoders.
DENOISING_CONFIGURATIONS = {
    name: CONFIGURATIONS[name]
    for name in (
        "plain",
        "lbfgs",
        "early stopping",
        "batches of 7",
        "share of held-out variance",
        "nested, early stopping",
        "nested, lbfgs",
    )
} | {
    "masking": SMALL | {"noise": "masking"},
    "salt and pepper": SMALL | {"noise": "salt_pepper"},
    "swap": SMALL | {"noise": "swap"},
    "no noise": SMALL | {"noise": None},
}
# A detector is trained once more for each fold of its calibration: fewer configurations of each
# kind. The likelihood, which takes the longest, is the score by default and
# in one of them.
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
VARIATIONAL_CONFIGURATIONS = {
    "three draws, no linear path": SMALL | {"n_samples": 3, "linear_path": None},
    "a variance for each feature": SMALL | {"noise_variance": "per_feature"},
    "warm-up and free bits": SMALL | {"kl_warm_up": 2, "free_bits": 0.1, "batch_size": 7},
    "lbfgs": SMALL | {"solver": "lbfgs"},
    "shampoo": SMALL | {"solver": "shampoo", "kl_weight": 0.0},
    "full batch": SMALL | {"batch_size": 10**6},
    "early stopping": SMALL | {"early_stopping": True, "hidden_layer_sizes": (8, 6, 4)},
    "share of the variance": SMALL | {"n_components": 0.9, "kl_weight": 2.0},
}


# Checks whose outcome does not depend on how a network is trained: they pass or fail alike in
# every configuration, and run for those in FULL alone. All others run in every configuration,
# among them whatever later versions of scikit-learn add.
INDEPENDENT = {
    # Nothing is fitted: constructor, parameters, tags, and errors before `fit`.
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_sparse_tag",
    "check_estimator_tags_renamed",
    "check_estimators_unfitted",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_transformers_unfitted",
    "check_valid_tag_types",
    # Rows are refused, by the validation that all estimators and methods share.
    "check_all_zero_sample_weights_error",
    "check_complex_data",
    # Sparse rows are trained on as dense ones, for which the same check runs everywhere.
    "check_sample_weight_equivalence_on_sparse_data",
    "check_estimator_sparse_array",
    "check_estimator_sparse_matrix",
    "check_estimators_empty_data_messages",
    "check_fit1d",
    "check_fit2d_predict1d",
    "check_positive_only_tag_during_fit",  # each loss with a range has its own test below
    "check_sample_weights_shape",
    # Array libraries other than NumPy, which no estimator here claims to take: skipped.
    "check_array_api_input",
    # Rows or weights come as lists or other containers, and are arrays before training starts.
    "check_classifier_data_not_an_array",
    "check_dtype_object",
    "check_sample_weights_list",
    "check_sample_weights_not_an_array",
    "check_sample_weights_pandas_series",
    "check_transformer_data_not_an_array",
    # `fit` returns the fitted estimator, whatever it was trained by; that it returns the same
    # one twice, alone and in a Pipeline, is a matter of the seed: see check_fit_idempotent.
    "check_estimators_fit_returns_self",
    "check_fit_check_is_fitted",
    "check_fit_score_takes_y",
    "check_n_features_in",
    "check_pipeline_consistency",
}

# Every check runs for the defaults, and for what is furthest from them: another loop than that
# over mini-batches; no linear path, a penalty and several decoders; a code whose size trial fits
# decide; noise that reads other rows; a threshold from the training rows.
DEFAULTS = [Estimator() for Estimator in ESTIMATORS]
FULL = [
    *DEFAULTS,
    AutoencoderTransformer(**CONFIGURATIONS["lbfgs"]),
    AutoencoderTransformer(**CONFIGURATIONS["nested, plain"]),
    DenoisingAutoencoder(**DENOISING_CONFIGURATIONS["share of held-out variance"]),
    DenoisingAutoencoder(**DENOISING_CONFIGURATIONS["swap"]),
    AutoencoderOutlierDetector(**DETECTOR_CONFIGURATIONS["contamination"]),
]


def configured():
    """Every class in every configuration that is not run in full."""
    full = {repr(estimator) for estimator in FULL}
    estimators = [AutoencoderTransformer(**p) for p in CONFIGURATIONS.values()]
    estimators += [DenoisingAutoencoder(**p) for p in DENOISING_CONFIGURATIONS.values()]
    estimators += [AutoencoderOutlierDetector(**p) for p in DETECTOR_CONFIGURATIONS.values()]
    estimators += [VariationalAutoencoder(**p) for p in VARIATIONAL_CONFIGURATIONS.values()]
    return [estimator for estimator in estimators if repr(estimator) not in full]


def name_of(check):
    """Return the name of a check, to which scikit-learn has bound arguments."""
    return check.func.__name__


def depends_on_the_configuration(check):
    return name_of(check) not in INDEPENDENT


def parametrize(estimators, is_wanted):
    """As `parametrize_with_checks`, of those checks alone that are wanted."""
    parameters = []
    for estimator in estimators:
        configuration = re.sub(r"\s", "", repr(estimator))
        for instance, check in estimator_checks_generator(estimator):
            if is_wanted(check):
                name = "-".join([configuration, name_of(check), *check.keywords])
                parameters.append(pytest.param(instance, check, id=name))
    return pytest.mark.parametrize(("estimator", "check"), parameters)


def run(check, estimator):
    """Run a check as scikit-learn runs it on its own: few iterations may warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


# They fit every format of sparse matrices: whether that works does not depend on the epochs.
OF_ALL_FORMATS = {"check_estimator_sparse_array", "check_estimator_sparse_matrix"}


@parametrize_with_checks(DEFAULTS)
def test_checks(estimator, check):
    if name_of(check) in OF_ALL_FORMATS:
        estimator.set_params(max_iter=2)
    run(check, estimator)


@pytest.mark.slow
@parametrize_with_checks(FULL[len(DEFAULTS) :])
def test_checks_far_from_the_defaults(estimator, check):
    if name_of(check) in OF_ALL_FORMATS:
        estimator.set_params(max_iter=2)
    run(check, estimator)


QUICK_IMPUTER = {"mixture_sizes": (2,), "hidden_layer_sizes": (8,), "max_iter": 2}
IMPUTERS = [
    AutoencoderImputer(add_indicator=True, sample_posterior=True, **QUICK_IMPUTER),
    AutoencoderImputer(missing_values=-1, keep_empty_features=True, **QUICK_IMPUTER),
]


@parametrize_with_checks([AutoencoderImputer()])
def test_checks_of_the_imputer(estimator, check):
    run(check, estimator)


@pytest.mark.slow
@parametrize_with_checks(IMPUTERS)
def test_checks_of_imputers(estimator, check):
    run(check, estimator)


@parametrize_with_checks([ComponentSearchCV(AutoencoderTransformer(**SMALL, random_state=0), cv=2)])
def test_checks_of_the_search(estimator, check):
    run(check, estimator)


@pytest.mark.slow
@few_folds
@parametrize(configured(), depends_on_the_configuration)
def test_checks_that_depend_on_the_configuration(estimator, check):
    run(check, estimator)


def test_every_check_runs_in_every_configuration_or_is_known_not_to_depend_on_it():
    names = [name_of(check) for e in FULL for _, check in estimator_checks_generator(e)]
    if not is_older("scikit-learn", 1, 9):
        assert set(names) >= INDEPENDENT


# ------------------------------------------------------------ losses with a range
#
# The checks make their own data, of any sign and size, and some of them offer no way to
# scale it (nor would a Pipeline do: scikit-learn's own Pipelines fail a dozen checks). So
# here the estimator squeezes whatever it is given into (0, 1), value by value, right after
# it has been validated; everything else is as in `skae`, and every check runs in full.


class Squeezing(BaseEstimator):
    """An estimator that accepts any dense X although its loss does not."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = tags.input_tags.sparse = False
        return tags


class SqueezingTransformer(Squeezing, AutoencoderTransformer):
    pass


class SqueezingDenoiser(Squeezing, DenoisingAutoencoder):
    pass


class SqueezingDetector(Squeezing, AutoencoderOutlierDetector):
    pass


class SqueezingVariational(Squeezing, VariationalAutoencoder):
    pass


def validate_and_squeeze(estimator, X, **options):
    return expit(validate_data(estimator, X, **options))


@pytest.mark.slow
@parametrize(
    [
        SqueezingTransformer(loss="log_loss", **SMALL),
        SqueezingTransformer(loss="poisson", **SMALL),
        SqueezingDenoiser(loss="log_loss", **SMALL),
        SqueezingDenoiser(loss="poisson", **SMALL),
        SqueezingDetector(loss="log_loss", **QUICK),
        SqueezingVariational(loss="log_loss", **SMALL),
        SqueezingVariational(loss="poisson", **SMALL),
    ],
    depends_on_the_configuration,
)
def test_checks_of_losses_with_a_range(estimator, check, monkeypatch):
    monkeypatch.setattr("skae._containers.validate_data", validate_and_squeeze)
    monkeypatch.setattr("skae._base.is_plain", lambda X, n_columns: False)  # omits the validation
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
@pytest.mark.parametrize("Estimator", first_of([*ESTIMATORS, AutoencoderImputer]))
def test_checks_left_out(Estimator, name):
    if is_older("scikit-learn", 1, 9) and not hasattr(estimator_checks, name):
        pytest.skip("a check that this scikit-learn does not have yet")
    check = getattr(estimator_checks, name)
    small = QUICK if Estimator is AutoencoderOutlierDetector else SMALL
    small = QUICK_IMPUTER if Estimator is AutoencoderImputer else small
    estimator = Estimator(**small | {"max_iter": 2})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check(Estimator.__name__, estimator)
    if name == "check_dataframe_column_names_consistency":
        assert not [w for w in caught if "was fitted without feature names" in str(w.message)]
    # Some checks go from frames to arrays and back, and shall be warned of nothing else.
    assert all("feature names, but" in str(w.message) for w in caught)
