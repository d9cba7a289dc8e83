"""Staff pages of what belongs to our platform. Each module registers its models."""

from platform_auth.admin import components, operations, schedule

__all__ = ["components", "operations", "schedule"]
