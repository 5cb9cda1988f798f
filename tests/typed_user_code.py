"""Typed code as users write it. `test_typing.py` has it checked; nothing calls it.

Checkers must report every line that ends in a comment "error", and no other line.
"""

from typing import Any, assert_type

from matplotlib.axes import Axes
import numpy as np
from numpy.typing import NDArray
import pandas as pd
import polars as pl
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder
from skae.activations import Activation, TopK
from skae.corruptions import Corruption, Masking
from skae.export import Decoder, Encoder, Reconstructor, SampleScorer
from skae.losses import Huber, Loss
from skae.metrics import rate_distortion, reconstruction_score, reconstruction_scores
from skae.optimizers import Adam, Optimizer, Sgd
from skae.penalties import KullbackLeibler
from skae.plotting import LossCurveDisplay, ReconstructionErrorDisplay

FloatArray = NDArray[np.floating[Any]]
DoubleArray = NDArray[np.float64]


def constructors() -> None:
    AutoencoderTransformer()
    AutoencoderTransformer(5, batch_size=128, hidden_layer_sizes=(64, 32), random_state=0)
    AutoencoderTransformer(n_components=0.9, hidden_layer_sizes=64, nested=True, alpha=1)
    AutoencoderTransformer(hidden_layer_sizes=[16, 8], learning_rate="cosine", verbose=1)
    AutoencoderTransformer(hidden_layer_sizes=np.array([16, 8]), batch_size="auto", sparsity="kl")
    AutoencoderTransformer(activation=TopK(share=0.1), sparsity=KullbackLeibler())
    AutoencoderTransformer(solver=Adam(beta_1=0.5), random_state=np.random.default_rng(0))
    AutoencoderTransformer(solver=Sgd(), random_state=np.random.RandomState(0), linear_path=None)
    DenoisingAutoencoder(2, noise="swap", noise_level=0.1)
    DenoisingAutoencoder(2, noise=None, loss=Huber(k=2.0))
    DenoisingAutoencoder(noise=lambda samples, rng: samples + rng.normal(size=samples.shape))
    AutoencoderOutlierDetector(contamination=0.1, criterion="reconstruction", max_samples=500)
    AutoencoderOutlierDetector(contamination="auto")


def lists_of_names_and_instances() -> None:
    activations: list[str | Activation] = ["relu", TopK(share=0.2)]
    losses: list[str | Loss] = ["huber", Huber(k=0.5)]
    solvers: list[str | Optimizer] = ["lbfgs", Adam()]
    noises: list[str | Corruption | None] = ["masking", Masking(level=0.5), None]
    for activation, loss, solver, noise in zip(activations, losses, solvers, noises):
        DenoisingAutoencoder(activation=activation, loss=loss, solver=solver, noise=noise)
    for name in ("relu", "tanh"):
        AutoencoderTransformer(activation=name, latent_activation=name)


def fitting(X: DoubleArray, X_val: list[list[float]], weights: list[float]) -> None:
    autoencoder, denoiser = AutoencoderTransformer(2), DenoisingAutoencoder(2)
    detector = AutoencoderOutlierDetector(2)
    assert_type(autoencoder.fit(X), AutoencoderTransformer)
    assert_type(autoencoder.partial_fit(X), AutoencoderTransformer)
    assert_type(denoiser.fit(X, X_clean=X, X_val=X_val), DenoisingAutoencoder)
    assert_type(denoiser.partial_fit(X, X_clean=X), DenoisingAutoencoder)
    assert_type(detector.fit(X, None, weights, X_val=X[:20]), AutoencoderOutlierDetector)
    assert_type(detector.partial_fit(X, sample_weight=weights), AutoencoderOutlierDetector)
    assert_type(autoencoder.set_params(alpha=0.5), AutoencoderTransformer)
    assert_type(autoencoder.set_fit_request(X_val=True).fit(X), AutoencoderTransformer)


def methods(autoencoder: AutoencoderTransformer, X: DoubleArray) -> None:
    code = autoencoder.transform(X)
    assert_type(code, FloatArray)
    assert_type(autoencoder.transform(X.astype(np.float32)), FloatArray)
    assert_type(autoencoder.transform(X.tolist()), FloatArray)
    assert_type(autoencoder.fit_transform(X), FloatArray)
    assert_type(autoencoder.inverse_transform(code[:, :1]), FloatArray)
    assert_type(autoencoder.reconstruct(X, n_components=1), FloatArray)
    assert_type(autoencoder.score_samples(X), FloatArray)
    assert_type(autoencoder.score(X, sample_weight=np.ones(len(X))), float)
    names: list[str] = list(autoencoder.get_feature_names_out())
    print(names)


def methods_of_detectors(detector: AutoencoderOutlierDetector, X: DoubleArray) -> None:
    assert_type(detector.score_samples(X), DoubleArray)
    assert_type(detector.decision_function(X), DoubleArray)
    assert_type(detector.predict_pvalue(X), DoubleArray)
    assert_type(detector.predict(X), NDArray[np.int64])
    assert_type(detector.fit_predict(X), NDArray[np.int64])
    print(X[detector.predict(X) == -1])


def frames(detector: AutoencoderOutlierDetector) -> None:
    pandas_frame = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 2.0]})
    polars_frame = pl.DataFrame({"a": [0.0, 1.0], "b": [1.0, 2.0]})
    assert_type(detector.transform(pandas_frame), FloatArray)
    assert_type(detector.transform(polars_frame), FloatArray)
    detector.score_features(pandas_frame).idxmin(axis=1)
    framed = AutoencoderTransformer(2).set_output(transform="pandas").fit(pandas_frame)
    framed.transform(pandas_frame).columns.tolist()


def attributes(autoencoder: AutoencoderTransformer, detector: AutoencoderOutlierDetector) -> None:
    assert_type(autoencoder.n_components_, int)
    assert_type(autoencoder.theta_, FloatArray)
    assert_type(autoencoder.coefs_, list[FloatArray])
    assert_type(autoencoder.path_coefs_, list[FloatArray])
    assert_type(autoencoder.loss_curve_, list[float])
    assert_type(autoencoder.best_loss_, float | None)
    assert_type(autoencoder.bounds_, DoubleArray | None)
    assert_type(autoencoder.architecture_, dict[str, Any])
    assert_type(autoencoder.feature_names_in_, NDArray[np.object_])
    assert_type(float(autoencoder.explained_variance_ratio_.sum()), float)
    assert_type(detector.offset_, float)
    assert_type(detector.calibration_scores_, DoubleArray)


def pipelines(X: DoubleArray) -> None:
    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(2)).fit(X)
    assert_type(reconstruction_score(pipeline, X), float)
    search = GridSearchCV(
        Pipeline([("scale", StandardScaler()), ("encode", AutoencoderTransformer())]),
        {"encode__n_components": [2, 0.9], "encode__solver": [Adam(beta_1=0.5), "lbfgs"]},
        scoring=reconstruction_score,
    )
    search.fit(X)


def metrics(autoencoder: AutoencoderTransformer, X: DoubleArray) -> None:
    scores = reconstruction_scores(autoencoder, X, sample_weight=np.ones(len(X)))
    assert_type(scores, dict[str, float])
    curve = rate_distortion(autoencoder, X, n_components=[1, 2])
    print(min(curve.mean_squared_error))


def export(autoencoder: AutoencoderTransformer, X: DoubleArray) -> None:
    code = Encoder(autoencoder).transform(X)
    assert_type(code, FloatArray)
    assert_type(Decoder(autoencoder).transform(code), FloatArray)
    assert_type(Reconstructor(autoencoder).fit(), Reconstructor)
    assert_type(SampleScorer(autoencoder).n_features_in_, int)


def plotting(detector: AutoencoderOutlierDetector, X: DoubleArray, ax: Axes) -> None:
    LossCurveDisplay.from_estimator(detector)
    LossCurveDisplay([1.0, 0.5], best_epoch=2).plot(ax=ax)
    ReconstructionErrorDisplay.from_estimator(detector, X, bins=20, ax=ax)


def errors(autoencoder: AutoencoderTransformer, X: DoubleArray) -> None:
    AutoencoderTransformer(n_component=2)  # error
    AutoencoderTransformer(2, (64,))  # error
    AutoencoderTransformer("two")  # error
    AutoencoderTransformer(batch_size="all")  # error
    AutoencoderTransformer(activation=2)  # error
    AutoencoderTransformer(solver=Huber())  # error
    AutoencoderTransformer(solver=Adam(beta1=0.5))  # error
    AutoencoderTransformer(contamination=0.1)  # error
    AutoencoderTransformer(max_iter=None)  # error
    AutoencoderOutlierDetector(contamination="automatic")  # error
    DenoisingAutoencoder(noise=0.3)  # error
    autoencoder.fit()  # error
    autoencoder.fit(X, X_clean=X)  # error
    autoencoder.partial_fit(X, X_val=X)  # error
    autoencoder.reconstruct(X, n_components="all")  # error
    autoencoder.transform(None)  # error
    autoencoder.theta_.sorted()  # error
    last_loss: str = autoencoder.loss_curve_[-1]  # error
    autoencoder.n_components_.upper()  # error
    reconstruction_score(autoencoder)  # error
    rate_distortion(autoencoder, X, [1, 2])  # error
    Encoder()  # error
    Decoder("autoencoder")  # error
    print(last_loss)
