"""Staff pages of code: one place for a mini program's, and the lists. Each registers its model."""

from audits.admin import authorizers, campaigns, lists, templates

__all__ = ["authorizers", "campaigns", "lists", "templates"]
