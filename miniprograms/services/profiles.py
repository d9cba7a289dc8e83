"""An account's profile, as WeChat has it."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from miniprograms.models import Authorizer
from platform_auth.leases import release_db_connection
from platform_auth.operations import Actor, record_operation
from platform_auth.tokens import as_component
from wechat import component as wechat
from wechat.errors import NotAuthorized, WeChatError

logger = logging.getLogger(__name__)

AGAIN = timedelta(minutes=2)


def sync_profile(authorizer: Authorizer, *, by: Actor | None = None) -> None:
    """
    Fetch the profile of AUTHORIZER by api_get_authorizer_info and keep it. BY is who asked.

    Raises what WeChat answered; the profile is then fetched again later.
    """
    release_db_connection()
    try:
        profile, grant = as_component(
            authorizer.component, wechat.get_authorizer_info, authorizer.appid
        )
    except WeChatError as error:
        _put_off(authorizer, error)
        raise
    with transaction.atomic():
        Authorizer.objects.filter(pk=authorizer.pk).update(
            **profile_values(profile, grant),
            profile_due_at=None,
            profile_synced_at=Now(),
            updated_at=Now(),
        )
        if by is not None:
            record_operation("sync_profile", by=by, appid=authorizer.appid)
    authorizer.refresh_from_db()


def _put_off(authorizer: Authorizer, error: WeChatError) -> None:
    """Not authorised any more: the token's refresh will find out. Anything else: again later."""
    rows = Authorizer.objects.filter(pk=authorizer.pk)
    if isinstance(error, NotAuthorized):
        rows.update(profile_due_at=None)
        rows.filter(due_at__isnull=False).update(due_at=Now())
    else:
        rows.update(profile_due_at=Now() + AGAIN)


def fetch_due_profiles(limit: int = 100) -> int:
    """Fetch profiles that are due. How many were tried."""
    due = Authorizer.objects.filter(profile_due_at__lte=Now()).select_related("component")
    tried = 0
    for row in due.order_by("profile_due_at")[:limit]:
        mine = Authorizer.objects.filter(pk=row.pk, profile_due_at__lte=Now())
        if not mine.update(profile_due_at=Now() + AGAIN):
            continue
        tried += 1
        try:
            sync_profile(row)
        except WeChatError as error:
            logger.warning("the profile of %s was not fetched: %s", row.appid, error)
    return tried


def profile_values(profile: Mapping[str, Any], grant: Mapping[str, Any]) -> dict[str, Any]:
    """The columns for authorizer_info PROFILE and authorization_info GRANT, whatever is missing."""
    mini_program = profile.get("MiniProgramInfo")
    kinds = Authorizer.Kind
    values: dict[str, Any] = {
        "kind": kinds.MINI_PROGRAM if mini_program else kinds.OFFICIAL_ACCOUNT,
        "miniprograminfo": mini_program if isinstance(mini_program, dict) else {},
        "business_info": _object(profile.get("business_info")),
        "verify_type_info": _id(profile.get("verify_type_info"), -1),
        "service_type": _id(profile.get("service_type_info"), None),
        "account_status": _number(profile.get("account_status"), 1),
        "idc": _number(profile.get("idc"), 0),
    }
    for name, length in _TEXTS.items():
        text = profile.get(name)
        values[name] = text.replace("\0", "")[:length] if isinstance(text, str) else ""
    if isinstance(grant.get("func_info"), list):
        values["func_info"] = wechat.read_func_info(grant["func_info"])
    return values


_TEXTS = {
    field.name: field.max_length or 0
    for field in Authorizer._meta.concrete_fields
    if field.name
    in {
        "nick_name",
        "head_img",
        "user_name",
        "alias",
        "qrcode_url",
        "principal_name",
        "signature",
    }
}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object, default: int | None) -> int | None:
    return value if type(value) is int and -(2**31) <= value < 2**31 else default


def _id(value: object, default: int | None) -> int | None:
    return _number(_object(value).get("id"), default)
