"""Staff pages of code: one place for a mini program's, and the lists. Each registers its model."""

from audits.admin import (
    account_concerns,
    account_facts,
    campaign_items,
    campaigns,
    ext_pages,
    lists,
    quota_pages,
    reason_page,
    result_notes,
    templates,
    version_page,
)

__all__ = [
    "account_concerns",
    "account_facts",
    "campaign_items",
    "campaigns",
    "ext_pages",
    "lists",
    "quota_pages",
    "reason_page",
    "result_notes",
    "templates",
    "version_page",
]
