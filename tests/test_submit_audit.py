"""Submitting for review: once, whatever becomes of the answer."""

import contextlib
import random
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.utils import timezone

from audits.models import AuditEvent, CodeAudit
from audits.problems import AuditIsOpen, CommitIsOpen, NothingCommitted
from audits.services import verdicts
from audits.services.reconcile_outcomes import reconcile_due
from audits.services.submitting import submit_newest_version
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.errcodes import explain_error
from platform_auth.models import Operation
from tests.desk import COMMIT, LATEST, SUBMIT, Desk, acts, fresh, history
from tests.desk import desk as desk
from tests.threads import in_a_thread, together
from wechat import code_review
from wechat.errors import NotSent, Refused, WeChatError

Status = CodeAudit.Status

pytestmark = pytest.mark.django_db
with_threads = pytest.mark.django_db(transaction=True)


def test_what_was_submitted_is_kept(desk: Desk) -> None:
    fields: code_review.Submission = {"version_desc": "新版", "feedback_info": "谢谢"}
    audit = desk.submit(fields=fields)
    assert (audit.status, audit.fields, audit.user_version) == (Status.IN_REVIEW, fields, "1.0.0")
    assert (audit.submitted_by, audit.appid) == (desk.staff, desk.shop.appid)
    assert audit.auditid == str(desk.program.audits[0].auditid)
    assert desk.program.audits[0].submission == fields
    assert history(audit) == ["submitting", "in_review"]
    assert acts() == ["commit", "submit_audit"]
    log = Operation.objects.get(action="submit_audit")
    assert (log.appid, log.version) == (desk.shop.appid, audit.user_version)


def test_without_code_there_is_nothing_to_submit(desk: Desk) -> None:
    with pytest.raises(NothingCommitted):
        desk.submit(None)
    assert not CodeAudit.objects.exists()


def test_while_one_is_open_the_next_is_refused_with_its_auditid(desk: Desk) -> None:
    audit = desk.submit()
    with pytest.raises(AuditIsOpen, match="撤回") as caught:
        desk.submit("1.0.1")
    assert caught.value.auditid == audit.auditid
    assert audit.auditid in str(caught.value)
    assert desk.asked(SUBMIT) == CodeAudit.objects.count() == 1


def test_while_an_upload_has_no_outcome_nothing_is_submitted(desk: Desk) -> None:
    desk.commit("1.0.0")
    desk.lose(COMMIT, after=True)
    desk.commit("1.0.1")
    with pytest.raises(CommitIsOpen):
        desk.submit(None)
    desk.settle()
    assert desk.submit(None).user_version == "1.0.1"


def submit_elsewhere(desk: Desk, user_version: str = "9.9.9") -> str:
    """Somebody submits by the mini program's own tools."""
    trial = desk.program.trial
    assert trial is not None
    before, trial.user_version = trial.user_version, user_version
    auditid = call_as(desk.shop.appid, code_review.submit_audit, {})
    desk.program.audits[-1].version = type(trial)(
        trial.template, user_version, "", trial.ext_json, trial.at
    )
    trial.user_version = before
    return str(auditid)


def test_one_that_was_submitted_elsewhere_is_adopted(desk: Desk) -> None:
    desk.commit()
    auditid = submit_elsewhere(desk)
    with pytest.raises(AuditIsOpen) as caught:
        desk.submit(None)
    assert caught.value.auditid == auditid
    found = CodeAudit.objects.get()
    assert (found.status, found.auditid) == (Status.IN_REVIEW, auditid)
    assert (found.user_version, found.submitted_by) == ("9.9.9", None)
    assert history(found) == ["in_review"]
    with pytest.raises(AuditIsOpen):
        desk.submit(None)
    assert desk.asked(SUBMIT) == 1  # theirs


def test_it_is_open_even_if_wechat_does_not_tell_which(desk: Desk) -> None:
    desk.commit()
    submit_elsewhere(desk)
    desk.wechat.fault(LATEST, times=None, status=500)
    with pytest.raises(AuditIsOpen) as caught:
        desk.submit(None)
    assert caught.value.auditid == ""


def test_a_refusal_says_why_in_plain_words(desk: Desk) -> None:
    desk.wechat.fault(SUBMIT, errcode=85085)
    with pytest.raises(Refused) as caught:
        desk.submit()
    audit = CodeAudit.objects.get()
    assert (audit.status, audit.errcode, audit.due_at) == (Status.REFUSED, 85085, None)
    assert explain_error(caught.value).endswith("(85085)")
    assert len(explain_error(caught.value)) > 20
    assert history(audit) == ["submitting", "refused"]


def test_what_was_not_sent_was_not_submitted(desk: Desk) -> None:
    desk.wechat.fault(SUBMIT, drop="before")
    with pytest.raises(NotSent):
        desk.submit()
    assert CodeAudit.objects.get().status == Status.REFUSED
    assert desk.submit(None).status == Status.IN_REVIEW


# The answer is lost


def test_lost_after_the_effect_it_is_found(desk: Desk) -> None:
    desk.lose(SUBMIT, after=True)
    audit = desk.submit(fields={"version_desc": "新版"})
    assert (audit.status, audit.auditid) == (Status.UNKNOWN, "")
    with pytest.raises(AuditIsOpen):
        desk.submit(None)
    desk.settle()
    assert fresh(audit).auditid == str(desk.program.audits[0].auditid)
    assert (audit.status, audit.fields) == (Status.IN_REVIEW, {"version_desc": "新版"})
    assert (audit.failures, audit.last_error) == (1, "")
    assert history(audit) == ["submitting", "unknown", "in_review"]
    assert desk.asked(SUBMIT) == 1


def test_lost_before_the_effect_two_looks_30_seconds_apart_allow_another(desk: Desk) -> None:
    desk.lose(SUBMIT)
    audit = desk.submit()
    asked = desk.asked(LATEST)
    for _look in range(2):
        assert fresh(audit).status == Status.UNKNOWN
        pause = audit.due_at - timezone.now() if audit.due_at else timedelta()
        assert timedelta(seconds=20) < pause < timedelta(seconds=40)
        with pytest.raises(AuditIsOpen):
            desk.submit(None)
        assert reconcile_due() == 0  # not yet
        desk.settle()
    assert fresh(audit).status == Status.REFUSED
    assert (desk.asked(LATEST) - asked, audit.due_at) == (2, None)
    assert desk.submit(None).status == Status.IN_REVIEW
    assert desk.done(SUBMIT) == 1


def test_looks_that_failed_are_none(desk: Desk) -> None:
    desk.lose(SUBMIT)
    audit = desk.submit()
    desk.wechat.fault(LATEST, times=None, errcode=-1)
    desk.settle(5)
    assert fresh(audit).status == Status.UNKNOWN
    desk.wechat.clear_faults()
    desk.settle(2)
    assert fresh(audit).status == Status.REFUSED


@pytest.mark.parametrize("arrived", [True, False])
def test_what_a_dead_process_left_behind_is_settled(desk: Desk, arrived: bool) -> None:
    audit = desk.submit()
    CodeAudit.objects.update(status=Status.SUBMITTING, auditid="", due_at=timezone.now())
    if not arrived:
        desk.program.audits.clear()
    desk.settle(3)
    assert fresh(audit).status == (Status.IN_REVIEW if arrived else Status.REFUSED)
    assert bool(audit.auditid) is arrived


def test_a_decided_audit_of_before_is_not_taken_for_it(desk: Desk) -> None:
    first = desk.submit()
    desk.judge("reject")
    desk.settle()
    desk.lose(SUBMIT)
    second = desk.submit(None)
    desk.settle(2)
    assert fresh(second).status == Status.REFUSED
    assert fresh(first).status == Status.REJECTED


def test_anothers_submission_is_not_taken_for_it(desk: Desk) -> None:
    desk.commit()
    desk.lose(SUBMIT)
    audit = desk.submit(None)
    auditid = submit_elsewhere(desk)
    desk.settle(2)
    assert (fresh(audit).status, audit.auditid) == (Status.REFUSED, "")
    found = CodeAudit.objects.get(auditid=auditid)
    assert (found.status, found.user_version) == (Status.IN_REVIEW, "9.9.9")


@pytest.mark.parametrize("outcome", ["pass", "reject"])
def test_the_verdict_may_be_there_when_it_is_found(desk: Desk, outcome: str) -> None:
    desk.lose(SUBMIT, after=True)
    audit = desk.submit()
    desk.judge_unheard(outcome, pictures=1 if outcome == "reject" else 0)
    desk.settle()
    assert fresh(audit).status == {"pass": Status.PASSED, "reject": Status.REJECTED}[outcome]
    assert audit.screenshots.count() == (outcome == "reject")
    assert history(audit)[-2:] == ["in_review", fresh(audit).word]


# At once


@with_threads
def test_twenty_at_once_submit_once(desk: Desk) -> None:
    desk.commit()
    found = together([lambda: submit_newest_version(desk.shop, by=desk.staff)] * 20)
    assert sum(isinstance(one, CodeAudit) for one in found) == 1
    assert sum(isinstance(one, AuditIsOpen) for one in found) == 19, found
    assert desk.asked(SUBMIT) == CodeAudit.objects.count() == 1


@with_threads
def test_found_while_its_answer_is_under_way(desk: Desk) -> None:
    desk.commit()
    go_on = Event()
    fault = desk.wechat.fault(SUBMIT, until=go_on)
    waiting = in_a_thread(lambda: desk.submit(None))
    assert fault.arrived.wait(30)
    row = CodeAudit.objects.get()
    assert (row.status, row.auditid) == (Status.SUBMITTING, "")
    desk.judge("pass")  # the push is there before the answer
    reconcile_due()
    assert fresh(row).status == Status.PASSED
    go_on.set()
    assert waiting.result().status == Status.PASSED
    assert fresh(row).auditid == str(desk.program.audits[0].auditid)


@with_threads
@pytest.mark.parametrize("errcode", [None, 85085])
def test_looked_for_in_vain_while_its_answer_is_under_way(desk: Desk, errcode: int | None) -> None:
    desk.commit()
    go_on = Event()
    fault = desk.wechat.fault(SUBMIT, until=go_on, errcode=errcode)
    waiting = in_a_thread(lambda: desk.submit(None))
    assert fault.arrived.wait(30)
    row = CodeAudit.objects.get()
    hidden, desk.program.audits = desk.program.audits, []
    desk.settle()
    assert fresh(row).status == Status.UNKNOWN
    desk.program.audits = hidden
    go_on.set()
    if errcode:
        with pytest.raises(Refused):
            waiting.result()
        assert (fresh(row).status, row.errcode) == (Status.REFUSED, errcode)
    else:
        assert waiting.result().status == Status.IN_REVIEW
        assert history(row) == ["submitting", "unknown", "in_review"]


@with_threads
def test_two_who_find_anothers_audit_make_one_row(desk: Desk) -> None:
    desk.commit()
    auditid = submit_elsewhere(desk)
    found = together([lambda: verdicts.adopt_newest_audit(desk.shop)] * 8)
    assert found == [auditid] * 8
    assert CodeAudit.objects.filter(auditid=auditid).count() == 1


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_submitted_twice(desk: Desk, seed: int) -> None:
    """By the ledger: at most one submission takes effect between two verdicts, whatever is lost."""
    chance = random.Random(seed)
    desk.commit()
    rounds = 0
    for _ in range(12):
        if chance.random() < 0.6:
            desk.wechat.fault(SUBMIT, **chance.choice(WAYS))
        if chance.random() < 0.3:
            desk.wechat.fault(LATEST, **chance.choice(WAYS))
        with contextlib.suppress(AuditIsOpen, WeChatError):
            desk.submit(None)
        desk.settle(chance.randrange(4))
        if desk.program.open_audit and chance.random() < 0.4:
            chance.choice([desk.judge, desk.judge_unheard])(chance.choice(["pass", "reject"]))
            rounds += 1
    desk.wechat.clear_faults()
    desk.settle(4)
    assert desk.done(SUBMIT) == rounds + (desk.program.open_audit is not None)
    ours = CodeAudit.objects.exclude(auditid="").values_list("auditid", flat=True)
    assert len(set(ours)) == len(ours)
    for audit in CodeAudit.objects.all():
        assert audit.status not in (Status.UNKNOWN, Status.SUBMITTING)
        told = list(AuditEvent.objects.filter(audit=audit).values_list("before", "after"))
        assert all(one[1] == two[0] for one, two in zip(told, told[1:], strict=False)), told
        assert told[-1][1] == audit.word
    verdicts.adopt_newest_audit(
        desk.shop
    )  # "system error" may have been a lie: the next submission asks too
    if desk.program.open_audit:
        assert CodeAudit.objects.open().get().auditid == str(desk.program.open_audit.auditid)


WAYS: list[dict[str, Any]] = [
    {"drop": "before"},
    {"drop": "after"},
    {"drop": "after", "effect": False},
    {"errcode": -1},
    {"errcode": -1, "effect": True},
    {"status": 502, "effect": True},
    {"body": b""},
]


def test_accounts_have_their_own(desk: Desk) -> None:
    """The one open audit is one of a mini program."""
    desk.submit()
    assert Authorizer.objects.get().audits.open().count() == 1
