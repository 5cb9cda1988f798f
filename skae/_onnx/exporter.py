"""Export to ONNX: build the graph of a model, and the three methods that skl2onnx calls.

skl2onnx converts any object with the methods of `OnnxExport`, alone or inside a Pipeline. The NumPy
code of the package, such as the kernels of activations, runs once on symbols, which turn each
operation into a node. Only the formulas of the layers, of the input radius and of the log density
are repeated here. A graph computes in the dtype that the model was fitted in.
"""

import math

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._network.extrapolation import (
    DECODER_SHARES,
    ENCODER_SHARES,
    is_exponential,
    linear_decoder,
)
from skae._onnx.symbol import COMPOSITES, NODES, ON_SYMBOLS, Symbol
from skae._outliers.prototypes import Prototypes

# ---------------------------------------------------------------- graphs


def forward(model, x, first=0, last=None):
    network, parameters = model.network, model.parameters
    code = network.n_encoder_layers
    path = {code: (0, 0), network.n_layers: (code, 1)} if network.linear_path else {}
    outputs = {first: x}
    for i in range(first + 1, (network.n_layers if last is None else last) + 1):
        W, b = parameters.layers[i - 1]
        inputs = outputs[i - 1]
        if path and model.input_radius is not None and i in (1, code + 1):
            inputs = near = pull_in(inputs, model.input_radius[int(i > 1)], network.widths[i - 1])
        z = inputs @ W
        z += b
        if i in path:
            source, which = path[i]
            fades = model.box is not None
            is_pulled = fades and i > code and is_exponential(network)
            path_output = (near if is_pulled else outputs[source]) @ parameters.path[which]
            if fades and i == code:
                z *= fade(outputs[source], model.box[:2], ENCODER_SHARES)
            z += path_output
        activation = network.activations[i - 1]
        scratch = [z.empty(z.dtype) for _ in range(activation.n_scratch)]
        for function, *operands, out in activation.forward(z, *scratch):
            on_symbols(function, activation)(*operands, out=out)
        if i in path and i > code and model.box is not None:
            z = blend(model, z, outputs[code], path_output)
        outputs[i] = z
    return z


def fade(z, box, shares):
    """Return the factor of each sample, as a column: see `Fade.measure`."""
    (lowest, highest), (first, last) = box, shares
    n_columns, tiny = box.shape[1], np.finfo(z.dtype).tiny
    clipped = np.minimum(np.maximum(z, lowest[None, :]), highest[None, :])
    within = np.abs(clipped).sum_columns(n_columns) + tiny
    share = within / (np.abs(z).sum_columns(n_columns) + tiny)
    u = np.minimum(np.maximum((share - (1 - last)) * (1 / (last - first)), 0), 1)
    return u * u * (u * -2 + 3)


def blend(model, output, code, path_output):
    """Return the output faded to PCA's: see `OutputFade`."""
    network, linear = model.network, path_output
    if is_exponential(network):
        linear = code @ linear_decoder(network, model.parameters, network.n_components)
    factors = fade(linear, model.box[2:], DECODER_SHARES)
    if is_exponential(network):
        linear = np.maximum(linear * model.scaling.scale + model.scaling.mean[None, :], 0)
    return output * factors + linear * (1 - factors)


def on_symbols(function, activation):
    """Return the function that does with symbols what `function` does with arrays.

    Raise TypeError if there is none.
    """
    if function in ON_SYMBOLS:
        return ON_SYMBOLS[function]
    if function in NODES or function in COMPOSITES:
        return function
    name = getattr(function, "__name__", function)
    raise TypeError(f"{activation!r} cannot be exported to ONNX, which has no node for {name}.")


def pull_in(z, radius, width):
    """Return z min(1, radius / |z|), row by row, as `workspace.pull_in` does."""
    norms = np.square(z).sum_columns(width)
    return z * np.sqrt(radius * radius / np.maximum(norms, radius * radius))


def scaled(model, X):
    x = X.empty(model.parameters.flat.dtype)
    model.scaling.apply(X, out=x)
    return x


def unscaled(model, output, dtype):
    if model.network.output_activation.is_identity:
        model.target_scaling.undo(output)
    return output.astype(dtype)


def encode(model, X):
    """Return the code of each sample, as `transform` does."""
    code = forward(model, scaled(model, X), last=model.network.n_encoder_layers)
    code *= model.code_scale
    return code.astype(X.dtype)


def decode(model, code):
    """Return the reconstruction of each code, as `inverse_transform` does."""
    x = code.empty(model.parameters.flat.dtype)
    np.divide(code, model.code_scale, out=x)
    output = forward(model, x, first=model.network.n_encoder_layers)
    return unscaled(model, output, code.dtype)


def reconstruct(model, X):
    return unscaled(model, forward(model, scaled(model, X)), X.dtype)


def squared_errors(model, X):
    n_features = model.network.widths[0]
    errors = unscaled(model, forward(model, scaled(model, X)), model.parameters.flat.dtype)
    errors -= X
    total = np.square(errors).sum_columns(n_features)
    total /= n_features
    return total.astype(X.dtype)


def detector_scores(scorer, X):
    """Return the outlier score of each sample, as a column of float64."""
    model, density = scorer.model, scorer.density
    if density is not None and density.slopes is None:
        return log_density(density, straightened(scorer, X))
    code = encode(model, X)
    residuals = X.astype(np.float64) - decode(model, code).astype(np.float64)
    residuals /= model.scaling.scale
    if density is not None:
        return log_density(density, density.straighten_code(code, residuals))
    n_features = model.network.widths[0]
    scores = np.square(residuals).sum_columns(n_features)
    scores /= -n_features
    return scores


def straightened(scorer, X):
    model, density = scorer.model, scorer.density
    mean = model.scaling.mean.astype(np.float64)
    scale = model.scaling.scale.astype(np.float64)
    Z = (X.astype(np.float64) - mean) / scale
    projected = density.project(Z)
    base = (projected * scale + mean).astype(model.scaling.mean.dtype)
    bent = (decode(model, encode(model, base)).astype(np.float64) - mean) / scale
    return density.straighten(projected, Z - bent)


def log_density(density, T):
    """Return log p of each straightened sample, as a column: see `Density.log_density`."""
    P = T if density.axes is None else T @ density.axes
    result = mixture_log_density(density.mixtures[0], P)
    for mixture in density.mixtures[1:]:
        result += mixture_log_density(mixture, P)
    result /= len(density.mixtures)
    result -= density.log_integral
    n_features, n_axes = (0, 0) if density.axes is None else density.axes.shape
    n_rest = n_features - n_axes
    if n_rest:
        rest = np.square(T - P @ density.axes.T).sum_columns(n_features)
        result -= 0.5 * rest / density.rest_variance
        result -= 0.5 * n_rest * math.log(2 * math.pi * density.rest_variance)
    return result


def mixture_log_density(mixture, P):
    """Return log p of each sample, as a column: see `Mixture.log_density`."""
    n_axes = mixture.means.shape[1]
    if isinstance(mixture, Prototypes):
        return prototypes_log_density(mixture, P)
    joint = []
    for mean, root, log_norm in zip(mixture.means, mixture.roots, mixture.log_norms, strict=True):
        whitened = P @ root
        whitened -= mean @ root
        joint.append(-0.5 * np.square(whitened).sum_columns(n_axes) + log_norm)
    highest = P.node("Max", joint, P.dtype)  # subtracted, so that no exponential overflows
    exponentials = [np.exp(of_component - highest) for of_component in joint]
    return np.log(P.node("Sum", exponentials, P.dtype)) + highest


def prototypes_log_density(prototypes, P):
    precisions = 1 / prototypes.variances
    distances = np.square(P) @ precisions.T
    distances -= 2 * P @ (prototypes.means * precisions).T
    distances += (np.square(prototypes.means) * precisions).sum(axis=1)
    joint = prototypes.log_norms - 0.5 * np.maximum(distances, 0)
    first = P.lift([1], np.int64)  # of ReduceMax, newer versions take other arguments than older
    highest = P.node("TopK", [joint, first], P.dtype, n_results=2)
    return np.log(np.exp(joint - highest).sum_columns(len(precisions))) + highest


# ---------------------------------------------------------------- methods for skl2onnx


class OnnxExport:
    """Mixin with the three methods that skl2onnx calls on a class that is not registered.

    A class names its outputs in `_onnx_outputs`, {name: number of columns}. `_onnx_nodes(X)`
    returns their symbols in this order. The output "label" is int64, all others are floats.
    """

    def onnx_parser(self):
        """Return the function that declares the outputs of the ONNX graph, for skl2onnx.

        Returns
        -------
        parser : callable
            Takes the scope and the inputs, returns the outputs.
        """
        check_is_fitted(self)
        types = tensor_types()

        def parser(scope, inputs):
            dtypes = self._output_dtypes(inputs)
            return [
                scope.declare_local_variable(name, types[dtype]()) for name, dtype in dtypes.items()
            ]

        return parser

    def onnx_shape_calculator(self):
        """Return the function that states types and shapes of the outputs, for skl2onnx.

        Returns
        -------
        shape_calculator : callable
            Takes the operator, whose outputs it describes.
        """
        types = tensor_types()

        def shape_calculator(operator):
            self._check_width(operator.inputs)
            self._check_consumers(operator.outputs)
            n_rows = operator.inputs[0].get_first_dimension()
            dtypes = self._output_dtypes(operator.inputs)
            for variable, (name, dtype) in zip(operator.outputs, dtypes.items(), strict=True):
                variable.type = types[dtype]([n_rows, self._onnx_outputs[name]])

        return shape_calculator

    def onnx_converter(self):
        """Return the function that writes the nodes of the ONNX graph, for skl2onnx.

        Returns
        -------
        converter : callable
            Takes the scope, the operator and the container of the nodes.
        """
        types = tensor_types()

        def converter(scope, operator, container):
            dtype = input_dtype(operator.inputs)
            columns = []
            for variable in operator.inputs:
                dtypes = [d for d, kind in types.items() if isinstance(variable.type, kind)]
                column = Symbol(scope, container, (dtypes or [bool])[0], variable.onnx_name)
                columns.append(column.astype(dtype))
            X = columns[0]
            if len(columns) > 1:
                X = X.node("Concat", columns, dtype, axis=1)
            results = self._onnx_nodes(X)
            dtypes = self._output_dtypes(operator.inputs).values()
            for variable, result, dtype in zip(operator.outputs, results, dtypes, strict=True):
                result = result.astype(dtype)
                container.add_node(
                    "Identity",
                    [result.name],
                    [variable.onnx_name],
                    name=scope.get_unique_operator_name("Identity"),
                )

        return converter

    def _output_dtypes(self, inputs):
        dtype = input_dtype(inputs)
        return {name: np.int64 if name == "label" else dtype for name in self._onnx_outputs}

    def _check_width(self, inputs):
        widths = [variable.type.shape[1] for variable in inputs]
        if None not in widths and sum(widths) != self.n_features_in_:
            raise ValueError(
                f"The input of the graph has {sum(widths)} columns, but {type(self).__name__} "
                f"expects {self.n_features_in_}."
            )

    def _check_consumers(self, outputs):
        """Raise ValueError if labels go to a next step, which should receive codes."""
        if "label" not in self._onnx_outputs:
            return
        for variable in outputs:
            for consumer in variable.operators_inputs_:
                if consumer.type not in {"SklearnCast", "SklearnIdentity"}:
                    name = type(self).__name__
                    raise ValueError(
                        f"{name} is exported with the outputs label and scores, which the next "
                        f"step cannot take: put skae.export.Encoder({name}(...).fit(X)) in its "
                        "place."
                    )


def tensor_types():
    """Return the types of skl2onnx by dtype; raise ImportError where it is not installed."""
    try:
        from skl2onnx.common import data_types
    except ImportError as error:
        raise ImportError("Export to ONNX needs skl2onnx: pip install skl2onnx") from error
    return {
        np.float32: data_types.FloatTensorType,
        np.float64: data_types.DoubleTensorType,
        np.int64: data_types.Int64TensorType,
    }


def input_dtype(inputs):
    """Return float32 if all inputs are float32, else float64, as validation of X does."""
    single = tensor_types()[np.float32]
    return np.float32 if all(isinstance(v.type, single) for v in inputs) else np.float64
