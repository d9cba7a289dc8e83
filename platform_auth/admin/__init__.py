"""Staff pages of what belongs to our platform. Each module registers its models."""

from platform_auth.admin import clients, operations, schedule

__all__ = ["clients", "operations", "schedule"]
