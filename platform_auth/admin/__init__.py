"""Staff pages of what belongs to our platform. Each module registers its models."""

from platform_auth.admin import accounts, components, operations, pushes, schedule

__all__ = ["accounts", "components", "operations", "pushes", "schedule"]
