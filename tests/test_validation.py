"""Groups and splits that users pass: which labels and splits are taken, and what they do."""

from types import SimpleNamespace

import numpy as np
from numpy.testing import assert_array_equal
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from thoroughness import first_of

from skae import (
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
)
from skae._outliers import calibration
from skae._outliers.calibration import subsample_weights
from skae._training import validation
from skae._training.splitting import GivenSplits
from skae._validation import MAX_SPLITS, number_groups, read_splits

try:
    import polars as pl
except ImportError:  # there are no wheels of it for Python without a global interpreter lock
    pl = pd

ESTIMATORS = [AutoencoderTransformer, DenoisingAutoencoder, AutoencoderOutlierDetector]
QUICK = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}
DTYPES = [np.float32, np.float64]


def grouped(n_groups, n_each, dtype=np.float64, seed=0):
    """Return shuffled samples whose first feature is the number of their group, and the numbers."""
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(n_groups), n_each))
    centers = rng.normal(size=(n_groups, 5))
    X = centers[groups] + 0.3 * rng.normal(size=(len(groups), 5))
    X[:, 0] = groups
    return X.astype(dtype), groups


@pytest.fixture
def sides(monkeypatch):
    """Return the samples that each network is trained on, and those that it is validated on."""
    found = []
    real = validation.Member

    def record(state, rows, validation, mask=None):
        found.append((rows.arrays()[0], validation.arrays()[0]))
        return real(state, rows, validation, mask)

    monkeypatch.setattr(validation, "Member", record)
    return found


@pytest.fixture
def scored(monkeypatch):
    """Return what each model made for calibration is trained on, and what it scores."""
    found = []
    real = calibration._refitted_scorer

    def record(rows, *given):
        scorer = real(rows, *given)

        def score_samples(X):
            found.append((rows.X, X))
            return scorer.score_samples(X)

        return SimpleNamespace(score_samples=score_samples)

    monkeypatch.setattr(calibration, "_refitted_scorer", record)
    return found


def assert_groups_are_whole(pairs):
    """The first feature, which is the group, has no value on both sides."""
    assert pairs
    for trained, held_out in pairs:
        assert len(trained)
        assert len(held_out)
        assert not np.isin(trained[:, 0], held_out[:, 0]).any()


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "labels",
    [
        ["b", "a", "b", "c"],
        np.array(["b", "a", "b", "c"], dtype=object),
        pd.Series(["b", "a", "b", "c"], index=[5, 3, 9, 1]),
        pd.Series(["b", "a", "b", "c"], dtype="category"),
        pd.Series([2, 1, 2, 3], dtype="Int64"),
        pl.Series([2, 1, 2, 3]),
        np.array([2.5, -1.0, 2.5, 7.0], np.float32),
        np.array(["2021-02-03", "2020-01-01", "2021-02-03", "2022-05-05"], "datetime64[D]"),
        (7, -2, 7, 10**12),
    ],
    ids=lambda labels: f"{type(labels).__name__} {getattr(labels, 'dtype', '')}",
)
def test_labels_of_any_kind(labels):
    assert_array_equal(number_groups(labels, 4), [1, 0, 1, 2])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([1, 2, 3], ValueError, r"one label for each sample of X, shape \(4,\), got shape \(3,\)"),
        (np.ones((4, 1)), ValueError, r"got shape \(4, 1\)"),
        ("abcd", ValueError, r"got shape \(\)"),
        ([1, np.nan, 2, np.nan], ValueError, "2 are missing .* the first in sample 1"),
        (["a", "a", None, "b"], ValueError, "1 are missing .* sample 2"),
        (pd.Series([1, pd.NA, 2, 2], dtype="Int64"), ValueError, "1 are missing"),
        (np.array(["NaT", "2020-01-01"] * 2, "datetime64[D]"), ValueError, "2 are missing"),
        (pl.Series(["a", None, "b", "b"]), ValueError, "1 are missing"),
        (np.array([1, "a", 2, "b"], object), TypeError, r"labels of one kind.*\['int', 'str'\]"),
    ],
)
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_labels_that_are_none(Estimator, labels, error, message):
    X = np.random.default_rng(0).normal(size=(4, 3))
    model = Estimator(2, **QUICK).fit(X)
    before = dict(vars(model))
    for options in ({}, {"early_stopping": False}):
        model.set_params(**options)
        with pytest.raises(error, match=message):
            model.fit(X, groups=labels)
    assert all(vars(model)[name] is before[name] for name in before if name != "early_stopping")


@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_a_single_group_cannot_be_held_out(Estimator):
    X, groups = grouped(2, 20)
    weights = np.where(groups == 0, 0.0, 1.0)
    for given in ({"groups": np.full(40, "a")}, {"groups": groups, "sample_weight": weights}):
        with pytest.raises(ValueError, match="at least two groups"):
            Estimator(2, **QUICK).fit(X, **given)
    if Estimator is not AutoencoderOutlierDetector:  # which always holds out samples
        Estimator(2, early_stopping=False, **QUICK).fit(X, groups=np.zeros(40))
        Estimator(2, **QUICK).fit(X, groups=np.zeros(40), X_val=X)


# ---------------------------------------------------------------- groups


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_groups", "n_each"), [(2, 30), (12, 10), (30, 20), (40, 30)])
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_groups_are_never_split(Estimator, n_groups, n_each, dtype, sides, scored):
    X, groups = grouped(n_groups, n_each, dtype)
    model = Estimator(2, **QUICK).fit(X, groups=groups)
    assert_groups_are_whole(sides)
    assert len(sides) == (min(n_groups, 5) if len(X) <= 500 else 1)
    if Estimator is AutoencoderOutlierDetector:
        assert_groups_are_whole(scored)
        n_held_out = len(sides[0][1]) if len(sides) == 1 else 0
        assert len(model.calibration_scores_) == n_held_out + sum(len(out) for _, out in scored)


@pytest.mark.parametrize("n_rows", [100, 600])
def test_groups_are_dealt_alike_in_both_dtypes_and_under_other_names(n_rows, sides):
    X, groups = grouped(20, n_rows // 20, np.float32)
    names = np.array([f"patient {number:02}" for number in range(20)])
    for samples, labels in ((X, groups), (X.astype(float), groups), (X, names[groups])):
        AutoencoderTransformer(2, **QUICK).fit(samples, groups=labels)
    n_models = len(sides) // 3
    for k in range(n_models):
        for other in (sides[k + n_models], sides[k + 2 * n_models]):
            assert_array_equal(np.unique(sides[k][1][:, 0]), np.unique(other[1][:, 0]))


def test_groups_through_a_search_for_the_number_of_components(sides):
    X, groups = grouped(30, 20)
    AutoencoderTransformer(0.99, **QUICK).fit(X, groups=groups)
    assert len(sides) > 1
    assert_groups_are_whole(sides)


def test_equal_samples_of_two_groups_are_not_merged(sides):
    """A row of zeros in every group neither joins the groups nor is left out."""
    X, groups = grouped(10, 12)
    X[::3] = 0
    weights = np.random.default_rng(1).integers(1, 3, len(X)).astype(float)
    AutoencoderTransformer(2, **QUICK).fit(X, groups=groups, sample_weight=weights)
    assert len(sides) == 5
    for trained, held_out in sides:
        is_zero = [~side.any(axis=1) for side in (trained, held_out)]
        assert [n.sum() for n in is_zero] == [8, 2]  # one in each group


@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_weights_are_copies_in_their_group(Estimator):
    X, groups = grouped(8, 6)
    counts = np.random.default_rng(1).integers(0, 3, len(X))
    weighted = Estimator(2, **QUICK).fit(X, sample_weight=counts, groups=groups)
    repeated = Estimator(2, **QUICK).fit(np.repeat(X, counts, axis=0), groups=groups.repeat(counts))
    assert_array_equal(weighted.theta_, repeated.theta_)
    assert weighted.validation_loss_curve_ == repeated.validation_loss_curve_


def test_the_order_of_samples_does_not_matter():
    X, groups = grouped(8, 12)
    order = np.random.default_rng(1).permutation(len(X))
    one = AutoencoderTransformer(2, **QUICK).fit(X, groups=groups)
    other = AutoencoderTransformer(2, **QUICK).fit(X[order], groups=groups[order])
    assert_array_equal(one.theta_, other.theta_)


def test_groups_replace_blocks_in_time(sides):
    """Successive samples resemble each other, but the user knows that groups alternate."""
    X = np.cumsum(np.random.default_rng(0).normal(size=(600, 4)), axis=0)
    X[:, 0] = np.arange(600) % 30
    AutoencoderTransformer(2, **QUICK).fit(X, groups=np.arange(600) % 30)
    assert_groups_are_whole(sides)
    assert len(sides[0][1]) == 60


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("n_groups", [2, 20])
def test_a_detector_that_draws_samples_calibrates_by_other_groups(
    n_groups, early_stopping, sides, scored
):
    """Samples that were not drawn are not new: others of their groups were."""
    X, groups = grouped(n_groups, 200 // n_groups)
    options = QUICK | {"max_samples": 100, "early_stopping": early_stopping}
    model = AutoencoderOutlierDetector(2, **options).fit(X, groups=groups)
    assert bool(sides) == early_stopping
    assert_groups_are_whole(sides + scored)
    assert sum(len(out) for _, out in scored) == len(model.calibration_scores_) == 100


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_first_pass_of_a_detector_keeps_groups_whole(dtype, scored):
    X, groups = grouped(12, 10, dtype)
    model = AutoencoderOutlierDetector(2, **QUICK).partial_fit(X, groups=groups)
    assert_groups_are_whole(scored)
    model.partial_fit(X[:7], groups=groups[:7])
    with pytest.raises(ValueError, match="one label for each"):
        model.partial_fit(X[:7], groups=groups[:6])


def test_groups_with_fit_transform_and_fit_predict(sides):
    X, groups = grouped(12, 10)
    AutoencoderTransformer(2, **QUICK).fit_transform(X, groups=groups)
    AutoencoderOutlierDetector(2, **QUICK).fit_predict(X, groups=groups)
    assert len(sides) == 10
    assert_groups_are_whole(sides)


def test_a_line_about_groups_at_verbose(capsys):
    X, groups = grouped(12, 10)
    AutoencoderTransformer(2, verbose=1, **QUICK).fit(X, groups=groups)
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "120 samples in 12 groups: each is in one fold."


# ---------------------------------------------------------------- splits


def masks_of(pairs, n_samples):
    return [[np.isin(np.arange(n_samples), side) for side in pair] for pair in pairs]


def read(validation_split, n_samples=30, y=None, groups=None, weights=None):
    X = np.random.default_rng(0).normal(size=(n_samples, 3))
    weights = np.ones(n_samples) if weights is None else weights
    return read_splits(validation_split, X, y, groups, weights).splits


@pytest.mark.parametrize(
    "splitter",
    [
        KFold(4),
        GroupKFold(3),
        GroupShuffleSplit(2, random_state=0),
        LeaveOneGroupOut(),
        ShuffleSplit(3, test_size=0.2, train_size=0.3, random_state=0),
        StratifiedKFold(5),
        TimeSeriesSplit(4, gap=2),
        PredefinedSplit(np.arange(30) // 20 - 1),
    ],
    ids=lambda splitter: type(splitter).__name__,
)
def test_splitters(splitter):
    uses_groups = "Group" in type(splitter).__name__
    y, groups = np.arange(30) % 2, np.arange(30) % 6 if uses_groups else None
    pairs = list(splitter.split(np.zeros((30, 1)), y, groups))
    found = read(splitter, y=y, groups=groups)
    assert_array_equal(found, masks_of(pairs, 30))
    for given in (pairs, iter(pairs), np.array(masks_of(pairs, 30)), tuple(map(list, pairs))):
        assert_array_equal(read(given, groups=groups), found)


def test_of_many_splits_some_are_used():
    found = read(LeaveOneOut(), 100)
    assert len(found) == MAX_SPLITS
    assert [np.flatnonzero(out).tolist() for _, out in found] == [[11 * k] for k in range(10)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "no splits"),
        (iter([]), "pass a list"),
        ([1, 2], "Split 0 of validation_split must be a pair"),
        ([([0, 1], [2], [3])], "must be a pair"),
        ([([0, 1, 2], [3]), ([0, 1, 2], [2, 3])], "Split 1 of validation_split has 1 samples on b"),
        ([([0, 1, 2], [])], "has 0 samples with a weight to hold out; at least 1"),
        ([([0], [3, 4])], "has 1 samples with a weight to train on; at least 2"),
        ([([0, 1, 2], [28])], "has the index 28, but X has 28 samples. In searches"),
        ([([0, 1, -1], [2])], "has the index -1"),
        ([([0, 1, 1], [2])], "an index twice"),
        ([([0.0, 1.0], [2])], "one-dimensional arrays of indices, got an array of float64"),
        ([([[0, 1]], [2])], r"shape \(1, 2\)"),
        ([(np.ones(5, bool), [20])], "an array of bool"),
    ],
)
def test_splits_that_are_none(given, message):
    with pytest.raises(ValueError, match=message):
        read(given, 28)


def test_samples_without_weight_do_not_make_a_side():
    weights = np.ones(30)
    weights[2] = 0
    with pytest.raises(ValueError, match="0 samples with a weight to hold out"):
        read([([0, 1, 3], [2])], weights=weights)
    with pytest.raises(ValueError, match="1 samples with a weight to train on"):
        read([([0, 2], [3])], weights=weights)


def test_splits_must_keep_groups_whole():
    with pytest.raises(ValueError, match="Split 0 of validation_split has samples of one group"):
        read([(np.arange(20), np.arange(20, 30))], groups=np.arange(30) % 4)


@pytest.mark.parametrize("value", ["abc", 3, KFold, 0.2])
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_invalid_values(Estimator, value):
    with pytest.raises(ValueError, match=r"'validation_split' parameter .* a splitter"):
        Estimator(validation_split=value).fit(np.zeros((10, 3)))


def test_an_iterator_can_be_read_once():
    X, _ = grouped(10, 6)
    model = AutoencoderTransformer(2, validation_split=KFold(3).split(X), **QUICK).fit(X)
    before = model.theta_
    with pytest.raises(ValueError, match="pass a list"):
        model.fit(X)
    assert model.theta_ is before


# ---------------------------------------------------------------- what splits do


def assert_same_samples(found, expected):
    assert len(found) == len(expected)
    assert_array_equal(np.unique(found, axis=0), np.unique(expected, axis=0))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_each", [10, 60])
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_one_split_holds_its_samples_out(Estimator, n_each, dtype, sides, scored):
    X, _ = grouped(20, n_each, dtype)
    n = len(X)
    split = (np.arange(n // 2), np.arange(3 * n // 4, n))
    model = Estimator(2, validation_split=[split], **QUICK).fit(X)
    [(trained, held_out)] = sides
    assert_same_samples(trained, X[split[0]])
    assert_same_samples(held_out, X[split[1]])
    if Estimator is AutoencoderOutlierDetector:
        assert not scored  # the model itself scores them
        assert_array_equal(model.calibration_indices_, split[1])
        expected = model.score_samples(X[split[1]])
        np.testing.assert_allclose(model.calibration_scores_, expected, rtol=1e-5)
    start = Estimator(2, **QUICK | {"max_iter": 0}).fit(X)
    assert_array_equal(model.mean_, start.mean_)
    assert_array_equal(model.path_coefs_[0], start.path_coefs_[0])


@pytest.mark.slow
@pytest.mark.parametrize("n_each", [10, 60])
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_several_splits_are_a_cross_validation(Estimator, n_each, sides, scored):
    X, _ = grouped(20, n_each)
    splitter = TimeSeriesSplit(3, gap=5)
    model = Estimator(2, validation_split=splitter, **QUICK).fit(X)
    assert len(sides) == 3
    for found, split in zip(sides, splitter.split(X), strict=True):
        for samples, chosen in zip(found, split, strict=True):
            assert_same_samples(samples, X[chosen])
    assert len(model.validation_loss_curve_) == 3
    if Estimator is AutoencoderOutlierDetector:
        for found, split in zip(scored, splitter.split(X), strict=True):
            for samples, chosen in zip(found, split, strict=True):
                assert_same_samples(samples, X[chosen])
        expected = np.concatenate([out for _, out in splitter.split(X)])
        assert_array_equal(model.calibration_indices_, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_rows", "n_models"), [(200, 5), (700, 1)])
def test_the_usual_splits_given_by_the_user_change_no_bit(n_rows, n_models, dtype, sides):
    X = np.random.default_rng(0).normal(size=(n_rows, 5)).astype(dtype)
    usual = AutoencoderTransformer(2, **QUICK).fit(X)
    assert len(sides) == n_models
    of_row = {row.tobytes(): number for number, row in enumerate(X)}
    splits = [[[of_row[row.tobytes()] for row in side] for side in pair] for pair in sides]
    given = AutoencoderTransformer(2, validation_split=splits, **QUICK).fit(X)
    assert_array_equal(given.theta_, usual.theta_)
    assert given.validation_loss_curve_ == usual.validation_loss_curve_


def test_copies_on_both_sides_of_a_split_are_not_merged(sides):
    X, _ = grouped(5, 8)
    twice, weights = np.vstack([X, X, X]), np.r_[np.full(40, 2.0), np.ones(80)]
    split = (np.arange(80), np.arange(80, 120))
    AutoencoderTransformer(2, validation_split=[split], **QUICK).fit(twice, sample_weight=weights)
    [(trained, held_out)] = sides
    assert_same_samples(trained, X)  # two copies of each are merged
    assert_same_samples(held_out, X)


@pytest.mark.parametrize("options", [{"solver": "lbfgs"}, {"warm_start": True}])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_cross_validation_the_last_split_counts(options, sides):
    X, _ = grouped(10, 10)
    splitter = TimeSeriesSplit(3)
    model = AutoencoderTransformer(2, validation_split=splitter, **QUICK | options).fit(X)
    if model.warm_start:
        sides.clear()
        model.fit(X)
    [(trained, held_out)] = sides
    *_, split = splitter.split(X)
    assert_same_samples(trained, X[split[0]])
    assert_same_samples(held_out, X[split[1]])


def test_splits_determine_the_number_of_components(sides):
    X, groups = grouped(20, 10)
    model = AutoencoderTransformer(0.99, validation_split=GroupShuffleSplit(1, random_state=0))
    model.set_params(**QUICK).fit(X, groups=groups)
    assert len(sides) > 1
    assert_groups_are_whole(sides)
    for other in sides[1:]:
        assert_array_equal(other[1], sides[0][1])


@pytest.mark.parametrize("nested", [False, True])
def test_a_sample_held_out_several_times_counts_once(nested):
    X, _ = grouped(10, 10)
    split = (np.arange(60), np.arange(60, 100))
    splits = [split, split, (np.arange(100) >= 50, np.arange(100) < 50)]
    options = QUICK | {"nested": nested, "random_state": 0}
    found = AutoencoderTransformer(2, validation_split=splits, **options).fit(X)
    expected = AutoencoderTransformer(2, validation_split=splits[1:], **options).fit(X)
    np.testing.assert_allclose(
        found.validation_loss_curve_, expected.validation_loss_curve_, rtol=1e-6
    )


def test_the_weight_of_a_score_is_divided_among_the_splits():
    X, _ = grouped(10, 10)
    weights = np.random.default_rng(0).integers(1, 4, 100)
    splitter = ShuffleSplit(4, test_size=0.5, random_state=0)
    model = AutoencoderOutlierDetector(2, validation_split=splitter, **QUICK)
    model.fit(X, sample_weight=weights)
    held_out = [out for _, out in splitter.split(X)]
    counts = np.bincount(np.concatenate(held_out), minlength=100)
    expected = np.concatenate([weights[out] / counts[out] for out in held_out])
    np.testing.assert_allclose(np.sort(model.calibration_weights_), np.sort(expected))
    np.testing.assert_allclose(model.calibration_weights_.sum(), weights[counts > 0].sum())


def test_splits_of_a_detector_that_draws_samples(scored):
    X, groups = grouped(20, 10)
    model = AutoencoderOutlierDetector(
        2, max_samples=100, validation_split=GroupKFold(4), **QUICK
    ).fit(X, groups=groups)
    assert_groups_are_whole(scored)
    assert len(scored) == 4
    assert model.calibration_weights_.sum() == 100
    never_drawn = np.flatnonzero(subsample_weights(np.ones(200), 20, 0) == 0)[0]
    given = GivenSplits(None, ((np.arange(200) != never_drawn, np.arange(200) == never_drawn),))
    with pytest.raises(ValueError, match="Raise max_samples"):
        given.part(np.flatnonzero(subsample_weights(np.ones(200), 20, 0)))


def test_y_goes_to_the_splitter():
    X, _ = grouped(10, 10)
    y = np.repeat([0, 1], [20, 80])
    model = AutoencoderTransformer(2, validation_split=StratifiedKFold(4), **QUICK)
    assert len(model.fit(X, y).validation_loss_curve_) == 3
    with pytest.raises((TypeError, ValueError)):
        model.fit(X)


def test_frames_go_to_the_splitter_as_they_are():
    seen = []

    class ByYear:
        def get_n_splits(self, X=None, y=None, groups=None):
            return 1

        def split(self, X, y=None, groups=None):
            seen.append(X)
            is_late = np.asarray(X["year"] >= 2020)
            yield np.flatnonzero(~is_late), np.flatnonzero(is_late)

    frame = pd.DataFrame(
        {"year": np.arange(2000.0, 2040), "a": np.random.default_rng(0).random(40)}
    )
    AutoencoderTransformer(1, validation_split=ByYear(), **QUICK).fit(frame)
    assert seen[0] is frame


def test_splits_that_are_not_needed_are_not_read():
    X, _ = grouped(10, 10)
    for_others = [(np.arange(10), np.arange(500, 600))]
    model = AutoencoderTransformer(2, validation_split=for_others, **QUICK)
    model.fit(X, X_val=X)
    clone(model).set_params(early_stopping=False).fit(X)
    clone(model).set_params(max_iter=0).fit(X)
    clone(model).partial_fit(X)
    with pytest.raises(ValueError, match="In searches"):
        clone(model).fit(X)


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_splits_are_a_parameter_like_others(Estimator):
    X, _ = grouped(10, 10)
    splitter = ShuffleSplit(1, random_state=0)
    model = Estimator(2, validation_split=splitter, **QUICK)
    assert model.get_params()["validation_split"] is splitter
    assert "validation_split=ShuffleSplit" in repr(model)
    copy = clone(model)
    assert_array_equal(copy.fit(X).theta_, model.fit(X).theta_)
    pairs = list(splitter.split(X))
    assert_array_equal(copy.set_params(validation_split=pairs).fit(X).theta_, model.theta_)
    assert_array_equal(clone(copy).fit(X).theta_, model.theta_)
    grid = {"validation_split": [None, ShuffleSplit(2, random_state=0), KFold(3)]}
    search = GridSearchCV(copy, grid, cv=2, error_score="raise").fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("splitter", "expected"),
    [
        (ShuffleSplit(1, test_size=20, random_state=0), "1 split, 80 samples to train on, 20 held"),
        (TimeSeriesSplit(4), "4 splits, 20 to 80 samples to train on, 20 held out."),
        (LeaveOneOut(), "10 splits, 99 samples to train on, 1 held out."),
    ],
)
def test_a_line_about_splits_at_verbose(splitter, expected, capsys):
    X, _ = grouped(10, 10)
    AutoencoderTransformer(2, verbose=1, validation_split=splitter, **QUICK).fit(X)
    assert capsys.readouterr().out.splitlines()[0].startswith(f"validation_split: {expected}")


@pytest.mark.parametrize(
    ("Estimator", "parameters", "ending"),
    [
        (AutoencoderTransformer, {"activation": "Rellu"}, " Did you mean 'relu'?"),
        (AutoencoderTransformer, {"activation": "sigmoid"}, " Did you mean 'logistic'?"),
        (AutoencoderTransformer, {"n_components": "auto"}, "Got 'auto' instead."),
        (AutoencoderImputer, {"solver": "nothing like it"}, "Got 'nothing like it' instead."),
        (AutoencoderImputer, {"solver": "AdamW"}, " Did you mean 'adam'?"),
        (AutoencoderTransformer, {"n_components": "mle"}, " such as 0.95, or ComponentSearchCV."),
    ],
    ids=str,
)
def test_options_are_sorted_and_the_nearest_one_is_suggested(Estimator, parameters, ending):
    with pytest.raises(ValueError, match=r"instead\.") as raised:
        Estimator(**parameters).fit(np.eye(4))
    text = str(raised.value)
    assert text.endswith(ending)
    options = text.partition("among {")[2].partition("}")[0].split(", ")
    assert options == sorted(options)
