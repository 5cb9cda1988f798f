"""The directive `parameters`: the parameters of an estimator that matter first, then all in groups.

Defaults and the first sentences of descriptions are read from the signature and the docstring, so
the tables cannot differ from them. Defaults that differ from those of MLPRegressor are marked.
"""

from importlib import import_module
import inspect
import re

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sklearn.neural_network import MLPRegressor

FIRST = {
    "AutoencoderTransformer": ["n_components", "hidden_layer_sizes", "max_iter"]
    + ["early_stopping", "random_state", "nested"],
    "DenoisingAutoencoder": ["n_components", "noise", "noise_level", "hidden_layer_sizes"]
    + ["max_iter", "random_state"],
    "AutoencoderOutlierDetector": ["contamination", "n_components", "novelty"]
    + ["hidden_layer_sizes", "max_iter", "random_state"],
    "VariationalAutoencoder": ["n_components", "kl_weight", "loss", "hidden_layer_sizes"]
    + ["max_iter", "random_state"],
    "AutoencoderImputer": ["n_components", "max_iter", "sample_posterior", "add_indicator"]
    + ["hidden_layer_sizes", "random_state"],
}
GROUPS = {
    "Architecture": ["n_components", "hidden_layer_sizes", "activation", "latent_activation"]
    + ["output_activation", "linear_path", "nested", "whiten", "loss", "noise_variance"],
    "Noise and sparsity": ["noise", "noise_level", "sparsity", "sparsity_target"]
    + ["sparsity_weight", "kl_weight", "kl_warm_up", "free_bits", "n_samples"],
    "Outliers": ["contamination", "criterion", "max_samples", "novelty"],
    "Training": ["max_iter", "batch_size", "shuffle", "random_state", "warm_start", "verbose"],
    "Stopping": ["early_stopping", "validation_fraction", "validation_split", "tol"]
    + ["n_iter_no_change"],
    "Solver": ["solver", "alpha", "learning_rate", "learning_rate_init", "power_t", "averaging"]
    + ["momentum", "nesterovs_momentum", "beta_1", "beta_2", "epsilon", "max_fun"],
}
REASONS = {
    "hidden_layer_sizes": "two layers, as wide as the number of features asks for",
    "activation": '"relu", or "isru" if early stopping keeps PCA with "relu"',
    "alpha": "a decay in each step, decoupled from the gradient, instead of a penalty",
    "learning_rate_init": "it suits the width; parameters are averaged, which allows longer steps",
    "early_stopping": "held-out samples decide whether training leaves PCA",
    "tol": "relative to the loss, not absolute",
    "n_iter_no_change": "noisy validation losses need more patience",
    "loss": "the reconstruction error, in the scale of X",
}
OF_AUTO = {"hidden_layer_sizes", "learning_rate_init"}  # reasons of the default "auto"


def first_sentences(Estimator):
    """Return the first sentence of the description of each parameter, by name."""
    text = inspect.getdoc(Estimator)
    start = text.index("Parameters\n---")
    section = text[start : text.index("\nAttributes\n---", start)]
    found = {}
    for name, body in re.findall(r"^(\w+) : .*\n((?:(?: {4}.*)?\n)+)", section + "\n", re.M):
        words = " ".join(line.strip() for line in body.splitlines() if line.strip())
        found[name] = re.split(r"(?<=[.)])\s+(?=[A-Z`\"])", words)[0]
    return found


def rows(names, Estimator):
    """Yield a line of a list table for each parameter."""
    ours, theirs = (inspect.signature(E).parameters for E in (Estimator, MLPRegressor))
    sentences = first_sentences(Estimator)
    for name in names:
        default, note = ours[name].default, ""
        if name in theirs and theirs[name].default != default:
            is_fixed = name in OF_AUTO and default != "auto"
            reason = None if is_fixed else REASONS.get(name)
            note = f" In MLPRegressor ``{theirs[name].default!r}``"
            note += f"; here {reason}." if reason else "."
        yield f"   * - ``{name}``\n     - ``{default!r}``\n     - {sentences[name]}{note}"


def table(names, Estimator):
    """Return a list table of parameters."""
    head = ".. list-table::\n   :widths: 26 20 54\n   :header-rows: 1\n\n"
    head += "   * - parameter\n     - default\n     - meaning\n"
    return head + "\n".join(rows(names, Estimator)) + "\n"


def text_for(Estimator):
    """Return the tables of an estimator in reStructuredText; empty for other classes."""
    first = FIRST.get(Estimator.__name__)
    if first is None:
        return ""
    names = list(inspect.signature(Estimator).parameters)
    grouped = {title: [n for n in members if n in names] for title, members in GROUPS.items()}
    known = {name for members in grouped.values() for name in members}
    grouped["Other"] = [name for name in names if name not in known]
    text = ".. rubric:: The parameters that matter first\n\n" + table(first, Estimator)
    for title, members in grouped.items():
        if members:
            inside = "\n".join(f"   {line}" for line in table(members, Estimator).splitlines())
            text += f"\n.. dropdown:: {title}\n\n{inside}\n"
    return text + "\nThe full descriptions of all parameters are below.\n"


class Parameters(Directive):
    """The tables of the estimator that is named."""

    required_arguments = 1

    def run(self):
        """Return the parsed tables."""
        module, _, name = self.arguments[0].rpartition(".")
        text = text_for(getattr(import_module(module), name))
        node = nodes.container(classes=["parameters"])
        lines = StringList(text.splitlines(), self.arguments[0])
        self.state.nested_parse(lines, self.content_offset, node)
        return [node] if text else []


def setup(app):
    """Add the directive."""
    app.add_directive("parameters", Parameters)
    return {"parallel_read_safe": True}
