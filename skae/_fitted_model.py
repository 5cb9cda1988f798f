"""The fitted state of an estimator: its model, views of the parameters, notebooks and files."""

import threading
from weakref import WeakKeyDictionary

from skae import _persistence
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
)


class _Models(threading.local):
    """The model of each estimator that a thread has met, with what it was made from."""

    def __init__(self):
        self.by_estimator = WeakKeyDictionary()


_models = _Models()


class FittedModel:
    """Reads the fitted attributes `theta_`, `architecture_`, `mean_`, `scale_` and their like."""

    @property
    def _model(self):
        """Return the fitted model, made once for each thread while the fitted state stays."""
        fitted = vars(self)
        state, model = _models.by_estimator.get(self, ({"theta_": None}, None))
        for name, value in state.items():
            if fitted.get(name) is not value:
                break
        else:
            return model
        state = {name: fitted.get(name) for name in STATE}  # older files lack the last two
        spec, theta, mean, scale, *geometry = state.values()
        model = make_model(spec, theta, Scaling(mean, scale), *geometry)
        _models.by_estimator[self] = state, model
        return model

    def _fitted_model(self):
        if "theta_" not in vars(self):
            raise AttributeError(f"This {type(self).__name__} instance is not fitted yet.")
        return self._model

    @property
    def coefs_(self):
        """Weights of each layer, ndarray of shape (n_in, n_out): views of `theta_`."""
        return [W for W, _ in self._fitted_model().parameters.layers]

    @property
    def intercepts_(self):
        """Biases of each layer, ndarray of shape (n_out,): views of `theta_`."""
        return [b for _, b in self._fitted_model().parameters.layers]

    @property
    def path_coefs_(self):
        """Matrices of the linear path, two or none: views of `theta_`."""
        return list(self._fitted_model().parameters.path)

    @property
    def bounds_(self):
        """Least and greatest values that columns are restored to, or None: see the class."""
        return self._fitted_model().bounds

    # ---------------------------------------------------------------- in notebooks

    # The names are IPython's protocol; scikit-learn's diagram stays as it is, and the layers
    # follow it once there are some.

    @property
    def _repr_html_(self):
        diagram = super()._repr_html_  # AttributeError where only text is to be displayed
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
        return _persistence.stamped(super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(_persistence.checked(self, state, self._needed_when_fitted))
