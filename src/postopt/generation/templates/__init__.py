"""The embedded default generator: hand-written clause banks, counted, ranked and drawn without repeats."""

from postopt.generation.templates.bank import Bank, BankError
from postopt.generation.templates.generator import TemplateGenerator
from postopt.generation.templates.language import PostLanguage

__all__ = ["Bank", "BankError", "PostLanguage", "TemplateGenerator"]
