"""Squared error on unseen rows: AutoencoderTransformer with its defaults against PCA.

Both get the same n_components and the same rows; the autoencoder gets nothing else (but a
random_state, so that the figures repeat). Columns are standardised by the training rows,
images divided by their maximum. A case is a data set at one n_components; its gain is the
median over the splits of 100 (1 - error / PCA's error), in percent.

scikit-learn's own sets are always there. `--outliers` takes a folder of .npz files with X and
y, of which the rows with y = 0 are used, `--images` one with x_train or x, a row an image.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer

OWN = ("linnerud", "iris", "wine", "diabetes", "breast_cancer", "digits")
ROUNDING = 1e-3  # percent
LEAST_ERROR = 1e-10  # of the variance: less is rounding


def own_rows(name):
    """Return the rows of one of scikit-learn's sets."""
    return getattr(datasets, f"load_{name}")().data


def normal_rows(path):
    """Return the rows of an outlier set that are none."""
    with np.load(path) as archive:
        return archive["X"][archive["y"] == 0]


def image_rows(path):
    """Return images as rows of numbers up to one."""
    with np.load(path) as archive:
        images = archive["x_train" if "x_train" in archive else "x"]
    return (images / images.max()).astype(np.float32).reshape(len(images), -1)


def sources(options):
    """Yield name, function that loads the rows, and whether to standardise the columns."""
    found = [(name, lambda name=name: own_rows(name), True) for name in OWN]
    for folder, load, standard in (
        (options.outliers, normal_rows, True),
        (options.images, image_rows, False),
    ):
        for path in sorted(folder.glob("*.npz")) if folder else ():
            name = f"{folder.name}/{path.stem}"
            found.append((name, lambda path=path, load=load: load(path), standard))
    for name, load, standard in found:
        if not options.datasets or {name, name.split("/")[-1]} & set(options.datasets):
            yield name, load, standard


def mean_squared_error(reducer, X):
    """Mean over rows and columns, summed in float64."""
    restored = reducer.inverse_transform(reducer.transform(X))
    return float(np.square(np.subtract(restored, X, dtype=np.float64)).mean())


def compare(X, n_components, split, standard):
    """Fit both on 80 % of the rows; return the errors on the rest, seconds and epochs."""
    X_train, X_test = train_test_split(X, test_size=0.2, random_state=split)
    if standard:
        scaler = StandardScaler().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    pca = PCA(n_components, random_state=split).fit(X_train)
    start = perf_counter()
    autoencoder = AutoencoderTransformer(n_components, random_state=split).fit(X_train)
    seconds = perf_counter() - start
    pca_error, error = mean_squared_error(pca, X_test), mean_squared_error(autoencoder, X_test)
    negligible = LEAST_ERROR * float(X_test.var())
    gain = 100 * (1 - max(error, negligible) / max(pca_error, negligible))
    return {
        "pca_error": pca_error,
        "error": error,
        "gain": gain,
        "seconds": seconds,
        "epochs": f"{autoencoder.best_iter_}/{autoencoder.n_iter_}",
    }


def run_cases(options):
    """Print a line for each case as it is done; yield it as a dict."""
    print(f"{'data set':24}{'rows':>6}{'cols':>6}{'d':>4}{'PCA':>10}{'skae':>10}", end="")
    print(f"{'gain %':>8}{'worst':>8}{'s':>7}  epochs kept/run")
    for name, load, standard in sources(options):
        X = load()
        if len(X) > options.max_rows:
            X = X[np.random.default_rng(0).choice(len(X), options.max_rows, replace=False)]
        n_train = len(X) - -(-len(X) // 5)
        for n_components in options.components:
            if n_components >= min(X.shape[1], n_train):
                continue
            splits = [compare(X, n_components, i, standard) for i in range(options.splits)]
            columns = {key: [split[key] for split in splits] for key in splits[0]}
            pca_error, error, gain, seconds = map(np.median, list(columns.values())[:4])
            print(f"{name:24}{len(X):6}{X.shape[1]:6}{n_components:4}", end="")
            print(f"{pca_error:10.3g}{error:10.3g}{gain:8.1f}{min(columns['gain']):8.1f}", end="")
            print(f"{seconds:7.2f} ", *columns["epochs"], flush=True)
            shape = {"n_rows": len(X), "n_features": X.shape[1], "n_components": n_components}
            yield {"data_set": name, **shape, "median_gain": gain, **columns}


def summary(gains):
    """Return number, shares below PCA, worst and median of gains, in words."""
    gains = np.asarray(gains)
    below, clearly = 100 * np.mean(gains < -ROUNDING), 100 * np.mean(gains < -1)
    return (
        f"{len(gains)}, below PCA {below:.1f} % (by more than 1 %: {clearly:.1f} %), "
        f"worst {gains.min():+.1f} %, median {np.median(gains):+.1f} %"
    )


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outliers", type=Path, help="folder of .npz files with X and y")
    parser.add_argument("--images", type=Path, help="folder of .npz files with x_train or x")
    parser.add_argument("--datasets", nargs="+", metavar="NAME", help="only these data sets")
    parser.add_argument("--components", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--splits", type=int, default=5, help="80/20 splits (default: 5)")
    parser.add_argument("--max-rows", type=int, default=3000, help="of a data set (default: 3000)")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    cases = []
    for case in run_cases(options):
        cases.append(case)
        if options.output:
            options.output.write_text(json.dumps(cases, indent=1))
    if not cases:
        parser.error("no data set of that name, or no n_components below its number of columns")
    splits = [gain for case in cases for gain in case["gain"]]
    print(f"single splits {summary(splits)}")
    print(f"cases {summary([case['median_gain'] for case in cases])}")


if __name__ == "__main__":
    main()
