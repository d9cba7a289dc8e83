"""Staff pages of what WeChat pushed."""

from webhooks.admin import account_parts, pushes

__all__ = ["account_parts", "pushes"]
