"""The fitted state of an estimator: model, views of the parameters, notebooks and files."""

import threading
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from skae import _persistence
from skae._containers import FloatArray
from skae._network.inference import make_model
from skae._network.scaling import Scaling
from skae._network.summary import layer_table

STATE = (
    "architecture_",
    "theta_",
    "mean_",
    "scale_",
    "code_scale_",
    "reach_",
    "_columns_read",
    "_box",
)


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
    explained_variance_ratio_: FloatArray
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
        state = {name: fitted.get(name) for name in STATE}  # older files lack the last three
        spec, theta, mean, scale, *geometry = state.values()
        model = make_model(spec, theta, Scaling(mean, scale), *geometry)
        _models.by_estimator[self] = state, model
        return model

    def _fitted_model(self):
        if "theta_" not in vars(self):
            raise AttributeError(f"This {type(self).__name__} instance is not fitted yet.")
        return self._model

    @property
    def coefs_(self) -> list[FloatArray]:
        """Weights of each layer, ndarray of shape (n_in, n_out), as views of `theta_`."""
        return [W for W, _ in self._fitted_model().parameters.layers]

    @property
    def intercepts_(self) -> list[FloatArray]:
        """Biases of each layer, ndarray of shape (n_out,), as views of `theta_`."""
        return [b for _, b in self._fitted_model().parameters.layers]

    @property
    def path_coefs_(self) -> list[FloatArray]:
        """Matrices of the linear path, two or none, as views of `theta_`."""
        return list(self._fitted_model().parameters.path)

    @property
    def bounds_(self) -> NDArray[np.float64] | None:
        """Minimum and maximum of the reconstruction for each feature, or None."""
        return self._fitted_model().bounds

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
        table = layer_table(self.architecture_, type(self).__name__)
        return f"<details><summary>Layers</summary>{table.to_html()}</details>"

    # ---------------------------------------------------------------- files

    _needed_when_fitted = _persistence.NEEDED

    def __getstate__(self):
        return _persistence.with_version(super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(_persistence.read_state(self, state, self._needed_when_fitted))
