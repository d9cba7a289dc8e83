"""Staff pages of notices. Each module registers its models."""

from notices.admin import account_parts, channels, log

__all__ = ["account_parts", "channels", "log"]
