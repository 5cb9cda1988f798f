"""Eight fits one after the other, at once in threads, and in joblib's processes.

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


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fits", type=int, default=8)
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
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            json.dump(results, file)


if __name__ == "__main__":
    main()
