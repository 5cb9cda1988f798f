"""Gain over PCA on samples in groups that are wide apart from near copies, with and without labels.

The samples of a group share an original and differ by draws of the same law, scaled by `width`.
In shuffled order such groups cannot be told from clusters. Each model is fitted without labels,
with `groups=` and with `validation_split=GroupKFold(5)`, and is measured on new groups. The gain is
1 - (mean squared error) / (that of PCA), with the same number of components. The linear law leaves
nothing to gain; the curved one a lot.

    python bench_groups.py
    python bench_groups.py --seeds 5 --json groups.json
"""

import argparse
import json
from pathlib import Path
import sys
import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import GroupKFold

from skae import AutoencoderTransformer

N_FEATURES, N_COMPONENTS, N_EACH, N_NEW = 20, 4, 10, 5000
WAYS = {
    "without": ({}, False),
    "groups=": ({}, True),
    "GroupKFold": ({"validation_split": GroupKFold(5)}, True),
}


def linear(rng):
    """Return a function of n: Gaussian samples of low rank with noise."""
    loadings = rng.standard_normal((N_COMPONENTS, N_FEATURES))
    return lambda n: (
        rng.standard_normal((n, N_COMPONENTS)) @ loadings + rng.standard_normal((n, N_FEATURES))
    )


def curved(rng):
    """Return a function of n: samples on a curved surface with noise."""
    loadings = rng.standard_normal((3 * N_COMPONENTS, N_FEATURES))

    def draw(n):
        t = rng.standard_normal((n, N_COMPONENTS))
        bent = np.hstack([t, np.sin(2 * t), t**2 - 1])
        return bent @ loadings + 0.3 * rng.standard_normal((n, N_FEATURES))

    return draw


def draw_groups(draw, n_groups, n_each, width, rng):
    """Return samples of groups in shuffled order, and their labels."""
    groups = rng.permutation(np.repeat(np.arange(n_groups), n_each))
    X = draw(n_groups)[groups] + width * draw(len(groups))
    return X / np.sqrt(1 + width**2), groups


def gains(law, n_groups, width, seed):
    """Return the gain over PCA on new groups for each way to fit."""
    rng = np.random.default_rng([seed, n_groups])
    draw = law(rng)
    X, groups = draw_groups(draw, n_groups, N_EACH, width, rng)
    X_new, _ = draw_groups(draw, N_NEW, 1, width, rng)
    pca = PCA(N_COMPONENTS, svd_solver="full").fit(X)
    error = np.square(X_new - pca.inverse_transform(pca.transform(X_new))).mean()
    found = {}
    for name, (parameters, has_groups) in WAYS.items():
        model = AutoencoderTransformer(N_COMPONENTS, random_state=seed, **parameters)
        model.fit(X, groups=groups if has_groups else None)
        found[name] = float(1 - np.square(X_new - model.reconstruct(X_new)).mean() / error)
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--groups", type=int, nargs="+", default=[30, 50, 100, 200])
    parser.add_argument("--widths", type=float, nargs="+", default=[0.3, 0.7])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    head = f"{'law':<8}{'groups':>7}{'width':>7}  {'fit':<12}{'median':>8}{'worst':>8}{'< -1 %':>8}"
    print(f"{head}\n{'-' * len(head)}")
    for law in (linear, curved):
        for n_groups in arguments.groups:
            for width in arguments.widths:
                found = []
                for seed in range(arguments.seeds):
                    print(f"seed {seed}", end="\r", file=sys.stderr)
                    found.append(gains(law, n_groups, width, seed))
                for name in WAYS:
                    values = 100 * np.array([one[name] for one in found])
                    rows.append(
                        {"law": law.__name__, "n_groups": n_groups, "width": width, "fit": name}
                        | {"gains": values.tolist()}
                    )
                    print(
                        f"{law.__name__:<8}{n_groups:>7}{width:>7}  {name:<12}"
                        f"{np.median(values):>8.1f}{values.min():>8.1f}"
                        f"{100 * np.mean(values < -1):>7.0f}%",
                        flush=True,
                    )
                if arguments.json:
                    arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
