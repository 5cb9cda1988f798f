"""Squared error on unseen rows at every size of code: one nested fit, separate fits, PCA.

All get the same rows and are otherwise left at their defaults (but for a random_state, so that
the figures repeat). Columns are standardised by the training rows. The sizes are the powers of
two up to `--components`, and with `--between` one and a half times each of them; a gain is the
median over the splits of 100 (1 - error / PCA's error), in percent.

scikit-learn's own sets are always there. `--outliers` takes a folder of .npz files with X and
y, of which the rows with y = 0 are used.
"""

import argparse
import json
from pathlib import Path
from time import process_time

from bench_reconstruction import LEAST_ERROR, ROUNDING, mean_squared_error, sources
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer


def sizes_up_to(n_components, between):
    """Return powers of two up to n_components, with what lies halfway if that is asked for."""
    powers = [2**i for i in range(n_components.bit_length())]
    halfway = [3 * power // 2 for power in powers[1:] if 3 * power // 2 <= n_components]
    return sorted({*powers, *(halfway if between else ())})


def compare(X, sizes, split, separate):
    """Fit on 80 % of the rows; return errors on the rest by size, seconds and epochs."""
    X_train, X_test = train_test_split(X, test_size=0.2, random_state=split)
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    pca = [mean_squared_error(PCA(j, random_state=split).fit(X_train), X_test) for j in sizes]
    start = process_time()
    one = AutoencoderTransformer(sizes[-1], nested=True, random_state=split).fit(X_train)
    seconds = [process_time() - start]
    code = one.transform(X_test)
    nested = [float(np.mean((one.inverse_transform(code[:, :j]) - X_test) ** 2)) for j in sizes]
    alone = []
    for j in sizes if separate else ():
        start = process_time()
        fitted = AutoencoderTransformer(j, random_state=split).fit(X_train)
        seconds.append(process_time() - start)
        alone.append(mean_squared_error(fitted, X_test))
    least = LEAST_ERROR * float(X_test.var())
    pca, nested, alone = (np.maximum(errors, least).tolist() for errors in (pca, nested, alone))
    epochs = f"{one.best_iter_}/{one.n_iter_}"
    return {"pca": pca, "nested": nested, "alone": alone, "seconds": seconds, "epochs": epochs}


def run_cases(options):
    """Print a data set's lines as they are done; yield them as a dict."""
    for name, load, standard in sources(options):
        X = load()
        if not standard:
            continue
        if len(X) > options.max_rows:
            X = X[np.random.default_rng(0).choice(len(X), options.max_rows, replace=False)]
        widest = min(options.components, X.shape[1] - 1, len(X) - -(-len(X) // 5) - 1)
        if widest < 1:
            continue
        sizes = sizes_up_to(widest, options.between)
        splits = [compare(X, sizes, i, not options.no_separate) for i in range(options.splits)]
        pca, nested, alone = (
            np.array([split[key] for split in splits]) for key in ("pca", "nested", "alone")
        )
        epochs = " ".join(split["epochs"] for split in splits)
        print(f"{name} ({len(X)} x {X.shape[1]}), epochs kept/run {epochs}")
        rows = {"nested": 100 * (1 - nested / pca)}
        if alone.size:
            rows["separate"] = 100 * (1 - alone / pca)
            rows["over separate"] = 100 * (nested / alone - 1)
            seconds = np.median([split["seconds"] for split in splits], axis=0)
            widest_fit, all_fits = seconds[0] / seconds[-1], seconds[0] / seconds[1:].sum()
        print(f"  {'columns':24}" + "".join(f"{j:8}" for j in sizes))
        for label, values in rows.items():
            print(f"  {label + ', %':24}" + "".join(f"{v:8.1f}" for v in np.median(values, axis=0)))
        print(f"  {'nested, worst split, %':24}", end="")
        print("".join(f"{v:8.1f}" for v in rows["nested"].min(axis=0)))
        if alone.size:
            print(f"  time: {widest_fit:.1f} fits of the whole code, {all_fits:.2f} of all fits")
        print(flush=True, end="")
        shape = {"n_rows": len(X), "n_features": X.shape[1], "sizes": sizes}
        yield {"data_set": name, **shape, "splits": splits}


def summary(cases):
    """Return worst and median gains over PCA and separate fits, in words."""
    gains, gaps = [], []
    for case in cases:
        pca, nested, alone = (
            np.array([split[key] for split in case["splits"]]) for key in ("pca", "nested", "alone")
        )
        gains += [np.median(100 * (1 - nested / pca), axis=0)]
        gaps += [np.median(100 * (nested / alone - 1), axis=0)] if alone.size else []
    gains = np.concatenate(gains)
    words = (
        f"{len(gains)} cases, below PCA {100 * np.mean(gains < -ROUNDING):.1f} % (by more than "
        f"1 %: {100 * np.mean(gains < -1):.1f} %), worst {gains.min():+.1f} %, "
        f"median {np.median(gains):+.1f} %"
    )
    if gaps:
        gaps = np.concatenate(gaps)
        words += (
            f"; error over separate fits: median {np.median(gaps):+.1f} %, within 10 % in "
            f"{100 * np.mean(gaps <= 10):.0f} %, worst gap {gaps.max():+.1f} %"
        )
    return words


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outliers", type=Path, help="folder of .npz files with X and y")
    parser.add_argument("--datasets", nargs="+", metavar="NAME", help="only these data sets")
    parser.add_argument("--components", type=int, default=32, help="at most (default: 32)")
    parser.add_argument("--between", action="store_true", help="sizes between powers of two, too")
    parser.add_argument("--no-separate", action="store_true", help="leave out the separate fits")
    parser.add_argument("--splits", type=int, default=3, help="80/20 splits (default: 3)")
    parser.add_argument("--max-rows", type=int, default=3000, help="of a data set (default: 3000)")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    options.images = None
    cases = []
    for case in run_cases(options):
        cases.append(case)
        if options.output:
            options.output.write_text(json.dumps(cases, indent=1))
    if not cases:
        parser.error("no data set of that name")
    print(summary(cases))


if __name__ == "__main__":
    main()
