"""Releasing in steps: a part of the users has the new version, the others the one before."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from audits.models import CodeAudit, GrayRelease
from audits.services.outcomes import ABANDONED_AFTER, NOT_DONE, RECHECK_AFTER
from audits.services.releasing import check_newest, releasable_audit, release_newest_audit
from audits.services.summaries import summarise_code
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.operations import Actor, recorded_call
from wechat import code_release
from wechat.errors import Unreachable

COMPARED_EVERY = timedelta(hours=1)  # with WeChat's plan, which others may change


def start_gray_release(
    authorizer: Authorizer, percentage: int, *, by: Actor | None, testers_first: bool = False
) -> None:
    """
    grayrelease: give the newest audit's version to PERCENTAGE of users.

    Raises what `release_newest_audit` raises, and is that where all users are meant.
    """
    if percentage == 100:
        release_newest_audit(authorizer, by=by)
        return
    audit = releasable_audit(authorizer, by)
    check_newest(audit)
    row = _prepare_row(authorizer, audit, by)
    rows = GrayRelease.objects.filter(pk=row.pk)
    try:
        with recorded_call(
            "gray_release",
            by=by,
            appid=authorizer.appid,
            result=f"{percentage} %",
            version=audit.user_version,
        ):
            call_as(
                authorizer.appid,
                code_release.gray_release,
                percentage,
                support_experiencer_first=testers_first,
            )
    except NOT_DONE:
        rows.update(due_at=Now())
        raise
    except Unreachable:
        rows.update(due_at=Now() + RECHECK_AFTER)
        raise
    _note_plan(
        row,
        state=GrayRelease.State.RUNNING,
        percentage=percentage,
        due_at=Now() + COMPARED_EVERY,
    )


def _note_plan(row: GrayRelease, **values: Any) -> None:
    """What WeChat has said of ROW, and with it what lists know of the mini program."""
    with transaction.atomic():
        GrayRelease.objects.filter(pk=row.pk).update(failures=0, **values)
        summarise_code(row.authorizer_id)


def _prepare_row(authorizer: Authorizer, audit: CodeAudit, by: Actor | None) -> GrayRelease:
    """
    The row, before the call. What WeChat has said last stays in it, until it says something else.
    """
    row, _is_new = GrayRelease.objects.get_or_create(
        authorizer=authorizer,
        defaults={"audit": audit, "percentage": 0, "state": GrayRelease.State.UNKNOWN},
    )
    values = {"audit": audit, "by_id": by.pk if by else None, "at": Now()}
    if not row.is_partly_live:
        values |= {"state": GrayRelease.State.UNKNOWN, "percentage": 0}
    GrayRelease.objects.filter(pk=row.pk).update(due_at=Now() + ABANDONED_AFTER, **values)
    return row


def stop_gray_release(authorizer: Authorizer, *, by: Actor | None) -> None:
    """revertgrayrelease: give everybody the version before. Raises WeChat's answer."""
    rows = GrayRelease.objects.filter(authorizer=authorizer)
    rows.update(due_at=Now() + ABANDONED_AFTER)
    row = rows.select_related("audit").first()
    version = row.audit.user_version if row else ""
    try:
        with recorded_call("stop_gray_release", by=by, appid=authorizer.appid, version=version):
            call_as(authorizer.appid, code_release.revert_gray_release)
    except Unreachable:
        rows.update(due_at=Now() + RECHECK_AFTER)
        raise
    if row:
        _note_plan(row, state=GrayRelease.State.ENDED, due_at=None)


def reconcile_gray_release(row: GrayRelease) -> None:
    """ROW as WeChat's plan has it now, and again in an hour. Raises what WeChat answered."""
    plan = call_as(row.authorizer.appid, code_release.get_gray_release_plan)
    states = {
        code_release.GRAY_RUNNING: GrayRelease.State.RUNNING,
        code_release.GRAY_PAUSED: GrayRelease.State.PAUSED,
    }
    if plan is None or plan.status not in states:
        _note_plan(row, state=GrayRelease.State.ENDED, due_at=None)
    else:
        _note_plan(
            row,
            state=states[plan.status],
            percentage=plan.percentage,
            due_at=Now() + COMPARED_EVERY,
        )
