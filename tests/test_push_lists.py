"""What WeChat may repeat in a push is a list for targets, be it there once or more often."""

import json
from typing import Any

import pytest

from messaging import tasks
from tests.forwards import Town
from tests.forwards import town as town
from wechat import push as wire

pytestmark = pytest.mark.django_db(transaction=True)


def elements(number: int, name: str, member: str) -> str:
    return "".join(f"<{name}><{member}>{one}</{member}></{name}>" for one in range(1, number + 1))


def rows(number: int, member: str) -> list[dict[str, str]]:
    return [{member: str(one)} for one in range(1, number + 1)]


# Of each kind: the XML with so many of what repeats, and what targets get of it.
CASES: dict[str, tuple[str, str, list[str]]] = {
    "subscribe_msg_popup_event": (
        "<SubscribeMsgPopupEvent>{list}</SubscribeMsgPopupEvent>",
        "List",
        ["SubscribeMsgPopupEvent", "List"],
    ),
    "subscribe_msg_change_event": (
        "<SubscribeMsgChangeEvent>{list}</SubscribeMsgChangeEvent>",
        "List",
        ["SubscribeMsgChangeEvent", "List"],
    ),
    "subscribe_msg_sent_event": (
        "<SubscribeMsgSentEvent>{list}</SubscribeMsgSentEvent>",
        "List",
        ["SubscribeMsgSentEvent", "List"],
    ),
    "pic_weixin": (
        "<SendPicsInfo><Count>1</Count><PicList>{list}</PicList></SendPicsInfo>",
        "item",
        ["SendPicsInfo", "PicList", "item"],
    ),
    "MASSSENDJOBFINISH": (
        "<CopyrightCheckResult><Count>1</Count><ResultList>{list}</ResultList>"
        "</CopyrightCheckResult>",
        "item",
        ["CopyrightCheckResult", "ResultList", "item"],
    ),
    "PUBLISHJOBFINISH": (
        "<PublishEventInfo><article_detail>{list}</article_detail></PublishEventInfo>",
        "item",
        ["PublishEventInfo", "article_detail", "item"],
    ),
    "FREEPUBLISHJOBFINISH": (
        "<PublishEventInfo>{list}</PublishEventInfo>",
        "fail_idx",
        ["PublishEventInfo", "fail_idx"],
    ),
    "wxa_media_check": ("{list}", "detail", ["detail"]),
    "wxa_appeal_record": ("{list}", "material", ["material"]),
}


def forwarded(town: Town, kind: str, inner: str) -> dict[str, Any]:
    backend = town.backend(rule={"kind": f"event.{kind}"})
    shop = town.shop
    frame = (
        f"<ToUserName>{shop.user_name}</ToUserName><FromUserName>oUser</FromUserName>"
        f"<CreateTime>{int(town.wechat.clock())}</CreateTime><MsgType>event</MsgType>"
    )
    town.wechat.push_message(shop.appid, f"<xml>{frame}<Event>{kind}</Event>{inner}</xml>")
    town.deliver()
    tasks.forward()
    [payload] = backend.told
    message: dict[str, Any] = payload["data"]["message"]
    return message


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("kind", CASES)
def test_one_is_a_list_of_one(town: Town, kind: str, number: int) -> None:
    template, name, path = CASES[kind]
    found: Any = forwarded(town, kind, template.format(list=elements(number, name, "Idx")))
    for step in path:
        found = found[step]
    assert found == rows(number, "Idx")


@pytest.mark.parametrize("kind", ["pic_weixin", "MASSSENDJOBFINISH", "PUBLISHJOBFINISH"])
def test_a_container_without_any_has_an_empty_list(town: Town, kind: str) -> None:
    template, _name, path = CASES[kind]
    found: Any = forwarded(town, kind, template.format(list=" \n"))
    for step in path:
        found = found[step]
    assert found == []


def test_what_is_not_there_is_not_made_up(town: Town) -> None:
    message = forwarded(town, "MASSSENDJOBFINISH", "<MsgID>1</MsgID>")
    assert "CopyrightCheckResult" not in message


@pytest.mark.parametrize(
    ("members", "expected"),
    [({"A": 1}, [{"A": "1"}]), ([{"A": 1}, {"A": 2}], [{"A": "1"}, {"A": "2"}]), ([], [])],
    ids=["an object", "an array", "nothing"],
)
def test_json_comes_to_the_same(members: Any, expected: Any) -> None:
    body = json.dumps(
        {
            "MsgType": "event",
            "Event": "subscribe_msg_popup_event",
            "SubscribeMsgPopupEvent": {"List": members},
        }
    )
    fields = wire.read_push(body.encode()).fields
    assert fields["SubscribeMsgPopupEvent"] == {"List": expected}


def test_news_about_many_accounts_are_a_list(town: Town) -> None:
    backend = town.backend(rule={"kind": "component"})
    row = {"appid": town.shop.appid, "ret_code": 0}
    town.wechat.push("order_path_apply_result_notify", {"list": row})
    town.deliver()
    tasks.forward()
    [payload] = backend.told
    assert payload["data"]["message"]["list"] == [{"appid": town.shop.appid, "ret_code": "0"}]


def test_what_a_kind_repeats_is_no_list_elsewhere() -> None:
    punished = wire.read_push(
        b"<xml><Event>wxa_punish_event</Event><detail>{}</detail><list>1</list></xml>"
    )
    assert (punished.get("detail"), punished.fields["list"]) == ("{}", "1")
