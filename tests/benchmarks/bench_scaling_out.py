"""Search, training and scoring in one process, in two, and on a dask cluster of two workers.

Rows lie near a curved surface, float32; for training and scoring they are in files of a block
each, which are read anew every time. The least of several runs counts, of the time that passes
and of the time that all processes compute. The latter says what an engine costs on a machine
that is busy otherwise.
"""

import argparse
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import joblib
import numpy as np
import psutil
from sklearn.model_selection import GridSearchCV

from skae import AutoencoderTransformer

N_FEATURES = 64


def make_rows(n_rows, rng):
    """Rows near a curved surface of eight dimensions."""
    code = rng.normal(size=(n_rows, 8))
    weights = np.random.default_rng(0).normal(size=(2, 8, N_FEATURES))
    rows = code @ weights[0] + np.sin(2 * code) @ weights[1]
    return (rows + 0.1 * rng.normal(size=rows.shape)).astype(np.float32)


def seconds(call, n_runs):
    """The least of several runs: of the time that passes, and of that spent by all processes."""
    passed, spent = [], []
    for _ in range(n_runs):
        start, before = time.perf_counter(), processor_time()
        call()
        passed.append(time.perf_counter() - start)
        spent.append(processor_time() - before)
    return min(passed), min(spent)


def processor_time():
    """Seconds computed so far by this process and those below it."""
    this = psutil.Process()
    times = [process.cpu_times() for process in [this, *this.children(recursive=True)]]
    return sum(each.user + each.system for each in times)


def measure_search(n_runs):
    """Yield (what, seconds): eight candidates, three folds, 20 epochs each, 2000 rows."""
    X = make_rows(2000, np.random.default_rng(1))
    model = AutoencoderTransformer(max_iter=20, early_stopping=False, random_state=0)
    grid = {"n_components": [2, 4, 6, 8], "alpha": [0.1, 1.0]}

    def search(n_jobs=None):
        GridSearchCV(model, grid, cv=3, n_jobs=n_jobs).fit(X)

    def search_on_cluster():
        with joblib.parallel_config("dask"):
            search()

    yield "search, one process", seconds(search, n_runs)
    yield "search, n_jobs=2", seconds(lambda: search(2), n_runs)
    yield "search, dask", seconds(search_on_cluster, n_runs)


def measure_training(rows, in_memory, n_runs):
    """Yield (what, seconds): one pass of each kind over all rows."""
    parameters = {"early_stopping": False, "random_state": 0}

    def fit():
        AutoencoderTransformer(8, max_iter=1, **parameters).fit(in_memory)

    def fit_block_by_block():
        model = AutoencoderTransformer(8, **parameters)
        for block in rows.blocks:
            model.partial_fit(block.compute())

    yield "training, fit, a pass", seconds(fit, n_runs)
    yield "training, partial_fit over dask blocks, a pass", seconds(fit_block_by_block, n_runs)


def measure_scoring(rows, in_memory, n_runs):
    """Yield (what, seconds): the mean of `score_samples` over all rows."""
    model = AutoencoderTransformer(8, max_iter=1, early_stopping=False, random_state=0)
    model.fit(in_memory[:5000])
    scores = rows.map_blocks(model.score_samples, dtype=np.float32, drop_axis=1).mean()
    yield (
        "scoring, one process, in memory",
        seconds(lambda: model.score_samples(in_memory).mean(), n_runs),
    )
    yield (
        "scoring, dask, one thread",
        seconds(lambda: scores.compute(scheduler="single-threaded"), n_runs),
    )
    yield (
        "scoring, dask, two threads",
        seconds(lambda: scores.compute(scheduler="threads", num_workers=2), n_runs),
    )
    yield "scoring, dask, cluster", seconds(scores.compute, n_runs)


def main():
    """Print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=400_000, help="default: %(default)s")
    parser.add_argument("--block", type=int, default=20_000, help="default: %(default)s")
    parser.add_argument("--runs", type=int, default=3, help="default: %(default)s")
    parser.add_argument(
        "--what",
        nargs="+",
        choices=["search", "training", "scoring"],
        default=["search", "training", "scoring"],
    )
    parser.add_argument("--json", type=Path, default=Path("bench_scaling_out.json"))
    arguments = parser.parse_args()
    import dask
    import dask.array as da
    from distributed import Client, LocalCluster

    start = time.perf_counter()
    with (
        TemporaryDirectory() as folder,
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster),
    ):
        print(f"{time.perf_counter() - start:.1f} s to start the cluster")
        results = {}
        if "search" in arguments.what:
            for what, (passed, spent) in measure_search(arguments.runs):
                results[what] = {"seconds": passed, "computed": spent}
        in_memory = make_rows(arguments.rows, np.random.default_rng(2))
        with dask.config.set(scheduler="threads"):
            da.to_npy_stack(folder, da.from_array(in_memory, chunks=(arguments.block, N_FEATURES)))
        rows = da.from_npy_stack(folder)
        for name, measure in (("training", measure_training), ("scoring", measure_scoring)):
            if name in arguments.what:
                for what, (passed, spent) in measure(rows, in_memory, arguments.runs):
                    results[what] = {"seconds": passed, "computed": spent}
                    results[what]["rows per second"] = arguments.rows / passed
    print(f"{os.cpu_count()} cores; {arguments.rows} rows of {N_FEATURES} columns, float32")
    for what, found in results.items():
        speed = f"{found['rows per second']:12,.0f} rows/s" if len(found) > 2 else ""
        print(f"{what:48} {found['seconds']:7.2f} s {found['computed']:7.2f} s computed {speed}")
    arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
