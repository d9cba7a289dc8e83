"""Staff pages of notices. Each module registers its models."""

from notices.admin import channels, log

__all__ = ["channels", "log"]
