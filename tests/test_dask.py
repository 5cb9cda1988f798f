"""More than one machine's worth, with the engines themselves: a cluster of two processes."""

import doctest
import os
from pathlib import Path
import re
import subprocess
import sys

import joblib
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")

# One cluster for all of them; starting it takes longer than most files.
pytestmark = [pytest.mark.xdist_group("cluster"), pytest.mark.slow]

ESTIMATORS = [
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
]
QUICK = {
    "hidden_layer_sizes": (8,),
    "max_iter": 3,
    "early_stopping": False,
    "random_state": 0,
}
X = (load_digits().data[:900] / 16).astype(np.float32)
NAMES = [f"pixel{i}" for i in range(64)]
N_COMPONENTS = 3


@pytest.fixture(scope="module")
def client():
    """Two worker processes of one thread each, reached from this machine only."""
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def fitted(Estimator, rows=X, **parameters):
    if Estimator is AutoencoderOutlierDetector:
        parameters = {"criterion": "reconstruction"} | parameters
    return Estimator(N_COMPONENTS, **QUICK | parameters).fit(rows)


def n_processes(lazy):
    """Number of processes that a lazy array's blocks are computed in, and whether here is one."""
    found = set(lazy.map_blocks(process_of_block, dtype=np.int64).compute().ravel().tolist())
    return len(found), os.getpid() in found


def process_of_block(block):
    return np.full_like(block, os.getpid(), dtype=np.int64)


# ------------------------------------------------------------ search


def test_a_search_on_the_cluster(client):
    grid = {"autoencodertransformer__n_components": [1, 4]}
    pipeline = make_pipeline(MinMaxScaler(), AutoencoderTransformer(**QUICK))
    search = GridSearchCV(pipeline, grid, cv=2)
    with joblib.parallel_config("dask"):
        search.fit(X)
    n_tasks = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert sum(n_tasks.values()) >= 4  # two codes, two folds
    expected = clone(search).fit(X)
    assert_allclose(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], rtol=1e-6
    )
    assert search.best_params_ == expected.best_params_
    assert_array_equal(search.best_estimator_[-1].theta_, expected.best_estimator_[-1].theta_)


# ------------------------------------------------------------ training


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_training_block_by_block(client, Estimator):
    """The blocks stay where they are until they are learned from, one at a time."""
    rows = da.from_array(X, chunks=(300, 64))
    model = Estimator(N_COMPONENTS, **QUICK, batch_size=50)
    if Estimator is AutoencoderOutlierDetector:
        model.set_params(criterion="reconstruction")
    expected = clone(model)
    for block in rows.blocks:
        model.partial_fit(block.compute())
    for start in (0, 300, 600):
        expected.partial_fit(X[start : start + 300])
    assert_array_equal(model.theta_, expected.theta_)
    assert model.theta_.dtype == np.float32
    assert model.n_samples_seen_ == len(X)


def test_training_comes_to_what_fit_comes_to(client):
    rows = da.from_array(X, chunks=(300, 64))
    parameters = {"hidden_layer_sizes": (64,), "learning_rate_init": 1e-2, "random_state": 0}
    model = AutoencoderTransformer(8, batch_size=50, **parameters)
    for _ in range(6):
        for block in rows.blocks:
            model.partial_fit(block.compute())
    whole = AutoencoderTransformer(8, max_iter=6, early_stopping=False, **parameters).fit(X)
    assert model.score(X) > 0.98 * whole.score(X)
    assert model.score(X) > AutoencoderTransformer(8, max_iter=0).fit(X).score(X) + 0.02


# ------------------------------------------------------------ scoring


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_arrays_block_by_block(client, Estimator):
    model = fitted(Estimator)
    rows = da.from_array(X, chunks=(250, 64))
    chunks = (rows.chunks[0], (N_COMPONENTS,))
    scores = model.score_samples(X)
    lazy = {
        "transform": rows.map_blocks(model.transform, dtype=X.dtype, chunks=chunks),
        "reconstruct": rows.map_blocks(model.reconstruct, dtype=X.dtype),
        "score_samples": rows.map_blocks(model.score_samples, dtype=scores.dtype, drop_axis=1),
    }
    lazy["inverse_transform"] = lazy["transform"].map_blocks(
        model.inverse_transform, dtype=X.dtype, chunks=rows.chunks
    )
    expected = {name: getattr(model, name)(X) for name in lazy if name != "inverse_transform"}
    expected["inverse_transform"] = expected["reconstruct"]
    for name, array in lazy.items():
        assert isinstance(array, da.Array)
        assert array.shape == expected[name].shape
        assert array.dtype == expected[name].dtype
        found = array.compute()
        assert found.dtype == array.dtype
        assert_allclose(found, expected[name], rtol=1e-4, atol=1e-5)
    assert float(lazy["score_samples"].mean().compute()) == pytest.approx(scores.mean(), rel=1e-5)


def test_the_cluster_does_the_work(client):
    model = fitted(AutoencoderTransformer)
    rows = da.from_array(X, chunks=(50, 64))
    before = sum(client.run(lambda dask_worker: dask_worker.state.executed_count).values())
    rows.map_blocks(model.reconstruct, dtype=X.dtype).sum().compute()
    after = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert sum(after.values()) >= before + 18  # a task a block at least
    assert min(after.values()) > 0
    assert n_processes(rows) == (2, False)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_frames_partition_by_partition(client, Estimator):
    frame = pd.DataFrame(X, columns=NAMES, index=pd.Index(np.arange(len(X)) * 10, name="key"))
    model = fitted(Estimator, frame).set_output(transform="pandas")
    rows = dd.from_pandas(frame, npartitions=4)
    lazy = {
        "transform": rows.map_partitions(model.transform),
        "reconstruct": rows.map_partitions(model.reconstruct),
    }
    if Estimator is AutoencoderOutlierDetector:
        lazy["score_features"] = rows.map_partitions(model.score_features)
    for name, partitions in lazy.items():
        assert isinstance(partitions, dd.DataFrame)
        found, expected = partitions.compute(), getattr(model, name)(frame)
        assert list(partitions.columns) == list(expected.columns)
        pd.testing.assert_frame_equal(found, expected, rtol=1e-4, atol=1e-5)

    def score(part):
        return pd.Series(model.score_samples(part), part.index, name="score")

    scores = rows.map_partitions(score)
    assert isinstance(scores, dd.Series)
    expected = score(frame)
    pd.testing.assert_series_equal(scores.compute(), expected, rtol=1e-4, atol=1e-5)


def test_outliers_of_a_lazy_array(client):
    model = AutoencoderOutlierDetector(N_COMPONENTS, **QUICK).fit(X[:200])
    rows = da.from_array(X, chunks=(300, 64))
    labels = rows.map_blocks(model.predict, dtype=int, drop_axis=1)
    assert_array_equal(labels.compute(), model.predict(X))


# ------------------------------------------------------------ what happens without the recipe


def test_lazy_arrays_passed_as_they_are_are_computed(client):
    """As by scikit-learn's own estimators: the result is right, and an ordinary array."""
    rows = da.from_array(X, chunks=(300, 64))
    model = fitted(AutoencoderTransformer)
    found = model.transform(rows)
    assert isinstance(found, np.ndarray)
    assert_array_equal(found, model.transform(X))
    assert_array_equal(fitted(AutoencoderTransformer, rows).theta_, model.theta_)


def test_columns_in_several_blocks_are_refused(client):
    model = fitted(AutoencoderTransformer)
    rows = da.from_array(X, chunks=(300, 32))
    with pytest.raises(ValueError, match="expecting 64 features"):
        rows.map_blocks(model.reconstruct, dtype=X.dtype).compute()
    whole = rows.rechunk({1: -1})
    found = whole.map_blocks(model.reconstruct, dtype=X.dtype).compute()
    assert_allclose(found, model.reconstruct(X), rtol=1e-4, atol=1e-5)


def test_dask_is_not_imported_before_it_is_asked_for():
    code = """if True:
        import sys
        import numpy as np
        import sklearn.pipeline
        optional = {"dask", "distributed", "pandas", "polars"} - set(sys.modules)
        import skae
        model = skae.AutoencoderOutlierDetector(max_iter=1).fit(np.eye(5)[[0, 1, 2, 3, 4] * 6])
        model.score_features(np.eye(5))
        assert {"dask", "distributed"} <= optional
        assert not optional & set(sys.modules)
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


# ------------------------------------------------------------ the page of the guide


def test_the_page_runs(client):
    """On the cluster that there is, so without what starts and ends one."""
    page = Path(__file__).parents[1] / "docs" / "scaling_out.rst"
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    test = parser.get_doctest(page.read_text("utf-8"), {}, page.stem, str(page), 0)
    is_of_cluster = re.compile(r"from distributed|(cluster|client)(\.close\(\)| = )").match
    test.examples = [one for one in test.examples if not is_of_cluster(one.source)]
    found = runner.run(test)
    assert found.attempted > 20
    assert found.failed == 0
