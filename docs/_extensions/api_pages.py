"""The page of the reference, made from what the package exports.

Every class and function in `__all__` of the modules below gets a page: the reference is
complete by construction.
"""

from importlib import import_module
import inspect
from pathlib import Path

MODULES = {
    "skae": ("Estimators", "Three classes with one set of parameters."),
    "skae.metrics": ("Metrics", "One ruler for every reducer that can reconstruct."),
    "skae.plotting": (
        "Plots",
        "Displays, by scikit-learn's convention; they need matplotlib: ``skae[plots]``.",
    ),
    "skae.export": ("Export", "Parts of a fitted autoencoder that convert to ONNX."),
}
HEAD = """\
=========
Reference
=========

{links}

Parameters that the three estimators share are described in each of them, in the same words.
"""
SECTION = """
{title}
{underline}

.. currentmodule:: {module}

{words}

.. autosummary::
   :toctree: generated
   :nosignatures:

   {names}
"""


def public_names(module):
    """The exported classes and functions, in the order of `__all__`."""
    found = import_module(module)
    shown = (inspect.isclass, inspect.isfunction)
    return [name for name in found.__all__ if any(kind(getattr(found, name)) for kind in shown)]


def write_page(app, config):
    """Write reference.rst, if it would change."""
    sections = []
    for module in MODULES:
        title, words = MODULES[module]
        names = "\n   ".join(public_names(module))
        section = SECTION.format(
            title=title, underline="=" * len(title), module=module, words=words, names=names
        )
        sections.append(section)
    links = " · ".join(f"`{MODULES[module][0]}`_" for module in MODULES)
    page = HEAD.format(links=links) + "".join(sections)
    path = Path(app.confdir, "reference.rst")
    if not path.exists() or path.read_text(encoding="utf-8") != page:
        path.write_text(page, encoding="utf-8")


def setup(app):
    """Write the page before Sphinx looks for pages."""
    app.connect("config-inited", write_page)
    return {"parallel_read_safe": True}
