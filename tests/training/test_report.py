"""What a fit says about itself: the record of real fits, and its sentences."""

import re

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skae import AutoencoderOutlierDetector, AutoencoderTransformer
from skae._training.options import read_options
from skae._training.report import (
    hint_lines,
    relative_fall,
    scale_record,
    time_lines,
    training_lines,
    unfinished_warning,
)
from skae.plotting import LossCurveDisplay

SMALL = {"n_components": 2, "hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
RECORD = {"way": "held-out", "n_train": 1617, "n_validation": 180, "ending": "max_iter"}


def rows(n_samples, n_features=6):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_samples, n_features)) * np.arange(1, n_features + 1)


@pytest.mark.parametrize(
    ("n_samples", "parameters", "expected"),
    [
        (600, {}, {"way": "held-out", "n_train": 540, "n_validation": 60, "ending": "max_iter"}),
        (100, {}, {"way": "folds", "n_train": 100, "n_validation": 100, "n_folds": 5}),
        (100, {"early_stopping": False}, {"way": "plain", "n_train": 100, "ending": "max_iter"}),
        (100, {"early_stopping": False, "tol": 1.0, "n_iter_no_change": 2}, {"ending": "tol"}),
        (600, {"solver": "lbfgs"}, {"way": "held-out", "ending": "max_iter"}),
        (100, {"early_stopping": False, "learning_rate_init": 1e9}, {"ending": "diverged"}),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Training diverged", "ignore:L-BFGS stopped")
def test_the_record_of_a_fit(n_samples, parameters, expected):
    record = AutoencoderTransformer(**SMALL | parameters).fit(rows(n_samples))._record
    assert {name: record[name] for name in expected} == expected
    assert record["seconds"] > 0


def test_numbers_are_those_of_the_samples_that_were_given():
    """Copies are trained on as one row with more weight; samples of weight zero do not count."""
    X = np.repeat(rows(60), 2, axis=0)
    weights = np.append(np.ones(110), np.zeros(10))
    record = AutoencoderTransformer(**SMALL).fit(X, sample_weight=weights)._record
    assert (record["n_train"], record["n_validation"]) == (110, 110)
    record = AutoencoderTransformer(**SMALL).fit(X, X_val=rows(30))._record
    assert (record["way"], record["n_train"], record["n_validation"]) == ("validation set", 120, 30)
    record = AutoencoderOutlierDetector(**SMALL).fit(rows(100))._record
    assert record["n_calibration"] == 100
    model = AutoencoderTransformer(**SMALL)
    for _ in range(3):
        model.partial_fit(rows(60))
    assert model._record == {"way": "passes", "ending": "tol", "n_train": 180}
    assert "180 seen in calls of partial_fit." in model.summary()


@pytest.mark.filterwarnings("ignore:Training diverged")
def test_a_divergence_is_told():
    """In the warning, in the summary, and by the display that has no curve to draw."""
    model = AutoencoderTransformer(**SMALL | {"learning_rate_init": 1e9}).fit(rows(600))
    told = r"diverged in epoch 1: the loss of a batch went from [0-9.]+ to [0-9.e+inf]+"
    assert re.search(f"Epochs: none. Training stopped because it {told}. Lower", model.summary())
    with pytest.raises(ValueError, match=f"no epoch of training .{told}"):
        LossCurveDisplay.from_estimator(model)
    model.partial_fit(rows(600))
    assert re.search(f"Epochs: 0, one in each call. .* because it {told}", model.summary())


@pytest.mark.parametrize("n_samples", [600, 100])
def test_a_high_rate_after_which_the_start_is_kept_is_told(n_samples):
    model = AutoencoderTransformer(**SMALL | {"activation": "tanh", "learning_rate_init": 2.0})
    with pytest.warns(ConvergenceWarning, match="training loss rose from .*now 2"):
        model.fit(rows(n_samples))
    assert model.best_iter_ == 0
    assert "Hint: The training loss rose from" in model.summary()


def test_a_parameter_without_effect_is_told():
    model = AutoencoderTransformer(**SMALL, sparsity_target=0.1, momentum=0.5)
    with pytest.warns(UserWarning, match="^sparsity_target=0.1 has no effect: it needs sparsity="):
        model.fit(rows(60))
    assert "Hint: sparsity_target=0.1 has no effect" in model.summary()
    assert "Hint: momentum=0.5 has no effect: it needs solver='sgd'" in model.summary()


def test_sentences():
    lines = training_lines(RECORD, 200, 187, "relu")
    assert lines == [
        "Samples: 1,617 to train, 180 held out to choose the epoch and to measure the gain.",
        "Epochs: 200 run, epoch 187 kept. Training stopped at max_iter.",
        'Hidden activation: relu, chosen by activation="auto".',
    ]
    lines = training_lines(RECORD, 200, 0, "relu")
    assert lines[1:] == [
        "Epochs: 200 run, none kept. Training stopped at max_iter. A gain may need more epochs: "
        "raise max_iter."
    ]
    folds = {"way": "folds", "n_train": 150, "n_validation": 150, "n_folds": 5, "ending": "tol"}
    lines = training_lines(folds | {"n_calibration": 90}, 60, 41)
    assert lines == [
        "Samples: 150 to train. In five folds, all of them were held out in turn to choose the "
        "epoch and to measure the gain. 90 held-out scores set the threshold.",
        "Epochs: 60 run, 41 selected and repeated on all samples. Training stopped because the "
        "loss no longer fell by tol.",
    ]
    assert "70 of them" in training_lines(folds | {"n_validation": 70, "n_folds": 12}, 1, 1)[0]
    plain = {"way": "plain", "n_train": 10, "ending": "callback"}
    assert training_lines(plain, 5, 5)[0] == "Samples: 10 to train, none held out."
    assert training_lines(plain, 5, 5)[1].endswith("A callback stopped training.")
    assert training_lines(plain, 0, 0)[1] == "Epochs: none."
    assert training_lines(RECORD | {"way": "validation set"}, 9, 9)[0].count("in X_val") == 1
    assert training_lines({}, 5, 5) == training_lines(None, 5, 5) == time_lines({}) == []
    times = {0.2345: "0.23 s", 45.6: "46 s", 150: "2.5 min"}
    for seconds, text in times.items():
        assert time_lines({"seconds": seconds}) == [f"Time: {text}."]


def test_the_fall_of_the_loss_in_the_last_epochs():
    assert relative_fall([4.0, 3.0, 2.0, 1.5], 1) == 0.25
    assert relative_fall([4.0, 4.0, 2.0, 3.0, 2.5], 2) == 0
    assert relative_fall([0.0, -1.0, -1.5], 1) == 0.5
    assert relative_fall([4.0, 3.0, 2.0, 1.0], 2) == relative_fall([], 2) == 0


def test_a_warning_where_max_iter_ends_a_fit_that_was_improving():
    solver = read_options(AutoencoderTransformer(hidden_layer_sizes=4).get_params()).solver
    falling = list(np.linspace(2, 1, 200))
    warning = unfinished_warning(RECORD, falling, solver)
    assert warning.startswith("Training stopped at max_iter=200, but the validation loss was still")
    assert "by 9.1 % in the last 20 epochs" in warning
    assert "the training loss" in unfinished_warning(RECORD | {"way": "plain"}, falling, solver)
    for quiet in (
        unfinished_warning(RECORD | {"ending": "tol"}, falling, solver),
        unfinished_warning(RECORD, [*falling, *[1.0] * 20], solver),
        unfinished_warning(RECORD, falling[::5], solver),
    ):
        assert quiet is None


def test_the_warning_is_that_of_scikit_learn():
    X = rows(60)
    options = SMALL | {"max_iter": 5, "n_iter_no_change": 2, "early_stopping": False}
    with pytest.warns(ConvergenceWarning, match=r"max_iter=5, but the training loss"):
        AutoencoderTransformer(linear_path=None, learning_rate_init=0.02, **options).fit(X)
    AutoencoderTransformer(**SMALL).fit(X)  # too few epochs to tell


def test_what_happens_on_the_way_is_announced(capsys):
    X = np.random.default_rng(0).standard_t(3, size=(600, 5))
    AutoencoderTransformer(verbose=1, **SMALL | {"n_iter_no_change": 1}).fit(X)
    lines = capsys.readouterr().out.splitlines()
    restarts = [line for line in lines if "training starts again" in line]
    assert restarts == [
        "No epoch is certain to improve on the start: training starts again, with "
        "activation='isru'."
    ]


def test_a_parameter_set_after_fit_does_not_change_what_is_said_of_it():
    parameters = SMALL | {"activation": "tanh", "early_stopping": False}
    model = AutoencoderTransformer(**parameters).fit(rows(100))
    before = model.summary()
    assert model.set_params(activation="auto").summary() == before


def test_hints_of_few_samples_and_of_unequal_scales(capsys):
    options = SMALL | {"early_stopping": False, "max_iter": 1, "verbose": 1}
    X = rows(30, 3)
    X[:, 2] *= 1e4
    model = AutoencoderTransformer(**options | {"n_components": 1}).fit(X)
    few, scales = [line for line in capsys.readouterr().out.splitlines() if "Hint" in line]
    assert few.startswith("Hint: 30 samples are few.")
    assert "'x2' has 100.0 % of the variance" in scales
    assert f"{few}\n{scales}" in model.summary()
    text = AutoencoderOutlierDetector(**options).fit(X).summary()  # scales each feature itself
    assert "no p-value is below 0.032" in text
    assert "factor" not in text


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "Gain over PCA: 20.0 % less error on"),
        ({"latent_activation": "tanh"}, "Gain over the start: 20.0 % less error on"),
        ({"sparsity": "l1"}, "Gain over the start: 20.0 % less loss with penalty on"),
    ],
)
def test_the_gain_is_told_as_that_over_the_start_of_training(options, text):
    model = AutoencoderTransformer(**SMALL, **options).fit(rows(600))
    model.gain_over_pca_, model.gain_over_pca_bound_ = 0.2, 0.1
    assert text in model.summary()


def test_no_feature_is_blamed_for_its_scale_if_it_has_a_small_part_of_the_variance():
    record = {"scale_ratio": 1e5, "largest": "x58", "largest_share": 0.06}
    assert hint_lines(record) == []
    assert "'x58' has 60.0 % of the variance" in hint_lines(record | {"largest_share": 0.6})[0]


def test_scales_are_compared_without_constant_features():
    X = rows(200, 3)
    assert scale_record(np.c_[X, np.full(200, 1e9)], list("abcd")) == {}
    assert scale_record(X, list("abc")) == scale_record(np.ones((5, 2)), list("ab")) == {}
    assert scale_record(X * [1, 1, 1e4], list("abc"))["largest"] == "c"
