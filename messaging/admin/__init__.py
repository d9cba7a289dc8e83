"""Staff pages of messages. Each module registers its models."""

from messaging.admin import (
    account_facts,
    account_parts,
    canned,
    console,
    deliveries,
    notes,
    rehearsal,
    result_notes,
    rules,
    targets,
)

__all__ = [
    "account_facts",
    "account_parts",
    "canned",
    "console",
    "deliveries",
    "notes",
    "rehearsal",
    "result_notes",
    "rules",
    "targets",
]
