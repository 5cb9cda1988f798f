"""Reconstruction scores of any transformer with `inverse_transform`, PCA included."""

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.validation import check_array, check_is_fitted

from skae._compat import check_sample_weight

__all__ = ["rate_distortion", "reconstruction_score", "reconstruction_scores"]


def reconstruction_score(estimator, X, y=None, sample_weight=None):
    """Share of the variance of X that an estimator's reconstruction explains.

    One ruler for PCA, KernelPCA, NMF, the autoencoders and every Pipeline that can invert
    its steps: pass the function itself as ``scoring=``. A Pipeline is scored in the space
    that its first step receives.

    Parameters
    ----------
    estimator : object
        Fitted, with `transform` and `inverse_transform`.
    X : array-like of shape (n_samples, n_features)
        Rows to reconstruct.
    y : Ignored
        Not used, present so that the function is a scorer.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    score : float
        1 - (sum of squared errors) / (sum of squares about the mean of X): 1 is a perfect
        reconstruction, 0 that of the mean, below 0 is worse than the mean.

    Raises
    ------
    TypeError
        If the estimator cannot reconstruct.

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
    X, reconstruction, weights = _reconstructed(estimator, X, sample_weight, "reconstruction_score")
    return explained_variance(X, reconstruction, weights)


def reconstruction_scores(estimator, X, y=None, sample_weight=None):
    """Two scores of an estimator's reconstruction, by name.

    What `sklearn.callback.ScoringMonitor` takes as ``scoring=``, for a score of every epoch,
    and searches do that are to show more than one number.

    Parameters
    ----------
    estimator : object
        Fitted, with `transform` and `inverse_transform`.
    X : array-like of shape (n_samples, n_features)
        Rows to reconstruct.
    y : Ignored
        Not used, present so that the function is a scorer.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    scores : dict of str to float
        "reconstruction_score" is :func:`reconstruction_score`; "neg_mean_squared_error" is
        minus the mean over rows and features of the squared error, in the squared units of
        X. Both are better when higher.

    Raises
    ------
    TypeError
        If the estimator cannot reconstruct.

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
    X, reconstruction, weights = _reconstructed(
        estimator, X, sample_weight, "reconstruction_scores"
    )
    return {
        "reconstruction_score": explained_variance(X, reconstruction, weights),
        "neg_mean_squared_error": -mean_squared_error(X, reconstruction, weights),
    }


def rate_distortion(estimator, X, *, n_components=None, sample_weight=None):
    """Error of the reconstruction against the size of the code, with PCA's beside it.

    One autoencoder trained with ``nested=True`` reads codes of every size: these are their
    errors. PCA's are those of the same training rows: the estimator's linear path and its
    mean are PCA, so that neither these rows nor another fit are needed.

    Parameters
    ----------
    estimator : AutoencoderTransformer or DenoisingAutoencoder
        Fitted with ``nested=True``.
    X : array-like of shape (n_samples, n_features)
        Rows to reconstruct, best unseen ones.
    n_components : array-like of int of shape (n_sizes,), default=None
        Sizes of code, each from 1 to the number of columns that the estimator has; None
        for all of them.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    curve : :class:`~sklearn.utils.Bunch`
        Dictionary-like, each an ndarray of shape (n_sizes,):

        - `n_components`: the sizes of code, int;
        - `mean_squared_error`: mean over rows and features of the squared error, in the
          squared units of X;
        - `explained_variance`: the share of the variance of X that the reconstruction
          explains, as :func:`reconstruction_score` has it;
        - `pca_mean_squared_error` and `pca_explained_variance`: the same of PCA, None for
          an estimator with ``linear_path=None``.

    Raises
    ------
    ValueError
        If the estimator was not fitted with ``nested=True``, or a size of code is none
        that it has.

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
    check_reducer(estimator, "rate_distortion")
    architecture = getattr(estimator, "architecture_", {})
    if not architecture.get("nested"):
        raise ValueError(
            "rate_distortion needs codes of every size: an autoencoder fitted with nested=True, "
            f"got {type(estimator).__name__}."
        )
    code = np.asarray(estimator.transform(X))
    X = check_array(X, dtype=[np.float64, np.float32])
    weights = np.ones(len(X)) if sample_weight is None else check_sample_weight(sample_weight, X)
    sizes = _sizes(n_components, code.shape[1])
    curve = Bunch(n_components=sizes, pca_mean_squared_error=None, pca_explained_variance=None)
    restored = (np.asarray(estimator.inverse_transform(code[:, :size])) for size in sizes)
    curve.mean_squared_error, curve.explained_variance = _scores(X, restored, weights)
    if architecture["linear_path"]:
        restored = _pca_reconstructions(estimator, X, sizes)
        curve.pca_mean_squared_error, curve.pca_explained_variance = _scores(X, restored, weights)
    return curve


def _sizes(n_components, whole):
    """Return sizes of code as an ndarray of int, all of them for None."""
    if n_components is None:
        return np.arange(1, whole + 1)
    sizes = np.atleast_1d(n_components)
    if (
        sizes.ndim > 1
        or sizes.dtype.kind not in "iu"
        or not np.isin(sizes, range(1, whole + 1)).all()
    ):
        raise ValueError(
            f"n_components must be a list of int from 1 to n_components_={whole}, or None, got "
            f"{n_components!r}."
        )
    return sizes


def _scores(X, reconstructions, weights):
    """Mean squared errors of reconstructions, and the shares of the variance they explain."""
    pairs = [
        (mean_squared_error(X, each, weights), explained_variance(X, each, weights))
        for each in reconstructions
    ]
    return np.array(pairs).T


def _pca_reconstructions(estimator, X, sizes):
    """Yield what PCA with each number of components makes of X.

    Its directions are the rows of the linear path's way out of a linear code, or the
    columns of its way into any other, up to their lengths.
    """
    n_layers = estimator.architecture_["n_encoder_layers"]
    encoder, decoder = (np.asarray(P, np.float64) for P in estimator.path_coefs_)
    is_linear = estimator.architecture_["activations"][n_layers - 1] == "identity"
    directions = decoder if is_linear else encoder.T
    lengths = np.sqrt(np.square(directions).sum(axis=1, keepdims=True))
    directions = directions / np.where(lengths > 0, lengths, 1)
    centered = np.subtract(X, estimator.mean_, dtype=np.float64)
    for size in sizes:
        yield centered @ directions[:size].T @ directions[:size] + estimator.mean_


def _reconstructed(estimator, X, sample_weight, caller):
    """Return X as an array, its reconstruction, and the weights of the rows."""
    check_reducer(estimator, caller)
    reconstruction = np.asarray(estimator.inverse_transform(estimator.transform(X)))
    X = check_array(X, dtype=[np.float64, np.float32])
    weights = np.ones(len(X)) if sample_weight is None else check_sample_weight(sample_weight, X)
    return X, reconstruction, weights


def check_reducer(estimator, caller):
    """Raise for what cannot reconstruct: TypeError by kind, NotFittedError where not fitted."""
    for name in ("transform", "inverse_transform"):
        if not hasattr(estimator, name):
            raise TypeError(
                f"{caller} needs an estimator with transform and inverse_transform; "
                f"{type(estimator).__name__} has no {name}."
            )
    check_is_fitted(estimator)


def mean_squared_error(X, reconstruction, weights):
    """Mean over features, and by weight over rows, of (x - x_hat)**2."""
    errors = np.square(X - reconstruction, dtype=np.float64).mean(axis=1)
    return float(np.average(errors, weights=weights))


def explained_variance(X, reconstruction, weights):
    """1 - sum w (x - x_hat)**2 / sum w (x - mean)**2, all features together."""
    share = weights / weights.sum()
    error = share @ np.square(X - reconstruction, dtype=np.float64).sum(axis=1)
    centered = np.subtract(X, X[0], dtype=np.float64)  # exactly zero where all rows are equal
    variance = share @ np.square(centered - share @ centered).sum(axis=1)
    if variance == 0:
        return 1.0 if error == 0 else 0.0
    return float(1 - error / variance)
