"""Samples unlike those of training: reconstruction errors relative to PCA's.

Held-out samples of scikit-learn's tables, and of files with X and y, are scaled, shifted or
covered with noise. The table holds the worst ratio of the errors, their geometric mean and the
share of tables above 1.02, and for unchanged samples the mean gain.

    python tests/benchmarks/bench_extrapolation.py --outliers FOLDER --json extrapolation.json
"""

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer

MAX_ROWS, COMPONENTS = 1500, (2, 8, 16)


def tables(folder):
    """Yield name and samples."""
    yield "digits, raw", datasets.load_digits().data
    for name in ("digits", "iris", "wine", "breast_cancer", "diabetes"):
        yield name, StandardScaler().fit_transform(getattr(datasets, f"load_{name}")().data)
    for path in sorted(folder.glob("*.npz")) if folder else ():
        with np.load(path) as archive:
            X = archive["X"][archive["y"] == 0].astype(float)
        if len(X) > MAX_ROWS:
            X = X[np.random.default_rng(0).choice(len(X), MAX_ROWS, replace=False)]
        if len(X) >= 60:
            yield path.stem, StandardScaler().fit_transform(X[:, X.std(axis=0) > 0])


def changed(X, X_test):
    """Yield what was done to the test samples, and the result."""
    rng, deviation, mean = np.random.default_rng(0), X.std(), X.mean(axis=0)
    noise = rng.normal(size=X_test.shape)
    yield "unchanged", X_test
    for factor in (3, 10):
        yield f"x {factor}", factor * X_test
        yield f"x {factor}, centred", mean + factor * (X_test - mean)
    for size in (3, 10):
        yield f"shifted by {size}", X_test + size * deviation
        yield f"noise of {size}", X_test + size * deviation * noise


def ratios(X, n_components):
    """Yield what was done to the test samples, and the error relative to PCA's."""
    X, X_test = train_test_split(X, test_size=0.25, random_state=0)
    model = AutoencoderTransformer(n_components, random_state=0).fit(X)
    pca = PCA(n_components).fit(X)
    for name, samples in changed(X, X_test):
        error = np.square(samples - model.reconstruct(samples)).mean()
        of_pca = np.square(samples - pca.inverse_transform(pca.transform(samples))).mean()
        yield name, float(error / max(of_pca, 1e-9 * samples.var()))


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outliers", type=Path, help="folder of .npz files with X and y")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    found = {}
    for name, X in tables(options.outliers):
        for n_components in COMPONENTS:
            if n_components < min(X.shape[1], 0.7 * len(X)):
                row = dict(ratios(X, n_components))
                found[f"{name}, {n_components}"] = row
                text = "  ".join(f"{key}: {value:.3f}" for key, value in row.items())
                print(f"{name}, {n_components}   {text}", flush=True)
    print(f"\n{len(found)} cases{'worst':>24}{'mean':>8}{'> 1.02':>8}")
    for change in next(iter(found.values())):
        values = np.array([row[change] for row in found.values()])
        shares = f"{np.exp(np.log(values).mean()):8.3f}{np.mean(values > 1.02):8.2f}"
        print(f"{change:20}{values.max():12.3f}{shares}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
