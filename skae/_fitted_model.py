"""The fitted state of an estimator: model, views of the parameters, notebooks and files."""

from dataclasses import replace
import html
import threading
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skae import _persistence
from skae._containers import FloatArray
from skae._network.inference import make_model
from skae._network.scaling import Scaling
from skae._network.summary import layer_table
from skae._parametrized import warn
from skae._sampling import evenly_spaced
from skae._sparse import is_sparse
from skae._training.callbacks import NULL_TASKS
from skae._training.gain import Gain
from skae._training.parameter_checks import ignored_parameters
from skae._training.report import hint_lines, scale_record, time_lines, training_lines
from skae._training.state import Previous

STATE = (
    "architecture_",
    "theta_",
    "mean_",
    "scale_",
    "code_scale_",
    "reach_",
    "_columns_read",
    "_box",
    "_code_deviations",
)


MAX_PREVIEWED_ROWS, MAX_MEASURED_ROWS = 1000, 10_000  # on which attributes are measured


def measured_samples(model, X, weights, is_preview):
    """Return the samples, evenly spaced, that fitted attributes are measured on, and weights.

    The latter are None if all of these are zero.
    """
    max_rows = MAX_PREVIEWED_ROWS if is_preview else model.n_measured(MAX_MEASURED_ROWS)
    if len(X) <= max_rows:
        return X, weights
    chosen = evenly_spaced(len(X), max_rows)
    X, weights = X[chosen], weights[chosen]
    return X, weights if weights.any() else None


class _Models(threading.local):
    """Models that this thread has made, by estimator, with the fitted state behind each."""

    def __init__(self):
        self.by_estimator = WeakKeyDictionary()


_models = _Models()


class FittedModel:
    """Mixin that makes the model from the fitted attributes, and what is derived from both."""

    theta_: FloatArray
    architecture_: dict[str, Any]
    mean_: FloatArray
    scale_: FloatArray
    code_scale_: FloatArray
    n_components_: int
    n_layers_: int
    n_iter_: int
    best_iter_: int
    n_samples_seen_: int
    t_: int
    loss_curve_: list[float]
    validation_loss_curve_: list[float]
    loss_: float | None
    best_loss_: float | None
    gain_over_pca_: float | dict[int, float] | None
    gain_over_pca_bound_: float | dict[int, float] | None
    explained_variance_ratio_: FloatArray
    explained_variance_: FloatArray
    reconstruction_err_: float
    reach_: FloatArray | None
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    @property
    def _model(self):
        """Return the fitted model, made once in each thread for the same fitted state."""
        fitted = vars(self)
        state, model = _models.by_estimator.get(self, ({"theta_": None}, None))
        for name, value in state.items():
            if fitted.get(name) is not value:
                break
        else:
            return model
        state = {name: fitted.get(name) for name in STATE}  # older files lack the last four
        spec, theta, mean, scale, code_scale, *geometry, deviations = state.values()
        if deviations is not None:
            code_scale = code_scale / deviations
        model = make_model(spec, theta, Scaling(mean, scale), code_scale, *geometry)
        _models.by_estimator[self] = state, model
        return model

    def _fitted_model(self):
        if "theta_" not in vars(self):
            raise AttributeError(f"This {type(self).__name__} instance is not fitted yet.")
        return self._model

    @property
    def coefs_(self) -> list[FloatArray]:
        """Weights of each layer, ndarray of shape (n_in, n_out), as views of `theta_`."""
        return [W for W, _ in self._fitted_model().plain_layers]

    @property
    def intercepts_(self) -> list[FloatArray]:
        """Biases of each layer, ndarray of shape (n_out,), as views of `theta_`."""
        return [b for _, b in self._fitted_model().plain_layers]

    @property
    def path_coefs_(self) -> list[FloatArray]:
        """Matrices of the linear path, two or none, as views of `theta_`."""
        return list(self._fitted_model().parameters.path)

    @property
    def components_(self) -> FloatArray:
        """Directions of the linear part of the code, as in PCA, of unit length."""
        model = self._fitted_model()
        if not model.network.linear_path:
            raise AttributeError(
                f"This {type(self).__name__} has no components_: its code has no linear part with "
                "linear_path=None. Use inverse_transform to see what a component means, or coefs_."
            )
        rows = model.parameters.path[0].T
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.where(norms > 0, norms, 1)

    @property
    def bounds_(self) -> NDArray[np.float64] | None:
        """Minimum and maximum of the reconstruction for each feature, or None."""
        return self._fitted_model().bounds

    # ---------------------------------------------------------------- results of fits

    def _previous(self):
        return Previous(
            model=replace(self._model, code_scale=self.code_scale_),
            optimizer=self._optimizer_state,
            decoder_weights=getattr(self, "_decoder_weights", None),
            loss_curve=self.loss_curve_,
            validation_loss_curve=self.validation_loss_curve_,
            n_samples_seen=self.n_samples_seen_,
            explained_variance=getattr(self, "explained_variance_", None),
        )

    def _keep(self, attributes):
        for name, value in attributes.items():
            setattr(self, name, value)

    def _fitted_attributes(self, result, X, weights, trainer=None, tasks=NULL_TASKS):
        """Return the fitted attributes by name: arrays, numbers and plain containers of them.

        Without a trainer they are for a per-epoch preview: nothing is retrained, at most 1,000
        samples are scored.
        """
        model = result.model
        X, weights = measured_samples(model, X, weights, is_preview=trainer is None)
        return {
            "theta_": model.parameters.flat,
            "architecture_": model.spec,
            "mean_": model.scaling.mean,
            "scale_": model.scaling.scale,
            "code_scale_": model.code_scale,
            "n_components_": model.network.n_components,
            "n_layers_": model.network.n_layers + 1,
            "n_samples_seen_": result.n_samples_seen,
            "t_": result.optimizer["steps"],
            "explained_variance_ratio_": result.explained_variance_ratio,
            "explained_variance_": result.explained_variance,
            "reconstruction_err_": self._reconstruction_error(model, X, weights),
            "_optimizer_state": result.optimizer,
            "_decoder_weights": result.decoder_weights,
            "_columns_read": model.columns_read,
            "_box": model.box,
            "reach_": model.input_radius,
            "_code_deviations": result.code_deviations if self.whiten else None,
            "_record": result.record,
        } | result.history.fitted_attributes()

    def _updated_attributes(self, result, X, weights, trainer):
        return self._fitted_attributes(result, X, weights, trainer)

    # ---------------------------------------------------------------- in notebooks

    # The names are IPython's protocol. The layers of a fitted model follow scikit-learn's
    # diagram, which is left unchanged.

    @property
    def _repr_html_(self):
        diagram = super()._repr_html_  # raises AttributeError if the display is text
        return lambda: diagram() + self._layers_html()

    def _repr_mimebundle_(self, **kwargs):
        output = super()._repr_mimebundle_(**kwargs)
        if "text/html" in output:
            output["text/html"] += self._layers_html()
        return output

    def _layers_html(self):
        if "architecture_" not in vars(self):
            return ""
        lines = "".join(f"<div>{html.escape(line)}</div>" for line in self._report())
        report = f"<details open><summary>Training</summary>{lines}</details>" if lines else ""
        table = self._layer_table().to_html()
        return f"{report}<details><summary>Layers</summary>{table}</details>"

    # ---------------------------------------------------------------- summary

    _start = "PCA"  # the model that training starts with

    def _layer_table(self):
        return layer_table(self.architecture_, type(self).__name__)

    def _report(self):
        """Return lines on what happened in `fit`, as far as the file of a version has kept it."""
        fitted = vars(self)
        names = ("gain_over_pca_", "gain_over_pca_bound_")
        gain, record = Gain(*(fitted.get(name) for name in names)), fitted.get("_record") or {}
        activation = self.architecture_["activations"][0]
        is_auto = record.get("is_auto_activation", self.activation == "auto")
        is_auto = is_auto and self.architecture_["n_encoder_layers"] > 1
        return [
            *training_lines(record, self.n_iter_, self.best_iter_, activation if is_auto else None),
            *gain.lines(*self._compared(record)),
            *time_lines(record),
            *hint_lines(record),
        ]

    def _compared(self, record):
        """Return the name of the loss that training lowers, and of the model it starts with."""
        has_penalty = record.get("has_penalty", False)
        latent = self.architecture_["activations"][self.architecture_["n_encoder_layers"] - 1]
        is_pca = latent == "identity" and not has_penalty
        loss = "penalised" if has_penalty else self.architecture_["loss"]
        return loss, self._start if is_pca else "the start"

    def _scale_record(self, X, weights):
        """Return what `summary` has to say of the scales of features that share one scale."""
        if is_sparse(X) or self.scale_.ndim:
            return {}
        present = np.flatnonzero(weights)
        X = X[present[evenly_spaced(len(present), MAX_PREVIEWED_ROWS)]]
        names = getattr(self, "feature_names_in_", None)
        return scale_record(X, [f"x{j}" for j in range(X.shape[1])] if names is None else names)

    def _ignored_record(self):
        """Return what `summary` says of parameters without effect; warn of those of sparsity."""
        defaults = _persistence.with_defaults(self, {})
        sentences = ignored_parameters(self.get_params(deep=False), defaults)
        for sentence in [text for text in sentences if text.startswith("sparsity")]:
            warn(sentence)
        return {"ignored": sentences} if sentences else {}

    def _print_report(self):
        if self.verbose:
            print(*self._report(), sep="\n")

    def summary(self) -> str:
        """Return a description of the fitted model and of its training as text.

        Returns
        -------
        text : str
            A table of the layers, and lines on the training: samples trained on and held out,
            epochs run and kept, why training stopped, the hidden activation if "auto" chose it, the
            gain over PCA if it was measured (see `gain_over_pca_`), and the time that `fit` took.
            Hints tell of fewer than 100 samples, and of unscaled features whose scales differ by a
            factor of more than 1000.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        check_is_fitted(self)
        return "\n".join([str(self._layer_table()), "", *self._report()]).rstrip()

    # ---------------------------------------------------------------- files

    _needed_when_fitted = _persistence.NEEDED

    def __getstate__(self):
        return _persistence.with_version(super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(_persistence.read_state(self, state, self._needed_when_fitted))
