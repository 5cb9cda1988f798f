"""Typed code as users write it. `test_typing.py` has it checked; nothing calls it.

Checkers must report every line that ends in a comment "error", and no other line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, assert_type

from matplotlib.axes import Axes
import numpy as np
from numpy.typing import NDArray
import pandas as pd
import polars as pl
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    ComponentSearchCV,
    DenoisingAutoencoder,
)
from skae.activations import Activation, Isru, TopK
from skae.corruptions import Corruption, Masking, Swap, UserNoise
from skae.export import Decoder, Encoder, Reconstructor, SampleScorer
from skae.losses import Huber, Loss
from skae.metrics import rate_distortion, reconstruction_score, reconstruction_scores
from skae.optimizers import Adam, Optimizer, Sgd
from skae.penalties import L1, KullbackLeibler, Penalty
from skae.plotting import (
    CodeDisplay,
    ComponentSearchDisplay,
    DenoisingDisplay,
    DistortionDisplay,
    FeatureScoreDisplay,
    InterpolationDisplay,
    LossCurveDisplay,
    NetworkDisplay,
    ReconstructionDisplay,
    ReconstructionErrorDisplay,
    TraversalDisplay,
    WeightsDisplay,
)

FloatArray = NDArray[np.floating[Any]]
DoubleArray = NDArray[np.float64]
Calls = Iterator[tuple[Any, ...]]


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
    AutoencoderTransformer(validation_split=GroupKFold(3))
    DenoisingAutoencoder(validation_split=[([0, 1], [2]), ([1, 2], [0])])
    AutoencoderOutlierDetector(validation_split=[(np.arange(5), np.arange(5, 8))])


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
    groups = pd.Series(["a", "b"])
    assert_type(autoencoder.fit(X, groups=groups), AutoencoderTransformer)
    assert_type(denoiser.fit(X, groups=[1, 2]), DenoisingAutoencoder)
    assert_type(detector.fit(X, groups=groups), AutoencoderOutlierDetector)
    assert_type(detector.partial_fit(X, groups=groups), AutoencoderOutlierDetector)
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


@dataclass(frozen=True)
class ShiftedIsru(Activation):
    gain = 5 / 3
    n_scratch = 1

    shift: float = 0.5

    def forward(self, z: FloatArray, root: FloatArray) -> Calls:
        yield np.add, z, self.shift, z
        yield np.multiply, z, z, root
        yield np.add, root, 1, root
        yield np.sqrt, root, root
        yield np.divide, z, root, z

    def backward(self, a: FloatArray, da: FloatArray, root: FloatArray) -> Calls:
        yield np.power, root, 3, root
        yield np.divide, da, root, da

    def inverse(self, a: FloatArray) -> FloatArray:
        return np.zeros_like(a)


class LogCosh(Loss):
    lowest, highest = -100.0, 100.0

    def errors_and_delta(
        self, X: FloatArray, Z: FloatArray, errors: FloatArray, delta: FloatArray
    ) -> Calls:
        yield np.subtract, Z, X, delta
        yield np.cosh, delta, errors
        yield np.log, errors, errors
        yield np.tanh, delta, delta


@dataclass(frozen=True)
class L2(Penalty):
    latent_activation = "logistic"
    initial_mean = 0.5

    weight: float = 1.0

    def init(self, n_rows: int, n_components: int, dtype: np.dtype[Any]) -> dict[str, Any]:
        return {"buffer": np.empty((n_rows, n_components), dtype)}

    def value_and_add_gradient(
        self,
        code: FloatArray,
        delta: FloatArray,
        scale: FloatArray,
        share: float,
        state: dict[str, Any],
    ) -> float:
        buffer = state["buffer"][: len(code)]
        np.multiply(code, scale * self.weight, out=buffer)
        delta += buffer
        return 0.5 * float(np.vdot(buffer, code))


@dataclass(frozen=True)
class SignDescent(Optimizer):
    is_scale_free = True

    factor: float = 1.0

    def init(self, theta: FloatArray) -> dict[str, Any]:
        return {}

    def factors(self, state: dict[str, Any], learning_rate: float) -> tuple[float]:
        return (self.factor * learning_rate,)

    def step(
        self, theta: FloatArray, gradient: FloatArray, state: dict[str, Any], rate: FloatArray
    ) -> Calls:
        yield np.sign, gradient, gradient
        yield np.multiply, gradient, rate, gradient
        yield np.subtract, theta, gradient, theta


@dataclass(frozen=True)
class Lognormal(Corruption):
    level: float = 0.1

    def corrupt(self, X: FloatArray, out: FloatArray, rng: np.random.Generator) -> None:
        np.multiply(X, np.exp(self.level * rng.standard_normal(X.shape)), out=out)


def own_instances(X: DoubleArray) -> None:
    DenoisingAutoencoder(
        activation=ShiftedIsru(shift=0.1),
        loss=LogCosh(),
        sparsity=L2(weight=0.1),
        solver=SignDescent(),
        noise=Lognormal(level=0.2),
    )
    assert_type(ShiftedIsru().set_params(shift=0.2), ShiftedIsru)
    assert_type(ShiftedIsru().gain, float)
    for function, *operands, out in LogCosh().errors_and_delta(X, X, X.copy(), X.copy()):
        function(*operands, out=out)


def instances(X: DoubleArray, rng: np.random.Generator) -> None:
    assert_type(Adam().get_params(), dict[str, Any])
    assert_type(Adam().set_params(beta_1=0.5), Adam)
    assert_type(Adam().n_factors, int)
    assert_type(TopK(share=0.1).for_width(40), TopK)
    assert_type(Swap(0.1).for_samples(X), Swap)
    Swap(0.1).corrupt(X, X.copy(), rng)
    UserNoise(lambda samples, rng: samples + rng.normal(size=samples.shape)).for_samples(X)
    penalties: list[Penalty] = [L1(weight=0.1), KullbackLeibler(target=0.1)]
    for penalty in penalties:
        assert_type(penalty.latent_activation, str | None)
        assert_type(penalty.initial_mean, float | None)
        assert_type(penalty.init(32, 2, X.dtype), dict[str, Any])
    for function, *operands, out in Isru().forward(X, X.copy()):
        function(*operands, out=out)
    print({Huber(k=2.0): Huber().link, Adam(): Sgd().is_scale_free}, Isru() == TopK())


def plotting(detector: AutoencoderOutlierDetector, X: DoubleArray, ax: Axes) -> None:
    assert_type(LossCurveDisplay.from_estimator(detector, name="detector"), LossCurveDisplay)
    assert_type(LossCurveDisplay([1.0, 0.5], best_epoch=2).plot(ax=ax), LossCurveDisplay)
    histogram = ReconstructionErrorDisplay.from_estimator(detector, X, bins=20, ax=ax)
    histogram.figure_.savefig("errors.png")
    assert_type(histogram.flagged_shares, dict[str, float])
    ReconstructionErrorDisplay.from_predictions(-detector.score_samples(X), -detector.offset_)
    scores = FeatureScoreDisplay.from_estimator(detector, X[0], feature_names=["a", "b"])
    scores.plot(ax, n_features=None, bar_kwargs={"color": "red"}).ax_.set_title("score")
    print(scores.contributions[scores.order[0]], NetworkDisplay.from_estimator(detector))
    NetworkDisplay(detector.architecture_, name="detector").plot().layers_[0].set_alpha(0.5)
    WeightsDisplay.from_estimator(detector, (8, 8), n_units=None).images_[0].set_cmap("gray")


def plotting_of_reducers(denoiser: DenoisingAutoencoder, X: DoubleArray, axes: list[Axes]) -> None:
    codes = CodeDisplay.from_estimator(denoiser, X, columns=[0, 2], subsample=0.5, axes=axes)
    codes.axes_[0].set_title("code")
    ReconstructionDisplay.from_estimator({"denoiser": denoiser}, X, image_shape=X.shape[1:])
    ReconstructionDisplay.from_predictions(X, {"half": 0.5 * X}, samples=[1, 2], residuals=True)
    frame = pd.DataFrame(X)
    names = denoiser.feature_names_in_
    DenoisingDisplay.from_estimator(denoiser, frame, samples=np.arange(3), feature_names=names)
    TraversalDisplay.from_estimator(denoiser, X, x=X[0], columns=range(2), n_steps=5)
    between = InterpolationDisplay.from_estimator(denoiser, X[0], X[1], X=X, im_kwargs={})
    between.images_[0][0].set_cmap("gray")


def plotting_of_searches(search: Any, autoencoder: AutoencoderTransformer, X: DoubleArray) -> None:
    DistortionDisplay.from_estimator(autoencoder, X, n_components=[1, 2, 4])
    curves = DistortionDisplay.from_predictions([1, 2], {"a": [2.0, 1.0]}, [2.0, 1.5])
    curves.lines_["a"].set_label("curve")
    assert_type(DistortionDisplay.from_cv_results(search, X).plot(), DistortionDisplay)
    components = ComponentSearchCV(autoencoder, [1, 2], scoring="r2", cv=3).fit(X)
    assert_type(components.n_components_, int)
    ComponentSearchDisplay.from_estimator(components, line_kwargs={"lw": 2}).ax_.set_title("wine")
    ComponentSearchCV(autoencoder, one_standard_error="yes")  # error


def plotting_errors(detector: AutoencoderOutlierDetector, X: DoubleArray) -> None:
    LossCurveDisplay.from_estimator(detector, X)  # error
    LossCurveDisplay.from_estimator(detector, best_kwargs="red")  # error
    ReconstructionErrorDisplay.from_estimator(detector, X, bins="auto")  # error
    NetworkDisplay.from_estimator(detector).plot(ax="ax")  # error
    TraversalDisplay.from_estimator(detector, X, random_state=0)  # error
    WeightsDisplay.from_estimator(detector, 64)  # error
    ReconstructionDisplay.from_estimator(detector, X, samples="all")  # error
    NetworkDisplay.from_estimator(detector).n_parameters.upper()  # error


def instance_errors(X: DoubleArray) -> None:
    Huber().set_params(2.0)  # error
    Loss()  # error
    Activation()  # error
    TopK(share="half")  # error
    Masking().corrupt(X, X)  # error
    Isru().forward(X)  # error
    print(Adam().link)  # error


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
