"""Staff pages of what WeChat pushed."""

from webhooks.admin import pushes

__all__ = ["pushes"]
