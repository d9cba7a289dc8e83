"""
What the two groups of staff may do. Merchants are ordinary users without any of it; those whom
staff let answer their own users are in a group of their own.
"""

from typing import Any

from django.contrib.auth.models import Group, Permission

OPERATORS = "operators"
RELEASERS = "releasers"
ANSWERERS = "merchants who answer"

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
    "messaging.view_conversation",
    "messaging.view_reply",
    "messaging.view_rule",
    "messaging.view_cannedreply",
    "messaging.view_target",
    "messaging.view_forwardrule",
    "messaging.view_delivery",
    "messaging.view_releasetest",
    "miniprograms.view_tag",
]
_EDITED_BY_OPERATORS = [
    "messaging.rule",
    "messaging.cannedreply",
    "messaging.target",
    "messaging.forwardrule",
    "miniprograms.tag",
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
        "messaging.answer_conversation",
        "messaging.resend_delivery",
        "messaging.rehearse_release",
        *(
            f"{app}.{verb}_{model}"
            for app, model in (label.split(".") for label in _EDITED_BY_OPERATORS)
            for verb in ("add", "change", "delete")
        ),
    ],
    RELEASERS: [*_LOOK, "audits.release_audit"],
    ANSWERERS: ["messaging.own_conversations"],
}


def ensure_groups(**kwargs: Any) -> None:
    """Give the groups their permissions, after every `migrate`; what staff added stays."""
    permissions = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    for name, labels in ROLES.items():
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.add(*(permissions[label] for label in labels if label in permissions))
