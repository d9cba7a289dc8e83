"""How an attempt to bind stands, as people are told, and ending one that nobody wants any more."""

from enum import StrEnum

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer, Binding
from platform_auth.errcodes import errcode_of, refusal_of
from platform_auth.operations import Actor, record_operation
from platform_auth.problems import CannotAct

_Status = Binding.Status


class Stage(StrEnum):
    WAITING = "waiting"  # for the administrator, who can still confirm
    EXPIRED = "expired"  # nobody has confirmed in time
    FINISHING = "finishing"  # confirmed; we ask WeChat for the tokens
    HELD_UP = "held_up"  # confirmed, and WeChat refuses us the tokens for now
    BOUND = "bound"
    NEEDS_OWNER = "needs_owner"  # bound, and the administrator has to confirm again
    PARKED = "parked"  # for staff to decide
    DECLINED = "declined"  # by staff
    SPENT = "spent"  # what WeChat gave was used or too old
    FAILED = "failed"  # the tokens could not be had within an hour
    DROPPED = "dropped"


STAGE_TITLES = {
    Stage.WAITING: _("waiting for the owner"),
    Stage.EXPIRED: _("not confirmed in time"),
    Stage.FINISHING: _("being finished"),
    Stage.HELD_UP: _("held up by WeChat"),
    Stage.BOUND: _("bound"),
    Stage.NEEDS_OWNER: _("needs its owner"),
    Stage.PARKED: _("waiting for staff"),
    Stage.DECLINED: _("refused by staff"),
    Stage.SPENT: _("confirmation used or too old"),
    Stage.FAILED: _("failed"),
    Stage.DROPPED: _("dropped"),
}
# Where it is over without an account, and can be begun anew.
ENDED = (Stage.EXPIRED, Stage.SPENT, Stage.FAILED, Stage.DROPPED)
# What its merchant need not look at any more.
DROPPABLE = (
    Stage.WAITING,
    Stage.EXPIRED,
    Stage.HELD_UP,
    Stage.DECLINED,
    Stage.SPENT,
    Stage.FAILED,
)

_CODE_SPENT = (61009, 61010)


class CannotDrop(CannotAct):
    text = _("This attempt has come to its end already, or is just being finished.")


def stage_of(row: Binding) -> Stage:
    has_code = bool(row.code_digest or row.appid)
    if row.status == _Status.BOUND:
        needs_owner = Authorizer.State.NEEDS_REAUTHORIZATION
        is_cut = row.authorizer is not None and row.authorizer.state == needs_owner
        return Stage.NEEDS_OWNER if is_cut else Stage.BOUND
    if row.status == _Status.UNCLAIMED:
        return Stage.PARKED
    if row.status == _Status.REFUSED:
        return Stage.DECLINED
    if row.dropped_at:
        return Stage.DROPPED
    if row.status == _Status.TRADING or (row.status == _Status.OPEN and has_code):
        return Stage.HELD_UP if refusal_of(row.last_error) else Stage.FINISHING
    if row.status == _Status.OPEN:
        is_late = row.expires_at is not None and row.expires_at <= timezone.now()
        return Stage.EXPIRED if is_late else Stage.WAITING
    return _stage_of_failed(row)


def _stage_of_failed(row: Binding) -> Stage:
    if errcode_of(row.last_error) in _CODE_SPENT:
        return Stage.SPENT
    return Stage.FAILED if row.code_digest or refusal_of(row.last_error) else Stage.EXPIRED


def drop_attempt(row: Binding, *, by: Actor) -> None:
    """
    Nobody is asked to go on with ROW any more, because BY says so. An account that is confirmed
    with it all the same waits for staff, unless it is its merchant's already. Raises CannotDrop.
    """
    with transaction.atomic():
        fresh: Binding = (
            Binding.objects.select_for_update(of=("self",))
            .select_related("authorizer")
            .get(pk=row.pk)
        )
        if stage_of(fresh) not in DROPPABLE:
            raise CannotDrop
        Binding.objects.filter(pk=row.pk).update(dropped_at=Now())
        record_operation("drop_binding", by=by, appid=fresh.appid or fresh.biz_appid)
