"""WeChat's verdicts: by push through the real door, and by asking, in whatever order they come."""

import time
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from audits.models import CodeAudit, Screenshot
from audits.services import verdicts
from audits.services.reconcile_outcomes import reconcile_due
from audits.services.submitting import submit
from miniprograms.tokens import call_as
from platform_auth.models import Push
from tests.desk import COMMIT, LATEST, MEDIA, STATUS, SUBMIT, Desk, fresh, history
from tests.desk import desk as desk
from tests.rows import make_authorizer
from tests.threads import together
from wechat import code
from wechat.http import TRIES

Status = CodeAudit.Status
PASS, FAIL, DELAY = "weapp_audit_success", "weapp_audit_fail", "weapp_audit_delay"

pytestmark = pytest.mark.django_db
with_threads = pytest.mark.django_db(transaction=True)


def long_since(audit: CodeAudit, minutes: int = 60) -> CodeAudit:
    """AUDIT was submitted, and perhaps decided, so long ago."""
    ago = timedelta(minutes=minutes)
    CodeAudit.objects.filter(pk=audit.pk).update(
        create_time=F("create_time") - ago, decided_at=F("decided_at") - ago
    )
    audit.refresh_from_db()
    return audit


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("pass", Status.PASSED), ("reject", Status.REJECTED), ("delay", Status.DELAYED)],
)
def test_a_push_decides(desk: Desk, outcome: str, status: Status) -> None:
    audit = desk.submit()
    asked = desk.wechat.count()
    desk.judge(outcome)
    assert fresh(audit).status == status
    assert history(audit)[-1] == audit.word
    assert (audit.decided_at is None) is (outcome == "delay")
    push = Push.objects.order_by("-pk")[0]
    assert push.state == Push.State.DONE
    assert audit.auditid not in push.body
    assert desk.wechat.count() == asked  # the door calls nobody


def test_a_delay_and_then_the_verdict(desk: Desk) -> None:
    audit = desk.submit()
    desk.judge("delay")
    desk.settle()
    assert fresh(audit).status == Status.DELAYED
    assert audit.reason
    desk.judge("pass")
    desk.settle()
    assert (fresh(audit).status, audit.due_at, audit.reason) == (Status.PASSED, None, "")
    assert history(audit) == ["submitting", "in_review", "delayed", "passed"]


def test_a_reason_is_text(desk: Desk) -> None:
    audit = desk.submit()
    desk.judge("reject", "1:不完整<br>2:a &lt;b&gt;<BR/><script>alert(1)</script><br />")
    expected = "1:不完整\n2:a <b>\n<script>alert(1)</script>"
    assert fresh(audit).reason == expected
    desk.settle()
    assert fresh(audit).reason == expected


# Pictures


def test_pictures_are_fetched_and_kept(desk: Desk) -> None:
    audit = desk.submit()
    desk.judge("reject", pictures=3)
    assert not Screenshot.objects.exists()
    desk.settle()
    kept = Screenshot.objects.filter(audit=audit)
    assert [one.media_id for one in kept] == desk.program.audits[0].screenshots
    assert {one.content_type for one in kept} == {"image/jpeg"}
    assert all(bytes(one.content).startswith(b"\xff\xd8") for one in kept)
    assert fresh(audit).due_at is None
    verdicts.refresh_audit(audit)
    assert desk.asked(MEDIA) == 3


def test_a_picture_that_cannot_be_had_now_is_fetched_later(desk: Desk) -> None:
    audit = desk.submit()
    desk.wechat.fault(MEDIA, times=TRIES, errcode=-1)
    desk.wechat.fault(MEDIA, times=TRIES, drop="after")
    desk.judge("reject", pictures=3)
    desk.settle()
    assert Screenshot.objects.count() == 1
    desk.wechat.clear_faults()
    desk.settle()
    assert Screenshot.objects.count() == 3
    assert fresh(audit).due_at is None


def test_one_that_is_gone_is_given_up(desk: Desk) -> None:
    audit = desk.submit()
    desk.wechat.fault(MEDIA, errcode=40007)
    desk.judge("reject", pictures=2)
    desk.settle()
    assert Screenshot.objects.count() == 1
    assert fresh(audit).due_at is None


def test_nobody_tries_for_more_than_three_days(desk: Desk) -> None:
    audit = desk.submit()
    desk.wechat.fault(MEDIA, times=None, status=500)
    desk.judge("reject", pictures=1)
    desk.settle()
    assert fresh(audit).due_at is not None
    long_since(audit, 3 * 24 * 60 + 1)
    desk.settle()
    assert fresh(audit).due_at is None


# Late, repeated, of another


def test_a_repeated_push_changes_nothing(desk: Desk) -> None:
    audit = desk.submit()
    now = time.time()
    assert desk.tell(DELAY, now, Reason="a") == Push.State.DONE
    for at in (now, now + 1, now + 60):
        desk.tell(DELAY, at, Reason="b")
    assert fresh(audit).reason == "a"
    assert desk.tell(PASS, now) == Push.State.DONE
    for event in (PASS, FAIL, DELAY):
        assert desk.tell(event, now + 2, Reason="c") == Push.State.IGNORED
    assert fresh(audit).status == Status.PASSED
    assert history(audit) == ["submitting", "in_review", "delayed", "passed"]


def test_one_older_than_the_audit_changes_nothing(desk: Desk) -> None:
    audit = desk.submit()
    assert desk.tell(PASS, time.time() - 3600) == Push.State.IGNORED
    assert fresh(audit).status == Status.IN_REVIEW
    assert history(audit) == ["submitting", "in_review"]


def test_one_for_nobody_we_know_changes_nothing(desk: Desk) -> None:
    audit = desk.submit()
    other = desk.wechat.create_account()
    make_authorizer(desk.shop.component, None, other.appid, user_name=other.user_name)
    desk.wechat.grant(other.appid)
    desk.wechat.push_message(other.appid, {"Event": PASS})
    desk.deliver()
    assert fresh(audit).status == Status.IN_REVIEW


def test_the_late_push_of_the_audit_before_does_not_decide_this_one(desk: Desk) -> None:
    """Rejected, learnt by asking, submitted again at once; only then comes the push."""
    first = desk.submit()
    desk.wechat.judge(desk.shop.appid, "reject", None, 1)
    desk.settle()  # asked
    assert fresh(first).status == Status.REJECTED
    second = desk.submit("1.0.1")
    desk.deliver()
    assert fresh(second).status == Status.IN_REVIEW
    reconcile_due()  # the doubt is settled by asking
    assert fresh(second).status == Status.IN_REVIEW
    assert second.reason == ""
    desk.judge("pass")
    reconcile_due()
    assert fresh(second).status == Status.PASSED
    assert fresh(first).status == Status.REJECTED


def test_long_after_the_audit_before_a_push_is_believed(desk: Desk) -> None:
    first = desk.submit()
    desk.judge("reject")
    desk.settle()
    long_since(first)
    second = desk.submit("1.0.1")
    desk.judge("pass")
    assert fresh(second).status == Status.PASSED


def test_a_push_that_was_wrong_is_put_right_by_asking(desk: Desk) -> None:
    audit = desk.submit()
    desk.tell(FAIL, time.time(), Reason="of another platform")
    assert fresh(audit).status == Status.REJECTED
    reconcile_due()
    assert fresh(audit).status == Status.IN_REVIEW
    assert (audit.reason, audit.due_at is None) == ("", False)


# Before our row knows its auditid


@pytest.mark.parametrize("outcome", ["pass", "reject", "delay"])
def test_a_push_before_the_auditid_is_known(desk: Desk, outcome: str) -> None:
    desk.lose(SUBMIT, after=True)
    audit = desk.submit()
    desk.judge(outcome)
    assert fresh(audit).status == Status.UNKNOWN
    assert reconcile_due() == 1  # at once: nobody waits for the next look
    assert fresh(audit).word == {"pass": "passed", "reject": "rejected"}.get(outcome, "delayed")
    assert audit.auditid == str(desk.program.audits[0].auditid)


# By asking


@pytest.mark.parametrize("outcome", ["pass", "reject", "delay"])
def test_a_lost_push_is_made_up_for(desk: Desk, outcome: str) -> None:
    audit = desk.submit()
    desk.judge_unheard(outcome, pictures=2 if outcome == "reject" else 0)
    assert reconcile_due() == 0
    desk.settle()
    assert fresh(audit).status == Status({"pass": 0, "reject": 1, "delay": 4}[outcome])
    assert audit.screenshots.count() == (2 if outcome == "reject" else 0)


def test_open_audits_are_asked_about_every_10_to_30_minutes(desk: Desk) -> None:
    audit = desk.submit()
    pauses = []
    for _ in range(5):
        pauses.append(minutes_until(audit))
        desk.settle()
    assert pauses == [10, 10, 20, 30, 30]
    assert desk.asked(STATUS) == 5
    desk.judge("pass")
    desk.settle(3)
    assert fresh(audit).due_at is None
    assert desk.asked(STATUS) == 6


def minutes_until(audit: CodeAudit) -> int:
    audit.refresh_from_db()
    assert audit.due_at is not None
    return round((audit.due_at - timezone.now()).total_seconds() / 60)


def test_where_wechat_does_not_answer_it_is_asked_less_and_less(desk: Desk) -> None:
    audit = desk.submit()
    desk.wechat.fault(STATUS, times=None, errcode=-1)
    pauses = []
    for _ in range(9):
        desk.settle()
        pauses.append(minutes_until(audit))
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0, 30)
    assert fresh(audit).status == Status.IN_REVIEW


def test_an_account_that_left_holds_up_nobody(desk: Desk) -> None:
    audit = desk.submit()
    desk.wechat.cancel(desk.shop.appid)
    desk.deliver()
    for _ in range(8):
        desk.settle()
    assert minutes_until(audit) == 30


def test_withdrawn_elsewhere(desk: Desk) -> None:
    audit = desk.submit()
    call_as(desk.shop.appid, code.undo_code_audit)
    desk.settle()
    assert (fresh(audit).status, audit.due_at) == (Status.WITHDRAWN, None)
    assert audit.decided_at is not None
    assert desk.submit("1.0.1").status == Status.IN_REVIEW


def test_one_row_that_fails_stops_no_other(desk: Desk) -> None:
    """A row we cannot make sense of: the ones behind it have their turn."""
    audit = desk.submit()
    other = make_authorizer(desk.shop.component, None, "wxffffffffffffffff")
    CodeAudit.objects.create(
        authorizer=other,
        appid=desk.shop.appid,
        auditid="not a number",
        status=Status.IN_REVIEW,
        due_at=timezone.now() - timedelta(days=1),
    )
    desk.judge("pass")
    reconcile_due()
    assert (fresh(audit).status, audit.due_at) == (Status.PASSED, None)


# Answers that are overtaken


def overtake(desk: Desk, path: str, outcome: str, reason: str = "because") -> None:
    """While the next answer of PATH is under way, the verdict falls and its push comes."""
    send, carry = desk.wechat.faults.take, desk.judge

    def take(its_path: str, appid: str) -> object:
        fault = send(its_path, appid)
        if its_path == path:
            desk.wechat.faults.take = send  # type: ignore[method-assign]
            stale = desk.program.audits[-1].describe()
            carry(outcome, reason, 1)
            desk.wechat.fault(path, change=stale, without=("reason", "screenshot", "ScreenShot"))
            return send(its_path, appid)
        return fault

    desk.wechat.faults.take = take  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("outcome", ["reject", "pass", "delay"])
def test_an_answer_that_a_push_overtakes_changes_nothing(desk: Desk, outcome: str) -> None:
    audit = desk.submit()
    overtake(desk, STATUS, outcome)
    desk.settle()
    row = fresh(audit)
    assert row.word == {"pass": "passed", "reject": "rejected", "delay": "delayed"}[outcome]
    assert row.reason == "because"
    desk.settle()
    assert audit.screenshots.count() == (outcome == "reject")


@pytest.mark.parametrize("outcome", ["reject", "pass", "delay"])
def test_nor_does_the_newest_audit_of_before(desk: Desk, outcome: str) -> None:
    audit = desk.submit()
    overtake(desk, LATEST, outcome)
    verdicts.adopt(desk.shop)
    assert fresh(audit).word == {"pass": "passed", "reject": "rejected"}.get(outcome, "delayed")
    assert "because" in audit.reason
    assert history(audit).count("in_review") == 1


@with_threads
@pytest.mark.parametrize("outcome", ["pass", "reject"])
def test_push_poll_and_click_at_once_decide_once(desk: Desk, outcome: str) -> None:
    audit = desk.submit()
    desk.wechat.judge(desk.shop.appid, outcome, None, 2 if outcome == "reject" else 0)
    CodeAudit.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    jobs = [
        desk.deliver,
        reconcile_due,
        reconcile_due,
        lambda: verdicts.refresh_audit(CodeAudit.objects.get()),
        lambda: verdicts.adopt(desk.shop),
        lambda: verdicts.adopt(desk.shop),
    ]
    found = together(jobs)
    assert not [one for one in found if isinstance(one, Exception)]
    desk.settle()
    word = fresh(audit).word
    assert history(audit) == ["submitting", "in_review", word]
    assert (word, audit.due_at) == ({"pass": "passed", "reject": "rejected"}[outcome], None)
    assert audit.screenshots.count() == (2 if outcome == "reject" else 0)


@with_threads
def test_submit_push_and_settle_at_once(desk: Desk) -> None:
    desk.wechat.reviews.review_seconds = 0  # decided the moment it is there
    for number in range(5):
        desk.commit(f"1.0.{number}")
        together([lambda: submit(desk.shop, by=None), desk.deliver, reconcile_due, desk.deliver])
        desk.deliver()
        desk.settle(2)
        [audit] = CodeAudit.objects.order_by("-pk")[:1]
        assert (audit.status, audit.due_at) == (Status.PASSED, None)
        assert history(audit)[-1] == "passed"
        long_since(audit)
    assert desk.done(SUBMIT) == desk.done(COMMIT) == 5
