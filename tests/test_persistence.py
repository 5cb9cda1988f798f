"""Files: what is saved comes back the same, elsewhere and in later versions."""

import copy
import inspect
from itertools import chain
import os
from pathlib import Path
import pickle
import subprocess
import sys
import warnings

import joblib
import make_fixtures
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
    activations,
    corruptions,
    losses,
    optimizers,
    penalties,
)
from skae._persistence import STAMP

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("skae-*"))
ESTIMATORS = [
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
]
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}
DTYPES = [np.float32, np.float64]


def rows(dtype=np.float64):
    return make_fixtures.rows(60).astype(dtype)


def fitted(Estimator, dtype=np.float64, **more):
    return Estimator(2, **SMALL | more).fit(rows(dtype))


def assert_same(model, other):
    """All outputs bit for bit, and nothing more nor less on the one than on the other."""
    assert vars(model).keys() == vars(other).keys()
    X = rows(model.theta_.dtype)
    expected, found = make_fixtures.outputs(model, X), make_fixtures.outputs(other, X)
    for method, values in expected.items():
        assert values.dtype == found[method].dtype
        assert_array_equal(values, found[method])


# ------------------------------------------------------------ copies and files


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_copies_and_files(Estimator, dtype, tmp_path):
    model = fitted(Estimator, dtype)
    joblib.dump(model, tmp_path / "plain.joblib")
    joblib.dump(model, tmp_path / "compressed.joblib", compress=3)
    others = [
        copy.copy(model),
        copy.deepcopy(model),
        joblib.load(tmp_path / "plain.joblib"),
        joblib.load(tmp_path / "compressed.joblib"),
        *(pickle.loads(pickle.dumps(model, protocol)) for protocol in range(2, 6)),
    ]
    for other in others:
        assert_same(model, other)
        assert all(np.shares_memory(W, other.theta_) for W in other.coefs_)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_arrays_that_stay_in_the_file(Estimator, tmp_path):
    """Read-only ones: nothing writes on a model, nor does training on."""
    model = fitted(Estimator)
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert isinstance(mapped.theta_, np.memmap)
    assert not mapped.theta_.flags.writeable
    assert_same(model, mapped)
    X = rows()
    assert_same(model.partial_fit(X), mapped.partial_fit(X))
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r").set_params(warm_start=True)
    mapped.fit(X)
    assert mapped.transform(X).shape == (60, 2)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_clones_of_loaded_estimators(Estimator):
    model = fitted(Estimator)
    other = clone(pickle.loads(pickle.dumps(model)))
    assert not hasattr(other, "theta_")
    assert str(other.get_params()) == str(model.get_params())
    assert_same(model, other.fit(rows()))


@pytest.mark.slow
def test_another_process(tmp_path):
    """All classes in one process: most of its time goes into starting it."""
    models = {f"{E.__name__}-{i}": fitted(E, d) for E in ESTIMATORS for i, d in enumerate(DTYPES)}
    for name, model in models.items():
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(model))
        joblib.dump(model, tmp_path / f"{name}.joblib")
    code = """
import pickle, sys
from pathlib import Path
import joblib, numpy as np
from make_fixtures import outputs
folder = Path(sys.argv[1])
for path in folder.glob("*.pkl"):
    model = pickle.loads(path.read_bytes())
    X = np.load(folder / "X.npy")
    np.savez(path.with_suffix(".pkl.npz"), **outputs(model, X))
    model = joblib.load(path.with_suffix(".joblib"), mmap_mode="r")
    np.savez(path.with_suffix(".joblib.npz"), **outputs(model, X))
"""
    np.save(tmp_path / "X.npy", rows())
    command = [sys.executable, "-W", "error", "-c", code, tmp_path]
    paths = [Path(__file__).parent, Path(skae.__file__).parents[1]]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    subprocess.run(command, env=environment, check=True)
    for name, model in models.items():
        expected = make_fixtures.outputs(model, rows())
        for kind in ("pkl", "joblib"):
            with np.load(tmp_path / f"{name}.{kind}.npz") as found:
                for method, values in expected.items():
                    assert_array_equal(values, found[method])


# ------------------------------------------------------------ skops


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_skops_needs_one_name(Estimator, dtype):
    skops_io = pytest.importorskip("skops.io")
    model = fitted(Estimator, dtype)
    saved = skops_io.dumps(model)
    (name,) = skops_io.get_untrusted_types(data=saved)
    assert name == f"{Estimator.__module__}.{Estimator.__name__}"
    assert name in skae.SKOPS_TRUSTED_TYPES
    loaded = skops_io.loads(saved, trusted=[name])
    assert_same(model, loaded)
    for attribute, value in vars(model).items():
        assert type(getattr(loaded, attribute)) is type(value)
    with pytest.raises(Exception, match=name):
        skops_io.loads(saved)
    pipeline = make_pipeline(StandardScaler(), model).fit(rows(dtype))
    saved = skops_io.dumps(pipeline)
    assert skops_io.get_untrusted_types(data=saved) == [name]
    loaded = skops_io.loads(saved, trusted=skae.SKOPS_TRUSTED_TYPES)
    assert_array_equal(loaded.transform(rows(dtype)), pipeline.transform(rows(dtype)))


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_skops_and_splits(Estimator):
    """A splitter needs one name more: its own."""
    skops_io = pytest.importorskip("skops.io")
    pairs = [(np.arange(40), np.arange(40, 60))]
    for validation_split in (ShuffleSplit(1, random_state=0), pairs):
        model = fitted(Estimator, validation_split=validation_split)
        saved = skops_io.dumps(model)
        names = set(skops_io.get_untrusted_types(data=saved)) - set(skae.SKOPS_TRUSTED_TYPES)
        needed = {"sklearn.model_selection._split.ShuffleSplit"}
        assert names == (set() if validation_split is pairs else needed)
        trusted = [*skae.SKOPS_TRUSTED_TYPES, *names]
        loaded = skops_io.loads(saved, trusted=trusted)
        assert_same(model, loaded)
        assert_array_equal(loaded.fit(rows()).theta_, model.theta_)


def test_skops_and_training_on():
    skops_io = pytest.importorskip("skops.io")
    X = rows()
    model = DenoisingAutoencoder(2, **SMALL).partial_fit(X)
    loaded = skops_io.loads(skops_io.dumps(model), trusted=skae.SKOPS_TRUSTED_TYPES)
    assert_same(model.partial_fit(X), loaded.partial_fit(X))


def is_base(thing):
    return inspect.isabstract(thing) or thing is corruptions.UserNoise  # made of callables in fit


def test_trusted_types_are_all_classes():
    classes = [getattr(skae, name) for name in skae.__all__]
    classes += [getattr(skae.export, name) for name in skae.export.__all__]
    for module in (activations, corruptions, losses, optimizers, penalties):
        classes += [getattr(module, name) for name in module.__all__]
    classes = [thing for thing in classes if inspect.isclass(thing) and not is_base(thing)]
    classes = [thing for thing in classes if not issubclass(thing, Warning)]
    names = [f"{thing.__module__}.{thing.__name__}" for thing in classes]
    assert sorted(names) == skae.SKOPS_TRUSTED_TYPES


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_instances_of_the_package_travel_with_the_estimator(dtype):
    skops_io = pytest.importorskip("skops.io")
    parts = {
        "activation": activations.Tanh(),
        "loss": losses.Huber(k=0.5),
        "solver": optimizers.Adam(beta_1=0.8),
        "sparsity": penalties.L1(weight=0.1),
        "noise": corruptions.Swap(level=0.2),
    }
    X = rows().astype(dtype)
    model = DenoisingAutoencoder(2, max_iter=3, random_state=0, **parts).fit(X)
    stored = skops_io.loads(skops_io.dumps(model), trusted=skae.SKOPS_TRUSTED_TYPES)
    for loaded in (stored, pickle.loads(pickle.dumps(model))):
        assert loaded.get_params() == model.get_params()
        assert_array_equal(loaded.reconstruct(X), model.reconstruct(X))
        assert_array_equal(loaded.partial_fit(X).theta_, clone_of(model).partial_fit(X).theta_)


def clone_of(model):
    return pickle.loads(pickle.dumps(model))


def test_skops_and_parts():
    skops_io = pytest.importorskip("skops.io")
    model = fitted(DenoisingAutoencoder)
    part = skae.export.Reconstructor(model)
    loaded = skops_io.loads(skops_io.dumps(part), trusted=skae.SKOPS_TRUSTED_TYPES)
    assert_array_equal(loaded.transform(rows()), part.transform(rows()))


def add_noise(X, rng):
    return X + 0.1 * rng.normal(size=X.shape)


def test_noise_of_ones_own_is_a_second_name_to_trust():
    skops_io = pytest.importorskip("skops.io")
    model = fitted(DenoisingAutoencoder, noise=add_noise)
    names = skops_io.get_untrusted_types(data=skops_io.dumps(model))
    assert len(names) == 2
    assert f"{__name__}.add_noise" in names
    assert_same(model, skops_io.loads(skops_io.dumps(model), trusted=names))
    assert_same(model, pickle.loads(pickle.dumps(model)))
    # Once fitted, a model can do without.
    expected = make_fixtures.outputs(model, rows())
    saved = skops_io.dumps(model.set_params(noise=None))
    loaded = skops_io.loads(saved, trusted=skae.SKOPS_TRUSTED_TYPES)
    for method, values in make_fixtures.outputs(loaded, rows()).items():
        assert_array_equal(values, expected[method])


def test_noise_without_a_name_cannot_be_saved():
    model = fitted(DenoisingAutoencoder, noise=lambda X, rng: X)
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(model)


# ------------------------------------------------------------ versions


def loaded(Estimator, state):
    """An estimator as unpickling makes it."""
    model = Estimator.__new__(Estimator)
    model.__setstate__(state)
    return model


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_files_say_which_version_wrote_them(Estimator):
    for model in (Estimator(), fitted(Estimator)):
        state = model.__getstate__()
        assert state[STAMP] == skae.__version__
        assert STAMP not in vars(model)
        other = loaded(Estimator, state)
        assert vars(other).keys() == vars(model).keys()
        assert STAMP in state


def next_patch():
    major_and_minor, _, patch = skae.__version__.rpartition(".")
    return f"{major_and_minor}.{int(patch) + 1}"


@pytest.mark.parametrize("version", ["0.0.9", f"{skae.__version__}.dev3", f"{skae.__version__}rc1"])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_files_of_older_versions_are_taken_in_silence(Estimator, version):
    model = fitted(Estimator)
    assert_same(model, loaded(Estimator, model.__getstate__() | {STAMP: version}))


def test_parameters_that_did_not_exist_yet_get_their_defaults():
    model = fitted(AutoencoderTransformer)
    state = model.__getstate__() | {STAMP: "0.0.9"}
    del state["averaging"], state["max_fun"]
    for version in ("0.0.9", skae.__version__):  # the latter may be under development
        other = loaded(AutoencoderTransformer, state | {STAMP: version})
        assert other.get_params() == model.get_params()
        assert_same(model, other)


@pytest.mark.parametrize("version", [next_patch(), "12.0.0", None])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_files_of_newer_or_unknown_versions_warn(Estimator, version):
    model = fitted(Estimator)
    state = model.__getstate__() | {STAMP: version}
    if version is None:
        del state[STAMP]
    with pytest.warns(InconsistentVersionWarning) as caught:
        other = loaded(Estimator, state)
    assert_same(model, other)
    (message,) = (str(warning.message) for warning in caught)
    for part in (Estimator.__name__, version or "unknown version", f"skae {skae.__version__}"):
        assert part in message


@pytest.mark.parametrize("version", ["0.0.9", "9.0.0", None])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"theta_": None}, "it has no theta_"),
        ({"mean_": None, "scale_": None}, "it has no mean_, scale_"),
        ({"theta_": np.zeros(3)}, r"theta_ has shape \(3,\)"),
        ({"architecture_": {"widths": [4, 2, 4]}}, "architecture_ is not understood"),
        ({"architecture_": ["a list"]}, "architecture_ is not understood"),
    ],
)
def test_files_of_another_layout_are_refused(version, change, reason):
    state = fitted(AutoencoderTransformer).__getstate__()
    state = {k: v for k, v in (state | change).items() if v is not None}
    state[STAMP] = version
    written = version or "of an unknown version"
    with pytest.raises(ValueError, match=reason) as raised:
        loaded(AutoencoderTransformer, state)
    for part in ("AutoencoderTransformer", f"skae {written}", f"skae {skae.__version__}"):
        assert part in str(raised.value)


def test_a_detector_without_a_threshold_is_refused():
    state = fitted(AutoencoderOutlierDetector).__getstate__() | {STAMP: "0.0.9"}
    del state["offset_"]
    with pytest.raises(ValueError, match="it has no offset_"):
        loaded(AutoencoderOutlierDetector, state)


def test_an_unknown_activation_of_a_newer_version_is_refused():
    state = fitted(AutoencoderTransformer).__getstate__() | {STAMP: "9.0.0"}
    state["architecture_"] = state["architecture_"] | {"activations": ["mish"] * 4}
    with pytest.raises(ValueError, match=r"saved by skae 9\.0\.0 .* not understood .*mish"):
        loaded(AutoencoderTransformer, state)


@pytest.mark.parametrize("kind", ["pkl", "skops"])
@pytest.mark.parametrize(
    "path", [*chain(*(folder.glob("*.pkl") for folder in FIXTURES))], ids=lambda path: path.stem
)
def test_files_of_released_versions(path, kind, monkeypatch):
    """Whatever version of scikit-learn wrote them: nothing of it is in them.

    Warnings are errors here, InconsistentVersionWarning among them.
    """
    monkeypatch.setattr(sklearn.base, "__version__", "99.0")
    folder, name = path.parent, path.stem
    if kind == "pkl":
        model = pickle.loads(path.read_bytes())
    else:
        skops_io = pytest.importorskip("skops.io")
        model = skops_io.load(folder / f"{name}.skops", trusted=skae.SKOPS_TRUSTED_TYPES)
    assert type(model) is getattr(skae, name)
    with np.load(folder / "outputs.npz") as expected:
        outputs = make_fixtures.outputs(model, expected["X"])
        assert {f"{name}.{method}" for method in outputs} == {
            key for key in expected.files if key.startswith(name)
        }
        dtype = getattr(model, "theta_", np.empty(0)).dtype
        tolerance = 100 * np.finfo(dtype).eps
        for method, found in outputs.items():
            values = expected[f"{name}.{method}"]
            assert found.dtype == values.dtype
            assert_allclose(found, values, rtol=0, atol=tolerance * np.abs(values).max())
    if name == "AutoencoderImputer":
        return
    X = rows(dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        assert np.isfinite(model.partial_fit(X).theta_).all()


def test_every_version_has_its_files():
    assert f"skae-{skae.__version__}" in [folder.name for folder in FIXTURES]
    for folder in FIXTURES:
        assert sum(path.stat().st_size for path in folder.iterdir()) < 100_000
