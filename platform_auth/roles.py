"""
The groups and what they may do, as permissions and in words. All but one are of staff: merchants
whom staff let answer their own users are in the last. Other merchants are ordinary users without
any of it.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.utils.translation import gettext_lazy as _

from platform_auth.listing import with_detail

OPERATORS = "operators"
RELEASERS = "releasers"
SUBMITTERS = "submitters"
SERVICE = "customer service"
VIEWERS = "viewers"
ANSWERERS = "merchants who answer"
_TITLES = {
    OPERATORS: _("operators"),
    RELEASERS: _("releasers"),
    SUBMITTERS: _("submitters"),
    SERVICE: _("customer service"),
    VIEWERS: _("viewers"),
    ANSWERERS: _("merchants who answer their users"),
}

# What the groups of staff are for, in the order in which they are offered.
STAFF_ROLES = {
    VIEWERS: _("look at everything and change nothing"),
    SERVICE: _("answer users, with canned replies, labels and notes of users"),
    SUBMITTERS: _("upload code, submit it for review, and keep testers and values of ext.json"),
    RELEASERS: _("look at everything; release what has passed, and roll back"),
    OPERATORS: _(
        "run the platform day by day: merchants, accounts, settings, uploads and submissions,"
        " messages of users, forwarding, notices; all but releasing"
    ),
}
ADMINISTRATOR = _("administrators")
ADMINISTRATOR_SENTENCE = _("everything, and give others their rights")

_LOOKED_AT = {
    "platform_auth": "component push operation apiclient wechatcall",
    "miniprograms": (
        "authorizer binding bindlink tag tester interfaceapplication setting settingprofile "
        "permissionrequest"
    ),
    "audits": (
        "codetemplate codeversion codeaudit release campaign codesummary reviewoutcome quotaentry "
        "speeduprule"
    ),
    "messaging": (
        "conversation conversationlabel reply rule cannedreply target forwardrule delivery"
        " releasetest"
    ),
    "notices": "channel noticerule notice message",
}
_EDITED_BY_OPERATORS = {
    "messaging": "rule cannedreply conversationlabel target forwardrule",
    "miniprograms": "tag settingprofile",
    "audits": "speeduprule",
    "notices": "channel noticerule",
}


def _on_models(models: Mapping[str, str], *verbs: str) -> list[str]:
    """The permissions for VERBS on MODELS, which are named by app."""
    return [
        f"{app}.{verb}_{name}" for app in models for name in models[app].split() for verb in verbs
    ]


_LOOK = _on_models(_LOOKED_AT, "view")
ROLES = {
    OPERATORS: [
        *_LOOK,
        "platform_auth.replay_push",
        "miniprograms.change_authorizer",
        "miniprograms.unbind_authorizer",
        "miniprograms.invite_merchant",
        "miniprograms.resolve_binding",
        "miniprograms.manage_testers",
        "miniprograms.apply_for_interface",
        "miniprograms.edit_settings",
        # Merchants are made by staff; accounts of staff are for superusers, see admin.accounts.
        "auth.view_user",
        "auth.add_user",
        "auth.change_user",
        "audits.commit_version",
        "audits.edit_ext_values",
        "audits.edit_submission_profile",
        "audits.submit_audit",
        "audits.change_codetemplate",
        "messaging.answer_conversation",
        "messaging.resend_delivery",
        "messaging.rehearse_release",
        "notices.resend_message",
        *_on_models(_EDITED_BY_OPERATORS, "add", "change", "delete"),
    ],
    RELEASERS: [*_LOOK, "audits.release_audit"],
    SUBMITTERS: [
        *_LOOK,
        "miniprograms.manage_testers",
        "miniprograms.apply_for_interface",
        "audits.commit_version",
        "audits.edit_ext_values",
        "audits.edit_submission_profile",
        "audits.submit_audit",
    ],
    SERVICE: [
        *_on_models(
            {
                "miniprograms": "authorizer tag",
                "messaging": "conversation conversationlabel reply cannedreply",
            },
            "view",
        ),
        "messaging.answer_conversation",
        *_on_models({"messaging": "cannedreply conversationlabel"}, "add", "change", "delete"),
    ],
    VIEWERS: _LOOK,
    ANSWERERS: ["messaging.own_conversations"],
}


def group_title(name: str) -> str:
    """What pages call the group NAME; one that staff made is called as they called it."""
    return str(_TITLES.get(name, name))


def describe_role(name: str) -> str:
    """The group NAME as forms offer it: what it is called, and what its people may do."""
    sentence = STAFF_ROLES.get(name)
    return with_detail(group_title(name), sentence) if sentence else group_title(name)


def ensure_groups(**kwargs: Any) -> None:
    """Give the groups their permissions, after every `migrate`; what staff added stays."""
    permissions = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    for name, labels in ROLES.items():
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.add(*(permissions[label] for label in labels if label in permissions))
