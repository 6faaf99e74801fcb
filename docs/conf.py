"""Sphinx configuration: MyST pages, the reference out of the docstrings, examples as doctests."""

from importlib.metadata import version as installed_version

from sphinx.application import Sphinx

project = "postopt"
author = "the postopt authors"
copyright = "2026, the postopt authors"  # noqa: A001  # Sphinx's name
version = release = installed_version("postopt")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"postopt {version}"
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
default_role = "code"  # a single backtick in a docstring is code, as everywhere else
highlight_language = "text"  # blocks of docstrings; pages name the language of theirs

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Examples neither read nor write what was measured on the machine that builds these pages.
doctest_global_setup = 'import os; os.environ["POSTOPT_WISDOM"] = "off"'

# References out of our own documentation are not followed: building it needs no network.
nitpick_ignore_regex = [("py:.*", r"(?!postopt\b).*")]
# Private parts that a public signature names.
_PRIVATE = """
A Account Clause Comparison Contrasts Deal Defect E Effect Embedder Estimate Expected Figures H Inbox
Instruction K MakePolicy Member Miner P PageHistory Past Pool R Ranker Reading Readings Row RowStore Rows
Scorer SharedCircuit T T_co TokenTable VariantModel Verdict
""".split()
nitpick_ignore_regex += [("py:class", rf"postopt\..*\.{name}") for name in _PRIVATE]


def hide_protocol_constructor(
    _app: object, what: str, _name: str, documented: object, *_: object
) -> tuple[str, None] | None:
    """Nobody calls a protocol: the `*args, **kwargs` of its constructor say nothing."""
    return ("", None) if what == "class" and getattr(documented, "_is_protocol", False) else None


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", hide_protocol_constructor)
