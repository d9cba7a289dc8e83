"""Staff pages of who trusts us. Each module registers its model."""

from miniprograms.admin import authorizers, bindings, tags

__all__ = ["authorizers", "bindings", "tags"]
