"""What WeChat granted becomes an authorizer, or waits for staff; the tokens are kept either way."""

import logging
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from miniprograms.account_events import (
    NEEDS_REAUTHORIZATION,
    OUT_OF_REACH,
    public_values,
    publish_account_event,
    publish_bound,
    publish_changes,
)
from miniprograms.models import Authorizer, Binding
from miniprograms.permissions import lacking_codes
from miniprograms.services.bind_links import has_ended
from miniprograms.services.profiles import guess_kind, sync_profile
from miniprograms.services.unclaimed import fetch_names, publish_unclaimed
from miniprograms.tokens import (
    remember_refresh_token,
    retry_write,
    rotated_tokens,
    usable_refresh_tokens,
)
from platform_auth.due_pushes import make_due
from platform_auth.fields import Sealed, seal
from platform_auth.operations import record_operation
from platform_auth.rights import may_still
from platform_auth.tokens import due_after
from wechat.component import Grant
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)


def save_grant(row: Binding, grant: Grant) -> None:
    """
    Keep what GRANT gave for ROW: its tokens first, in one transaction with the binding's outcome;
    then the profile, which may fail and is fetched later.
    """
    try:
        binding = retry_write(lambda: _save_tokens(row, grant))
    except IntegrityError:  # another binding of the same account has just made its row
        binding = retry_write(lambda: _save_tokens(row, grant))
    if binding is None:
        _save_late(grant)
        return
    if binding.authorizer is None:
        fetch_names(binding.component, grant.appid)
        return
    try:
        sync_profile(binding.authorizer)
    except WeChatError as error:
        logger.warning("%s is bound, its profile comes later: %s", grant.appid, error)


def _save_tokens(row: Binding, grant: Grant) -> Binding | None:
    """The binding with its outcome; None if somebody else has brought it to its end meanwhile."""
    with transaction.atomic():
        # Locked and read anew: a push may have told the account's time meanwhile.
        binding: Binding = (
            Binding.objects.with_clock()
            .select_for_update(of=("self",))
            .select_related("component", "link__user", "link__client__owner")
            .get(pk=row.pk)
        )
        if binding.is_final:
            return None
        authorizer = (
            Authorizer.objects.with_clock().select_for_update().filter(appid=grant.appid).first()
        )
        reason = _reason_to_ask(binding, authorizer, grant)
        before = _values_before(authorizer)
        values = _granted_values(binding, grant, authorizer)
        if authorizer is not None:
            _update(authorizer, binding, grant, values, keep_owner=bool(reason))
        elif not reason:
            authorizer = _create(binding, grant, values)
        _conclude(binding, grant, authorizer, reason)
        if authorizer is not None:
            _publish(binding, authorizer, before)
    binding.authorizer = authorizer
    return binding


def _values_before(authorizer: Authorizer | None) -> dict[str, Any]:
    """What AUTHORIZER was to us until now; nothing where there was nobody to act for."""
    if authorizer is None or authorizer.state in OUT_OF_REACH:
        return {}
    return public_values(authorizer)


def _publish(binding: Binding, authorizer: Authorizer, before: dict[str, Any]) -> None:
    """
    Tell other back ends. What owners change at WeChat, without a click here, changes an account
    that is bound; a click binds it, for the first time or again.
    """
    is_clicked = binding.user_id is not None and binding.status == Binding.Status.BOUND
    if authorizer.state == Authorizer.State.NEEDS_REAUTHORIZATION:
        publish_account_event(NEEDS_REAUTHORIZATION, authorizer.appid, reason=authorizer.last_error)
    elif before and not is_clicked:
        publish_changes(authorizer, before, "authorization")
    else:
        publish_bound(authorizer.appid, user_ref=binding.user_ref)


def _save_late(grant: Grant) -> None:
    """Whoever took over has saved the account; our tokens are older, yet none received is lost."""
    authorizer = Authorizer.objects.filter(appid=grant.appid).first()
    if authorizer is not None and grant.refresh_token:
        remember_refresh_token(authorizer.pk, grant.refresh_token)


def _reason_to_ask(binding: Binding, authorizer: Authorizer | None, grant: Grant) -> str:
    """Why staff must decide; "" where the account may simply be bound."""
    owner = authorizer.owner_id if authorizer else None
    if binding.user_id is None:
        return "" if authorizer else Binding.UnclaimedReason.NOBODY_ASKED
    if not may_still(binding.user_id, []):
        return Binding.UnclaimedReason.SWITCHED_OFF
    if owner is not None and owner != binding.user_id:
        return Binding.UnclaimedReason.OTHER_MERCHANT
    if owner is None and not _is_expected(binding, grant.appid):
        return Binding.UnclaimedReason.WRONG_ACCOUNT
    if owner is None and binding.link and has_ended(binding.link, binding.now):
        return Binding.UnclaimedReason.LINK_REVOKED
    if owner is None and binding.dropped_at:
        return Binding.UnclaimedReason.DROPPED
    return ""


def _is_expected(binding: Binding, appid: str) -> bool:
    """Whether BINDING may lead to the account APPID; by a client's link only to one of its own."""
    client = binding.link.client if binding.link else None
    is_of_client = client is None or not client.appids or appid in client.appids
    return is_of_client and binding.biz_appid in ("", appid)


def _granted_values(
    binding: Binding, grant: Grant, authorizer: Authorizer | None
) -> dict[str, object]:
    """The columns that an authorisation sets. Its time is WeChat's own, or 0: never our clock."""
    now = binding.now
    values: dict[str, object] = {
        "component": binding.component,
        "state": Authorizer.State.BOUND,
        "auth_time": binding.auth_time,
        "create_time": now,
        "unauthorized_at": None,
        "updated_at": now,
        "due_at": due_after(now, grant.token.life) if grant.token else now,
        "expires": int(now.timestamp()) + grant.token.life if grant.token else 0,
        "failures": 0,
        "last_error": "",
        "profile_due_at": now,
    }
    if grant.func_info:
        kind = authorizer.kind if authorizer else guess_kind(grant.func_info, binding.auth_type)
        values["func_info"] = grant.func_info
        values["lacks"] = lacking_codes(kind, grant.func_info)
    if not grant.refresh_token:
        values |= _values_without_refresh_token(binding, grant, authorizer)
    return values


def _values_without_refresh_token(
    binding: Binding, grant: Grant, authorizer: Authorizer | None
) -> dict[str, object]:
    """
    The access token alone lasts two hours. An older refresh token is tried at once; where there is
    none only the owner can help, and is told now, not when the two hours are over.
    """
    has_older = authorizer is not None and bool(usable_refresh_tokens(authorizer))
    if has_older or not grant.token:
        return {"state": Authorizer.State.NEEDS_RECOVERY, "due_at": binding.now}
    return {
        "state": Authorizer.State.NEEDS_REAUTHORIZATION,
        "due_at": None,
        "last_error": _("WeChat gave us no refresh token: the owner must authorise again."),
    }


def _update(
    authorizer: Authorizer,
    binding: Binding,
    grant: Grant,
    values: dict[str, object],
    *,
    keep_owner: bool,
) -> None:
    """The account is known: its new tokens replace the old ones, which have just died."""
    secrets: dict[str, Sealed | str] = {
        **seal(Authorizer, grant.appid, access_token=grant.token.value if grant.token else ""),
        **rotated_tokens(authorizer, grant.refresh_token),
    }
    if not keep_owner and binding.user_id:
        values = {**values, "owner_id": binding.user_id}
    Authorizer.objects.filter(pk=authorizer.pk).update(
        **values, **secrets, epoch=F("epoch") + 1, lease_until=None
    )
    authorizer.refresh_from_db()


def _create(binding: Binding, grant: Grant, values: dict[str, object]) -> Authorizer:
    # The savepoint lets the caller try again when another binding made the row first.
    with transaction.atomic():
        authorizer = Authorizer.objects.create(
            appid=grant.appid,
            owner_id=binding.user_id,
            kind=guess_kind(grant.func_info, binding.auth_type),
            access_token=grant.token.value if grant.token else "",
            refresh_token=grant.refresh_token,
            **values,
        )
        make_due(binding.component, grant.appid)
    return authorizer


def _conclude(binding: Binding, grant: Grant, authorizer: Authorizer | None, reason: str) -> None:
    """Write the binding's outcome and the log. For an account without a row it keeps the token."""
    refresh_token = "" if authorizer else grant.refresh_token
    Binding.objects.filter(pk=binding.pk).update(
        status=Binding.Status.UNCLAIMED if reason else Binding.Status.BOUND,
        parked_because=reason,
        appid=grant.appid,
        authorizer=authorizer,
        func_info=grant.func_info,
        code="",
        due_at=None,
        lease_until=None,
        epoch=F("epoch") + 1,
        last_error="",
        finished_at=timezone.now(),
        **seal(Binding, binding.reference, refresh_token=refresh_token),
    )
    _supersede(binding, grant)
    action = "park" if reason else "bind"
    result = reason or (authorizer.lacks.strip() if authorizer else "")
    record_operation(action, by=binding.user, appid=grant.appid, result=result)
    binding.refresh_from_db()
    if reason:
        publish_unclaimed(binding)


def _supersede(binding: Binding, grant: Grant) -> None:
    """The list may have told of the account before BINDING did: staff shall see it once."""
    superseded = Binding.objects.unclaimed().filter(
        component=binding.component,
        appid=grant.appid,
        parked_because=Binding.UnclaimedReason.NOBODY_ASKED,
    )
    superseded.exclude(pk=binding.pk).update(
        status=Binding.Status.FAILED,
        refresh_token="",
        last_error=_("It came by another way as well."),
        finished_at=timezone.now(),
    )
