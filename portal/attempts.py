"""
A merchant's attempts to bind that somebody still has to do something about, or that have come to
nothing lately: each with what it was begun for, those that are alike as one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from django_stubs_ext import StrOrPromise

from miniprograms.models import Authorizer, Binding
from miniprograms.services.attempts import DROPPABLE, CannotDrop, Stage, drop_attempt, stage_of
from miniprograms.services.showing import SHOWN
from platform_auth.operations import Actor
from wechat.component import MINI_PROGRAM, OFFICIAL_ACCOUNT

OVER_FOR = timedelta(days=3)  # an attempt that came to nothing is shown
MOST_SHOWN = 10
_MOST_READ = 50
_Status = Binding.Status
_OVER = (Stage.EXPIRED, Stage.SPENT, Stage.FAILED)
_KINDS: dict[int, StrOrPromise] = {
    MINI_PROGRAM: gettext_lazy("Mini program"),
    OFFICIAL_ACCOUNT: gettext_lazy("Official account"),
}
_EITHER_KIND = gettext_lazy("Mini program or official account")


@dataclass(slots=True)
class Attempt:
    """BINDING, how it stands, and what was to be bound; EARLIER were begun for the same as it."""

    binding: Binding
    stage: Stage
    aim: StrOrPromise
    earlier: list[Binding] = field(default_factory=list)


def read_bindings(user: User) -> list[Binding]:
    """USER's bindings of the last days that are to be told of, the newest first."""
    is_open = Q(status=_Status.OPEN, expires_at__gt=Now())
    is_waiting = Q(status__in=[_Status.TRADING, _Status.UNCLAIMED])
    is_over = Q(status__in=[_Status.FAILED, _Status.REFUSED])
    is_over |= Q(status=_Status.OPEN, expires_at__lte=Now())
    own = Binding.objects.filter(Q(user_id=user.pk))
    later = own.filter(status=_Status.BOUND, started_at__gt=OuterRef("started_at"))
    is_news = Q(started_at__gt=Now() - OVER_FOR) & ~Exists(later)
    is_decided = Q(status=_Status.REFUSED)
    is_decided |= Q(status=_Status.BOUND) & ~Q(parked_because="")
    is_decided &= Q(finished_at__gt=Now() - OVER_FOR)
    # One that was cancelled and confirmed all the same is staff's to decide, and then decided.
    is_wanted = Q(dropped_at=None) | Q(status=_Status.UNCLAIMED)
    is_wanted |= Q(finished_at__gt=F("dropped_at"))
    rows = own.filter(is_open | is_waiting | (is_over & is_news) | is_decided, is_wanted)
    return list(rows.select_related("authorizer").order_by("-started_at")[:_MOST_READ])


def find_attempts(user: User, bindings: Iterable[Binding]) -> list[Attempt]:
    """What of USER's BINDINGS has led to no account so far."""
    attempts: dict[object, Attempt] = {}
    open_aims = set()
    for row in bindings:
        stage = stage_of(row)
        aim = (row.auth_type, row.biz_appid, row.link_id)
        if row.status == _Status.BOUND or (stage in _OVER and aim in open_aims):
            continue
        if stage in (Stage.WAITING, Stage.FINISHING):
            open_aims.add(aim)
        key: object = row.pk
        if stage == Stage.WAITING:
            key = (stage, row.device, row.component_id, aim)
        elif stage in _OVER:
            key = (stage, aim)
        if key in attempts:
            attempts[key].earlier.append(row)
        else:
            attempts[key] = Attempt(row, stage, _EITHER_KIND)
    shown = list(attempts.values())[:MOST_SHOWN]
    _name_aims(user, shown)
    return shown


def _name_aims(user: User, attempts: Iterable[Attempt]) -> None:
    """Call each by its account, where that is known, else by the kind that was asked for."""
    appids = {one.binding.biz_appid for one in attempts}
    own = Authorizer.objects.filter(Q(owner_id=user.pk), appid__in=appids)
    names = {row.appid: str(row) for row in own.only("appid", "nick_name")}
    for one in attempts:
        appid = one.binding.biz_appid
        kind = _KINDS.get(one.binding.auth_type, _EITHER_KIND)
        name = one.binding.nick_name or one.binding.appid
        one.aim = name or names.get(appid, appid) or kind


def is_assigned(row: Binding) -> bool:
    """Whether staff gave the account of ROW to its merchant, whose it still is."""
    account = row.authorizer
    if row.status != _Status.BOUND or account is None or account.is_show != SHOWN:
        return False
    return account.owner_id == row.user_id and account.state != Authorizer.State.UNBOUND


@require_POST
@login_required
def drop(request: HttpRequest, pk: int) -> HttpResponse:
    """This attempt of theirs is not wanted any more; nor, where the page says so, any like it."""
    row = get_object_or_404(Binding, pk=pk, user_id=request.user.pk)
    user: User = request.user  # type: ignore[assignment]
    alike: list[Binding] = []
    if "alike" in request.POST:
        for one in find_attempts(user, read_bindings(user)):
            alike += one.earlier if one.binding.pk == row.pk else []
    stage = stage_of(row)
    try:
        drop_attempt(row, by=user)
    except CannotDrop as problem:
        messages.error(request, str(problem))
        return redirect("portal:home")
    for other in alike:
        drop_if_possible(other, by=user)
    messages.success(request, _words_of_drop(row, stage))
    return redirect("portal:home")


def drop_if_possible(row: Binding, *, by: Actor) -> None:
    """Drop ROW unless it has come to its end meanwhile."""
    if stage_of(row) in DROPPABLE:
        drop_attempt(row, by=by)


def _words_of_drop(row: Binding, stage: Stage) -> str:
    """What dropping ROW, which stood at STAGE, has done; and what a late confirmation would do."""
    if stage not in (Stage.WAITING, Stage.HELD_UP):
        return _("Removed from the list.")
    own = Authorizer.objects.filter(owner_id=row.user_id)
    if appid := row.appid or row.biz_appid:
        account = own.filter(appid=appid).first()
        if account is not None:
            return _(
                "Cancelled. If WeChat's confirmation comes all the same, %(name)s is authorised "
                "again at once, because it is your account already."
            ) % {"name": account}
    elif own.exists():
        return _(
            "Cancelled. If WeChat's confirmation comes all the same, an account that is or was "
            "yours here is authorised again at once; about any other our staff decide."
        )
    return _(
        "Cancelled. If WeChat's confirmation comes all the same, our staff decide about the "
        "account."
    )
