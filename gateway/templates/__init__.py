"""Texts of one-time codes by locale and template: read from TOML files, checked, compiled.

The languages that are shipped lie beside this module; a folder of one's own puts other texts in their place.
"""

from .files import PURPOSES, Locale, language_of, languages, load_all, load_locale
from .grammar import FIELDS, Template, TemplateError, compile_text
from .rules import TRANSACTION

__all__ = [
    "FIELDS",
    "Locale",
    "PURPOSES",
    "TRANSACTION",
    "Template",
    "TemplateError",
    "compile_text",
    "language_of",
    "languages",
    "load_all",
    "load_locale",
]
