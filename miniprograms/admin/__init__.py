"""Staff pages of who trusts us. Each module registers its model."""

from miniprograms.admin import (
    bindings,
    components,
    drift_facts,
    link_pages,
    own_parts,
    people,
    permission_pages,
    result_notes,
    setting_profiles,
    tags,
    wechat_calls,
)

__all__ = [
    "bindings",
    "components",
    "drift_facts",
    "link_pages",
    "own_parts",
    "people",
    "permission_pages",
    "result_notes",
    "setting_profiles",
    "tags",
    "wechat_calls",
]
