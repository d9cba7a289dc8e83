"""What WeChat granted becomes an authorizer, or is parked. The tokens are kept in either case."""

import logging

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from miniprograms.models import Authorizer, Binding
from miniprograms.permissions import kind_by_sets
from miniprograms.services.profiles import sync_profile
from miniprograms.services.unclaimed import describe
from miniprograms.tokens import kept_tokens, remember_refresh_token, retry_write
from platform_auth.fields import Sealed, seal
from platform_auth.operations import record_operation
from platform_auth.tokens import due_after
from wechat.component import OFFICIAL_ACCOUNT, Grant
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)

Kind = Authorizer.Kind
State = Authorizer.State
Parked = Binding.Parked
Status = Binding.Status


def save_grant(row: Binding, grant: Grant) -> None:
    """
    Keep what GRANT gave for ROW: its tokens first, in one transaction with the binding's outcome;
    then the profile, which may fail and is fetched later.
    """
    try:
        binding = retry_write(lambda: _keep(row, grant))
    except IntegrityError:  # another binding of the same account has just made its row
        binding = retry_write(lambda: _keep(row, grant))
    if binding is None:
        _come_late(grant)
        return
    if binding.authorizer is None:
        describe(binding.component, grant.appid)
        return
    try:
        sync_profile(binding.authorizer)
    except WeChatError as error:
        logger.warning("%s is bound, its profile comes later: %s", grant.appid, error)


def _keep(row: Binding, grant: Grant) -> Binding | None:
    """The binding with its outcome; None if somebody else has brought it to its end meanwhile."""
    with transaction.atomic():
        # Locked and read anew: a push may have told the account's time meanwhile.
        binding: Binding = (
            Binding.objects.with_clock()
            .select_for_update(of=("self",))
            .select_related("component")
            .get(pk=row.pk)
        )
        if binding.is_final:
            return None
        authorizer = (
            Authorizer.objects.with_clock().select_for_update().filter(appid=grant.appid).first()
        )
        why = _why_parked(binding, authorizer, grant)
        values = _granted_values(binding, grant)
        if authorizer is not None:
            _update(authorizer, binding, grant, values, keep_owner=bool(why))
        elif not why:
            authorizer = _create(binding, grant, values)
        _conclude(binding, grant, authorizer, why)
    binding.authorizer = authorizer
    return binding


def _come_late(grant: Grant) -> None:
    """Whoever took over has landed the account; our tokens are older, yet none received is lost."""
    authorizer = Authorizer.objects.filter(appid=grant.appid).first()
    if authorizer is not None and grant.refresh_token:
        retry_write(lambda: remember_refresh_token(authorizer.pk, grant.refresh_token))


def _why_parked(binding: Binding, authorizer: Authorizer | None, grant: Grant) -> str:
    """Why staff must decide; "" where the account may simply be bound."""
    owner = authorizer.owner_id if authorizer else None
    if binding.user_id is None:
        return "" if authorizer else Parked.UNCLAIMED
    if owner is not None and owner != binding.user_id:
        return Parked.OTHER_MERCHANT
    if owner is None and binding.biz_appid and binding.biz_appid != grant.appid:
        return Parked.WRONG_ACCOUNT
    return ""


def _granted_values(binding: Binding, grant: Grant) -> dict[str, object]:
    """The columns that an authorisation sets. Its time is WeChat's own, or 0: never our clock."""
    now = binding.now
    values: dict[str, object] = {
        "component": binding.component,
        "state": State.BOUND if grant.refresh_token else State.NEEDS_RECOVERY,
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
        values["func_info"] = grant.func_info
    return values


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
        **kept_tokens(authorizer, grant.refresh_token),
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
        return Authorizer.objects.create(
            appid=grant.appid,
            owner_id=binding.user_id,
            kind=_guess_kind(binding, grant),
            access_token=grant.token.value if grant.token else "",
            refresh_token=grant.refresh_token,
            **values,
        )


def _guess_kind(binding: Binding, grant: Grant) -> str:
    """Until the profile tells: by the sets granted, or by what was asked for."""
    kind = kind_by_sets(grant.func_info) or binding.auth_type
    return Kind.OFFICIAL_ACCOUNT if kind == OFFICIAL_ACCOUNT else Kind.MINI_PROGRAM


def _conclude(binding: Binding, grant: Grant, authorizer: Authorizer | None, why: str) -> None:
    """Write the binding's outcome and the log. A parked account that has no row keeps its token."""
    homeless = "" if authorizer else grant.refresh_token
    Binding.objects.filter(pk=binding.pk).update(
        status=Status.PARKED if why else Status.BOUND,
        parked_because=why,
        appid=grant.appid,
        authorizer=authorizer,
        func_info=grant.func_info,
        code="",
        due_at=None,
        lease_until=None,
        epoch=F("epoch") + 1,
        last_error="",
        finished_at=timezone.now(),
        **seal(Binding, binding.reference, refresh_token=homeless),
    )
    _supersede(binding, grant)
    record_operation("park" if why else "bind", by=binding.user, appid=grant.appid, result=why)
    binding.refresh_from_db()


def _supersede(binding: Binding, grant: Grant) -> None:
    """The list may have told of the account before BINDING did: staff shall see it once."""
    found = Binding.objects.parked().filter(
        component=binding.component, appid=grant.appid, parked_because=Parked.UNCLAIMED
    )
    found.exclude(pk=binding.pk).update(
        status=Status.FAILED,
        refresh_token="",
        last_error=_("It came by another way as well."),
        finished_at=timezone.now(),
    )
