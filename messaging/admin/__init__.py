"""Staff pages of messages. Each module registers its models."""

from messaging.admin import canned, console, deliveries, rehearsal, rules, targets

__all__ = ["canned", "console", "deliveries", "rehearsal", "rules", "targets"]
