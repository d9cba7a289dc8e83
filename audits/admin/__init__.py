"""Staff pages of code: one place for a mini program's, and the lists. Each registers its model."""

from audits.admin import campaign_items, campaigns, ext_pages, lists, templates

__all__ = ["campaign_items", "campaigns", "ext_pages", "lists", "templates"]
