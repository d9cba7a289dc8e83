"""Releasing: only what was approved, asked for once, and what is live afterwards."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from audits.models import CodeAudit, Release
from audits.problems import AuditNotPassed, NeedsSecondPerson, ReleaseIsOpen
from audits.services.releasing import approve_release, release_newest_audit, revert_release
from audits.services.submitting import submit_newest_version
from miniprograms.tokens import call_as
from platform_auth.models import Operation
from tests.desk import LATEST, LIVE, RELEASE, Desk, acts, fresh, history
from tests.desk import desk as desk
from tests.threads import together
from wechat import code, code_release, code_review
from wechat.errors import NothingToRelease, NotSent, Refused, Unreachable
from wechat.http import TRIES

State = Release.State
Status = CodeAudit.Status

pytestmark = pytest.mark.django_db
with_threads = pytest.mark.django_db(transaction=True)


def swap(desk: Desk, user_version: str = "6.6.6") -> None:
    """Somebody has another version approved by the mini program's own tools."""
    trial = desk.program.trial
    assert trial is not None
    call_as(
        desk.shop.appid,
        code.commit,
        template_id=desk.template.template_id,
        ext_json=trial.ext_json,
        user_version=user_version,
        user_desc="x",
    )
    call_as(desk.shop.appid, code_review.submit_audit, {})
    desk.judge_unheard("pass")


def test_what_was_approved_goes_live(desk: Desk) -> None:
    act = desk.release()
    assert (act.kind, act.state, act.by) == ("release", State.DONE, desk.staff)
    assert (act.live_before, act.live_after, act.due_at) == ("", "1.0.0", None)
    audit = CodeAudit.objects.get()
    assert (audit.word, audit.released_by) == ("released", desk.staff)
    assert history(audit) == ["submitting", "in_review", "passed", "released"]
    log = Operation.objects.get(action="release")
    assert (log.appid, log.version) == (desk.shop.appid, "1.0.0")
    assert desk.program.online is not None
    assert desk.program.online.version.user_version == "1.0.0"


def test_released_already_it_is_not_asked_for_again(desk: Desk) -> None:
    first = desk.release()
    calls = desk.wechat.count()
    assert desk.release(None) == first
    assert (desk.wechat.count(), Release.objects.count()) == (calls, 1)


def test_without_any_audit_there_is_nothing_to_release(desk: Desk) -> None:
    with pytest.raises(AuditNotPassed):
        desk.release(None)
    assert (desk.asked(RELEASE), Release.objects.count()) == (0, 0)


@pytest.mark.parametrize("outcome", [None, "reject", "delay"])
def test_while_the_newest_is_not_passed_it_is_refused_with_its_auditid(
    desk: Desk, outcome: str | None
) -> None:
    audit = desk.submit()
    if outcome:
        desk.judge_unheard(outcome)
    asked = desk.asked(LATEST)
    with pytest.raises(AuditNotPassed) as caught:
        desk.release(None)
    assert caught.value.auditid == audit.auditid
    assert audit.auditid in str(caught.value)
    assert (desk.asked(LATEST) - asked, desk.asked(RELEASE)) == (1, 0)


def test_a_passed_one_is_not_released_while_the_next_is_in_review(desk: Desk) -> None:
    desk.approve("1.0.0")
    newer = desk.submit("1.1.0")
    with pytest.raises(AuditNotPassed) as caught:
        desk.release(None)
    assert caught.value.auditid == newer.auditid
    assert desk.asked(RELEASE) == 0


def test_an_approval_we_have_not_heard_of_counts(desk: Desk) -> None:
    desk.submit()
    desk.judge_unheard("pass")
    assert desk.release(None).state == State.DONE


def test_another_than_the_one_that_was_seen_is_refused(desk: Desk) -> None:
    seen = desk.approve("1.0.0")
    desk.approve("1.1.0")
    with pytest.raises(AuditNotPassed):
        desk.release(None, auditid=seen.auditid)
    assert desk.asked(RELEASE) == 0


def test_a_version_approved_meanwhile_is_refused(desk: Desk) -> None:
    approved = desk.approve()
    swap(desk)
    with pytest.raises(AuditNotPassed) as caught:
        desk.release(None)
    assert caught.value.auditid == str(desk.program.audits[-1].auditid) != approved.auditid
    assert desk.asked(RELEASE) == 0
    assert Release.objects.get().state == State.REFUSED
    assert CodeAudit.objects.filter(user_version="6.6.6", status=Status.PASSED).exists()


def slip_in(desk: Desk, path: str) -> None:
    """Another version is approved right after the next answer of PATH: nobody can see it."""
    take = desk.wechat.faults.take

    def slip(its_path: str, appid: str) -> object:
        if its_path == path:
            desk.wechat.faults.take = take  # type: ignore[method-assign]
            online = desk.program
            swap(desk)
            assert online.approved is not None
        return take(its_path, appid)

    desk.wechat.faults.take = slip  # type: ignore[method-assign, assignment]


def test_a_mismatch_is_shouted(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    audit = desk.approve()
    slip_in(desk, RELEASE)
    act = desk.release(None)
    assert (act.state, act.live_after) == (State.DONE, "6.6.6")
    assert history(audit)[-2:] == ["released", "mismatch"]
    log = Operation.objects.get(action="release_mismatch")
    assert "1.0.0" in log.result
    assert "6.6.6" in log.result
    assert "another version is live" in caplog.text


def test_a_mismatch_is_found_though_the_answer_was_lost(desk: Desk) -> None:
    audit = desk.approve()
    slip_in(desk, RELEASE)
    desk.lose(RELEASE, after=True)
    act = desk.release(None)
    assert act.state == State.UNKNOWN
    desk.settle()
    assert (fresh(act).state, act.live_after) == (State.DONE, "6.6.6")
    assert history(audit)[-1] == "mismatch"


# Nothing to release, by WeChat


@pytest.mark.parametrize("errcode", [85019, 85020, 85052])
def test_nothing_to_release_may_mean_that_it_is_live(desk: Desk, errcode: int) -> None:
    audit = desk.approve()
    desk.wechat.fault(RELEASE, errcode=errcode, effect=True)
    assert desk.release(None).state == State.DONE
    assert fresh(audit).word == "released"


@pytest.mark.parametrize("errcode", [85019, 85020, 85052])
def test_or_that_it_is_not(desk: Desk, errcode: int) -> None:
    audit = desk.approve()
    desk.wechat.fault(RELEASE, errcode=errcode)
    with pytest.raises(NothingToRelease):
        desk.release(None)
    act = Release.objects.get()
    assert (act.state, act.errcode, act.due_at) == (State.REFUSED, errcode, None)
    assert fresh(audit).word == "passed"


def test_released_elsewhere_is_released(desk: Desk) -> None:
    audit = desk.approve()
    call_as(desk.shop.appid, code_release.release_code)
    assert desk.release(None).state == State.DONE
    assert fresh(audit).word == "released"
    assert desk.done(RELEASE) == 1


def test_where_nobody_can_tell_now_it_is_looked_for(desk: Desk) -> None:
    desk.approve()
    desk.wechat.fault(LIVE, effect=True)  # before the call
    desk.wechat.fault(LIVE, times=TRIES, errcode=-1)
    desk.wechat.fault(RELEASE, errcode=85052, effect=True)
    act = desk.release(None)
    assert act.state == State.UNKNOWN
    desk.wechat.clear_faults()
    desk.settle()
    assert fresh(act).state == State.DONE


# The answer is lost


def test_lost_after_the_effect_it_is_found(desk: Desk) -> None:
    audit = desk.approve()
    desk.lose(RELEASE, after=True)
    act = desk.release(None)
    assert act.state == State.UNKNOWN
    with pytest.raises(ReleaseIsOpen):
        desk.release(None)
    with pytest.raises(ReleaseIsOpen):
        revert_release(desk.shop, by=desk.staff)
    desk.settle()
    assert (fresh(act).state, act.live_after) == (State.DONE, "1.0.0")
    assert (fresh(audit).word, audit.released_by) == ("released", desk.staff)
    assert desk.asked(RELEASE) == 1


def test_lost_before_the_effect_it_may_be_tried_again(desk: Desk) -> None:
    audit = desk.approve()
    desk.lose(RELEASE)
    act = desk.release(None)
    desk.settle()
    assert fresh(act).state == State.UNKNOWN
    desk.settle()
    assert fresh(act).state == State.REFUSED
    assert fresh(audit).word == "passed"
    assert desk.release(None).state == State.DONE
    assert desk.done(RELEASE) == 1


def test_the_same_version_released_before_is_not_taken_for_this_one(desk: Desk) -> None:
    desk.release("1.0.0")
    minutes = timedelta(minutes=2)
    Release.objects.update(at=timezone.now() - minutes)
    assert desk.program.online is not None
    desk.program.online.at -= 120
    desk.approve("1.0.0")
    desk.lose(RELEASE)
    act = desk.release(None)
    desk.settle(2)
    assert fresh(act).state == State.REFUSED


@pytest.mark.parametrize("errcode", [None, -1, 48001])
def test_what_was_not_done_is_refused(desk: Desk, errcode: int | None) -> None:
    audit = desk.approve()
    fault = {"drop": "before"} if errcode is None else {"errcode": errcode}
    desk.wechat.fault(RELEASE, **fault)
    with pytest.raises(NotSent if errcode is None else Refused):
        desk.release(None)
    act = Release.objects.get()
    assert (act.state, act.errcode) == (State.REFUSED, errcode)
    assert fresh(audit).word == "passed"


@pytest.mark.parametrize("path", [LATEST, LIVE])
def test_where_wechat_cannot_be_asked_first_nothing_is_released(desk: Desk, path: str) -> None:
    desk.approve()
    desk.wechat.fault(path, times=None, drop="after")
    with pytest.raises(Unreachable):
        desk.release(None)
    assert desk.asked(RELEASE) == 0
    assert Release.objects.get().state == State.REFUSED


@pytest.mark.parametrize("arrived", [True, False])
def test_what_a_dead_process_left_behind_is_settled(desk: Desk, arrived: bool) -> None:
    audit = desk.approve()
    act = (
        desk.release(None)
        if arrived
        else Release(authorizer=desk.shop, audit=audit, kind="release")
    )
    act.state, act.due_at = State.RUNNING, timezone.now()
    act.save()
    CodeAudit.objects.update(released_at=None)
    desk.settle(3)
    assert fresh(act).state == (State.DONE if arrived else State.REFUSED)
    assert bool(fresh(audit).released_at) is arrived


def test_an_act_that_was_given_up_is_not_carried_out(desk: Desk) -> None:
    """Its process slept so long that it was settled meanwhile."""
    desk.approve()
    take = desk.wechat.faults.take

    def give_up(path: str, appid: str) -> object:
        if path == LIVE:
            Release.objects.update(state=State.REFUSED, due_at=None)
        return take(path, appid)

    desk.wechat.faults.take = give_up  # type: ignore[method-assign, assignment]
    with pytest.raises(ReleaseIsOpen):
        desk.release(None)
    assert desk.asked(RELEASE) == 0


def test_what_is_live_is_read_again_where_it_could_not_be(desk: Desk) -> None:
    desk.approve()
    desk.wechat.fault(LIVE, effect=True)
    desk.wechat.fault(LIVE, times=TRIES, errcode=-1)
    act = desk.release(None)
    assert (act.state, act.live_after) == (State.DONE, "")
    desk.wechat.clear_faults()
    desk.settle()
    assert (fresh(act).live_after, act.due_at) == ("1.0.0", None)


# At once


@with_threads
def test_twenty_clicks_are_one_call(desk: Desk) -> None:
    desk.approve()
    jobs = [lambda: release_newest_audit(desk.shop, by=desk.staff)] * 20
    found = together(jobs)
    assert desk.asked(RELEASE) == 1
    assert any(isinstance(one, Release) for one in found)
    others = [one for one in found if not isinstance(one, Release)]
    assert all(isinstance(one, ReleaseIsOpen) for one in others), others
    assert {one.state for one in found if isinstance(one, Release)} == {State.DONE}
    assert Release.objects.filter(state=State.DONE).count() == 1


@with_threads
def test_twenty_clicks_on_what_was_submitted_elsewhere_are_one_call(desk: Desk) -> None:
    desk.commit()
    swap(desk)
    found = together([lambda: release_newest_audit(desk.shop, by=desk.staff)] * 20)
    assert desk.asked(RELEASE) == 1
    odd = [one for one in found if not isinstance(one, Release | ReleaseIsOpen)]
    assert not odd
    assert CodeAudit.objects.get().word == "released"


@with_threads
def test_release_and_the_next_submission_at_once(desk: Desk) -> None:
    for number in range(4):
        desk.approve(f"1.{number}.0")
        desk.commit(f"2.{number}.0")
        jobs = [
            lambda: release_newest_audit(desk.shop, by=desk.staff),
            lambda: submit_newest_version(desk.shop, by=desk.staff),
        ]
        released, _submitted = together(jobs)
        assert isinstance(released, Release | AuditNotPassed | ReleaseIsOpen), released
        live = desk.program.online
        if isinstance(released, Release):
            assert live is not None
            assert live.version.user_version == released.live_after == f"1.{number}.0"
        desk.judge("reject")
        desk.settle(3)
        assert not CodeAudit.objects.open().exists()


# Two people


@pytest.fixture
def second(db: None) -> User:
    return User.objects.create_user("second", password="second-password", is_staff=True)


@pytest.fixture
def _two(settings: object) -> None:
    settings.RELEASE_NEEDS_TWO = True  # type: ignore[attr-defined]


@pytest.mark.usefixtures("_two")
def test_two_people_must_agree(desk: Desk, second: User) -> None:
    desk.staff.groups.add(Group.objects.get(name="releasers"))
    audit = desk.approve()
    with pytest.raises(NeedsSecondPerson):
        desk.release(None)
    approve_release(audit, by=desk.staff)
    with pytest.raises(NeedsSecondPerson):
        desk.release(None)
    assert (desk.asked(RELEASE), acts()[-1]) == (0, "approve_release")
    assert release_newest_audit(desk.shop, by=second).state == State.DONE
    assert (fresh(audit).approved_by, audit.released_by) == (desk.staff, second)


@pytest.mark.usefixtures("_two")
def test_who_agreed_to_one_version_has_not_agreed_to_the_next(desk: Desk, second: User) -> None:
    approve_release(desk.approve("1.0.0"), by=desk.staff)
    desk.approve("1.1.0")
    with pytest.raises(NeedsSecondPerson):
        release_newest_audit(desk.shop, by=second)
    assert desk.asked(RELEASE) == 0


def test_nobody_can_agree_to_what_has_not_passed(desk: Desk) -> None:
    audit = desk.submit()
    with pytest.raises(AuditNotPassed):
        approve_release(audit, by=desk.staff)
    assert "approve_release" not in acts()
