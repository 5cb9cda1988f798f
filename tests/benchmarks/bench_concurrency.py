"""Eight fits one after the other, at once in threads, and in joblib's processes.

`--search` also measures GridSearchCV(n_jobs=2) over 8 candidates and 5 folds of digits, with early
stopping, beside half the time of the same 40 fits in a row. "in a row" then is that half.

Each way is gone once a round, in turn, so that a busy machine is busy for all of them. Fits at once
should take no longer than the same fits in a row: one that holds BLAS to one thread keeps its other
thread busy, and whoever comes meanwhile works on one. Processes are started before the clock is.

    python bench_concurrency.py
"""

import argparse
import json
from statistics import median
from time import perf_counter

from joblib import Parallel, delayed
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, KFold

from skae import AutoencoderTransformer

SHAPES = {
    "digits": {"n_components": 16, "max_iter": 10},
    "4,000 x 400": {"n_components": 32, "hidden_layer_sizes": (256,), "max_iter": 2},
}


def rows(name, dtype):
    """Digits, or as many random rows of low rank as the name says."""
    if name == "digits":
        return (load_digits().data / 16).astype(dtype)
    rng = np.random.default_rng(0)
    return (rng.normal(size=(4000, 20)) @ rng.normal(size=(20, 400)) / 4).astype(dtype)


def fit(seed, name, X):
    """Fit one model of eight."""
    AutoencoderTransformer(**SHAPES[name], early_stopping=False, tol=0, random_state=seed).fit(X)


def search(n_rounds):
    """Return the figures of a search with two processes, and of its fits in a row, halved."""
    X, seconds = rows("digits", "float64"), {"in a row": [], "in processes": []}
    grid = {"n_components": [2, 4, 8, 16], "alpha": [0.1, 1.0]}
    searches = {
        way: GridSearchCV(
            AutoencoderTransformer(random_state=0), grid, cv=KFold(5), n_jobs=n_jobs, refit=False
        )
        for way, n_jobs in (("in a row", None), ("in processes", 2))
    }
    Parallel(n_jobs=2)(delayed(fit)(seed, "digits", X) for seed in range(2))  # start processes
    for _ in range(n_rounds):
        for way, estimator in searches.items():
            start = perf_counter()
            estimator.fit(X)
            seconds[way].append(perf_counter() - start)
    found = {way: median(of_way) for way, of_way in seconds.items()}
    found["in a row"] /= 2
    return {"data": "search over 8 candidates", "dtype": "float64", "seconds": found}


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fits", type=int, default=8)
    parser.add_argument("--search", action="store_true", help="measure a grid search too")
    parser.add_argument("--output", help="write the figures to this file, as JSON")
    options = parser.parse_args()
    results = []
    ways = {
        "in a row": Parallel(n_jobs=1),
        "in threads": Parallel(n_jobs=options.fits, prefer="threads"),
        "in processes": Parallel(n_jobs=options.fits),
    }
    print(f"{'data':14} {'dtype':8}" + "".join(f"{way:>14}" for way in ways) + "   seconds")
    for name in SHAPES:
        for dtype in ("float32", "float64"):
            X = rows(name, dtype)
            jobs = [delayed(fit)(seed, name, X) for seed in range(options.fits)]
            found = {way: [] for way in ways}
            for i in range(options.rounds + 1):
                for way, parallel in ways.items():
                    start = perf_counter()
                    parallel(jobs)
                    if i:  # the first round starts the processes
                        found[way].append(perf_counter() - start)
            seconds = {way: median(of_way) for way, of_way in found.items()}
            results.append({"data": name, "dtype": dtype, "seconds": seconds})
            print(f"{name:14} {dtype:8}" + "".join(f"{s:14.2f}" for s in seconds.values()))
    if options.search:
        results.append(search(options.rounds))
        print(results[-1])
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            json.dump(results, file)


if __name__ == "__main__":
    main()
