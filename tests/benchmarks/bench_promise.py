"""Gain over PCA on fresh samples, and its lower bound, for laws that are hard for an autoencoder.

A law is a function of a random generator: it draws what all its samples share (loadings, centres,
curves) and returns a function that draws as many samples as are asked for. Some laws leave nothing
to gain over PCA, some a lot. Samples of the dependent laws come in groups, windows or series. The
estimator is AutoencoderTransformer with its defaults. The gain is 100 (1 - error / PCA's error) on
fresh samples, in percent; PCA has learned from the same training samples and has the same number of
components. A bound is wrong if it is stated, for a model that is not PCA, and above that gain.

    python bench_promise.py --quick
    python bench_promise.py --pools independent --seeds 20 --output promise.json
"""

import argparse
from itertools import product
import json
from pathlib import Path
import sys
from time import perf_counter

import numpy as np
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer

N_FEATURES, N_FACTORS = 20, 5
SIZES = (30, 100, 300, 500, 501, 600, 1000, 2000, 5000)
MAX_LOSS, MAX_WRONG = 1.0, 0.05  # percent; share of draws

# ---------------------------------------------------------------- independent samples


def _loadings(rng, n_features=N_FEATURES):
    return rng.standard_normal((N_FACTORS, n_features)) * 2.0 ** -np.arange(N_FACTORS)[:, None]


def _low_rank(rng, draw_factors, n_features=N_FEATURES, noise=0.3):
    """Factors of some law times loadings, with Gaussian noise: PCA is all but optimal."""
    loadings = _loadings(rng, n_features)

    def draw(n):
        noise_of_all = noise * rng.standard_normal((n, n_features))
        return draw_factors((n, N_FACTORS)) @ loadings + noise_of_all

    return draw


def gaussian(rng):
    """Gaussian factors and noise."""
    return _low_rank(rng, rng.standard_normal)


def white(rng):
    """Independent Gaussian columns."""
    return lambda n: rng.standard_normal((n, N_FEATURES))


def scale_mixture(rng):
    """Gaussian samples, each times a lognormal number: heavy tails, and PCA is optimal."""
    draw = _low_rank(rng, rng.standard_normal)
    return lambda n: draw(n) * np.exp(rng.standard_normal((n, 1)))


def t2_factors(rng):
    """Factors of Student's t with 2 degrees of freedom: no variance."""
    return _low_rank(rng, lambda shape: rng.standard_t(2, shape))


def t3_factors(rng):
    """Factors of Student's t with 3 degrees of freedom."""
    return _low_rank(rng, lambda shape: rng.standard_t(3, shape))


def laplace_factors(rng):
    """Factors of Laplace's law."""
    return _low_rank(rng, lambda shape: rng.laplace(size=shape))


def lognormal(rng):
    """Exponentials of correlated Gaussian columns."""
    draw = _low_rank(rng, rng.standard_normal, noise=0.2)
    return lambda n: np.exp(draw(n))


def rare_clusters(rng):
    """One large Gaussian cluster and eight of 1 % each."""
    shares = np.full(9, 0.01)
    shares[0] = 0.92
    centres = 4 * rng.standard_normal((9, N_FEATURES))
    centres[0] = 0

    def draw(n):
        return centres[rng.choice(9, n, p=shares)] + rng.standard_normal((n, N_FEATURES))

    return draw


def sparse_counts(rng):
    """Poisson counts of low rank, most of them zero."""
    loadings = rng.exponential(size=(N_FACTORS, N_FEATURES))

    def draw(n):
        return rng.poisson(rng.gamma(0.3, 0.5, (n, N_FACTORS)) @ loadings).astype(float)

    return draw


def zero_inflated(rng):
    """Amounts: lognormal where a purchase was made, else zero."""
    draw_logs, shift = _low_rank(rng, rng.standard_normal, noise=0.5), rng.normal(-0.8, 0.5)

    def draw(n):
        is_bought = rng.standard_normal((n, N_FEATURES)) + shift > 0
        return np.where(is_bought, np.exp(draw_logs(n)), 0.0)

    return draw


def one_hot(rng):
    """Five independent categories, one-hot encoded."""
    sizes = (3, 4, 5, 3, 6)
    shares = [rng.dirichlet(np.full(size, 2.0)) for size in sizes]

    def draw(n):
        codes = [np.eye(size)[rng.choice(size, n, p=p)] for size, p in zip(sizes, shares)]
        return np.hstack(codes)

    return draw


def integer_grid(rng):
    """Answers on a scale of 1 to 5, correlated."""
    draw = _low_rank(rng, rng.standard_normal, noise=0.7)
    return lambda n: np.clip(np.rint(draw(n) + 3), 1, 5)


def curved(rng):
    """A curved surface of two dimensions, with noise."""
    frequencies, phases = rng.normal(0, 2, (2, N_FEATURES)), rng.uniform(0, 6, N_FEATURES)

    def draw(n):
        surface = np.sin(rng.uniform(-1, 1, (n, 2)) @ frequencies + phases)
        return surface + 0.1 * rng.standard_normal((n, N_FEATURES))

    return draw


def wide(rng):
    """Gaussian factors in 200 columns."""
    return _low_rank(rng, rng.standard_normal, 200)


# ---------------------------------------------------------------- more of these, to confirm


def cauchy_rows(rng):
    """Gaussian samples divided by the size of another Gaussian number: a multivariate t1.5."""
    draw = _low_rank(rng, rng.standard_normal)
    return lambda n: draw(n) / np.sqrt(rng.chisquare(1.5, (n, 1)) / 1.5)


def contaminated(rng):
    """Gaussian samples, 3 % of them ten times as large."""
    draw = _low_rank(rng, rng.standard_normal)
    return lambda n: draw(n) * np.where(rng.random((n, 1)) < 0.03, 10, 1)


def t4_noise(rng):
    """Gaussian factors, noise of Student's t with 3 degrees of freedom in each cell."""
    draw = _low_rank(rng, rng.standard_normal, noise=0)
    return lambda n: draw(n) + 0.5 * rng.standard_t(3, (n, N_FEATURES))


def pareto_columns(rng):
    """Independent columns of Pareto's law."""
    return lambda n: rng.pareto(2.5, (n, N_FEATURES))


def mixture(rng):
    """Five Gaussian clusters of equal size, each with a covariance of its own."""
    clusters = [_low_rank(rng, rng.standard_normal) for _ in range(5)]
    centres = 1.5 * rng.standard_normal((5, N_FEATURES))

    def draw(n):
        found = np.stack([cluster(n) for cluster in clusters]) + centres[:, None]
        return found[rng.integers(5, size=n), np.arange(n)]

    return draw


def compositions(rng):
    """Shares that add up to one."""
    weights = rng.gamma(0.7, 1, N_FEATURES)
    return lambda n: rng.dirichlet(weights + 0.05, n)


def binary(rng):
    """Thresholds of correlated Gaussian columns."""
    draw, level = _low_rank(rng, rng.standard_normal, noise=0.7), rng.normal(0, 1, N_FEATURES)
    return lambda n: (draw(n) > level).astype(float)


def sphere(rng):
    """Points on a sphere in four dimensions, rotated into all columns, with noise."""
    basis = np.linalg.qr(rng.standard_normal((N_FEATURES, 4)))[0]

    def draw(n):
        points = rng.standard_normal((n, 4))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        return points @ basis.T + 0.03 * rng.standard_normal((n, N_FEATURES))

    return draw


# ---------------------------------------------------------------- dependent samples


def jittered_groups(rng):
    """Ten near copies of each original, in shuffled order."""
    draw_originals = _low_rank(rng, rng.standard_normal)

    def draw(n):
        originals = np.repeat(draw_originals(-(-n // 10)), 10, axis=0)
        found = originals + 1e-6 * rng.standard_normal(originals.shape)
        return rng.permutation(found)[:n]

    return draw


def pairs(rng):
    """Two near copies of each original, in shuffled order."""
    draw_originals = _low_rank(rng, rng.standard_normal)

    def draw(n):
        originals = np.repeat(draw_originals(-(-n // 2)), 2, axis=0)
        return rng.permutation(originals + 1e-3 * rng.standard_normal(originals.shape))[:n]

    return draw


def curved_groups(rng):
    """Five near copies of each curved original, in shuffled order: a lot can be gained."""
    draw_originals = curved(rng)

    def draw(n):
        originals = np.repeat(draw_originals(-(-n // 5)), 5, axis=0)
        return rng.permutation(originals + 1e-3 * rng.standard_normal(originals.shape))[:n]

    return draw


def _autoregression(rng, n, n_columns, coefficient):
    found = rng.standard_normal((n, n_columns))
    shrink = np.sqrt(1 - coefficient**2)
    for i in range(1, n):
        found[i] = coefficient * found[i - 1] + shrink * found[i]
    return found


def autoregressive_rows(rng):
    """Factors that follow an autoregression with coefficient .97."""
    loadings = _loadings(rng)

    def draw(n):
        factors = _autoregression(rng, n, N_FACTORS, 0.97)
        return factors @ loadings + 0.3 * rng.standard_normal((n, N_FEATURES))

    return draw


def autoregressive_windows(rng):
    """Overlapping windows of an autoregression with coefficient .9."""

    def draw(n):
        series = _autoregression(rng, n + N_FEATURES - 1, 1, 0.9)[:, 0]
        return np.lib.stride_tricks.sliding_window_view(series, N_FEATURES).copy()

    return draw


def sine_windows(rng):
    """Overlapping windows of two sines with noise."""
    periods = rng.uniform(8, 40, 2)

    def draw(n):
        time = np.arange(n + N_FEATURES - 1) + rng.integers(10**6)
        series = np.sin(2 * np.pi * time[:, None] / periods).sum(axis=1)
        series += 0.3 * rng.standard_normal(len(series))
        return np.lib.stride_tricks.sliding_window_view(series, N_FEATURES).copy()

    return draw


def sorted_clusters(rng):
    """Independent samples of three clusters, sorted by cluster."""
    centres = 2 * rng.standard_normal((3, N_FEATURES))

    def draw(n):
        found = centres[np.sort(rng.integers(3, size=n))]
        return found + rng.standard_normal((n, N_FEATURES))

    return draw


def many_zero_rows(rng):
    """Curved samples, of which 60 % are replaced by zeros."""
    draw_all = curved(rng)
    return lambda n: np.where(rng.random((n, 1)) < 0.6, 0, draw_all(n))


POOLS = {
    "independent": (
        gaussian,
        white,
        scale_mixture,
        t2_factors,
        t3_factors,
        laplace_factors,
        lognormal,
        rare_clusters,
        sparse_counts,
        zero_inflated,
        one_hot,
        integer_grid,
        curved,
        wide,
    ),
    "confirm": (
        cauchy_rows,
        contaminated,
        t4_noise,
        pareto_columns,
        mixture,
        compositions,
        binary,
        sphere,
    ),
    "dependent": (
        jittered_groups,
        pairs,
        curved_groups,
        autoregressive_rows,
        autoregressive_windows,
        sine_windows,
        sorted_clusters,
        many_zero_rows,
    ),
}
LAWS = {law.__name__: law for laws in POOLS.values() for law in laws}
POOL_OF = {law.__name__: pool for pool, laws in POOLS.items() for law in laws}

# ---------------------------------------------------------------- measuring


def generator_of(law, n, seed):
    """Return the generator of a draw: one stream for each law, size and seed."""
    return np.random.default_rng([seed, n, *law.encode()])


def mean_squared_error(reducer, X):
    """Mean over rows and columns."""
    return float(np.square(reducer.inverse_transform(reducer.transform(X)) - X).mean())


def measure(law, n, seed, options):
    """Fit both on n samples; return the gain on fresh samples, its bound, and the time."""
    draw = LAWS[law](generator_of(law, n, seed))
    X, X_fresh = draw(n), draw(options.fresh)
    n_components = min(options.components, X.shape[1] - 1, n - 1)
    pca = PCA(n_components, random_state=seed).fit(X)
    start = perf_counter()
    model = AutoencoderTransformer(n_components, random_state=seed).fit(X)
    seconds = perf_counter() - start
    pca_error, error = mean_squared_error(pca, X_fresh), mean_squared_error(model, X_fresh)
    gain = 100 * (1 - error / pca_error)
    is_pca = model.best_iter_ == 0
    bound = None if is_pca else 100 * model.gain_over_pca_bound_
    return {"gain": gain, "bound": bound, "seconds": seconds}


def cell(law, n, seeds, options):
    """Return gains and bounds of all draws of a law and size."""
    draws = [measure(law, n, seed, options) for seed in seeds]
    found = {name: [draw[name] for draw in draws] for name in draws[0]}
    return {"pool": POOL_OF[law], "law": law, "n": n, "first_seed": seeds[0]} | found


def summarize(cells):
    """Return what a line of the table says of some cells."""
    gains = np.concatenate([cell["gain"] for cell in cells])
    bounds = [bound for cell in cells for bound in cell["bound"]]
    is_stated = np.array([bound is not None for bound in bounds])
    stated = np.array([bound for bound in bounds if bound is not None])
    return {
        "draws": len(gains),
        "worst": float(gains.min()),
        "losses": float(np.mean(gains < -MAX_LOSS)),
        "median": float(np.median(gains)),
        "mean": float(gains.mean()),
        "seconds": float(np.mean(np.concatenate([cell["seconds"] for cell in cells]))),
        "stated": float(is_stated.mean()),
        "positive": float(np.sum(stated > 0) / len(gains)),
        "wrong": float(np.sum(stated > gains[is_stated]) / len(gains)),
    }


COLUMNS = {
    "draws": "{:7}",
    "worst": "{:9.1f}",
    "losses": "{:9.2f}",
    "median": "{:9.1f}",
    "mean": "{:9.1f}",
    "seconds": "{:9.2f}",
    "stated": "{:9.2f}",
    "positive": "{:10.2f}",
    "wrong": "{:7.2f}",
}
HEADER = f"{'law':24}{'n':>6}" + "".join(
    name.rjust(len(form.format(0))) for name, form in COLUMNS.items()
)


def line(name, n, found):
    """Return a line of the table."""
    values = (form.format(found[key]) for key, form in COLUMNS.items())
    return f"{name:24}{n:>6}" + "".join(values)


def verdict(cells):
    """Yield what the cells say of the promise."""
    for pool in POOLS:
        chosen = [cell for cell in cells if cell["pool"] == pool]
        if chosen:
            found = summarize(chosen)
            yield (
                f"{pool}: worst {found['worst']:.1f} %, {found['losses']:.1%} of {found['draws']} "
                f"draws below -1 %, bounds wrong in {found['wrong']:.1%}"
            )
    wrong = [(cell, summarize([cell])["wrong"]) for cell in cells]
    above = [
        f"{cell['law']} {cell['n']} ({share:.0%})" for cell, share in wrong if share > MAX_WRONG
    ]
    yield "bounds wrong in more than 5 % of a cell: " + (", ".join(above) or "none")


def parse():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--laws", nargs="+", choices=LAWS, metavar="LAW", help=", ".join(LAWS))
    parser.add_argument("--pools", nargs="+", choices=POOLS, default=list(POOLS))
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="training samples")
    parser.add_argument("--seeds", type=int, default=20, help="draws of each law and size")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--components", type=int, default=3)
    parser.add_argument("--fresh", type=int, default=20_000, help="samples to judge by")
    parser.add_argument("--quick", action="store_true", help="2 seeds, 3 sizes, 2,000 samples")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.sizes, options.fresh = 2, (100, 501, 1000), 2000
    if options.laws is None:
        options.laws = [law.__name__ for pool in options.pools for law in POOLS[pool]]
    return options


def main():
    """Run what the command line asks for."""
    options = parse()
    cells, start = [], perf_counter()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    pairs = list(product(options.laws, options.sizes))
    print("gains in percent; losses are gains below -1; stated, positive and wrong: bounds")
    print(HEADER)
    for i, (law, n) in enumerate(pairs, start=1):
        cells.append(cell(law, n, seeds, options))
        print(line(law, n, summarize(cells[-1:])), flush=True)
        minutes = (perf_counter() - start) / 60
        print(f"\r{i}/{len(pairs)}, {minutes:.1f} min", end="", file=sys.stderr, flush=True)
        if options.output:
            options.output.write_text(json.dumps(cells, indent=1))
    print(file=sys.stderr)
    for law in options.laws:
        print(line(law, "all", summarize([cell for cell in cells if cell["law"] == law])))
    print(line("all laws", "all", summarize(cells)))
    for text in verdict(cells):
        print(text)


if __name__ == "__main__":
    main()
