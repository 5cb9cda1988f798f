"""Methods of a fitted autoencoder as transformers, for export to ONNX or for a Pipeline."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skae._base import _BaseAutoencoder
from skae._containers import FloatArray
from skae._onnx import exporter

__all__ = ["Decoder", "Encoder", "Reconstructor", "SampleScorer"]


class _FrozenMethod(exporter.OnnxExport, TransformerMixin, BaseEstimator):
    """Base class: one method of a fitted estimator as `transform`, frozen as in FrozenEstimator."""

    if TYPE_CHECKING:  # methods that scikit-learn has no types for

        def fit_transform(self, X: ArrayLike, y: Any = None, **fit_params: Any) -> FloatArray: ...
        def set_output(self, *, transform: str | None = None) -> Any: ...  # it may return frames

    def __init__(self, estimator: _BaseAutoencoder) -> None:
        self.estimator = estimator

    @abstractmethod
    def transform(self, X: ArrayLike) -> FloatArray:
        """Return the result of the method."""

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Check that the estimator is fitted, and leave it unchanged.

        Parameters
        ----------
        X : Ignored
            Not used, present for API consistency by convention.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The transformer itself.

        Raises
        ------
        TypeError
            If `estimator` is not an estimator of this package.
        NotFittedError
            If `estimator` is not fitted.
        """
        self._fitted()
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters: only `estimator`, without its own parameters.

        Parameters
        ----------
        deep : bool, default=True
            Not used, present for API consistency by convention.

        Returns
        -------
        params : dict
            The estimator, under the name "estimator".
        """
        return {"estimator": self.estimator}

    def set_params(self, **params: Any) -> Self:
        """Replace the fitted estimator by another one.

        Parameters
        ----------
        **params : dict
            Only `estimator`.

        Returns
        -------
        self : object
            The transformer itself.

        Raises
        ------
        ValueError
            If any other parameter is passed.
        """
        for name in params.keys() - {"estimator"}:
            raise ValueError(
                f"{type(self).__name__} has no parameter {name!r}, only 'estimator', which is "
                "fitted already. Set the parameter on the estimator itself and fit it again."
            )
        return super().set_params(**params)

    def __sklearn_clone__(self):
        return self

    def __sklearn_is_fitted__(self):
        try:
            self._fitted()
        except NotFittedError:
            return False
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def n_features_in_(self) -> int:
        """Number of features that `transform` expects."""
        return self.estimator.n_features_in_

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Names of the features, ndarray of shape (n_features,), if the estimator has them."""
        return self.estimator.feature_names_in_

    def _fitted(self):
        if not isinstance(self.estimator, _BaseAutoencoder):
            raise TypeError(
                f"{type(self).__name__} takes a fitted estimator of skae, got {self.estimator!r}."
            )
        check_is_fitted(self.estimator)
        return self.estimator


class _WithFeatureNames(_FrozenMethod):
    """Base class of transformers whose output has the features the estimator was fitted on."""

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Get the names of the features that the estimator was fitted on.

        Parameters
        ----------
        input_features : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        feature_names_out : ndarray of shape (n_features,)
            `feature_names_in_` of the estimator, or otherwise "x0", "x1" and so on.
        """
        model = self._fitted()
        numbered = [f"x{j}" for j in range(model.n_features_in_)]
        return np.asarray(getattr(model, "feature_names_in_", numbered), dtype=object)


class Encoder(ClassNamePrefixFeaturesOutMixin, _FrozenMethod):
    """Encoder of a fitted autoencoder: `transform` is the `transform` of the estimator.

    Use it to export a Pipeline in which an :class:`~skae.AutoencoderOutlierDetector` is not the
    last step. Such a step passes codes on, but the detector itself is exported with labels and
    scores. The estimator is not fitted again: `fit` does nothing, and `clone` returns the same
    object.

    Parameters
    ----------
    estimator : AutoencoderTransformer, DenoisingAutoencoder or AutoencoderOutlierDetector
        The fitted estimator.

    Attributes
    ----------
    n_features_in_ : int
        Number of features that the estimator was fitted on.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of these features, if they are all strings.

    See Also
    --------
    Decoder : From codes to samples.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderOutlierDetector
    >>> from skae.export import Encoder
    >>> X = load_iris().data
    >>> detector = AutoencoderOutlierDetector(2, random_state=0).fit(X)
    >>> bool((Encoder(detector).transform(X) == detector.transform(X)).all())
    True
    """

    def transform(self, X: ArrayLike) -> FloatArray:
        """Encode X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to encode.

        Returns
        -------
        code : ndarray of shape (n_samples, n_components)
            Code of each sample.
        """
        return self._fitted().transform(X)

    @property
    def _n_features_out(self):
        return self._fitted().n_components_

    @property
    def _onnx_outputs(self):
        return {"code": self.estimator.n_components_}

    def _onnx_nodes(self, X):
        return [exporter.encode(self.estimator._model, X)]


class Decoder(_WithFeatureNames):
    """Decoder of a fitted autoencoder: `transform` is the `inverse_transform` of the estimator.

    The estimator is not fitted again: `fit` does nothing, and `clone` returns the same object.

    Parameters
    ----------
    estimator : AutoencoderTransformer, DenoisingAutoencoder or AutoencoderOutlierDetector
        The fitted estimator.

    Attributes
    ----------
    n_features_in_ : int
        Number of components of the code.

    See Also
    --------
    Encoder : From samples to codes.
    Reconstructor : From samples to their reconstructions.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.export import Decoder
    >>> X = load_iris().data
    >>> autoencoder = AutoencoderTransformer(2, max_iter=20, random_state=0).fit(X)
    >>> Decoder(autoencoder).transform(autoencoder.transform(X)).shape
    (150, 4)
    """

    def transform(self, X: ArrayLike) -> FloatArray:
        """Decode X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as returned by `transform` of the estimator.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Reconstructed samples, in the units of the training samples.
        """
        return self._fitted().inverse_transform(X)

    @property
    def n_features_in_(self) -> int:
        """Number of components of the code."""
        return self.estimator.n_components_

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Not available: components of a code have no names."""
        raise AttributeError("Decoder has no feature_names_in_: components have no names.")

    @property
    def _onnx_outputs(self):
        return {"reconstruction": self.estimator.n_features_in_}

    def _onnx_nodes(self, X):
        return [exporter.decode(self.estimator._model, X)]


class Reconstructor(_WithFeatureNames):
    """Encoder and decoder of a fitted autoencoder: `transform` is its `reconstruct`.

    With a :class:`~skae.DenoisingAutoencoder` it is a Pipeline step that denoises samples. The
    estimator is not fitted again: `fit` does nothing, and `clone` returns the same object.

    Parameters
    ----------
    estimator : AutoencoderTransformer, DenoisingAutoencoder or AutoencoderOutlierDetector
        The fitted estimator.

    Attributes
    ----------
    n_features_in_ : int
        Number of features that the estimator was fitted on.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of these features, if they are all strings.

    See Also
    --------
    Decoder : From codes to samples.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skae import DenoisingAutoencoder
    >>> from skae.export import Reconstructor
    >>> X, y = load_iris(return_X_y=True)
    >>> denoiser = DenoisingAutoencoder(2, max_iter=20, random_state=0).fit(X)
    >>> pipe = make_pipeline(Reconstructor(denoiser), LogisticRegression(max_iter=1000))
    >>> pipe.fit(X, y).score(X, y) > 0.9
    True
    """

    def transform(self, X: ArrayLike) -> FloatArray:
        """Reconstruct X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to reconstruct.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Reconstructed samples, in the units of X.
        """
        return self._fitted().reconstruct(X)

    @property
    def _onnx_outputs(self):
        return {"reconstruction": self.estimator.n_features_in_}

    def _onnx_nodes(self, X):
        return [exporter.reconstruct(self.estimator._model, X)]


class SampleScorer(_FrozenMethod):
    """Scores of a fitted autoencoder: `transform` is its `score_samples`, as one column.

    The estimator is not fitted again: `fit` does nothing, and `clone` returns the same object.

    Parameters
    ----------
    estimator : AutoencoderTransformer, DenoisingAutoencoder or AutoencoderOutlierDetector
        The fitted estimator.

    Attributes
    ----------
    n_features_in_ : int
        Number of features that the estimator was fitted on.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of these features, if they are all strings.

    See Also
    --------
    skae.AutoencoderOutlierDetector : Is exported with labels and `decision_function`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderOutlierDetector
    >>> from skae.export import SampleScorer
    >>> X = load_iris().data
    >>> detector = AutoencoderOutlierDetector(2, random_state=0).fit(X)
    >>> SampleScorer(detector).transform(X).shape
    (150, 1)
    """

    def transform(self, X: ArrayLike) -> FloatArray:
        """Compute the score of each sample; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to score.

        Returns
        -------
        scores : ndarray of shape (n_samples, 1)
            Scores, as returned by `score_samples` of the estimator.
        """
        return self._fitted().score_samples(X)[:, np.newaxis]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Get the name of the column.

        Parameters
        ----------
        input_features : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        feature_names_out : ndarray of shape (1,)
            The name "score_samples".
        """
        return np.asarray(["score_samples"], dtype=object)

    @property
    def _onnx_outputs(self):
        return {"score_samples": 1}

    def _onnx_nodes(self, X):
        return [self.estimator._onnx_score_samples(X)]
