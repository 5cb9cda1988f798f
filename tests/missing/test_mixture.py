"""Mixtures of incomplete samples against conditional moments by the textbook formula."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import multivariate_normal

from skae._missing.mixture import Mixture, blocks, fit_mixture, invert, solve, standard_normal


def random_mixture(n_components=3, n_features=5, seed=0):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(n_components, n_features, n_features))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.5 * np.eye(n_features)
    shares = rng.dirichlet(np.ones(n_components))
    return Mixture(shares, 2 * rng.normal(size=(n_components, n_features)), covariances)


def incomplete(n_rows=40, n_features=5, share=0.4, seed=1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features))
    missing = rng.random(X.shape) < share
    missing[0], missing[1] = True, False
    return np.where(missing, np.nan, X), missing


def conditional(mixture, x, gaps):
    """Mean and covariance of the missing cells of one sample, by Schur complements."""
    seen = ~gaps
    logs, means, covariances = [], [], []
    for share, m, C in zip(mixture.shares, mixture.means, mixture.covariances, strict=True):
        slopes = C[np.ix_(gaps, seen)] @ np.linalg.inv(C[np.ix_(seen, seen)])
        means.append(m[gaps] + slopes @ (x[seen] - m[seen]))
        covariances.append(C[np.ix_(gaps, gaps)] - slopes @ C[np.ix_(seen, gaps)])
        density = multivariate_normal(m[seen], C[np.ix_(seen, seen)]) if seen.any() else None
        logs.append(np.log(share) + (density.logpdf(x[seen]) if seen.any() else 0))
    r = softmax(logs)
    mean = r @ means
    spread = [C + np.outer(m - mean, m - mean) for m, C in zip(means, covariances, strict=True)]
    return mean, np.tensordot(r, spread, axes=1), np.logaddexp.reduce(logs)


@pytest.mark.parametrize("n_components", [1, 3])
def test_conditional_moments_and_density(n_components):
    mixture = random_mixture(n_components)
    X, missing = incomplete()
    filled = mixture.conditional_means(X, missing)
    density = np.empty(len(X))
    for block in blocks(missing):
        log_joint, _ = mixture.condition(X[block.rows], block)
        density[block.rows] = np.logaddexp.reduce(log_joint, axis=1)
    for i, gaps in enumerate(missing):
        mean, _, log_density = conditional(mixture, X[i], gaps)
        np.testing.assert_allclose(filled[i, gaps], mean, rtol=1e-8, atol=1e-10)
        assert density[i] == pytest.approx(log_density, rel=1e-9)
    np.testing.assert_array_equal(filled[~missing], X[~missing])


def test_draws_have_the_conditional_moments():
    mixture = random_mixture(2)
    X, missing = incomplete(3)
    draws = mixture.draws(X, missing, 20_000, np.random.default_rng(0))
    for i in range(3):
        mean, covariance, _ = conditional(mixture, X[i], missing[i])
        drawn = draws[:, i, missing[i]]
        scale = np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.05 * scale.max(initial=1))
        if missing[i].sum() > 1:
            found = np.cov(drawn.T) / np.outer(scale, scale)
            np.testing.assert_allclose(found, covariance / np.outer(scale, scale), atol=0.05)
        np.testing.assert_array_equal(draws[0, i, ~missing[i]], X[i, ~missing[i]])


@pytest.mark.parametrize("n", [6, 50])
@pytest.mark.parametrize("m", [0, 1, 5, 33])
def test_solve_and_invert(m, n):
    """All matrices together or, if they are few or large, by LAPACK."""
    rng = np.random.default_rng(m)
    roots = rng.normal(size=(n, m, m + 2))
    matrices, b = roots @ roots.transpose(0, 2, 1), rng.normal(size=(m, n))
    A, expected = matrices.transpose(1, 2, 0).copy(), np.linalg.slogdet(matrices)[1]
    inverses, log_dets = invert(A.copy())
    np.testing.assert_allclose(inverses.transpose(2, 0, 1), np.linalg.inv(matrices), rtol=1e-5)
    np.testing.assert_allclose(log_dets, expected, atol=1e-8)
    solutions, log_dets = solve(A.copy(), b.copy())
    np.testing.assert_allclose(np.einsum("pqi,qi->pi", A, solutions), b, atol=1e-7)
    np.testing.assert_allclose(log_dets, expected, atol=1e-8)


def test_blocks_hold_each_sample_once(monkeypatch):
    monkeypatch.setattr("skae._missing.mixture.BLOCK_NUMBERS", 40)
    _, missing = incomplete(50)
    found = []
    for block in blocks(missing):
        columns = block.columns
        assert columns.shape == (len(block.rows), missing[block.rows[0]].sum())
        assert np.take_along_axis(missing[block.rows], columns, axis=1).all()
        assert len(np.unique(block.patterns, axis=0)) == len(block.patterns)
        found.extend(block.rows)
    assert sorted(found) == list(range(50))


@pytest.mark.parametrize("is_tied", [False, True])
def test_patterns_that_repeat_are_inverted_once(monkeypatch, is_tied):
    """So are those of components with the same covariance; results are those of single samples."""
    from skae._missing import mixture as module

    mixture = random_mixture(3)
    if is_tied:
        mixture = replace(mixture, covariances=mixture.covariances[[0, 0, 0]])
    X, missing = incomplete(60)
    missing = missing[np.arange(60) % 4]
    X = np.where(missing, 0, np.nan_to_num(X))
    expected = [mixture.conditional_means(X[[i]], missing[[i]])[0] for i in range(60)]
    sizes, invert = [], module.invert
    monkeypatch.setattr(module, "invert", lambda A: sizes.append(A.shape[2]) or invert(A))
    np.testing.assert_allclose(mixture.conditional_means(X, missing), expected, atol=1e-10)
    assert sum(sizes) == (4 if is_tied else 12)


def test_complete_samples_give_mean_and_covariance():
    X = np.random.default_rng(0).normal(size=(4000, 3)) @ [[1, 0.5, 0], [0, 1, 0.5], [0, 0, 1]]
    X /= X.std(axis=0)
    weights = np.ones(len(X))
    mixture = fit_mixture(X, np.zeros(X.shape, bool), weights, standard_normal(3), 1.0)
    np.testing.assert_allclose(mixture.means[0], X.mean(axis=0), atol=1e-10)
    np.testing.assert_allclose(mixture.covariances[0], np.cov(X.T, bias=True), atol=3e-3)


def test_weights_are_copies():
    X, missing = incomplete(30)
    weights = np.random.default_rng(0).integers(1, 4, 30)
    index = np.repeat(np.arange(30), weights)
    weighted = fit_mixture(X, missing, weights.astype(float), standard_normal(5), 5.0)
    ones = np.ones(len(index))
    repeated = fit_mixture(X[index], missing[index], ones, standard_normal(5), 5.0)
    np.testing.assert_allclose(weighted.means, repeated.means, atol=1e-10)
    np.testing.assert_allclose(weighted.covariances, repeated.covariances, atol=1e-10)


def test_missing_cells_do_not_bias_the_covariance():
    """Mean filling halves it; expectation maximisation finds it although 40 % are missing."""
    rng = np.random.default_rng(0)
    C = np.array([[1, 0.8, 0.6], [0.8, 1, 0.7], [0.6, 0.7, 1]])
    X = rng.multivariate_normal(np.zeros(3), C, 5000)
    missing = rng.random(X.shape) < 0.4
    holes = np.where(missing, np.nan, X)
    mixture = fit_mixture(holes, missing, np.ones(5000), standard_normal(3), 1.0, 100)
    np.testing.assert_allclose(mixture.covariances[0], C, atol=0.06)


def test_likelihood_never_falls(monkeypatch):
    found = []
    from skae._missing import mixture as module

    expect = module._expect

    def recorded(*arguments):
        result = expect(*arguments)
        found.append(result[-2])
        return result

    monkeypatch.setattr(module, "_expect", recorded)
    monkeypatch.setattr(module, "MIN_GAIN_PER_FEATURE", 1e-9)
    X, missing = incomplete(300)
    start = random_mixture(2)
    fit_mixture(X, missing, np.ones(300), start, 1.0, 25)
    assert len(found) == 25
    assert found[-1] > found[0]
    # The prior counts 6 samples a component, so that the likelihood alone may waver a little.
    assert np.diff(found[3:]).min() > -0.5


def test_components_that_a_sample_has_left_are_no_longer_computed(monkeypatch):
    """The result is the same to about their probability, with fewer pairs of both."""
    from skae._missing import mixture as module

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)) + 4 * rng.integers(0, 3, size=(200, 1))
    missing = rng.random(X.shape) < 0.3
    X[missing] = 0
    means = np.repeat(4.0 * np.arange(3)[:, None], 4, axis=1)
    start = Mixture(np.full(3, 1 / 3), means, np.repeat(np.eye(4)[None], 3, axis=0))
    counts = []
    condition = Mixture.condition_pairs
    monkeypatch.setattr(
        Mixture, "condition_pairs", lambda m, X, *a: counts.append(len(X)) or condition(m, X, *a)
    )
    fitted = fit_mixture(X, missing, np.ones(200), start, 1.0, 5)
    n_pruned = sum(counts)
    counts.clear()
    monkeypatch.setattr(module, "MIN_SHARE", 0.0)
    expected = fit_mixture(X, missing, np.ones(200), start, 1.0, 5)
    assert n_pruned < 0.7 * sum(counts)
    np.testing.assert_allclose(fitted.means, expected.means, atol=5e-3)
    np.testing.assert_allclose(fitted.covariances, expected.covariances, atol=2e-2)
