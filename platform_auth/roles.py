"""What the two groups of staff may do. Merchants are ordinary users without any of it."""

from typing import Any

from django.contrib.auth.models import Group, Permission

OPERATORS = "operators"
RELEASERS = "releasers"

_LOOK = [
    "platform_auth.view_component",
    "platform_auth.view_push",
    "platform_auth.view_operation",
    "miniprograms.view_authorizer",
    "miniprograms.view_binding",
    "audits.view_codetemplate",
    "audits.view_codeversion",
    "audits.view_codeaudit",
    "audits.view_release",
    "audits.view_campaign",
]
ROLES = {
    OPERATORS: [
        *_LOOK,
        "platform_auth.replay_push",
        "miniprograms.change_authorizer",
        "miniprograms.unbind_authorizer",
        "miniprograms.invite_merchant",
        "miniprograms.resolve_binding",
        # Merchants are made by staff; accounts of staff are for superusers, see admin.accounts.
        "auth.view_user",
        "auth.add_user",
        "auth.change_user",
        "audits.commit_version",
        "audits.submit_audit",
        "audits.change_codetemplate",
    ],
    RELEASERS: [*_LOOK, "audits.release_audit"],
}


def ensure_groups(**kwargs: Any) -> None:
    """Give both groups their permissions, after every `migrate`; what staff added stays."""
    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    for name, wanted in ROLES.items():
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.add(*(known[label] for label in wanted if label in known))
