"""RMSE of filled cells on unseen rows: AutoencoderImputer against the imputers of scikit-learn.

Cells of complete tables are removed by one of three mechanisms: completely at random ("mcar"), with
a probability that depends on another column that stays complete ("mar"), or on the rank of the cell
itself in its column ("mnar"). Columns are standardised by the complete training rows. Each imputer
is fitted to incomplete training rows and fills incomplete test rows; the error counts removed
cells of the test rows only.

scikit-learn's own sets and a few generated ones are always there. `--data` takes folders of .npz
files with X, or X_train. Sorted by name, every second set is for choosing and the others are for
confirming: see `--half`. Results in `--output` are not computed again.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter, process_time
import warnings

import numpy as np
from sklearn import datasets
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # makes it importable
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

import skae

OWN = ("linnerud", "iris", "wine", "diabetes", "breast_cancer", "digits")
BASELINE = "iterative"
MIN_DISTINCT_VALUES = 2


def forest(seed):
    """Return scikit-learn's stand-in for missForest."""
    trees = ExtraTreesRegressor(50, min_samples_leaf=2, random_state=seed)
    return IterativeImputer(trees, max_iter=4, random_state=seed)


IMPUTERS = {
    "mean": lambda seed: SimpleImputer(),
    "knn": lambda seed: KNNImputer(),
    BASELINE: lambda seed: IterativeImputer(random_state=seed),
    "forest": forest,
    "gaussian": lambda seed: skae.AutoencoderImputer(
        mixture_sizes=(), max_iter=0, random_state=seed
    ),
    "skae": lambda seed: skae.AutoencoderImputer(random_state=seed),
}


def own_rows(name):
    """Return the rows of one of scikit-learn's sets."""
    return getattr(datasets, f"load_{name}")().data


def generated_rows(name):
    """Return rows of a curve, of clusters, or of a low-rank Gaussian with noise."""
    rng = np.random.default_rng(0)
    if name == "curve":
        t = rng.uniform(-2, 2, size=(1200, 2))
        features = [f(t @ rng.normal(size=2)) for f in (np.sin, np.cos, np.tanh) for _ in range(4)]
        return np.stack(features, axis=1) + 0.1 * rng.normal(size=(1200, 12))
    if name == "clusters":
        X, _ = datasets.make_blobs(1200, 10, centers=6, cluster_std=2.0, random_state=0)
        return X
    code = rng.normal(size=(1200, 4))
    return code @ rng.normal(size=(4, 20)) + 0.5 * rng.normal(size=(1200, 20))


def stored_rows(path):
    """Return the rows of a file."""
    with np.load(path) as archive:
        return archive["X" if "X" in archive else "X_train"]


def sources(options):
    """Yield name and rows of each data set of the chosen half."""
    found = [(name, own_rows, name) for name in OWN]
    found += [(name, generated_rows, name) for name in ("clusters", "curve", "low_rank")]
    for folder in options.data:
        paths = sorted(folder.glob("*.npz"))
        found += [(f"{folder.name}/{path.stem}", stored_rows, path) for path in paths]
    start, step = {"choose": (0, 2), "confirm": (1, 2), "all": (0, 1)}[options.half]
    for name, load, source in found[start::step]:
        if options.datasets and not {name, name.split("/")[-1]} & set(options.datasets):
            continue
        X = np.asarray(load(source), np.float64)
        if X.shape[1] <= options.max_columns:
            yield name, X


def split(X, max_train, max_test, seed):
    """Return training and test rows, both standardised by the former; drop constant columns."""
    order = np.random.default_rng(seed).permutation(len(X))
    n_train = min(max_train, int(0.7 * len(X)))
    train, test = X[order[:n_train]], X[order[n_train : n_train + max_test]]
    varies = [len(np.unique(column)) >= MIN_DISTINCT_VALUES for column in train.T]
    train, test = train[:, varies], test[:, varies]
    mean, scale = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / scale, (test - mean) / scale


def ranks(columns):
    """Return the rank of each value in its column, from 0 to 1; ties are broken by the order."""
    return (np.argsort(np.argsort(columns, axis=0), axis=0) + 0.5) / len(columns)


def missing_cells(X, mechanism, rate, rng):
    """Return a boolean array of the cells to remove; no column is left with fewer than two."""
    draws = rng.random(X.shape)
    if mechanism == "mcar":
        missing = draws < rate
    elif mechanism == "mnar":
        missing = draws < 2 * rate * ranks(X) if rate <= 0.5 else draws < rate
    else:
        n_complete = max(X.shape[1] // 2, 1)
        order = np.random.default_rng(0).permutation(X.shape[1])
        complete, others = order[:n_complete], order[n_complete:]
        causes = complete[np.arange(len(others)) % n_complete]
        missing = np.zeros(X.shape, bool)
        missing[:, others] = draws[:, others] < 2 * rate * ranks(X)[:, causes]
    for column in np.flatnonzero((~missing).sum(axis=0) < MIN_DISTINCT_VALUES):
        missing[:MIN_DISTINCT_VALUES, column] = False
    return missing


def measure(imputer, train, test, truth, missing):
    """Return the error of the filled cells, and the seconds of fitting and filling."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start, cpu = perf_counter(), process_time()
        filled = imputer.fit(train).transform(test)
        seconds, cpu_seconds = perf_counter() - start, process_time() - cpu
    error = np.sqrt(np.square(filled - truth)[missing].mean())
    return {"rmse": float(error), "seconds": seconds, "cpu_seconds": cpu_seconds}


def run_cases(options, results):
    """Measure all imputers that `results` lacks; add to `results` and yield after each case."""
    for name, X in sources(options):
        for seed in range(options.splits):
            train, test = split(X, options.max_train, options.max_test, seed)
            for mechanism in options.mechanisms:
                for rate in options.rates:
                    key = f"{name}|{mechanism}|{rate:g}|{options.max_train}|{seed}"
                    case = results.setdefault(key, {"n": len(train), "d": train.shape[1]})
                    rng = np.random.default_rng([seed, 1])
                    gaps = [missing_cells(rows, mechanism, rate, rng) for rows in (train, test)]
                    rows = [np.where(m, np.nan, r) for m, r in zip(gaps, (train, test))]
                    todo = [m for m in options.methods if m not in case or m in options.again]
                    for method in todo if gaps[1].any() else ():
                        case[method] = measure(IMPUTERS[method](seed), *rows, test, gaps[1])
                    yield key, case


def summary(results, options):
    """Return lines: of each mechanism and rate, the geometric mean and the share of wins."""
    lines = []
    for mechanism in options.mechanisms:
        for rate in options.rates:
            chosen = [
                case
                for key, case in results.items()
                if key.split("|")[1:4] == [mechanism, f"{rate:g}", str(options.max_train)]
                and BASELINE in case
            ]
            for method in options.methods:
                pairs = [(c[method]["rmse"], c) for c in chosen if method in c]
                if not pairs:
                    continue
                ratios = np.array([e / c[BASELINE]["rmse"] for e, c in pairs])
                text = f"{mechanism:5}{rate:5.0%} {method:10} {len(pairs):4} sets"
                text += f"  {np.exp(np.log(ratios).mean()):.3f} of {BASELINE}'s error"
                text += f", ahead on {np.mean(ratios < 1):4.0%}"
                for peer in ("forest", "gaussian"):
                    both = [(e, c[peer]["rmse"]) for e, c in pairs if peer in c and peer != method]
                    if both:
                        ratio = np.array([e / p for e, p in both])
                        text += f"; of {peer} {np.mean(ratio < 1):4.0%}, worst {ratio.max():.3f}"
                text += f"; {np.median([c[method]['seconds'] for _, c in pairs]):.2f} s"
                lines.append(text)
    return lines


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", type=Path, default=[], help="folders of .npz files")
    parser.add_argument("--half", choices=["choose", "confirm", "all"], default="all")
    parser.add_argument("--datasets", nargs="+", metavar="NAME", help="only these data sets")
    parser.add_argument("--methods", nargs="+", choices=IMPUTERS, default=list(IMPUTERS))
    parser.add_argument("--again", nargs="+", default=[], help="methods to measure once more")
    parser.add_argument("--mechanisms", nargs="+", default=["mcar", "mar", "mnar"])
    parser.add_argument("--rates", nargs="+", type=float, default=[0.1, 0.3, 0.5])
    parser.add_argument("--splits", type=int, default=1, help="of each set (default: 1)")
    parser.add_argument("--max-train", type=int, default=500, help="training rows (default: 500)")
    parser.add_argument("--max-test", type=int, default=400, help="test rows (default: 400)")
    parser.add_argument("--max-columns", type=int, default=40, help="wider sets are left out")
    parser.add_argument("--output", type=Path, help="JSON file to read and to write")
    options = parser.parse_args()
    results = {}
    if options.output and options.output.is_file():
        results = json.loads(options.output.read_text())
    for key, case in run_cases(options, results):
        errors = [f"{m} {case[m]['rmse']:.3f}" for m in options.methods if m in case]
        print(f"{key:50} {case['n']:5} x {case['d']:3}  ", "  ".join(errors), flush=True)
        if options.output:
            options.output.write_text(json.dumps(results, indent=1))
    print("\n".join(summary(results, options)))


if __name__ == "__main__":
    main()
