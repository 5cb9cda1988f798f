"""Reconstruction scores of any transformer with `inverse_transform`, PCA included."""

import numpy as np
from sklearn.utils.validation import check_array, check_is_fitted

from skae._compat import check_sample_weight

__all__ = ["reconstruction_score", "reconstruction_scores"]


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
    errors = np.square(X - reconstruction, dtype=np.float64).mean(axis=1)
    return {
        "reconstruction_score": explained_variance(X, reconstruction, weights),
        "neg_mean_squared_error": -float(np.average(errors, weights=weights)),
    }


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


def explained_variance(X, reconstruction, weights):
    """1 - sum w (x - x_hat)**2 / sum w (x - mean)**2, all features together."""
    share = weights / weights.sum()
    error = share @ np.square(X - reconstruction, dtype=np.float64).sum(axis=1)
    centered = np.subtract(X, X[0], dtype=np.float64)  # exactly zero where all rows are equal
    variance = share @ np.square(centered - share @ centered).sum(axis=1)
    if variance == 0:
        return 1.0 if error == 0 else 0.0
    return float(1 - error / variance)
