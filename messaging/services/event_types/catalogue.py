"""All types, by their names; and one of them shown to a target."""

from django.utils.translation import gettext_lazy as _

from messaging.services.event_types.own_types import ACCOUNT_TYPES, CODE_TYPES
from messaging.services.event_types.schemas import EventType
from messaging.services.event_types.wechat_types import (
    COMPONENT_TYPES,
    MESSAGE_TYPES,
    WECHAT_EVENT_TYPES,
)

OWN_TYPES = [*ACCOUNT_TYPES, *CODE_TYPES]
EVENT_TYPES: dict[str, EventType] = {
    entry.name: entry
    for entry in (*OWN_TYPES, *COMPONENT_TYPES, *MESSAGE_TYPES, *WECHAT_EVENT_TYPES)
}

# What a target may ask for at once.
GROUPS = {
    "authorizer": _("accounts: bound, changed, unbound, to be authorised again"),
    "account": _("accounts: WeChat has something against one"),
    "audit": _("code: reviews"),
    "release": _("code: releases and roll-backs"),
    "component": _("all that WeChat tells the platform of accounts"),
    "message": _("all messages"),
    "event": _("all events"),
}
