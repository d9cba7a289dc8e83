"""Uploading code: the row first, once, and what became of it where no answer came."""

import json
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from audits.models import CodeTemplate, CodeVersion
from audits.problems import BadExtJson, CommitIsOpen, SubmissionIsRunning
from audits.services.ext_json import build_ext_json
from platform_auth.models import Operation
from tests.desk import COMMIT, LIVE, SUBMIT, Desk, acts, fresh
from tests.desk import desk as desk
from tests.rows import make_authorizer
from tests.threads import in_a_thread, together
from wechat.errors import NotReady, NotSent, Refused

State = CodeVersion.State

pytestmark = pytest.mark.django_db
with_threads = pytest.mark.django_db(transaction=True)


def test_what_is_uploaded_is_on_trial(desk: Desk) -> None:
    version = desk.commit("1.0.0", ext={"ext": {"theme": "green"}})
    assert (version.state, version.due_at, version.created_by) == (
        State.COMMITTED,
        None,
        desk.staff,
    )
    assert desk.program.trial is not None
    assert json.loads(desk.program.trial.ext_json) == {
        "extEnable": True,
        "extAppid": desk.shop.appid,
        "ext": {"theme": "green"},
    }
    assert acts() == ["commit", "set_ext_values"]  # it had none: these are its own from now on
    log = Operation.objects.get(action="commit")
    assert (log.appid, log.version, log.actor_name) == (desk.shop.appid, "1.0.0", "operator")


# ext.json


def test_a_standard_template_takes_three_members(desk: Desk) -> None:
    desk.template.template_type = 1
    told = json.loads(build_ext_json(desk.shop, desk.template, {"window": {}}))
    assert told == {"extAppid": desk.shop.appid, "ext": {}, "window": {}}
    with pytest.raises(BadExtJson, match="extEnable, tabBar"):
        build_ext_json(desk.shop, desk.template, {"tabBar": {}, "extEnable": True})


def test_it_is_for_this_mini_program_whatever_was_given(desk: Desk) -> None:
    told = build_ext_json(desk.shop, desk.template, {"extAppid": "wxother", "extEnable": False})
    assert json.loads(told) == {"extAppid": desk.shop.appid, "extEnable": False, "ext": {}}


@pytest.mark.parametrize("values", [{"nonsense": 1}, {"ext": []}, {"ext": None}])
def test_what_wechat_does_not_take_is_refused_before_anything_happens(
    desk: Desk, values: dict[str, Any]
) -> None:
    with pytest.raises(BadExtJson):
        desk.commit(ext=values)
    assert not CodeVersion.objects.exists()
    assert (desk.asked(COMMIT), acts()) == (0, [])


# What WeChat says


def test_a_refusal_is_kept_and_the_next_one_goes_through(desk: Desk) -> None:
    desk.wechat.fault(COMMIT, errcode=85013)
    with pytest.raises(Refused):
        desk.commit()
    [refused] = CodeVersion.objects.all()
    assert (refused.state, refused.errcode, refused.due_at) == (State.REFUSED, 85013, None)
    assert desk.commit().state == State.COMMITTED


def test_what_was_not_sent_was_not_done(desk: Desk) -> None:
    desk.wechat.fault(COMMIT, drop="before")
    with pytest.raises(NotSent):
        desk.commit()
    [row] = CodeVersion.objects.all()
    assert (row.state, row.errcode) == (State.REFUSED, None)


@pytest.mark.parametrize(
    "what",
    [{"drop": "after"}, {"status": 502, "effect": True}, {"body": b"<html>"}, {"truncate": 5}],
)
def test_an_answer_lost_after_the_effect_is_looked_for(desk: Desk, what: dict[str, Any]) -> None:
    desk.wechat.fault(COMMIT, **what)
    version = desk.commit()
    assert version.state == State.UNKNOWN
    wait = version.due_at - timezone.now() if version.due_at else timedelta()
    assert timedelta(seconds=20) < wait < timedelta(seconds=40)
    with pytest.raises(CommitIsOpen):
        desk.commit("1.0.1")
    desk.settle()
    assert fresh(version).state == State.COMMITTED
    assert (desk.asked(COMMIT), version.due_at) == (1, None)


def test_one_lost_before_the_effect_is_given_up_after_two_looks(desk: Desk) -> None:
    desk.lose(COMMIT)
    version = desk.commit()
    desk.settle()
    assert fresh(version).state == State.UNKNOWN
    desk.settle()
    assert fresh(version).state == State.REFUSED
    assert (desk.asked(COMMIT), desk.asked(LIVE)) == (1, 2)
    assert desk.commit().state == State.COMMITTED


def test_a_look_that_failed_is_none(desk: Desk) -> None:
    desk.lose(COMMIT)
    version = desk.commit()
    desk.wechat.fault(LIVE, times=None, status=500)
    desk.settle(5)
    assert fresh(version).state == State.UNKNOWN
    assert version.due_at
    assert version.due_at - timezone.now() > timedelta(seconds=20)
    desk.wechat.clear_faults()
    desk.settle()
    assert fresh(version).state == State.UNKNOWN
    desk.settle()
    assert fresh(version).state == State.REFUSED


def test_the_same_version_uploaded_before_is_not_taken_for_this_one(desk: Desk) -> None:
    desk.commit("1.0.0")
    CodeVersion.objects.update(created_at=F("created_at") - timedelta(seconds=100))
    assert desk.program.trial is not None
    desk.program.trial.at -= 100
    desk.lose(COMMIT)
    version = desk.commit("1.0.0", ext={"ext": {"theme": "red"}})
    desk.settle(2)
    assert fresh(version).state == State.REFUSED


def test_what_a_dead_process_left_behind_is_settled(desk: Desk) -> None:
    for has_effect in (True, False):
        version = desk.commit(f"1.0.{has_effect:d}")
        CodeVersion.objects.filter(pk=version.pk).update(
            state=State.COMMITTING, due_at=timezone.now()
        )
        if not has_effect:
            desk.program.trial = None
        desk.settle(3)
        assert fresh(version).state == (State.COMMITTED if has_effect else State.REFUSED)


def test_an_upload_that_ended_while_it_was_looked_for_is_left_alone(desk: Desk) -> None:
    desk.wechat.fault(COMMIT, drop="after")
    version = desk.commit()
    CodeVersion.objects.update(state=State.COMMITTED)  # its due time stays
    desk.settle()
    assert (fresh(version).state, desk.asked(LIVE)) == (State.COMMITTED, 0)


def test_nothing_is_uploaded_while_a_submission_is_on_its_way(desk: Desk) -> None:
    desk.commit()
    desk.lose(SUBMIT)
    desk.submit(None)
    with pytest.raises(SubmissionIsRunning):
        desk.commit("1.0.1")
    assert desk.asked(COMMIT) == 1
    desk.settle(2)
    assert desk.commit("1.0.1").state == State.COMMITTED


def test_while_a_review_is_open_it_is(desk: Desk) -> None:
    desk.submit("1.0.0")
    assert desk.commit("1.0.1").state == State.COMMITTED


def test_a_mini_program_that_is_not_bound_says_so(desk: Desk) -> None:
    other = make_authorizer(desk.shop.component, None, "wxffffffffffffffff", state="unbound")
    desk.shop = other
    with pytest.raises(NotReady):
        desk.commit()
    assert CodeVersion.objects.get().state == State.REFUSED


@with_threads
def test_ten_at_once_upload_one_at_a_time(desk: Desk) -> None:
    hold = desk.wechat.fault(COMMIT, delay=0.3)
    found = together([partial(desk.commit, f"1.0.{number}") for number in range(10)])
    assert hold.taken == 1
    opened = [one for one in found if isinstance(one, CodeVersion)]
    refused = [one for one in found if isinstance(one, CommitIsOpen)]
    assert len(opened) + len(refused) == 10
    assert desk.asked(COMMIT) == len(opened) == CodeVersion.objects.count()


@with_threads
def test_the_row_is_there_before_the_call(desk: Desk) -> None:
    go_on = Event()
    fault = desk.wechat.fault(COMMIT, until=go_on)
    waiting = in_a_thread(desk.commit)
    assert fault.arrived.wait(30)
    row = CodeVersion.objects.get()
    assert row.state == State.COMMITTING
    assert row.due_at is not None
    go_on.set()
    assert waiting.result().state == State.COMMITTED


def test_the_template_may_be_gone_by_then(desk: Desk) -> None:
    desk.wechat.component.library.templates.clear()
    with pytest.raises(Refused) as caught:
        desk.commit()
    assert caught.value.errcode == 85014
    assert CodeTemplate.objects.exists()
