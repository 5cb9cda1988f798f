"""Write the page of the reference from what the package exports.

Every class and function in `__all__` of the modules below gets a page: the reference is
complete by construction.
"""

from importlib import import_module
import inspect
from pathlib import Path

MODULES = {
    "skae": (
        "Estimators",
        "Five classes with one set of parameters, and a search for the size of a code.",
    ),
    "skae.metrics": ("Metrics", "One ruler for every reducer that can reconstruct."),
    "skae.plotting": (
        "Plots",
        "Displays, by scikit-learn's convention; they need matplotlib.",
    ),
    "skae.export": ("Export", "Parts of a fitted autoencoder that convert to ONNX."),
    "skae.activations": (
        "Activations",
        "Values of `activation`, `latent_activation` and `output_activation`: names, or instances "
        "of these classes or of one's own.",
    ),
    "skae.losses": ("Losses", "Values of `loss`: names or instances."),
    "skae.optimizers": ("Optimizers", "Values of `solver`: names or instances."),
    "skae.penalties": ("Penalties", "Values of `sparsity`: names or instances."),
    "skae.corruptions": (
        "Corruptions",
        "Values of `noise` in :class:`skae.DenoisingAutoencoder`: names, instances or functions.",
    ),
}
HEAD = """\
=========
Reference
=========

{links}

Parameters that the estimators share are described in each of them, in the same words.
"""
SECTION = """
{title}
{underline}

.. currentmodule:: {module}

{words}
{tables}"""
TABLE = """
.. autosummary::
   :toctree: generated
   :nosignatures:{options}

   {names}
"""
INTERFACE, PART = (f"\n   :template: autosummary/{name}.rst" for name in ("interface", "part"))


def public_names(module):
    """Return the exported classes and functions, in the order of `__all__`."""
    exported = import_module(module)
    kinds = (inspect.isclass, inspect.isfunction)
    return [
        name for name in exported.__all__ if any(is_a(getattr(exported, name)) for is_a in kinds)
    ]


def tables(module):
    """Return the tables of a module's names: one, or two where some classes are abstract."""
    names = public_names(module)
    abstract = [name for name in names if inspect.isabstract(getattr(import_module(module), name))]
    if not abstract:
        return TABLE.format(options="", names="\n   ".join(names))
    others = [name for name in names if name not in abstract]
    return "".join(
        TABLE.format(options=options, names="\n   ".join(listed))
        for options, listed in ((INTERFACE, abstract), (PART, others))
    )


def write_page(app, config):
    """Write reference.rst, if it would change."""
    sections = []
    for module in MODULES:
        title, words = MODULES[module]
        sections.append(
            SECTION.format(
                title=title,
                underline="=" * len(title),
                module=module,
                words=words,
                tables=tables(module),
            )
        )
    links = " · ".join(f"`{MODULES[module][0]}`_" for module in MODULES)
    page = HEAD.format(links=links) + "".join(sections)
    path = Path(app.confdir, "reference.rst")
    if not path.exists() or path.read_text(encoding="utf-8") != page:
        path.write_text(page, encoding="utf-8")


def setup(app):
    """Write the page before Sphinx looks for pages."""
    app.connect("config-inited", write_page)
    return {"parallel_read_safe": True}
