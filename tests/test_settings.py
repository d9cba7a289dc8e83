"""Settings of record: what a mini program should have, what WeChat has, and the way there."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from miniprograms.models import Authorizer, Setting
from miniprograms.services.settings.applying import RUN_SETTINGS
from miniprograms.services.settings.record import set_desired
from platform_auth.models import Operation
from sandbox.world import WeChat
from tests.conftest import Bound

pytestmark = pytest.mark.django_db(transaction=True)

State = Setting.State
KIND = "server-domains-direct"
MODIFY = "/wxa/modify_domain_directly"
API, PUSH, OTHER = "https://api.example.com", "wss://push.example.com", "https://old.example.com"
DESIRED = {"requestdomain": [API], "wsrequestdomain": [PUSH]}


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound()


def at_wechat(wechat: WeChat, shop: Authorizer) -> Any:
    lists = wechat.accounts[shop.appid].program.domains.get("direct", {})
    return {name: urls for name, urls in lists.items() if urls}


def put_at_wechat(wechat: WeChat, shop: Authorizer, **lists: list[str]) -> None:
    """As if somebody else had set them there."""
    domains = wechat.accounts[shop.appid].program.domains
    domains["direct"] = {
        **dict.fromkeys(("requestdomain", "wsrequestdomain", "uploaddomain", "downloaddomain"), []),
        "udpdomain": [],
        "tcpdomain": [],
        **lists,
    }


def desire(shop: Authorizer, staff: User, value: Any = DESIRED, *, applies: bool = True) -> Setting:
    return set_desired(shop, KIND, value, by=staff, applies=applies)


def work() -> None:
    """The time of all that waits has come."""
    Setting.objects.exclude(due_at=None).update(due_at=Now() - timedelta(seconds=1))
    RUN_SETTINGS.run()


def test_what_is_desired_is_brought_to_wechat_once(
    wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    setting = desire(shop, staff)
    assert (setting.state, at_wechat(wechat, shop)) == (State.WAITING, {})
    work()
    setting.refresh_from_db()
    assert (setting.state, setting.has_drifted, setting.version) == (State.APPLIED, False, 1)
    assert at_wechat(wechat, shop) == DESIRED
    assert setting.due_at is not None
    asked = wechat.count(MODIFY, shop.appid)
    work()
    assert wechat.count(MODIFY, shop.appid) == asked + 1  # a look
    log = Operation.objects.filter(appid=shop.appid, action__contains="setting")
    assert list(log.order_by("pk").values_list("action", "actor_name")) == [
        ("set_setting", "operator"),
        ("apply_setting", "operator"),
    ]
