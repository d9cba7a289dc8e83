"""Staff pages of who trusts us. Each module registers its model."""

from miniprograms.admin import bindings, people, permission_pages, tags

__all__ = ["bindings", "people", "permission_pages", "tags"]
