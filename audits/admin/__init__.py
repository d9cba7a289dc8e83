"""Staff pages of code: one place for a mini program's, and the lists. Each registers its model."""

from audits.admin import authorizers, campaign_items, campaigns, lists, templates

__all__ = ["authorizers", "campaign_items", "campaigns", "lists", "templates"]
