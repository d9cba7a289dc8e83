"""Rolling back: to the version before or to a chosen one, once."""

import pytest

from audits.models import CodeAudit, Release
from audits.problems import ReleaseIsOpen
from audits.services.releasing import list_past_versions, revert_release
from platform_auth.models import Operation
from tests.desk import LIVE, REVERT, Desk, fresh
from tests.desk import desk as desk
from tests.threads import together
from wechat.errors import Refused, Unreachable
from wechat.http import TRIES

State = Release.State

pytestmark = pytest.mark.django_db
with_threads = pytest.mark.django_db(transaction=True)


@pytest.fixture
def live(desk: Desk) -> Desk:
    """Two versions have been live; 2.0.0 is."""
    desk.release("1.0.0")
    desk.release("2.0.0")
    return desk


def online(desk: Desk) -> str:
    assert desk.program.online is not None
    return desk.program.online.version.user_version


def test_the_version_before_comes_back(live: Desk) -> None:
    act = revert_release(live.shop, by=live.staff)
    assert (act.kind, act.state, act.by) == ("revert", State.DONE, live.staff)
    assert (act.live_before, act.live_after) == ("2.0.0", "1.0.0")
    assert online(live) == "1.0.0"
    log = Operation.objects.get(action="revert")
    assert (log.appid, log.actor_name) == (live.shop.appid, "operator")
    assert (log.version, log.result) == ("2.0.0", "")  # which is taken back
    assert not CodeAudit.objects.filter(events__after="mismatch").exists()


def test_one_of_five_is_chosen(desk: Desk) -> None:
    for number in range(7):
        desk.release(f"1.{number}.0")
    past = list_past_versions(desk.shop)
    assert [one.user_version for one in past] == [f"1.{number}.0" for number in (5, 4, 3, 2, 1)]
    act = revert_release(desk.shop, by=desk.staff, app_version=past[3].app_version)
    assert (act.app_version, act.live_after) == (past[3].app_version, "1.2.0")
    log = Operation.objects.get(action="revert")
    assert (log.version, str(act.app_version) in log.result) == ("1.6.0", True)


def test_where_there_is_nothing_to_go_back_to(desk: Desk) -> None:
    desk.release("1.0.0")
    for wanted in (None, 404):
        with pytest.raises(Refused) as caught:
            revert_release(desk.shop, by=desk.staff, app_version=wanted)
        assert caught.value.errcode == 87012
    acts = Release.objects.filter(kind="revert")
    assert {(act.state, act.errcode) for act in acts} == {(State.REFUSED, 87012)}
    assert online(desk) == "1.0.0"


@pytest.mark.parametrize("after", [True, False])
def test_an_answer_that_is_lost_is_looked_for(live: Desk, after: bool) -> None:
    live.lose(REVERT, after=after)
    act = revert_release(live.shop, by=live.staff)
    assert act.state == State.UNKNOWN
    with pytest.raises(ReleaseIsOpen):
        revert_release(live.shop, by=live.staff)
    live.settle(2)
    assert fresh(act).state == (State.DONE if after else State.REFUSED)
    assert online(live) == ("1.0.0" if after else "2.0.0")
    assert live.asked(REVERT) == 1


def test_what_cannot_be_seen_is_not_touched(live: Desk) -> None:
    live.wechat.fault(LIVE, times=TRIES, drop="after")
    with pytest.raises(Unreachable):
        revert_release(live.shop, by=live.staff)
    assert live.asked(REVERT) == 0
    live.wechat.clear_faults()
    assert revert_release(live.shop, by=live.staff).state == State.DONE


def test_a_dead_process_had_not_called_yet(live: Desk) -> None:
    act = Release.objects.create(authorizer=live.shop, kind="revert", state=State.RUNNING)
    Release.objects.filter(pk=act.pk).update(due_at=act.at)
    live.settle(3)
    assert fresh(act).state == State.REFUSED


@with_threads
def test_ten_clicks_go_back_one_step_at_a_time(live: Desk) -> None:
    live.wechat.fault(REVERT, delay=0.5)
    found = together([lambda: revert_release(live.shop, by=live.staff)] * 10)
    done = [one for one in found if isinstance(one, Release)]
    assert len(done) == live.done(REVERT) == 1
    assert all(isinstance(one, Release | ReleaseIsOpen | Refused) for one in found), found
