"""Warnings of shifted samples: how often by mistake, and how often after a change of units.

Rows are shuffled; half of them, 800 at most, train a detector of few epochs, and up to 1800 of the
others are predicted. Predicted are blocks of 100 rows and all rows together, where a warning is a
mistake, and all rows after one column at random was multiplied by a factor.

    python bench_shift.py --data FOLDER [FOLDER ...]      # of NAME.npz with X
    python bench_shift.py --data FOLDER --columns 5 --output found.json
"""

import argparse
import json
from pathlib import Path
import warnings

import numpy as np

from skae import AutoencoderOutlierDetector, ShiftedSamplesWarning

MAX_TRAINING_ROWS, MAX_NEW_ROWS, MIN_ROWS, BLOCK_ROWS = 800, 1800, 250, 100
FACTORS = (1000, 100, 10, 2.54, 0.1, 0.001)


def warns(detector, X):
    """Return whether predicting X warns of a shift."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        detector.predict(X)
    return any(issubclass(warning.category, ShiftedSamplesWarning) for warning in found)


def measure(X, n_columns, seed):
    """Return the numbers of warnings and of predictions: of like samples, and for each factor."""
    rng = np.random.default_rng(seed)
    X = rng.permutation(X)
    n_training = min(len(X) // 2, MAX_TRAINING_ROWS)
    training, new = X[:n_training], X[n_training:][:MAX_NEW_ROWS]
    detector = AutoencoderOutlierDetector(max_iter=3, early_stopping=False, random_state=seed)
    detector.fit(training)
    blocks = [new[i : i + BLOCK_ROWS] for i in range(0, len(new) - BLOCK_ROWS + 1, BLOCK_ROWS)]
    like = [warns(detector, block) for block in (*blocks, new)]
    low, high = np.quantile(training, [0.05, 0.95], axis=0)
    columns = rng.permutation(np.flatnonzero(high > low))[:n_columns]
    found = {"like": (sum(like), len(like))}
    for factor in FACTORS:
        n_found = 0
        for j in columns:
            moved = new.copy()
            moved[:, j] *= factor
            n_found += warns(detector, moved)
        found[str(factor)] = (n_found, len(columns))
    return found


def main():
    """Parse the arguments, run, print a table and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of NAME.npz")
    parser.add_argument("--columns", type=int, default=3, help="columns to change of each set (3)")
    parser.add_argument("--max-features", type=int, default=60, help="of a data set (60)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    results, names = [], ["like", *map(str, FACTORS)]
    print(f"{'':20}" + "".join(f"{name:>10}" for name in names))
    for path in sorted(path for folder in arguments.data for path in folder.glob("*.npz")):
        with np.load(path) as data:
            X = data["X"].astype(np.float64) if "X" in data else np.empty((0, 0))
        if len(X) < MIN_ROWS or X.shape[1] > arguments.max_features:
            continue
        found = measure(X, arguments.columns, arguments.seed)
        results.append({"data": path.stem} | found)
        cells = (f"{found[name][0]:>6} /{found[name][1]:>2}" for name in names)
        print(f"{path.stem:20}" + "".join(cells), flush=True)
        if arguments.output:
            arguments.output.write_text(json.dumps(results, indent=1), encoding="utf-8")
    totals = {name: np.sum([result[name] for result in results], axis=0) for name in names}
    print("all: " + ", ".join(f"{name} {n} of {of}" for name, (n, of) in totals.items()))


if __name__ == "__main__":
    main()
