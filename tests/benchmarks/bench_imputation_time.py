"""Time to fit an imputer and to fill the samples it was fitted to, with 30 % of the cells missing.

The tables are made: a curved surface of five dimensions in 30 features, and noise. Processor time
counts, in one thread of BLAS and OpenMP if the environment says so.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter, process_time
import warnings

from bench_imputation import IMPUTERS
import numpy as np
from sklearn.exceptions import ConvergenceWarning

METHODS = ("skae", "iterative", "forest")
N_FEATURES, N_DIMENSIONS, SHARE = 30, 5, 0.3


def table(n_rows, seed=0):
    """Return an incomplete table."""
    rng = np.random.default_rng(seed)
    t = rng.normal(size=(n_rows, N_DIMENSIONS))
    X = np.tanh(t @ rng.normal(size=(N_DIMENSIONS, N_FEATURES)))
    X += 0.3 * rng.normal(size=X.shape)
    return np.where(rng.random(X.shape) < SHARE, np.nan, X)


def measure(imputer, X):
    """Return the seconds of fit and transform."""
    start, cpu = perf_counter(), process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        imputer.fit(X).transform(X)
    return {"cpu_seconds": process_time() - cpu, "seconds": perf_counter() - start}


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[800, 100_000])
    parser.add_argument("--methods", nargs="+", choices=IMPUTERS, default=METHODS)
    parser.add_argument("--max-rows-forest", type=int, default=1000, help="more take hours")
    parser.add_argument("--rounds", type=int, default=3, help="of tables of up to 1000 rows")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    for name in options.methods:  # what is imported in the first fit does not count
        measure(IMPUTERS[name](0), table(100))
    results = {}
    for n_rows in options.rows:
        X, case = table(n_rows), results.setdefault(str(n_rows), {})
        for method in options.methods:
            if method == "forest" and n_rows > options.max_rows_forest:
                continue
            n_rounds = options.rounds if n_rows <= options.max_rows_forest else 1
            rounds = [measure(IMPUTERS[method](0), X) for _ in range(n_rounds)]
            case[method] = min(rounds, key=lambda found: found["cpu_seconds"])
            print(f"{n_rows:7}  {method:10} {case[method]['cpu_seconds']:.1f} s", flush=True)
    if options.output:
        options.output.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
