"""Time to fit an imputer and to fill the samples it was fitted to, with 30 % of the cells missing.

The tables are made: a curved surface of five dimensions in 30 or 60 features, and noise. Processor
time counts, in one thread of BLAS and OpenMP if the environment says so. The error is the root mean
square over the filled cells of features with a standard deviation of one.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter, process_time
import warnings

from bench_imputation import IMPUTERS
import numpy as np
from sklearn.exceptions import ConvergenceWarning

METHODS = ("skae", "gaussian", "iterative", "forest")
N_DIMENSIONS, SHARE = 5, 0.3


def table(n_rows, n_features, seed=0):
    """Return a complete table, and the same with cells removed."""
    rng = np.random.default_rng(seed)
    t = rng.normal(size=(n_rows, N_DIMENSIONS))
    X = np.tanh(t @ rng.normal(size=(N_DIMENSIONS, n_features)))
    X += 0.3 * rng.normal(size=X.shape)
    X /= X.std(axis=0)
    return X, np.where(rng.random(X.shape) < SHARE, np.nan, X)


def measure(imputer, complete, X):
    """Return the seconds of fit and transform, and the error of the filled cells."""
    start, cpu = perf_counter(), process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        filled = imputer.fit(X).transform(X)
    found = {"cpu_seconds": process_time() - cpu, "seconds": perf_counter() - start}
    return found | {"rmse": float(np.sqrt(np.mean(np.square(filled - complete)[np.isnan(X)])))}


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = ["800x30", "100000x30", "1000x60", "5000x60"]
    parser.add_argument("--tables", nargs="+", default=sizes, help="samples x features of each")
    parser.add_argument("--methods", nargs="+", choices=IMPUTERS, default=METHODS)
    parser.add_argument("--max-rows-forest", type=int, default=800, help="more take hours")
    parser.add_argument("--rounds", type=int, default=3, help="of tables of up to 1000 rows")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    for name in options.methods:  # what is imported in the first fit does not count
        measure(IMPUTERS[name](0), *table(100, 10))
    results = {}
    for size in options.tables:
        n_rows, n_features = map(int, size.split("x"))
        pair, case = table(n_rows, n_features), results.setdefault(size, {})
        for method in options.methods:
            if method == "forest" and n_rows > options.max_rows_forest:
                continue
            n_rounds = options.rounds if n_rows <= 1000 else 1
            rounds = [measure(IMPUTERS[method](0), *pair) for _ in range(n_rounds)]
            case[method] = best = min(rounds, key=lambda found: found["cpu_seconds"])
            text = f"{best['cpu_seconds']:.1f} s, error {best['rmse']:.3f}"
            print(f"{size:10}  {method:10} {text}", flush=True)
    if options.output:
        options.output.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
