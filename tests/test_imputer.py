"""AutoencoderImputer: in the manner of sklearn.impute."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # makes it importable
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
import skops.io

from skae import SKOPS_TRUSTED_TYPES, AutoencoderImputer

QUICK = {"mixture_sizes": (2,), "max_iter": 2, "random_state": 0}
X = load_iris().data
GAPS = np.random.default_rng(0).random(X.shape) < 0.25
INCOMPLETE = np.where(GAPS, np.nan, X)


def imputer(**parameters):
    return AutoencoderImputer(**QUICK | parameters)


@pytest.fixture(scope="module")
def fitted():
    return imputer(add_indicator=True).fit(INCOMPLETE)


@pytest.mark.slow
def test_better_than_the_iterative_imputer():
    rng = np.random.default_rng(3)
    t = rng.uniform(-2, 2, (900, 2))
    truth = np.column_stack([t, np.sin(2 * t[:, 0]), t[:, 0] * t[:, 1], np.cos(2 * t[:, 1])])
    gaps = rng.random(truth.shape) < 0.3
    incomplete = np.where(gaps, np.nan, truth)
    errors = []
    for model in (AutoencoderImputer(random_state=0), IterativeImputer(random_state=0)):
        filled = model.fit(incomplete[:600]).transform(incomplete[600:])
        errors.append(np.square(filled - truth[600:])[gaps[600:]].mean())
    assert errors[0] < 0.75 * errors[1]


def test_feature_errors_and_summary():
    """The errors of hidden cells are those of new samples; NaN where nothing could be hidden."""
    rng = np.random.default_rng(4)
    truth = rng.normal(size=(1200, 1)) * [1, 2, -1] + [[0.4, 0.8, 0.5]] * rng.normal(size=(1200, 3))
    truth = np.column_stack([truth, 9 + rng.normal(size=1200), np.full(1200, np.nan)])
    incomplete = np.where(rng.random(truth.shape) < 0.3, np.nan, truth)
    model = imputer().fit(incomplete[:600])
    with pytest.warns(UserWarning, match="Skipping"):
        filled = model.transform(incomplete[600:])
    squares = np.square(filled - truth[600:, :4])
    gaps = np.isnan(incomplete[600:, :4])
    expected = np.sqrt([column[gap].mean() for column, gap in zip(squares.T, gaps.T)])
    expected /= np.nanstd(incomplete[:600, :4], axis=0)
    np.testing.assert_allclose(model.feature_errors_[:4], expected, rtol=0.15, atol=0.03)
    assert np.isnan(model.feature_errors_[4])
    text = model.summary()
    assert text.startswith("AutoencoderImputer: 5 features\n\ndensity")
    assert "Samples: 600, 600 of them incomplete; 44." in text
    assert f"{model.feature_errors_[3]:.2f} (x3)" in text


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_observed_cells_and_dtype_are_kept(dtype):
    given = INCOMPLETE.astype(dtype)
    kept = given.copy()
    filled = imputer().fit_transform(given)
    assert filled.dtype == dtype
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~GAPS], given[~GAPS])
    np.testing.assert_array_equal(given, kept)


def test_samples_are_filled_one_by_one(fitted):
    whole = fitted.transform(INCOMPLETE)
    single = np.vstack([fitted.transform(row[None]) for row in INCOMPLETE[:20]])
    np.testing.assert_allclose(single, whole[:20], rtol=1e-10)


def test_a_sample_of_nothing_but_nan_gets_the_mean():
    model = imputer(mixture_sizes=(), max_iter=0).fit(INCOMPLETE)
    filled = model.transform(np.full((1, 4), np.nan))
    np.testing.assert_allclose(filled[0], np.nanmean(INCOMPLETE, axis=0), atol=0.15)


def test_indicator_and_inverse(fitted):
    filled = fitted.transform(INCOMPLETE)
    assert filled.shape == (150, 8)
    np.testing.assert_array_equal(filled[:, 4:], GAPS)
    np.testing.assert_array_equal(fitted.inverse_transform(filled), INCOMPLETE)
    simple = SimpleImputer(add_indicator=True).fit(INCOMPLETE)
    names = simple.get_feature_names_out()
    np.testing.assert_array_equal(fitted.get_feature_names_out(), names)
    with pytest.raises(ValueError, match="8 columns"):
        fitted.inverse_transform(filled[:, :7])


def test_inverse_needs_the_indicator():
    with pytest.raises(ValueError, match="add_indicator=True"):
        imputer(max_iter=0).fit(INCOMPLETE).inverse_transform(X)


def test_features_missing_only_in_transform(fitted):
    model = imputer(add_indicator=True).fit(np.column_stack([X[:, 0], INCOMPLETE[:, 1:]]))
    filled = model.transform(INCOMPLETE)
    assert np.isfinite(filled).all()
    assert filled.shape == (150, 7)


@pytest.mark.parametrize("keep", [False, True])
def test_empty_features_as_in_simple_imputer(keep):
    empty = INCOMPLETE.copy()
    empty[:, 1] = np.nan
    model = imputer(keep_empty_features=keep, add_indicator=True).fit(empty)
    names = SimpleImputer(keep_empty_features=keep, add_indicator=True).fit(empty)
    if keep:
        filled = model.transform(empty)
        assert not filled[:, 1].any()
    else:
        with pytest.warns(UserWarning, match=r"without any observed values in fit: \[1\]"):
            filled = model.transform(empty)
    assert filled.shape == (150, 8 if keep else 7)
    np.testing.assert_array_equal(model.get_feature_names_out(), names.get_feature_names_out())
    np.testing.assert_array_equal(model.inverse_transform(filled), empty)


def test_all_features_empty():
    model = imputer(keep_empty_features=True).fit(np.full((5, 2), np.nan))
    np.testing.assert_array_equal(model.transform(np.full((3, 2), np.nan)), np.zeros((3, 2)))


@pytest.mark.slow
@pytest.mark.parametrize("missing_values", [-1, -1.0, 99])
def test_missing_values_that_are_numbers(missing_values):
    given = np.where(GAPS, missing_values, X)
    filled = imputer(missing_values=missing_values).fit_transform(given)
    np.testing.assert_array_equal(filled, imputer().fit_transform(INCOMPLETE))
    with pytest.raises(ValueError, match="NaN"):
        imputer(missing_values=missing_values).fit(INCOMPLETE)


def test_frames_with_na():
    pl = pytest.importorskip("polars")
    expected = imputer().fit_transform(INCOMPLETE)
    columns = list("abcd")
    frame = pd.DataFrame(INCOMPLETE, columns=columns)
    nullable = frame.convert_dtypes()
    assert nullable.isna().to_numpy().any()
    for given, missing_values in ((frame, np.nan), (nullable, np.nan), (nullable, pd.NA)):
        model = imputer(missing_values=missing_values).set_output(transform="pandas")
        filled = model.fit_transform(given)
        assert list(filled.columns) == columns
        np.testing.assert_allclose(filled.to_numpy(float), expected)
    cells = [[None if gap else value for value, gap in zip(*pair)] for pair in zip(X, GAPS)]
    filled = (
        imputer()
        .set_output(transform="polars")
        .fit_transform(pl.DataFrame(cells, schema=columns, orient="row"))
    )
    assert isinstance(filled, pl.DataFrame)
    np.testing.assert_allclose(filled.to_numpy(), expected)


@pytest.mark.slow
def test_posterior_draws():
    model = imputer(sample_posterior=True).fit(INCOMPLETE)
    drawn = model.transform(INCOMPLETE)
    np.testing.assert_array_equal(drawn, model.transform(INCOMPLETE))
    mean = imputer().fit(INCOMPLETE).transform(INCOMPLETE)
    assert np.mean(drawn[GAPS] != mean[GAPS]) > 0.95
    np.testing.assert_array_equal(drawn[~GAPS], X[~GAPS])
    draws = model.draw(INCOMPLETE, 100, random_state=1)
    assert draws.shape == (100, 150, 4)
    spread = draws.std(axis=0)[GAPS].mean()
    assert np.abs(draws.mean(axis=0) - mean)[GAPS].mean() < 0.3 * spread
    for n_draws in (0, 1.5, True):
        with pytest.raises(ValueError, match="n_draws"):
            model.draw(INCOMPLETE, n_draws)


def test_weights():
    weights = np.ones(150)
    weights[100:] = 0
    weighted = imputer().fit(INCOMPLETE, sample_weight=weights).transform(INCOMPLETE)
    part = imputer().fit(INCOMPLETE[:100]).transform(INCOMPLETE)
    np.testing.assert_allclose(weighted, part, rtol=1e-8)
    counts = np.random.default_rng(0).integers(1, 3, 150)
    weighted = imputer(max_iter=0).fit(INCOMPLETE, sample_weight=counts).transform(INCOMPLETE)
    repeated = imputer(max_iter=0).fit(np.repeat(INCOMPLETE, counts, axis=0))
    np.testing.assert_allclose(weighted, repeated.transform(INCOMPLETE), rtol=1e-6)


@pytest.mark.parametrize("n_rows", [2, 3, 5])
def test_few_samples(n_rows):
    filled = imputer().fit_transform(INCOMPLETE[:n_rows])
    assert np.isfinite(filled).all()


def test_no_complete_sample_and_one_feature():
    none_complete = INCOMPLETE.copy()
    none_complete[np.arange(150), np.arange(150) % 4] = np.nan
    assert np.isfinite(imputer().fit_transform(none_complete)).all()
    column = INCOMPLETE[:, :1]
    filled = imputer().fit_transform(column)
    gaps = np.isnan(column)
    np.testing.assert_allclose(filled[gaps], np.nanmean(column), atol=0.1)


def test_constant_features():
    constant = np.column_stack([INCOMPLETE, np.where(GAPS[:, 0], np.nan, 7.5)])
    filled = imputer().fit_transform(constant)
    np.testing.assert_allclose(filled[:, 4], 7.5, rtol=1e-3)
    nothing_else = imputer(mixture_sizes=(3,)).fit_transform(np.where(GAPS, np.nan, 5.0))
    np.testing.assert_allclose(nothing_else, 5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"mixture_sizes": (1,)}, "mixture_sizes"),
        ({"mixture_sizes": (2.5,)}, "mixture_sizes"),
        ({"n_components": 0}, "n_components"),
        ({"solver": "lbfgs"}, "solver"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
        ({"max_samples": 1}, "max_samples"),
        ({"missing_values": "NA"}, "missing_values must be a number.*got 'NA'"),
    ],
    ids=str,
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        imputer(**parameters).fit(INCOMPLETE)


def test_a_fit_that_fails_changes_nothing(fitted):
    model = clone(fitted).fit(INCOMPLETE)
    before = model.transform(INCOMPLETE)
    infinite = INCOMPLETE.copy()
    infinite[0, 0] = np.inf
    for bad in (infinite, X[:1], np.full((3, 2), 1e300)):
        with pytest.raises(ValueError, match=r"infinity|minimum of 2|too large"):
            model.fit(bad)
    with pytest.raises(ValueError, match="infinity"):
        model.transform(infinite)
    np.testing.assert_array_equal(model.transform(INCOMPLETE), before)
    with pytest.raises(NotFittedError):
        imputer().transform(INCOMPLETE)


def test_files(fitted):
    expected = fitted.transform(INCOMPLETE)
    for restored in (
        pickle.loads(pickle.dumps(fitted)),
        skops.io.loads(skops.io.dumps(fitted), trusted=SKOPS_TRUSTED_TYPES),
    ):
        np.testing.assert_array_equal(restored.transform(INCOMPLETE), expected)


def test_a_correction_survives_a_file():
    rng = np.random.default_rng(0)
    t = rng.normal(size=(1000, 2))
    curved = np.column_stack([t, t[:, 0] * t[:, 1]])
    curved[::2, 2] = np.nan
    model = imputer(mixture_sizes=(), max_iter=20, learning_rate_init=5e-3).fit(curved)
    assert model.imputation_["correction"] is not None
    assert model.n_iter_ == len(model.validation_loss_curve_) > 0
    restored = skops.io.loads(skops.io.dumps(model), trusted=SKOPS_TRUSTED_TYPES)
    np.testing.assert_array_equal(restored.transform(curved), model.transform(curved))


def test_in_a_pipeline():
    y = load_iris().target
    model = make_pipeline(imputer(), LogisticRegression(max_iter=1000)).fit(INCOMPLETE, y)
    assert model.score(INCOMPLETE, y) > 0.9


def test_verbose(capsys):
    fitted = imputer(verbose=True, mixture_sizes=[3]).fit(INCOMPLETE)
    text = capsys.readouterr().out
    assert text.count("Gaussian, 1 component, validation loss = ") == 3
    for kind in ("Mixture", "Mixture of normal scores"):
        assert f"{kind}, 3 components, validation loss = " in text
    assert "Epoch 1, validation loss = " in text
    assert text.endswith(fitted.summary() + "\n")


def test_complete_samples_come_back(fitted):
    np.testing.assert_array_equal(imputer().fit(X).transform(X), X)
    assert np.isfinite(imputer().fit(X).transform(INCOMPLETE)).all()


def test_groups():
    groups = np.array(list("abcdefghij"))[np.arange(len(X)) % 10]
    filled = imputer().fit(INCOMPLETE, groups=groups).transform(INCOMPLETE)
    assert np.isfinite(filled).all()
    assert not np.allclose(filled, imputer().fit(INCOMPLETE).transform(INCOMPLETE), rtol=1e-6)
    with pytest.raises(ValueError, match="at least two groups"):
        imputer().fit(INCOMPLETE, groups=np.zeros(len(X)))
    with pytest.raises(ValueError, match="groups must have one label for each sample"):
        imputer().fit(INCOMPLETE, groups=groups[:5])


def test_export_to_onnx_is_refused(fitted):
    skl2onnx = pytest.importorskip("skl2onnx")
    with pytest.raises(TypeError, match=r"cannot be exported to ONNX.*SimpleImputer"):
        skl2onnx.to_onnx(fitted, X[:1])


def test_skops_needs_one_name(fitted):
    names = skops.io.get_untrusted_types(data=skops.io.dumps(fitted))
    assert names == ["skae._imputer.AutoencoderImputer"]


def test_blocks_of_a_lazy_array(fitted):
    da = pytest.importorskip("dask.array")
    rows = da.from_array(INCOMPLETE, chunks=(60, 4))
    shape = {"chunks": (rows.chunks[0], (8,)), "dtype": X.dtype}
    lazy = rows.map_blocks(fitted.transform, **shape).compute(scheduler="sync")
    np.testing.assert_allclose(lazy, fitted.transform(INCOMPLETE), rtol=1e-12)
