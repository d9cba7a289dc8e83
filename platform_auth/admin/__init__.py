"""Staff pages of what belongs to our platform. Each module registers its models."""

from platform_auth.admin import operations, schedule

__all__ = ["operations", "schedule"]
