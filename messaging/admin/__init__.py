"""Staff pages of messages. Each module registers its models."""

from messaging.admin import canned, console, rehearsal, rules

__all__ = ["canned", "console", "rehearsal", "rules"]
