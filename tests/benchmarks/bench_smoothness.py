"""How even decoded paths are: the largest step over the mean step, in three latent spaces.

Straight lines between the codes of test images of different classes are divided into 50 equal
steps and decoded (`skae.metrics.interpolation_jumps`). 1 is a perfectly even path. Networks without
a linear path are the autoencoders of textbooks; the others start as PCA.

    python bench_smoothness.py
    python bench_smoothness.py --data olivetti.npz --output smoothness.json   # with x and y

The data are the digits of scikit-learn and, with `--data`, the images of an archive.
"""

import argparse
import json
from pathlib import Path
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer, VariationalAutoencoder
from skae.metrics import interpolation_jumps, reconstruction_score

N_PATHS = 100


def models(n_components, max_iter):
    """Return the models by name."""
    options = {"max_iter": max_iter, "random_state": 0}
    textbook = options | {"linear_path": None}
    return {
        "PCA": PCA(n_components, random_state=0),
        "autoencoder": AutoencoderTransformer(n_components, **options),
        "variational": VariationalAutoencoder(n_components, **options),
        "autoencoder, no linear path": AutoencoderTransformer(n_components, **textbook),
        "variational, no linear path": VariationalAutoencoder(n_components, **textbook),
    }


def measure(name, X, y, n_components, max_iter):
    """Print and return a row for each model: data, model, score, mean and largest jump."""
    X_train, X_test, _, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
    rng = np.random.default_rng(0)
    starts, ends = rng.integers(len(X_test), size=(2, 4 * N_PATHS))
    pairs = np.flatnonzero(y_test[starts] != y_test[ends])[:N_PATHS]
    rows = []
    for model_name, model in models(n_components, max_iter).items():
        model.fit(X_train)
        jumps = interpolation_jumps(model, X_test[starts[pairs]], X_test[ends[pairs]])
        score = reconstruction_score(model, X_test)
        rows.append([name, model_name, score, float(jumps.mean()), float(jumps.max())])
        text = f"{name:10} {model_name:28} R2 {score:6.3f}"
        print(f"{text}  jumps: mean {jumps.mean():.2f}, largest {jumps.max():.2f}", flush=True)
    return rows


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="archive with images x and classes y")
    parser.add_argument("--n-components", type=int, default=8)
    parser.add_argument("--max-iter", type=int, default=100)
    parser.add_argument("--output", help="file for the record")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    tables = {"digits": load_digits(return_X_y=True)}
    if options.data:
        with np.load(options.data) as archive:
            x, y = archive["x"], archive["y"]
        tables[Path(options.data).stem] = x.reshape(len(x), -1) / 255, y
    rows = []
    for name, (X, y) in tables.items():
        X = (X / X.max()).astype(np.float32)
        rows += measure(name, X, y, options.n_components, options.max_iter)
    if options.output:
        Path(options.output).write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
