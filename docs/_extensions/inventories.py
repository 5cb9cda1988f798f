"""Links to scikit-learn's pages, without asking for its inventory.

Sphinx looks references up in an inventory that it would fetch. Ours is written here from the
names that we refer to, so that a build works offline; the links lead to the stable pages.
"""

from pathlib import Path
import zlib

BASE = "https://scikit-learn.org/stable/"
CLASSES = [
    "sklearn.base.BaseEstimator",
    "sklearn.covariance.EllipticEnvelope",
    "sklearn.decomposition.KernelPCA",
    "sklearn.decomposition.NMF",
    "sklearn.decomposition.PCA",
    "sklearn.ensemble.IsolationForest",
    "sklearn.model_selection.GridSearchCV",
    "sklearn.neural_network.MLPRegressor",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing.StandardScaler",
    "sklearn.utils.metadata_routing.MetadataRequest",
]
FUNCTIONS = ["sklearn.set_config"]
TERMS = {"meta-estimator": "glossary.html#term-meta-estimator"}
LABELS = {
    "df_output_transform": ("modules/df_output_transform.html#df-output-transform", "set_output"),
    "metadata_routing": ("metadata_routing.html#metadata-routing", "Metadata Routing"),
    "sphx_glr_auto_examples_miscellaneous_plot_set_output.py": (
        "auto_examples/miscellaneous/plot_set_output.html",
        "Introducing the set_output API",
    ),
}
HEADER = "# Sphinx inventory version 2\n# Project: scikit-learn\n# Version: stable\n"
HEADER += "# The remainder of this file is compressed using zlib.\n"


def lines():
    """The entries of the inventory."""
    for name in CLASSES:
        yield f"{name} py:class 1 modules/generated/{name}.html#$ -"
    for name in FUNCTIONS:
        yield f"{name} py:function 1 modules/generated/{name}.html#$ -"
    for name, address in TERMS.items():
        yield f"{name} std:term -1 {address} -"
    for name, (address, title) in LABELS.items():
        yield f"{name} std:label -1 {address} {title}"


def write_inventory(app, config):
    """Write the inventory and tell intersphinx where it is."""
    path = Path(app.doctreedir, "scikit-learn.inv")
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "".join(f"{line}\n" for line in lines())
    path.write_bytes(HEADER.encode() + zlib.compress(body.encode()))
    config.intersphinx_mapping = {"sklearn": (BASE, str(path))}


def setup(app):
    """Write the inventory before intersphinx checks its configuration."""
    app.connect("config-inited", write_inventory, priority=100)
    return {"parallel_read_safe": True}
