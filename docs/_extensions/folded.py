"""Fold what is long on the pages of the estimators: full descriptions open on a click.

Of a method its first sentence is shown, of the class the text and the tables of parameters. The
rest stands in `details` elements, which browsers open for a search in the page and for links.
"""

from html import escape

from docutils import nodes

import skae

OPEN = '<details class="folded"><summary>{}</summary>'
CLOSE = "</details>"
SUMMARIES = {"Parameters": "All parameters in full", "Attributes": "Attributes after fit"}
ESTIMATORS = {f"skae.{name}" for name in skae.__all__ if hasattr(getattr(skae, name), "fit")}


def fold(title, members):
    """Return nodes inside of a details element with a title."""
    start = nodes.raw("", OPEN.format(escape(title)), format="html")
    return [start, *members, nodes.raw("", CLOSE, format="html")]


def fields_of(node):
    """Yield each field of a list of fields, with its name, as a list of its own."""
    for field in node.children:
        yield field.children[0].astext(), nodes.field_list("", field, classes=node["classes"])


def fold_class(content):
    """Fold the parameters and the attributes of a class."""
    children = []
    for child in content.children:
        if not isinstance(child, nodes.field_list):
            children.append(child)
            continue
        for name, fields in fields_of(child.deepcopy()):
            title = SUMMARIES.get(name)
            children += fold(title, [fields]) if title else [fields]
    content.children = []
    content.extend(children)


def fold_method(content):
    """Fold all of a method but its first paragraph."""
    first = next((i for i, n in enumerate(content.children) if isinstance(n, nodes.paragraph)), -1)
    shown, hidden = content.children[: first + 1], content.children[first + 1 :]
    if hidden:
        names = [f.children[0].astext() for n in hidden for f in n.findall(nodes.field)]
        title = ", ".join(dict.fromkeys(names)).capitalize() or "Details"
        content.children = []
        content.extend([*shown, *fold(title, hidden)])


def fold_description(app, domain, kind, content):
    """Fold the description of an estimator or of one of its methods."""
    if app.env.docname.removeprefix("generated/") in ESTIMATORS:
        if kind == "class":
            fold_class(content)
        elif kind == "method":
            fold_method(content)


def setup(app):
    """Fold after autodoc has made a description, before its fields are transformed."""
    app.connect("object-description-transform", fold_description)
    return {"parallel_read_safe": True}
