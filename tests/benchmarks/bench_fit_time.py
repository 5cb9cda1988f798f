"""CPU time of `fit` against gain over PCA on unseen rows, on many tables.

Three estimators are fitted to the same 80 % of the rows, in turn: AutoencoderTransformer with its
defaults, the same class of an earlier version if `--earlier` names a folder that holds a package
`skae`, and scikit-learn's MLPRegressor(early_stopping=True) trained to reproduce its input, with
the same widths. Each runs in a process of its own with one thread. The gain is
100 (1 - error / PCA's error) on the other rows, in percent. Columns are standardised by the
training rows. A case is a table at one number of components.

scikit-learn's own tables are always there. `--data` takes folders of .npz files with X and y, of
which the rows with y = 0 are used, or with X_train. `--half` takes every other table, so that a
choice made on one half can be confirmed on the other.

    python bench_fit_time.py --data FOLDER --earlier ../../../skae-0.3 --output fit_time.json
"""

import argparse
import json
import os
from pathlib import Path
import subprocess
import sys
from time import process_time
import warnings

import numpy as np
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

OWN = ("linnerud", "iris", "wine", "diabetes", "breast_cancer", "digits")
LEAST_ERROR = 1e-10  # of the variance: less is rounding
HIDDEN = (128, 128)  # widths of the hidden layers by default
MAX_LOSS = 1.0  # percent

# ---------------------------------------------------------------- tables


def rows_of(path):
    """Return the rows of an archive."""
    with np.load(path) as archive:
        if "X_train" in archive:
            return archive["X_train"].astype(float)
        return archive["X"][archive["y"] == 0].astype(float)


def tables(options):
    """Yield the name of each table and a function that loads its rows."""
    found = [(name, lambda name=name: getattr(datasets, f"load_{name}")().data) for name in OWN]
    for folder in options.data:
        for path in sorted(folder.glob("*.npz")):
            found.append((f"{folder.name}/{path.stem}", lambda path=path: rows_of(path)))
    first = {None: 0, "choose": 0, "confirm": 1}[options.half]
    for name, load in found[first :: 1 if options.half is None else 2]:
        if not options.tables or {name, name.split("/")[-1]} & set(options.tables):
            yield name, load


def split_rows(load, seed, max_rows):
    """Return standardised training rows and unseen rows."""
    X = load()
    if len(X) > max_rows:
        X = X[np.random.default_rng(0).choice(len(X), max_rows, replace=False)]
    X, X_unseen = train_test_split(X, test_size=0.2, random_state=seed)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(X_unseen)


# ---------------------------------------------------------------- fits


def restored_by_autoencoder(X, X_unseen, n_components, seed):
    """Return unseen rows as AutoencoderTransformer restores them, the CPU time, and the epochs."""
    from skae import AutoencoderTransformer

    start = process_time()
    model = AutoencoderTransformer(n_components, random_state=seed).fit(X)
    seconds = process_time() - start
    return model.inverse_transform(model.transform(X_unseen)), seconds, model.n_iter_


def restored_by_regressor(X, X_unseen, n_components, seed):
    """Return the same for MLPRegressor."""
    options = {"hidden_layer_sizes": (*HIDDEN, n_components, *HIDDEN), "early_stopping": True}
    start = process_time()
    model = MLPRegressor(**options, random_state=seed).fit(X, X)
    seconds = process_time() - start
    return model.predict(X_unseen).reshape(X_unseen.shape), seconds, model.n_iter_


def serve():
    """Fit what the lines of the standard input ask for, and print the results."""
    warnings.simplefilter("ignore")
    restored = {"mlp": restored_by_regressor}.get(sys.argv[2], restored_by_autoencoder)
    for line in sys.stdin:
        path, n_components, seed = json.loads(line)
        with np.load(path) as archive:
            X, X_unseen = archive["X"], archive["X_unseen"]
        output, seconds, n_epochs = restored(X, X_unseen, n_components, seed)
        error = float(np.square(output - X_unseen).mean())
        print(json.dumps({"error": error, "seconds": seconds, "epochs": n_epochs}), flush=True)


class Fitter:
    """A process that fits one estimator with one thread."""

    def __init__(self, name, package=None):
        threads = dict.fromkeys(["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"], "1")
        environment = os.environ | threads
        if package is not None:
            environment["PYTHONPATH"] = str(package.resolve())
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def __call__(self, *job):
        """Return the result of a job as a dict."""
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def compare(fitters, X, X_unseen, case):
    """Return a result of each fitter and PCA's error; every other case begins with the last one."""
    path = case.pop("path")
    np.savez(path, X=X, X_unseen=X_unseen)
    n_components, seed = case["n_components"], case["seed"]
    pca = PCA(n_components, random_state=seed).fit(X)
    restored = pca.inverse_transform(pca.transform(X_unseen))
    least = LEAST_ERROR * float(X_unseen.var())
    pca_error = max(float(np.square(restored - X_unseen).mean()), least)
    names = list(fitters)[:: 1 if case["number"] % 2 else -1]
    results = {name: fitters[name](str(path), n_components, seed) for name in names}
    for result in results.values():
        result["gain"] = 100 * (1 - max(result["error"], least) / pca_error)
    return case | {"pca_error": pca_error} | {name: results[name] for name in fitters}


def run_cases(options, fitters, path):
    """Yield the results of each case, and print a line of it."""
    number = 0
    for name, load in tables(options):
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            X, X_unseen = split_rows(load, seed, options.max_rows)
            for n_components in options.components:
                if n_components >= min(X.shape):
                    continue
                number += 1
                case = {"table": name, "n_rows": len(X), "n_features": X.shape[1]}
                case |= {"n_components": n_components, "seed": seed, "number": number}
                case = compare(fitters, X, X_unseen, case | {"path": path})
                cells = "".join(cell(case[fitter]) for fitter in fitters)
                print(f"{name[-32:]:33}{len(X):6}{X.shape[1]:5}{n_components:4}{cells}", flush=True)
                yield case


def cell(result):
    """Return the part of a line that shows one result."""
    return f"  {result['gain']:7.1f}{result['seconds']:7.2f}{result['epochs']:5}"


# ---------------------------------------------------------------- summary


def summarize(cases, name):
    """Return what the cases say of one estimator."""
    gains = np.array([case[name]["gain"] for case in cases])
    seconds = np.array([case[name]["seconds"] for case in cases])
    return {
        "cases": len(cases),
        "total_seconds": float(seconds.sum()),
        "median_seconds": float(np.median(seconds)),
        # Beside another estimator, a gain far below zero would decide a plain mean alone.
        "mean_gain": float(np.maximum(gains, -100).mean()),
        "median_gain": float(np.median(gains)),
        "worst_gain": float(gains.min()),
        "losses": float(np.mean(gains < -MAX_LOSS)),
    }


def print_summary(cases, names):
    """Print a line for each estimator, and the ratios of their times."""
    print(f"\n{'':10}{'cases':>6}{'total s':>9}{'median s':>10}{'mean gain':>11}", end="")
    print(f"{'median':>8}{'worst':>9}{'below -1 %':>12}")
    for name in names:
        found = summarize(cases, name)
        print(f"{name:10}{found['cases']:6}{found['total_seconds']:9.1f}", end="")
        print(f"{found['median_seconds']:10.2f}{found['mean_gain']:11.2f}", end="")
        print(f"{found['median_gain']:8.1f}{found['worst_gain']:9.1f}{found['losses']:12.1%}")
    for name in names[1:]:
        ratios = [case["now"]["seconds"] / case[name]["seconds"] for case in cases]
        print(f"time of now / time of {name}, median of the cases: {np.median(ratios):.2f}")


def parse():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="folders of .npz files")
    parser.add_argument("--earlier", type=Path, help="folder of an earlier version of skae")
    parser.add_argument("--no-mlp", action="store_true", help="leave MLPRegressor out")
    parser.add_argument("--half", choices=["choose", "confirm"], help="every other table")
    parser.add_argument("--tables", nargs="+", metavar="NAME", help="only these tables")
    parser.add_argument("--components", nargs="+", type=int, default=[2, 8, 16])
    parser.add_argument("--seeds", type=int, default=1, help="splits of a table (default: 1)")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--max-rows", type=int, default=3000, help="of a table (default: 3000)")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    return parser.parse_args()


def main():
    """Run what the command line asks for."""
    options = parse()
    fitters = {"now": Fitter("now")}
    if options.earlier is not None:
        fitters["earlier"] = Fitter("earlier", options.earlier)
    if not options.no_mlp:
        fitters["mlp"] = Fitter("mlp")
    print(f"{'table':33}{'rows':>6}{'cols':>5}{'k':>4}", end="")
    print("".join(f"{name + ': gain, s, epochs':>21}" for name in fitters))
    cases, path = [], Path(f".bench_fit_time_{os.getpid()}.npz")
    try:
        for case in run_cases(options, fitters, path):
            cases.append(case)
            if options.output:
                options.output.write_text(json.dumps(cases, indent=1))
    finally:
        path.unlink(missing_ok=True)
        for fitter in fitters.values():
            fitter.close()
    if cases:
        print_summary(cases, list(fitters))


if __name__ == "__main__":
    serve() if "--serve" in sys.argv else main()
