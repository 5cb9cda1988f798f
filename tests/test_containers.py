"""Frames in and out: which methods return them, of which kind, with which names and index."""

import doctest
import warnings

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)
from skae.metrics import reconstruction_score

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

ESTIMATORS = [
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
]
QUICK = {
    "hidden_layer_sizes": (8,),
    "max_iter": 2,
    "early_stopping": False,
    "random_state": 0,
}
NAMES = list("abcdef")
FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 6)) + 0.1 * rng.normal(size=(40, 6))
INDEX = pd.Index([f"row {i}" for i in range(40)][::-1], name="key")


def frame(library):
    if library == "pandas":
        return pd.DataFrame(X, columns=NAMES, index=INDEX)
    return pl.DataFrame(X, schema=NAMES)


def fitted(Estimator, rows, **parameters):
    if Estimator is AutoencoderOutlierDetector:
        parameters = {"criterion": "reconstruction"} | parameters
    return Estimator(2, **QUICK | parameters).fit(rows)


def wide_outputs(model, rows):
    """What has a column for each feature: each method's result, with what its rows come from."""
    code = model.transform(rows)
    yield model.inverse_transform(code), code
    yield model.reconstruct(rows), rows
    if isinstance(model, AutoencoderOutlierDetector):
        yield model.score_features(rows), rows


def assert_frame(found, library, names, values, index=None):
    assert isinstance(found, FRAMES[library])
    assert list(found.columns) == names
    assert_allclose(np.asarray(found), values, rtol=1e-9, atol=1e-12)
    if library == "pandas":
        assert_array_equal(found.index, pd.RangeIndex(len(X)) if index is None else index)


@pytest.fixture(params=ESTIMATORS)
def Estimator(request):  # noqa: N802, a class
    return request.param


# ------------------------------------------------------------ where set_output asks for frames


@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("way", ["set_output", "configuration"])
def test_frames_where_they_are_asked_for(Estimator, library, way):
    rows = frame(library)
    model = fitted(Estimator, rows)
    expected = [values for values, _ in wide_outputs(fitted(Estimator, X), X)]
    asked = library if way == "configuration" else "default"
    if way == "set_output":
        model.set_output(transform=library)
    with config_context(transform_output=asked):
        found = list(wide_outputs(model, rows))
        code = model.transform(rows)
    assert isinstance(code, FRAMES[library])
    for (values, source), array in zip(found, expected, strict=True):
        assert_frame(values, library, NAMES, array, INDEX)
        assert isinstance(source, FRAMES[library])


@pytest.mark.parametrize("library", FRAMES)
def test_the_configuration_says_which_kind_not_the_input(Estimator, library):
    """As for `transform`: arrays become frames as well, and frames of the other kind."""
    other = "polars" if library == "pandas" else "pandas"
    model = fitted(Estimator, frame(other)).set_output(transform=library)
    expected = [values for values, _ in wide_outputs(fitted(Estimator, X), X)]
    for (found, _), values in zip(wide_outputs(model, frame(other)), expected, strict=True):
        assert_frame(found, library, NAMES, values)


@pytest.mark.parametrize("library", FRAMES)
def test_names_where_training_rows_had_none(Estimator, library):
    model = fitted(Estimator, X).set_output(transform=library)
    names = [f"x{i}" for i in range(6)]
    with config_context(transform_output="default"):
        expected = [values for values, _ in wide_outputs(fitted(Estimator, X), X)]
    for (found, _), values in zip(wide_outputs(model, X), expected, strict=True):
        assert_frame(found, library, names, values)
    assert names == list(StandardScaler().set_output(transform="pandas").fit_transform(X).columns)


def test_set_output_goes_before_the_configuration(Estimator):
    model = fitted(Estimator, frame("pandas")).set_output(transform="default")
    with config_context(transform_output="polars"):
        code = model.transform(frame("pandas"))
        assert isinstance(code, np.ndarray)
        assert isinstance(model.inverse_transform(code), np.ndarray)
        assert isinstance(model.reconstruct(frame("pandas")), np.ndarray)


def test_clones_keep_the_container(Estimator):
    model = clone(fitted(Estimator, X).set_output(transform="pandas")).fit(frame("pandas"))
    assert_array_equal(model.reconstruct(frame("pandas")).index, INDEX)


@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_frames_have_the_dtype_of_arrays(Estimator, dtype, library):
    rows = FRAMES[library](X.astype(dtype))
    model = fitted(Estimator, rows).set_output(transform=library)
    assert model.theta_.dtype == dtype
    code = model.transform(rows)
    for values in (code, model.inverse_transform(code), model.reconstruct(rows)):
        assert np.asarray(values).dtype == dtype


def test_polars_columns_of_several_dtypes_are_float64(Estimator):
    rows = pl.DataFrame(X.astype(np.float32)).with_columns(column_0=pl.Series(X[:, 0]))
    assert fitted(Estimator, rows).theta_.dtype == np.float64


def test_frames_own_their_values(Estimator):
    """What is written into a frame reaches nothing else."""
    rows = frame("pandas")
    model = fitted(Estimator, rows).set_output(transform="pandas")
    once = model.reconstruct(rows)
    once.iloc[:, :] = 0
    assert not np.any(model.reconstruct(rows) == 0)
    assert_array_equal(rows, X)
    assert list(model.feature_names_in_) == NAMES


# ------------------------------------------------------------ where nothing is asked for


@pytest.mark.parametrize("library", FRAMES)
def test_arrays_where_nothing_is_asked_for(Estimator, library):
    rows = frame(library)
    model = fitted(Estimator, rows)
    assert isinstance(model.transform(rows), np.ndarray)
    assert isinstance(model.inverse_transform(model.transform(rows)), np.ndarray)
    assert isinstance(model.reconstruct(rows), np.ndarray)
    assert isinstance(model.score_samples(rows), np.ndarray)


@pytest.mark.parametrize("library", FRAMES)
def test_score_features_is_then_like_its_input(library):
    rows = frame(library)
    model = fitted(AutoencoderOutlierDetector, rows)
    with_names = model.score_features(rows)
    assert_frame(with_names, library, NAMES, fitted(type(model), X).score_features(X), INDEX)
    with pytest.warns(UserWarning, match="valid feature names"):
        assert isinstance(model.score_features(X), np.ndarray)
    row = rows[3:4] if library == "polars" else rows.iloc[3:4]
    assert_allclose(np.asarray(model.score_features(row))[0], np.asarray(with_names)[3])


def test_score_features_keeps_names_that_are_numbers():
    rows = pd.DataFrame(X, index=INDEX)
    found = fitted(AutoencoderOutlierDetector, rows).score_features(rows)
    assert list(found.columns) == list(range(6))
    assert_array_equal(found.index, INDEX)


def test_scores_of_rows_are_always_arrays(Estimator):
    rows = frame("pandas")
    model = fitted(Estimator, rows).set_output(transform="pandas")
    assert isinstance(model.score_samples(rows), np.ndarray)
    if Estimator is AutoencoderOutlierDetector:
        for method in (model.predict, model.decision_function, model.predict_pvalue):
            assert isinstance(method(rows), np.ndarray)


def test_one_ruler_for_frames_and_arrays(Estimator):
    score = reconstruction_score(fitted(Estimator, X), X)
    for library in FRAMES:
        model = fitted(Estimator, frame(library)).set_output(transform=library)
        assert reconstruction_score(model, frame(library)) == pytest.approx(score)


# ------------------------------------------------------------ through a Pipeline


@pytest.mark.slow
@pytest.mark.parametrize("library", FRAMES)
def test_there_and_back_through_a_pipeline(Estimator, library):
    """Two of them, so that one's columns are the other's features."""
    rows = frame(library)
    first, second = Estimator(4, **QUICK), AutoencoderTransformer(2, **QUICK)
    pipeline = Pipeline([("first", first), ("second", second)]).set_output(transform=library)
    code = pipeline.fit_transform(rows)
    back = pipeline.inverse_transform(code)
    plain = make_pipeline(clone(first), clone(second)).set_output(transform="default").fit(X)
    assert_frame(back, library, NAMES, plain.inverse_transform(plain.transform(X)), INDEX)
    middle = pipeline[-1].inverse_transform(code)
    name = Estimator.__name__.lower()
    assert list(middle.columns) == [f"{name}{i}" for i in range(4)]


@pytest.mark.parametrize("library", FRAMES)
def test_the_first_step_says_what_comes_back(library):
    """scikit-learn's own steps return arrays; the rows are the same."""
    rows = frame(library)
    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(2, **QUICK))
    pipeline.set_output(transform=library).fit(rows)
    back = pipeline.inverse_transform(pipeline.transform(rows))
    assert isinstance(back, np.ndarray)
    assert_allclose(
        back,
        pipeline[0].inverse_transform(pipeline[1].reconstruct(pipeline[0].transform(rows))),
    )
    same = FunctionTransformer(feature_names_out="one-to-one", check_inverse=False)
    pipeline = make_pipeline(same, AutoencoderTransformer(2, **QUICK))
    pipeline.set_output(transform=library).fit(rows)
    back = pipeline.inverse_transform(pipeline.transform(rows))
    assert_frame(back, library, NAMES, pipeline[1].reconstruct(rows), INDEX)


# ------------------------------------------------------------ the page of the guide


@pytest.mark.slow
def test_the_page_runs():
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = doctest.testfile("../docs/frames_and_routing.rst", optionflags=flags)
    assert found.attempted > 20
    assert found.failed == 0


# ---------------------------------------------------------------- columns that are not numeric


def tables_with_text():
    plain = {"a": [1.0, 2.0, 3.0], "city": ["Ulm", "Ulm", "Bonn"]}
    array = np.array([[1, "Ulm"], [2, "Ulm"], [3, "Bonn"]], dtype=object)
    return {
        "pandas": (pd.DataFrame(plain), "'city' (such as 'Ulm')"),
        "category": (pd.DataFrame(plain).astype({"city": "category"}), "'city' (such as 'Ulm')"),
        "polars": (pl.DataFrame(plain), "'city' (such as 'Ulm')"),
        "objects": (array, "1 (such as 'Ulm')"),
        "list": (array.tolist(), "1 (such as 'Ulm')"),
        "strings": (array.astype(str), "1 (such as 'Ulm')"),
    }


@pytest.mark.parametrize(("X", "named"), tables_with_text().values(), ids=tables_with_text())
def test_errors_name_columns_that_are_not_numeric(X, named):
    model = AutoencoderTransformer(1, max_iter=1, early_stopping=False)
    other = AutoencoderTransformer(1, max_iter=1, early_stopping=False).fit(np.eye(2))
    for method in (model.fit, model.partial_fit, other.transform):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # X has feature names, but the model none
            with pytest.raises((TypeError, ValueError)) as caught:
                method(X)
        assert f"These columns of X are not numeric: {named}" in str(caught.value)
        assert "OneHotEncoder" in str(caught.value)


DAYS = pd.to_datetime(["2026-01-02", "2026-01-03", "2026-01-05"])
FLOATS = [1.0, 2.0, 4.0]


@pytest.mark.filterwarnings("ignore:np.find_common_type is deprecated")  # older pandas calls it
@pytest.mark.parametrize(
    ("X", "text"),
    [
        (pd.DataFrame({"a": FLOATS, "day": DAYS}), "hold dates: 'day' (such as '2026-01-02"),
        (pd.DataFrame({"day": DAYS}), "hold dates: 'day' (such as '2026-01-02"),
        (pd.DataFrame({"a": FLOATS, "day": DAYS.date}), "hold dates: 'day' (such as '2026-01-02'"),
        (pd.DataFrame({"day": DAYS.to_period("D")}), "hold dates: 'day' (such as '2026-01-02'"),
        (pl.DataFrame({"a": FLOATS, "day": list(DAYS.date)}), "hold dates: 'day'"),
        (np.array(DAYS)[:, None], "hold dates: 0 (such as '2026-01-02"),
        (pd.DataFrame({"a": FLOATS, "age": DAYS - DAYS[0]}), ".dt.total_seconds()"),
        (
            pd.DataFrame({"day": [None, *DAYS.date[1:]], "city": [None, "Ulm", "Bonn"]}),
            "hold dates: 'day' (such as '2026-01-03'). Turn them into numbers, such as the "
            "hour, the month or the days since the event before (in pandas by .dt.hour and the "
            "like), or drop them. These columns of X are not numeric: 'city' (such as 'Ulm').",
        ),
    ],
    ids=str,
)
def test_errors_name_columns_of_dates_and_durations(X, text):
    """NumPy would read some of them as numbers of nanoseconds."""
    with pytest.raises((TypeError, ValueError)) as caught:
        AutoencoderTransformer(1, max_iter=1).fit(X)
    assert text in str(caught.value)


def test_errors_say_how_to_flatten_images():
    with pytest.raises(ValueError, match=r"dim 3.* by X\.reshape\(len\(X\), -1\)\."):
        AutoencoderTransformer().fit(np.ones((5, 8, 8)))


def test_a_row_of_a_frame_is_refused_as_scikit_learn_refuses_it():
    model = AutoencoderTransformer(1, max_iter=0).fit(np.eye(3))
    with pytest.raises(ValueError, match="Expected a 2-dimensional container but got"):
        model.transform(pd.DataFrame(np.eye(3)).iloc[0])


def test_booleans_categories_of_numbers_and_strings_of_numbers_are_numeric():
    X = pd.DataFrame({"a": [True, False, True], "b": pd.Categorical([3, 1, 2]), "c": list("123")})
    model = AutoencoderTransformer(1, max_iter=0).fit(X)
    assert_array_equal(model.mean_, X.astype(float).mean())


def test_other_errors_stay_as_they_are():
    with pytest.raises(ValueError, match="Found array with 0 sample") as caught:
        AutoencoderTransformer().fit(np.empty((0, 3)))
    assert "not numeric" not in str(caught.value)
