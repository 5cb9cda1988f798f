"""Parts of a fitted autoencoder as transformers of their own, to export or to put in a Pipeline."""

from abc import abstractmethod

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skae._base import _BaseAutoencoder
from skae._onnx import exporter

__all__ = ["Decoder", "Encoder", "Reconstructor", "SampleScorer"]


class _Part(exporter.OnnxExport, TransformerMixin, BaseEstimator):
    """One method of a fitted estimator as `transform`; frozen, as FrozenEstimator is."""

    def __init__(self, estimator):
        self.estimator = estimator

    @abstractmethod
    def transform(self, X):
        """Return what the part computes."""

    def fit(self, X=None, y=None):
        """Do nothing: the estimator is fitted and stays as it is.

        Parameters
        ----------
        X : Ignored
            Not used, present for API consistency by convention.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The part itself.

        Raises
        ------
        TypeError
            If `estimator` is not one of this package.
        NotFittedError
            If `estimator` is not fitted.
        """
        self._fitted()
        return self

    def get_params(self, deep=True):
        """Return the only parameter: those of the estimator have been used already.

        Parameters
        ----------
        deep : bool, default=True
            Has no effect, present for API consistency by convention.

        Returns
        -------
        params : dict
            The estimator by its name.
        """
        return {"estimator": self.estimator}

    def set_params(self, **params):
        """Put another fitted estimator in the place of this one.

        Parameters
        ----------
        **params : dict
            `estimator` alone.

        Returns
        -------
        self : object
            The part itself.

        Raises
        ------
        ValueError
            If there is any other parameter.
        """
        for name in params.keys() - {"estimator"}:
            raise ValueError(
                f"{type(self).__name__} has no parameter {name!r} to set, only 'estimator': that "
                "is fitted, and stays as it is. Set parameters on the estimator and fit it again."
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
    def n_features_in_(self):
        """Number of columns that `transform` takes: int."""
        return self.estimator.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of these columns, where they have any: ndarray of shape (n_features,)."""
        return self.estimator.feature_names_in_

    def _fitted(self):
        if not isinstance(self.estimator, _BaseAutoencoder):
            raise TypeError(
                f"{type(self).__name__} takes a fitted estimator of skae, got {self.estimator!r}."
            )
        check_is_fitted(self.estimator)
        return self.estimator


class _NamedAsInput(_Part):
    """A part whose columns are those that the estimator was fitted on."""

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that the estimator was fitted on.

        Parameters
        ----------
        input_features : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        feature_names_out : ndarray of shape (n_features,)
            `feature_names_in_` of the estimator, or x0, x1 and so on.
        """
        model = self._fitted()
        numbered = [f"x{j}" for j in range(model.n_features_in_)]
        return np.asarray(getattr(model, "feature_names_in_", numbered), dtype=object)


class Encoder(ClassNamePrefixFeaturesOutMixin, _Part):
    """The encoder of a fitted autoencoder: `transform` is its `transform`.

    What to export of an :class:`~skae.AutoencoderOutlierDetector` in the middle of a
    Pipeline, where its codes are meant and not its labels. The estimator is fitted already
    and stays as it is: `fit` does nothing, and `clone` returns the part itself.

    Parameters
    ----------
    estimator : object
        A fitted estimator of this package.

    Attributes
    ----------
    n_features_in_ : int
        Number of features of the rows.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the estimator was fitted on string names.

    See Also
    --------
    Decoder : The way back.

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

    def transform(self, X):
        """Encode X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to encode.

        Returns
        -------
        code : ndarray of shape (n_samples, n_components)
            The code of each row.
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


class Decoder(_NamedAsInput):
    """The decoder of a fitted autoencoder: `transform` is its `inverse_transform`.

    The estimator is fitted already and stays as it is: `fit` does nothing, and `clone`
    returns the part itself.

    Parameters
    ----------
    estimator : object
        A fitted estimator of this package.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of a code.

    See Also
    --------
    Encoder : The way there.
    Reconstructor : There and back.

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

    def transform(self, X):
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` of the estimator returns them.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Reconstructed rows, in the units of the training rows.
        """
        return self._fitted().inverse_transform(X)

    @property
    def n_features_in_(self):
        """Number of columns of a code: int."""
        return self.estimator.n_components_

    @property
    def feature_names_in_(self):
        """Codes are known by their place."""
        raise AttributeError("Decoder has no feature_names_in_: codes have no names.")

    @property
    def _onnx_outputs(self):
        return {"reconstruction": self.estimator.n_features_in_}

    def _onnx_nodes(self, X):
        return [exporter.decode(self.estimator._model, X)]


class Reconstructor(_NamedAsInput):
    """A fitted autoencoder from end to end: `transform` is its `reconstruct`.

    With a :class:`~skae.DenoisingAutoencoder` a step that cleans rows. The estimator is
    fitted already and stays as it is: `fit` does nothing, and `clone` returns the part
    itself.

    Parameters
    ----------
    estimator : object
        A fitted estimator of this package.

    Attributes
    ----------
    n_features_in_ : int
        Number of features of the rows.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the estimator was fitted on string names.

    See Also
    --------
    Decoder : The second half.

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

    def transform(self, X):
        """Encode X and decode the codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to reconstruct.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Their reconstructions, in the units of X.
        """
        return self._fitted().reconstruct(X)

    @property
    def _onnx_outputs(self):
        return {"reconstruction": self.estimator.n_features_in_}

    def _onnx_nodes(self, X):
        return [exporter.reconstruct(self.estimator._model, X)]


class SampleScorer(_Part):
    """The scores of a fitted autoencoder: `transform` is its `score_samples`, as a column.

    The estimator is fitted already and stays as it is: `fit` does nothing, and `clone`
    returns the part itself.

    Parameters
    ----------
    estimator : object
        A fitted estimator of this package.

    Attributes
    ----------
    n_features_in_ : int
        Number of features of the rows.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the estimator was fitted on string names.

    See Also
    --------
    skae.AutoencoderOutlierDetector : Exports labels and scores less its `offset_`.

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

    def transform(self, X):
        """Return the score of each row: higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        scores : ndarray of shape (n_samples, 1)
            What `score_samples` of the estimator returns, as a column.
        """
        return self._fitted().score_samples(X)[:, np.newaxis]

    def get_feature_names_out(self, input_features=None):
        """Return the name of the column.

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
