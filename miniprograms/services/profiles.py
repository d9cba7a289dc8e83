"""An account's profile, as WeChat has it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from miniprograms.models import Authorizer, AuthorizerQuerySet
from platform_auth.due_work import Runner
from platform_auth.leases import release_db_connection
from platform_auth.operations import Actor, record_operation
from platform_auth.tokens import as_component
from wechat import component as wechat
from wechat.errors import NotAuthorized, WeChatError

logger = logging.getLogger(__name__)

MAX_PROFILES = 100  # fetched in one run
# Until a fetch that failed is tried again; and for whoever fetches, longer than a fetch takes.
RETRY_AFTER = timedelta(minutes=2)


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
        _postpone(authorizer, error)
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


def _postpone(authorizer: Authorizer, error: WeChatError) -> None:
    """Not authorised any more: the token's refresh will find out. Anything else: again later."""
    rows = Authorizer.objects.filter(pk=authorizer.pk)
    if isinstance(error, NotAuthorized):
        rows.update(profile_due_at=None)
        rows.filter(due_at__isnull=False).update(due_at=Now())
    else:
        rows.update(profile_due_at=Now() + RETRY_AFTER)


def _due_profiles() -> AuthorizerQuerySet:
    return Authorizer.objects.filter(profile_due_at__lte=Now())


def _find_due(places: int, in_flight: Sequence[Authorizer]) -> Iterable[Authorizer]:
    return _due_profiles().select_related("component").order_by("profile_due_at")[:MAX_PROFILES]


def fetch_due_profile(row: Authorizer) -> bool:
    """
    Fetch the profile of ROW, unless somebody else does. The claim is the due time itself, moved on
    by compare-and-set: the row's lease is its token's, which must not wait for a profile.
    """
    if not _due_profiles().filter(pk=row.pk).update(profile_due_at=Now() + RETRY_AFTER):
        return False
    try:
        sync_profile(row)
    except WeChatError as error:
        logger.warning("the profile of %s was not fetched: %s", row.appid, error)
    return True


FETCH_PROFILES = Runner("profiles", find=_find_due, work=fetch_due_profile)


def profile_values(profile: Mapping[str, Any], grant: Mapping[str, Any]) -> dict[str, Any]:
    """The columns for authorizer_info PROFILE and authorization_info GRANT, whatever is missing."""
    mini_program = profile.get("MiniProgramInfo")
    kind = Authorizer.Kind.MINI_PROGRAM if mini_program else Authorizer.Kind.OFFICIAL_ACCOUNT
    values: dict[str, Any] = {
        "kind": kind,
        "miniprograminfo": mini_program if isinstance(mini_program, dict) else {},
        "business_info": _as_object(profile.get("business_info")),
        "verify_type_info": _nested_id(profile.get("verify_type_info"), -1),
        "service_type": _nested_id(profile.get("service_type_info"), None),
        "account_status": _as_number(profile.get("account_status"), 1),
        "idc": _as_number(profile.get("idc"), 0),
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
    in (
        "nick_name",
        "head_img",
        "user_name",
        "alias",
        "qrcode_url",
        "principal_name",
        "signature",
    )
}


def _as_object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_number(value: object, default: int | None) -> int | None:
    return value if type(value) is int and -(2**31) <= value < 2**31 else default


def _nested_id(value: object, default: int | None) -> int | None:
    return _as_number(_as_object(value).get("id"), default)
