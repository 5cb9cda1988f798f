"""Scores and errors of reconstructions, for every reducer with `inverse_transform`."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import Bunch
from sklearn.utils.validation import check_array, check_is_fitted

from skae._compat import check_sample_weight
from skae._missing.gaps import missing_cells
from skae._sparse import column_means

__all__ = [
    "interpolation_jumps",
    "kl_weight_curve",
    "rate_distortion",
    "reconstruction_score",
    "reconstruction_scores",
]


def reconstruction_score(
    estimator: Any, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
) -> float:
    """Return the share of the variance of X that the reconstruction explains.

    The score is comparable between PCA, KernelPCA, NMF, the autoencoders and every Pipeline
    whose steps can be inverted. Pass the function itself as ``scoring=``. The errors of a
    Pipeline are measured in the space of its input.

    Parameters
    ----------
    estimator : object
        Fitted, with `transform` and `inverse_transform`.
    X : array-like of shape (n_samples, n_features)
        Samples to reconstruct. Cells with NaN do not count, if the estimator takes them.
    y : Ignored
        Not used, present so that the function is a scorer.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples. None stands for equal weights.

    Returns
    -------
    score : float
        1 - (sum of squared errors) / (sum of squares about the mean of X): 1 for a perfect
        reconstruction, 0 for a reconstruction by the mean, negative for a worse one.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator cannot reconstruct.
    ValueError
        If `X` or `sample_weight` is not as described.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.model_selection import cross_val_score
    >>> from skae.metrics import reconstruction_score
    >>> X = load_iris().data
    >>> scores = cross_val_score(PCA(n_components=3), X, scoring=reconstruction_score)
    >>> bool(scores.min() > 0.9)
    True
    """
    check_reducer(estimator, "reconstruction_score")
    return explained_variance(*_reconstruct(estimator, X, sample_weight))


def reconstruction_scores(
    estimator: Any, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
) -> dict[str, float]:
    """Return two scores of the reconstruction, by name.

    Pass the function as ``scoring=`` to `sklearn.callback.ScoringMonitor`, for the scores of
    every epoch, or to a search that reports several scores.

    Parameters
    ----------
    estimator : object
        Fitted, with `transform` and `inverse_transform`.
    X : array-like of shape (n_samples, n_features)
        Samples to reconstruct. Cells with NaN do not count, if the estimator takes them.
    y : Ignored
        Not used, present so that the function is a scorer.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples. None stands for equal weights.

    Returns
    -------
    scores : dict of str to float
        "reconstruction_score" is :func:`reconstruction_score`. "neg_mean_squared_error" is
        minus the squared error, averaged over samples and features, in the squared units of
        X. Both are better when higher.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator cannot reconstruct.
    ValueError
        If `X` or `sample_weight` is not as described.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from skae.metrics import reconstruction_scores
    >>> X = load_iris().data
    >>> scores = reconstruction_scores(PCA(n_components=3).fit(X), X)
    >>> {name: round(score, 3) for name, score in scores.items()}
    {'reconstruction_score': 0.995, 'neg_mean_squared_error': -0.006}
    """
    check_reducer(estimator, "reconstruction_scores")
    X, reconstruction, weights, missing = _reconstruct(estimator, X, sample_weight)
    return {
        "reconstruction_score": explained_variance(X, reconstruction, weights, missing),
        "neg_mean_squared_error": -mean_squared_error(X, reconstruction, weights, missing),
    }


def rate_distortion(
    estimator: Any,
    X: ArrayLike,
    *,
    n_components: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> Bunch:
    """Return the reconstruction error for each number of components, and that of PCA.

    The errors of PCA need no further fit: the linear path and `mean_` of the estimator are PCA of
    the same training samples.

    Parameters
    ----------
    estimator : AutoencoderTransformer or DenoisingAutoencoder
        Fitted with ``nested=True``.
    X : array-like of shape (n_samples, n_features)
        Samples to reconstruct, preferably held-out ones.
    n_components : array-like of int of shape (n_sizes,), default=None
        Numbers of components, each from 1 to `n_components_`; None stands for all of them.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples. None stands for equal weights.

    Returns
    -------
    curve : :class:`~sklearn.utils.Bunch`
        Dictionary-like, each value an ndarray of shape (n_sizes,):

        - `n_components`: the numbers of components, int;
        - `mean_squared_error`: the squared error, averaged over samples and features, in the
          squared units of X;
        - `explained_variance`: the share of the variance of X that the reconstruction
          explains, as in :func:`reconstruction_score`;
        - `pca_mean_squared_error` and `pca_explained_variance`: the same for PCA, or None
          for an estimator with ``linear_path=None``.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator cannot reconstruct.
    ValueError
        If the estimator was not fitted with ``nested=True``, or `X`, `n_components` or
        `sample_weight` is not as described.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.metrics import rate_distortion
    >>> X = load_digits().data
    >>> model = AutoencoderTransformer(8, nested=True, max_iter=10, random_state=0)
    >>> curve = rate_distortion(model.fit(X[:1200]), X[1200:], n_components=[1, 2, 4, 8])
    >>> (curve.mean_squared_error < curve.pca_mean_squared_error).tolist()
    [True, True, True, True]
    """
    check_nested(estimator, "rate_distortion")
    architecture = estimator.architecture_
    code = np.asarray(estimator.transform(X))
    X, weights = _check_samples(X, sample_weight)
    sizes = _check_sizes(n_components, code.shape[1])
    curve = Bunch(n_components=sizes, pca_mean_squared_error=None, pca_explained_variance=None)
    reconstructions = (np.asarray(estimator.inverse_transform(code[:, :size])) for size in sizes)
    curve.mean_squared_error, curve.explained_variance = _scores(X, reconstructions, weights)
    if architecture["linear_path"]:
        reconstructions = _pca_reconstructions(estimator, X, sizes)
        errors, shares = _scores(X, reconstructions, weights)
        curve.pca_mean_squared_error, curve.pca_explained_variance = errors, shares
    return curve


def kl_weight_curve(
    estimator: Any,
    X: ArrayLike,
    X_test: ArrayLike | None = None,
    *,
    kl_weights: ArrayLike = (0.1, 0.3, 1.0, 3.0, 10.0),
) -> Bunch:
    """Return rate and distortion of a variational autoencoder for each weight of the divergence.

    A clone of the estimator is fitted to X with each weight ("beta"). The more the divergence
    costs, the less the codes say (the rate), and the worse they are decoded (the distortion).

    Parameters
    ----------
    estimator : VariationalAutoencoder
        Parameters of the models to fit; it need not be fitted and is not changed.
    X : array-like of shape (n_samples, n_features)
        Training samples.
    X_test : array-like of shape (n_samples_test, n_features), default=None
        Samples to measure rate and distortion on; None takes X.
    kl_weights : array-like of float of shape (n_weights,), default=(0.1, 0.3, 1.0, 3.0, 10.0)
        Weights, each at least zero.

    Returns
    -------
    curve : :class:`~sklearn.utils.Bunch`
        Dictionary-like, each value an ndarray of shape (n_weights,), but for the last one:

        - `kl_weight`: the weights, float;
        - `rate`: the divergence of the codes from the prior, in nats, averaged over the samples;
        - `distortion`: minus the expected log-likelihood of a sample, given a code drawn for it, in
          nats. Rate and distortion together are minus the evidence lower bound;
        - `mean_squared_error`: that of the reconstruction, over samples and features;
        - `n_active_components`: the number of components that have not collapsed, int;
        - `estimators`: list of the fitted models.

    Raises
    ------
    TypeError
        If the estimator is no VariationalAutoencoder.
    ValueError
        If `X`, `X_test` or `kl_weights` is not as described.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import VariationalAutoencoder
    >>> from skae.metrics import kl_weight_curve
    >>> model = VariationalAutoencoder(2, max_iter=0)
    >>> curve = kl_weight_curve(model, load_iris().data, kl_weights=[0.5, 1, 2])
    >>> bool(curve.rate[0] > curve.rate[1] > curve.rate[2])
    True
    """
    if not hasattr(estimator, "kl_weight"):
        raise TypeError(
            "kl_weight_curve needs a VariationalAutoencoder; "
            f"{type(estimator).__name__} has no kl_weight."
        )
    weights = np.asarray(kl_weights)
    if weights.ndim != 1 or weights.dtype.kind not in "iuf" or not (weights >= 0).all():
        raise ValueError(f"kl_weights must be a list of numbers of at least 0, got {kl_weights!r}.")
    names = "rate", "distortion", "mean_squared_error", "n_active_components"
    curve = Bunch(kl_weight=weights.astype(float), estimators=[])
    rows = []
    for weight in weights.tolist():
        model = clone(estimator).set_params(kl_weight=weight).fit(X)
        samples = X if X_test is None else X_test
        code, std = np.asarray(model.transform(samples)), model.posterior_std(samples)
        divergences = 0.5 * (np.square(code) + np.square(std) - 2 * np.log(std) - 1)
        rate = float(divergences.sum(axis=1).mean(dtype=np.float64))
        n_draws = model.n_samples_bound
        bound = model.set_params(n_samples_bound=1).score(samples)
        model.set_params(n_samples_bound=n_draws)
        error = -reconstruction_scores(model, samples)["neg_mean_squared_error"]
        rows.append((rate, -bound - rate, error, model.n_active_components_))
        curve.estimators.append(model)
    columns = np.array(rows).reshape(-1, len(names)).T
    curve.update(zip(names, columns))
    curve.n_active_components = curve.n_active_components.astype(int)
    return curve


def interpolation_jumps(
    estimator: Any, X_from: ArrayLike, X_to: ArrayLike, *, n_steps: int = 50
) -> NDArray[np.float64]:
    """Return how uneven the decoded paths between samples are: the largest step over the mean step.

    The straight line between the codes of two samples is divided into equal steps, and each point
    is decoded. In a smooth latent space the result changes evenly.

    Parameters
    ----------
    estimator : object
        Fitted, with `transform` and `inverse_transform`.
    X_from : array-like of shape (n_paths, n_features)
        Samples at the start of each path.
    X_to : array-like of shape (n_paths, n_features)
        Samples at the end of each path.
    n_steps : int, default=50
        Number of steps of each path, at least 2.

    Returns
    -------
    jumps : ndarray of shape (n_paths,)
        Longest step of each decoded path, by Euclidean distance, divided by the mean step: at least
        1, which is a perfectly even path, as with PCA. NaN if the whole path is a single point.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator cannot reconstruct.
    ValueError
        If the samples do not match each other or the estimator, or `n_steps` is no int of at least
        2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from skae.metrics import interpolation_jumps
    >>> X = load_iris().data
    >>> interpolation_jumps(PCA(2).fit(X), X[:2], X[100:102]).round(6)
    array([1., 1.])
    """
    check_reducer(estimator, "interpolation_jumps")
    if not isinstance(n_steps, Integral) or isinstance(n_steps, bool) or n_steps < 2:
        raise ValueError(f"n_steps must be an int of at least 2, got {n_steps!r}.")
    starts, ends = (np.asarray(estimator.transform(X)) for X in (X_from, X_to))
    if starts.shape != ends.shape:
        raise ValueError(
            "X_from and X_to must have as many samples as each other, got "
            f"{len(starts)} and {len(ends)}."
        )
    positions = np.linspace(0, 1, int(n_steps) + 1).astype(starts.dtype)[:, None]
    jumps = np.empty(len(starts))
    for i, (start, end) in enumerate(zip(starts, ends)):
        path = np.asarray(estimator.inverse_transform((1 - positions) * start + positions * end))
        steps = np.linalg.norm(np.diff(path, axis=0), axis=1).astype(np.float64)
        jumps[i] = steps.max() / steps.mean() if steps.any() else np.nan
    return jumps


def _check_sizes(n_components, n_available):
    """Return numbers of components as an ndarray of int; None stands for all from 1."""
    if n_components is None:
        return np.arange(1, n_available + 1)
    sizes = np.atleast_1d(n_components)
    is_list_of_int = sizes.ndim == 1 and sizes.dtype.kind in "iu"
    if not is_list_of_int or not np.isin(sizes, range(1, n_available + 1)).all():
        raise ValueError(
            f"n_components must be a list of int from 1 to n_components_={n_available}, or None, "
            f"got {n_components!r}."
        )
    return sizes


def _scores(X, reconstructions, weights):
    """Return mean squared errors and shares of explained variance, one of each per size."""
    pairs = [
        (
            mean_squared_error(X, reconstruction, weights),
            explained_variance(X, reconstruction, weights),
        )
        for reconstruction in reconstructions
    ]
    return np.array(pairs).T


def _pca_reconstructions(estimator, X, sizes):
    """Yield the reconstruction of X by PCA for each number of components.

    The principal axes are, up to their lengths, the rows of the linear path's decoder matrix if
    the latent code is linear, and the columns of its encoder matrix otherwise.
    """
    n_encoder_layers = estimator.architecture_["n_encoder_layers"]
    encoder, decoder = (np.asarray(matrix, np.float64) for matrix in estimator.path_coefs_)
    is_linear = estimator.architecture_["activations"][n_encoder_layers - 1] == "identity"
    axes = decoder if is_linear else encoder.T
    lengths = np.sqrt(np.square(axes).sum(axis=1, keepdims=True))
    axes = axes / np.where(lengths > 0, lengths, 1)
    centred = np.subtract(X, estimator.mean_, dtype=np.float64)
    for size in sizes:
        yield centred @ axes[:size].T @ axes[:size] + estimator.mean_


def _reconstruct(estimator, X, sample_weight):
    """Return X as an array, its reconstruction, the weights of the samples, and missing cells.

    The latter are None if there are none, and zero in X.
    """
    reconstruction = np.asarray(estimator.inverse_transform(estimator.transform(X)))
    X, weights = _check_samples(X, sample_weight, takes_nan=True)
    missing = missing_cells(X)
    if missing is None:
        return X, reconstruction, weights, None
    if missing.all():
        raise ValueError("X holds nothing but NaN: there is no value to compare.")
    return np.where(missing, 0, X), reconstruction, weights, missing


def _check_samples(X, sample_weight, takes_nan=False):
    """Return X as an array, and the weights of the samples, which are ones by default."""
    finite = "allow-nan" if takes_nan else True
    X = check_array(X, dtype=[np.float64, np.float32], ensure_all_finite=finite)
    weights = np.ones(len(X)) if sample_weight is None else check_sample_weight(sample_weight, X)
    return X, weights


def check_reducer(estimator, caller):
    """Raise TypeError if an estimator cannot reconstruct, NotFittedError if it is not fitted."""
    for name in ("transform", "inverse_transform"):
        if not hasattr(estimator, name):
            raise TypeError(
                f"{caller} needs an estimator with transform and inverse_transform; "
                f"{type(estimator).__name__} has no {name}.{hint_of_steps(estimator)}"
            )
    check_is_fitted(estimator)


def hint_of_steps(estimator):
    """Return what to pass instead of a Pipeline that ends in a classifier or a regressor."""
    steps = getattr(estimator, "steps", None) or []
    is_followed = len(steps) > 1 and hasattr(steps[-1][1], "predict")
    return " Pass the Pipeline without its last step: pipe[:-1]." if is_followed else ""


def check_nested(estimator, caller):
    """Raise an error unless an estimator is a fitted autoencoder with nested codes."""
    check_reducer(estimator, caller)
    if not getattr(estimator, "architecture_", {}).get("nested"):
        raise ValueError(
            f"{caller} needs an autoencoder fitted with nested=True, got "
            f"{type(estimator).__name__}."
        )


def mean_squared_error(X, reconstruction, weights, missing=None):
    """Return the mean of (x - x_hat)**2 over features, and over samples by weight.

    Cells that `missing` marks do not count.
    """
    errors = np.square(X - reconstruction, dtype=np.float64)
    if missing is None:
        return float(np.average(errors.mean(axis=1), weights=weights))
    return float(np.average(errors, weights=weights[:, None] * ~missing))


def explained_variance(X, reconstruction, weights, missing=None):
    """Return 1 - sum w (x - x_hat)**2 / sum w (x - mean)**2, over all features together.

    Without variance the share is 1 for a perfect reconstruction, else 0. Cells that `missing` marks
    do not count.
    """
    weights = weights / weights.sum()
    if missing is not None:
        shares = np.where(missing, 0, weights[:, None])
        totals = np.maximum(shares.sum(axis=0), np.finfo(np.float64).tiny)
        mean = np.einsum("ij,ij->j", shares, X) / totals
        reconstruction = np.where(missing, X, reconstruction)
        X, missing = np.where(missing, mean, X), None
        reconstruction = np.where(shares > 0, reconstruction, X)
    error = weights @ np.square(X - reconstruction, dtype=np.float64).sum(axis=1)
    centred = np.subtract(X, X[0], dtype=np.float64)  # exactly zero if all samples are equal
    variance = weights @ np.square(centred - weights @ centred).sum(axis=1)
    return _share(error, variance)


def explained_share(X, errors, weights):
    """Return the same as `explained_variance` for sparse samples with these squared errors."""
    weights = weights / weights.sum()
    mean = column_means(X, weights, np.zeros(X.shape[1]), 1)
    return _share(weights @ errors, column_means(X, weights, mean, 2).sum())


def _share(error, variance):
    if variance == 0:
        return 1.0 if error == 0 else 0.0
    return float(1 - error / variance)
