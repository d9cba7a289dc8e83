"""Settings of record: what a mini program should have, what WeChat has, and the way there."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from miniprograms.models import Authorizer, Setting
from miniprograms.services.settings.applying import RUN_SETTINGS, apply_now
from miniprograms.services.settings.kinds import BadSetting, SettingChanged
from miniprograms.services.settings.record import drifted_authorizers, set_desired, setting_of
from platform_auth.models import Operation
from sandbox.world import WeChat
from tests.conftest import Bound

pytestmark = pytest.mark.django_db(transaction=True)

State = Setting.State
KIND = "server-domains-direct"
MODIFY = "/wxa/modify_domain_directly"
API, PUSH, OTHER = "https://api.example.com", "wss://push.example.com", "https://old.example.com"
DESIRED = {"requestdomain": [API], "wsrequestdomain": [PUSH]}
LISTS = ("requestdomain", "wsrequestdomain", "uploaddomain", "downloaddomain", "udpdomain",
         "tcpdomain")  # fmt: skip


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound()


def at_wechat(wechat: WeChat, shop: Authorizer) -> Any:
    lists = wechat.accounts[shop.appid].program.domains.get("direct", {})
    return {name: urls for name, urls in lists.items() if urls}


def put_at_wechat(wechat: WeChat, shop: Authorizer, **lists: list[str]) -> None:
    """As if somebody else had set them there."""
    domains = wechat.accounts[shop.appid].program.domains
    domains["direct"] = {**{name: [] for name in LISTS}, **lists}


def desire(shop: Authorizer, staff: User, value: Any = DESIRED, *, applies: bool = True) -> Setting:
    return set_desired(shop, KIND, value, by=staff, applies=applies)


def lose_answer(wechat: WeChat, *, has_effect: bool) -> None:
    """The answer of the next change is lost; the look before it is answered."""
    wechat.fault(MODIFY)
    wechat.fault(MODIFY, drop="after", effect=has_effect)


def work() -> None:
    """The time of all that waits has come."""
    Setting.objects.exclude(due_at=None).update(due_at=Now() - timedelta(seconds=1))
    RUN_SETTINGS.run()


def now_of(shop: Authorizer) -> Setting:
    return setting_of(shop, KIND)


def outcome(shop: Authorizer) -> tuple[str, bool, int | None]:
    row = now_of(shop)
    return row.state, row.has_drifted, row.errcode


def test_what_is_desired_is_brought_to_wechat_once(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    put_at_wechat(wechat, shop, requestdomain=[OTHER])
    setting = desire(shop, staff)
    assert setting.state == State.WAITING
    work()
    assert outcome(shop) == (State.APPLIED, False, None)
    assert at_wechat(wechat, shop) == DESIRED
    assert (now_of(shop).version, now_of(shop).changes_in_month) == (1, 2)
    asked = wechat.count(MODIFY, shop.appid)
    work()
    assert wechat.count(MODIFY, shop.appid) == asked + 1  # a look
    log = Operation.objects.filter(appid=shop.appid, action__contains="setting")
    assert list(log.order_by("pk").values_list("action", "actor_name", "result")) == [
        ("set_setting", "operator", f"{KIND} 1"),
        ("apply_setting", "operator", f"{KIND} 1"),
    ]


def test_nothing_is_sent_where_wechat_has_it_already(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    put_at_wechat(wechat, shop, **DESIRED)
    desire(shop, staff)
    work()
    assert outcome(shop) == (State.APPLIED, False, None)
    assert wechat.count(MODIFY, shop.appid) == 1
    assert now_of(shop).changes_in_month == 0


def test_drift_shows_without_a_click_and_is_not_mended_by_itself(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    apply_now(desire(shop, staff), by=staff)
    assert not Authorizer.objects.filter(pk__in=drifted_authorizers()).exists()
    put_at_wechat(wechat, shop, requestdomain=[OTHER])
    work()
    assert outcome(shop) == (State.APPLIED, True, None)
    assert list(Authorizer.objects.filter(pk__in=drifted_authorizers())) == [shop]
    assert at_wechat(wechat, shop) == {"requestdomain": [OTHER]}


def test_what_nobody_desires_is_not_looked_at_daily(shop: Authorizer, staff: User) -> None:
    desire(shop, staff, applies=False)
    set_desired(shop, KIND, None, by=staff, applies=False)
    row = now_of(shop)
    assert (row.due_at, row.desired, row.version) == (None, None, 2)


@pytest.mark.parametrize("has_effect", [True, False])
def test_a_lost_answer_is_asked_about_and_never_repeated_blindly(
    wechat: WeChat, shop: Authorizer, staff: User, has_effect: bool
) -> None:
    lose_answer(wechat, has_effect=has_effect)
    apply_now(desire(shop, staff), by=staff)
    assert outcome(shop)[0] == State.UNKNOWN
    work()
    assert outcome(shop) == (State.APPLIED, False, None)
    assert at_wechat(wechat, shop) == DESIRED
    assert wechat.count(MODIFY, shop.appid) == (3 if has_effect else 5)


def test_answers_that_are_always_lost_end_with_somebody_who_looks(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    desire(shop, staff)
    for _ in range(3):
        lose_answer(wechat, has_effect=False)
        work()
    assert outcome(shop) == (State.REFUSED, True, None)
    work()
    assert outcome(shop) == (State.REFUSED, True, None)


def test_a_refusal_is_kept_with_its_errcode_and_not_repeated(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    apply_now(set_desired(shop, "server-domains", DESIRED, by=staff, applies=False), by=staff)
    row = setting_of(shop, "server-domains")
    assert (row.state, row.errcode) == (State.REFUSED, 85301)
    assert row.remarks == {"invalid": [API, PUSH]}
    asked = wechat.count("/wxa/modify_domain", shop.appid)
    work()
    assert wechat.count("/wxa/modify_domain", shop.appid) == asked + 1


def test_what_passes_is_tried_again(wechat: WeChat, shop: Authorizer, staff: User) -> None:
    wechat.fault(MODIFY)
    wechat.fault(MODIFY, errcode=-1)
    apply_now(desire(shop, staff), by=staff)
    assert outcome(shop)[0] == State.WAITING
    assert now_of(shop).changes_in_month == 0
    work()
    assert outcome(shop) == (State.APPLIED, False, None)


def test_what_wechat_takes_in_part_names_the_rest(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    wechat.accounts[shop.appid].program.without_icp = ["push.example.com"]
    apply_now(desire(shop, staff), by=staff)
    assert outcome(shop) == (State.PARTLY, True, None)
    assert now_of(shop).remarks == {"no_icp": [PUSH]}


def test_no_more_changes_are_asked_for_than_wechat_allows(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    apply_now(desire(shop, staff), by=staff)
    Setting.objects.update(changes_in_month=50)
    apply_now(desire(shop, staff, {"requestdomain": [OTHER]}), by=staff)
    assert outcome(shop) == (State.REFUSED, True, None)
    assert "50" in now_of(shop).reason
    assert at_wechat(wechat, shop) == DESIRED


def test_the_newest_wish_counts_however_late_the_one_before_it_is(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    first = desire(shop, staff)
    second = desire(shop, staff, {"requestdomain": [OTHER]})
    with pytest.raises(SettingChanged):
        set_desired(shop, KIND, DESIRED, by=staff, applies=True, seen=first.version)
    work()
    assert at_wechat(wechat, shop) == {"requestdomain": [OTHER]}
    assert now_of(shop).version == second.version == 2


def test_a_change_that_runs_does_not_settle_what_is_desired_since(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    row = Setting.objects.with_clock().get(pk=desire(shop, staff).pk)
    assert row.take_lease()
    assert row.write_if_same(state=State.APPLYING, lease_until=Now() + timedelta(seconds=20))
    desire(shop, staff, {"requestdomain": [OTHER]})
    assert not row.write_if_same(state=State.APPLIED, due_at=None)
    work()
    assert at_wechat(wechat, shop) == {"requestdomain": [OTHER]}
    assert outcome(shop) == (State.APPLIED, False, None)


def test_a_worker_that_died_while_it_changed_something_is_made_up_for(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    row = desire(shop, staff)
    late = Now() - timedelta(seconds=1)
    Setting.objects.filter(pk=row.pk).update(state=State.APPLYING, lease_until=late)
    work()
    assert outcome(shop) == (State.APPLIED, False, None)


def test_whoever_lost_the_right_has_nothing_applied(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    desire(shop, staff)
    staff.groups.clear()
    work()
    assert outcome(shop) == (State.REFUSED, True, None)
    assert at_wechat(wechat, shop) == {}


def test_an_account_that_is_unbound_is_told_so(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    desire(shop, staff)
    Authorizer.objects.update(
        state="unbound", access_token="", refresh_token="", expires=0, due_at=None
    )
    work()
    assert outcome(shop)[0] == State.REFUSED


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (KIND, {"requestdomain": ["wss://push.example.com"]}),
        (KIND, {"requestdomain": ["https://127.0.0.1"]}),
        (KIND, {"requestdomain": ["https://api.weixin.qq.com"]}),
        (KIND, {"requestdomain": ["https://a.example.com/path"]}),
        (KIND, {"requestdomain": "https://a.example.com"}),
        (KIND, {"requestdomain": [f"https://a{number}.example.com" for number in range(201)]}),
        (KIND, {"domain": []}),
        (KIND, [API]),
        ("webview-domains", ["https://a.example.com:8443"]),
        ("webview-domains", ["http://a.example.com"]),
        ("webview-domains", {}),
        ("webview-domains", [1]),
    ],
)
def test_what_wechat_would_never_take_is_not_kept(
    shop: Authorizer, staff: User, kind: str, value: Any
) -> None:
    with pytest.raises(BadSetting):
        set_desired(shop, kind, value, by=staff, applies=False)
    assert not Setting.objects.exists()


def test_names_looked_up_ahead_are_set_as_a_whole(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    kind, program = "prefetch-domains", wechat.accounts[shop.appid].program
    program.prefetch = ["old.example.com"]
    wish = set_desired(shop, kind, [API, "b.example.com"], by=staff, applies=False)
    assert apply_now(wish, by=staff).state == State.APPLIED
    assert program.prefetch == ["api.example.com", "b.example.com"]
    with pytest.raises(BadSetting):
        set_desired(shop, kind, [f"a{n}.example.com" for n in range(6)], by=staff, applies=False)


def test_domains_are_kept_as_wechat_writes_them(shop: Authorizer, staff: User) -> None:
    row = desire(shop, staff, {"requestdomain": [" API.example.com/ ", API, "a.example.com:8443"]})
    desired: Any = row.desired
    assert desired["requestdomain"] == [API, "https://a.example.com:8443"]
