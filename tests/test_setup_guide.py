"""The set-up guide in the admin: every step in every state, by what the system really sees."""

import html
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messaging.models import ReleaseTest
from messaging.services.release_test.rehearsal import REHEARSE
from platform_auth.models import Component, Installation, Operation, PushRefusal
from platform_auth.operations import record_operation
from platform_auth.registration import register_component
from platform_auth.tokens import component_token
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, SECRET, TOKEN, Bound
from tests.knocking import FORBIDDEN, SUCCESS, message_push, ticket_push
from tests.test_checks import RIGHT

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

GUIDE, HOME = "/admin/set-up/", "/admin/"
KEYS, CHECK, BACKUP = f"{GUIDE}keys/", f"{GUIDE}check/", f"{GUIDE}backup/"
CALLBACK_CHECK = "/cgi-bin/callback/check"
COMPONENT_TOKEN = "/cgi-bin/component/api_component_token"
MOST_QUERIES = 12
OTHER_TOKEN, OTHER_KEY = "anothermessagetoken", "B" * 42 + "A"

Step = tuple[str, str]  # its state, and its words


@pytest.fixture
def boss(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="boss-password"))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def real(settings: Any, db: None) -> Any:
    """The settings are those of a real platform, which is named; so is the database."""
    Installation.objects.update(is_real=True)
    for name, value in {**RIGHT, "WECHAT_COMPONENT_APPID": APPID}.items():
        setattr(settings, name, value)
    settings.PUBLIC_URL = "https://platform.shop.cn"
    return settings


@pytest.fixture
def token(component: Component, ticket: str) -> str:
    """The component token is there."""
    return component_token(component)


def text_of(response: Any) -> str:
    """The page; a tag that was escaped would stay one that is shown."""
    text = response.content.decode()
    assert "&lt;time" not in text
    return html.unescape(text).replace("\N{NO-BREAK SPACE}", " ")


def steps_on(browser: Client) -> dict[str, Step]:
    page = text_of(browser.get(GUIDE))
    found = re.findall(
        r'<li class="staff-card staff-step is-(\w+)" id="([\w-]+)">(.*?)</li>\s', page, re.S
    )
    return {name: (state, plain(inner)) for state, name, inner in found}


def plain(inner: str) -> str:
    inner = re.sub(r"</?time[^>]*>", "", inner)  # within sentences
    return " ".join(re.sub(r"<[^>]+>", " ", inner).split())


def copied(browser: Client, name: str) -> list[str]:
    """What there is to be copied in the step NAME."""
    page = text_of(browser.get(GUIDE))
    part = page.partition(f'id="{name}">')[2].partition('<li class="staff-card')[0]
    return re.findall(r'<input type="text" readonly value="([^"]*)"', part)


def step(browser: Client, name: str) -> Step:
    return steps_on(browser)[name]


def age(**columns: Any) -> None:
    Component.objects.update(**columns)


# WeChat, address


def test_against_the_sandbox_it_says_that_it_is_a_demo(boss: Client, component: Component) -> None:
    state, words = step(boss, "wechat")
    assert state == "open"
    assert "https://wechat.test stands in WeChat's place: this is a demo" in words
    assert "an empty database" in words
    page = text_of(boss.get(GUIDE))
    assert "This is the demo. WeChat itself knows nothing of it" in page


def test_with_wechats_own_addresses_it_is_no_demo(boss: Client, real: Any) -> None:
    assert step(boss, "wechat") == (
        "done",
        "1 Leave the demo: WeChat itself on the other side ✓ done "
        "The three addresses of WeChat are its own.",
    )
    assert "This is the demo" not in text_of(boss.get(GUIDE))


@pytest.mark.parametrize("was_real", [True, False])
def test_a_database_that_is_for_the_other_is_wrong(
    boss: Client, real: Any, component: Component, was_real: bool
) -> None:
    Installation.objects.update(is_real=was_real)
    if was_real:
        real.WECHAT_API_URL = "http://127.0.0.1:8001"
    state, words = step(boss, "wechat")
    assert (state, "was made for the other of the two" in words) == ("wrong", True)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://platform.shop.cn", "The address does not begin with https://"),
        ("https://platform.shop.cn:8443", "the ports 80 and 443 only"),
        ("https://192.0.2.7", "takes a domain, and 192.0.2.7 is an address"),
        ("https://platform.example.com", "Nobody on the internet finds platform.example.com"),
        ("https://platform.internal", "Nobody on the internet finds platform.internal"),
        ("https://intranet", "Nobody on the internet finds intranet"),
    ],
)
def test_an_address_that_wechat_cannot_use_is_told(
    boss: Client, real: Any, url: str, problem: str
) -> None:
    real.PUBLIC_URL = url
    state, words = step(boss, "address")
    assert state == "open"
    assert f"PUBLIC_URL is {url}. It is set in .env" in words
    assert problem in words


def test_a_public_https_address_is_right(boss: Client, real: Any) -> None:
    state, words = step(boss, "address")
    assert (state, "PUBLIC_URL is https://platform.shop.cn." in words) == ("done", True)
    assert "set in .env" not in words


# Keys


def test_the_demos_keys_are_not_the_real_ones(boss: Client, component: Component) -> None:
    state, words = step(boss, "keys")
    assert state == "open"
    assert "The keys of now are the demo's." in words


def test_before_there_is_a_platform_keys_are_made(
    boss: Client, real: Any, unregistered: None
) -> None:
    assert step(boss, "keys")[0] == "open"
    assert "Make the keys here, and put them into .env" in step(boss, "keys")[1]


def test_keys_that_are_missing_are_named(boss: Client, real: Any, component: Component) -> None:
    age(message_token="", aes_key="")
    state, words = step(boss, "keys")
    assert (state, "Not set: WECHAT_TOKEN, WECHAT_AES_KEY." in words) == ("open", True)


def test_keys_that_cannot_be_read_are_wrong(boss: Client, real: Any, component: Component) -> None:
    real.FIELD_ENCRYPTION_KEYS = [urlsafe_b64encode(b"o" * 32).decode()]
    state, words = step(boss, "keys")
    assert state == "wrong"
    assert "its key is not in FIELD_ENCRYPTION_KEYS" in words


def test_keys_that_are_there_are_done(boss: Client, real: Any, component: Component) -> None:
    state, words = step(boss, "keys")
    assert (state, "are set, and can be read" in words) == ("done", True)


@pytest.mark.parametrize(
    ("kind", "names", "sentence"),
    [
        (
            "all",
            ["SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "WECHAT_TOKEN", "WECHAT_AES_KEY"],
            "Not into one that has a database already",
        ),
        ("message", ["WECHAT_TOKEN", "WECHAT_AES_KEY"], "Only then enter them in WeChat's console"),
        ("field", ["FIELD_ENCRYPTION_KEYS"], "Put it first in FIELD_ENCRYPTION_KEYS"),
        ("secret", ["SECRET_KEY"], "Put the old one into SECRET_KEY_FALLBACKS"),
    ],
)
def test_new_keys_are_shown_once_and_kept_nowhere(
    boss: Client, component: Component, caplog: Any, kind: str, names: list[str], sentence: str
) -> None:
    before, session = Operation.objects.count(), dict(boss.session)
    assert "WECHAT_TOKEN=" not in text_of(boss.get(KEYS))
    answers = [boss.post(KEYS, {"kind": kind}) for _again in range(2)]
    made = [dict(re.findall(r"(\w+)=(\S+?)(?:\n|<)", lines_of(answer))) for answer in answers]
    assert [list(one) for one in made] == [names, names]
    assert not set(made[0].values()) & set(made[1].values())
    assert sentence in text_of(answers[0])
    for answer in answers:
        assert "no-store" in answer["Cache-Control"]
    assert dict(boss.session) == session
    assert Operation.objects.count() == before
    everything = caplog.text + text_of(boss.get(GUIDE)) + text_of(boss.get(KEYS))
    assert not [value for one in made for value in one.values() if value in everything]


def lines_of(answer: Any) -> str:
    return text_of(answer).partition("<textarea")[2].partition(">")[2].partition("/textarea>")[0]


def test_what_is_made_is_good_for_the_settings(boss: Client) -> None:
    made = dict(re.findall(r"(\w+)=(\S+?)(?:\n|<)", lines_of(boss.post(KEYS, {"kind": "all"}))))
    registered = register_component(
        appid=APPID, secret=SECRET, token=made["WECHAT_TOKEN"], aes_key=made["WECHAT_AES_KEY"]
    )
    assert registered.keys
    assert len(made["SECRET_KEY"]) > 50


def test_there_is_no_such_kind_of_key(boss: Client) -> None:
    assert "<textarea" not in text_of(boss.post(KEYS, {"kind": "other"}))


# Component


def test_without_a_platform_it_says_how_to_register_one(boss: Client, unregistered: None) -> None:
    state, words = step(boss, "component")
    assert (state, "then run manage.py register_component" in words) == ("open", True)


def test_a_platform_that_is_named_and_missing(boss: Client, real: Any, unregistered: None) -> None:
    state, words = step(boss, "component")
    assert (state, f"names {APPID}, which is not registered" in words) == ("wrong", True)


def test_several_and_none_named(boss: Client, component: Component) -> None:
    register_component(appid="wx9999999999999999", secret=SECRET, token=TOKEN, aes_key=AES_KEY)
    state, words = step(boss, "component")
    assert (state, "2 platforms are registered" in words) == ("wrong", True)


def test_the_only_one_is_to_be_named(boss: Client, component: Component) -> None:
    state, words = step(boss, "component")
    assert (state, f"{APPID} acts because it is the only one." in words) == ("open", True)


def test_the_named_one_is_done(boss: Client, real: Any, component: Component) -> None:
    state, words = step(boss, "component")
    assert (state, f"names {APPID}, which is registered." in words) == ("done", True)


# Console


def test_what_goes_into_the_console_can_be_copied(boss: Client, real: Any) -> None:
    state, words = step(boss, "console")
    assert (state, "It ticks when the first ticket arrives." in words) == ("open", True)
    assert copied(boss, "console") == [
        "platform.shop.cn",
        "https://platform.shop.cn/wechat/component/push/",
        "https://platform.shop.cn/wechat/$APPID$/push/",
        *["platform.shop.cn"] * 3,
    ]
    for field in ("登录授权的发起页域名", "授权事件接收URL", "消息与事件接收URL", "小程序业务域名"):
        assert field in words
    assert words.count("not yet") == 7


def test_the_console_ticks_with_what_arrives(boss: Client, wechat: WeChat, bound: Bound) -> None:
    account = bound()
    message_push(wechat, account.appid).answer()
    state, words = step(boss, "console")
    assert (state, "A ticket has arrived, so that" in words) == ("done", True)
    for seen in ("a ticket has arrived", "a message has arrived", "an account has authorised"):
        assert f"right {seen} just now" in words
    assert "WeChat answers us" in words
    assert "not yet" not in words
    assert not [secret for secret in (SECRET, TOKEN, AES_KEY) if secret in words]


# Ticket


def test_no_platform_no_ticket(boss: Client, unregistered: None) -> None:
    for name in ("ticket", "signature"):
        state, words = step(boss, name)
        assert (state, "waits for the platform to be registered" in words) == ("waiting", True)


def test_a_ticket_that_never_came_can_be_asked_for(boss: Client, component: Component) -> None:
    state, words = step(boss, "ticket")
    assert state == "open"
    assert "No component_verify_ticket has arrived yet." in words
    assert "WeChat was asked" not in words
    link = f"/admin/platform_auth/component/{component.pk}/ask-for-tickets/"
    assert f'href="{link}"' in text_of(boss.get(GUIDE))
    age(push_asked_at=timezone.now() - timedelta(minutes=4))
    assert "WeChat was asked for one 4 minutes ago." in step(boss, "ticket")[1]


def test_a_ticket_that_came(boss: Client, ticket: str) -> None:
    state, words = step(boss, "ticket")
    assert (state, "The last ticket arrived just now." in words) == ("done", True)


@pytest.mark.parametrize(
    ("since", "sentence"),
    [
        (timedelta(minutes=40), "arrived 40 minutes ago, though one comes every ten minutes."),
        (timedelta(hours=13), "arrived 13 hours ago. One is good for twelve hours: it is lost."),
    ],
)
def test_a_ticket_that_is_late(boss: Client, ticket: str, since: timedelta, sentence: str) -> None:
    age(ticket_received_at=timezone.now() - since)
    state, words = step(boss, "ticket")
    assert (state, sentence in words) == ("wrong", True)


# Signature


def test_where_nothing_arrives_it_says_so(boss: Client, component: Component) -> None:
    state, words = step(boss, "signature")
    assert (state, "Nothing has arrived at all" in words) == ("open", True)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"token": OTHER_TOKEN}, "The token in WeChat's console is another one than ours"),
        ({"aes_key": OTHER_KEY}, "The EncodingAESKey in WeChat's console is another one"),
    ],
)
def test_a_refused_ticket_says_why(
    boss: Client, wechat: WeChat, component: Component, keys: dict[str, str], reason: str
) -> None:
    assert ticket_push(wechat, **keys).answer() == FORBIDDEN
    state, words = step(boss, "signature")
    assert state == "wrong"
    assert "refused a request just now (1 in all)" in words
    assert reason in words


def test_a_believed_ticket_makes_up_for_refused_ones(
    boss: Client, wechat: WeChat, component: Component
) -> None:
    assert ticket_push(wechat, token=OTHER_TOKEN).answer() == FORBIDDEN
    assert ticket_push(wechat).answer() == SUCCESS
    state, words = step(boss, "signature")
    assert state == "done"
    assert "the last ticket was believed" in words
    assert "Others were refused, which may be anybody's:" in words


def test_forged_pushes_change_nothing_while_tickets_come(
    boss: Client, wechat: WeChat, ticket: str
) -> None:
    assert "Others were refused" not in step(boss, "signature")[1]
    assert ticket_push(wechat, token=OTHER_TOKEN).answer() == FORBIDDEN
    assert step(boss, "signature")[0] == "done"
    # Once no ticket comes any more they are what tells why.
    age(ticket_received_at=timezone.now() - timedelta(minutes=40))
    assert step(boss, "signature")[0] == "wrong"


def test_messages_that_are_refused_of_a_bound_account(
    boss: Client, wechat: WeChat, ticket: str, bound: Bound
) -> None:
    refused = PushRefusal(door="message", reason="signature", count=3)
    refused.newest_at = timezone.now() + timedelta(seconds=5)
    refused.save()
    assert step(boss, "signature")[0] == "done"  # a stranger's: nobody is bound
    account = bound()
    state, words = step(boss, "signature")
    assert (state, "消息与事件接收URL" in words) == ("wrong", True)
    assert message_push(wechat, account.appid).answer() == SUCCESS
    assert step(boss, "signature")[0] == "done"


# Addresses


def test_before_a_ticket_wechat_is_not_asked(boss: Client, component: Component) -> None:
    state, words = step(boss, "ip-list")
    assert (state, "once a ticket has arrived" in words) == ("waiting", True)


def test_with_a_ticket_the_worker_asks_soon(boss: Client, ticket: str) -> None:
    state, words = step(boss, "ip-list")
    assert (state, "WeChat has not been asked yet" in words) == ("waiting", True)


def test_an_address_that_wechat_refuses_can_be_copied(
    boss: Client, wechat: WeChat, component: Component, ticket: str
) -> None:
    wechat.allowed_ips = {"203.0.113.1"}
    refresh = f"/admin/platform_auth/component/{component.pk}/refresh-token/"
    boss.post(refresh)
    state, words = step(boss, "ip-list")
    assert state == "wrong"
    assert "白名单IP地址列表" in words
    assert "refused just now" in words
    assert copied(boss, "ip-list") == ["127.0.0.1"]
    assert "127.0.0.1" in copied(boss, "console")
    wechat.allowed_ips = None
    boss.post(refresh)
    state, words = step(boss, "ip-list")
    assert (state, "WeChat has taken the last call." in words) == ("done", True)
    assert "It refused these before." in words
    assert copied(boss, "ip-list") == ["127.0.0.1"]


def test_another_refusal_is_explained(
    boss: Client, wechat: WeChat, component: Component, ticket: str
) -> None:
    wechat.fault(COMPONENT_TOKEN, errcode=40125)
    boss.post(f"/admin/platform_auth/component/{component.pk}/refresh-token/")
    state, words = step(boss, "ip-list")
    assert (state, "40125" in words) == ("wrong", True)


def test_calls_that_are_taken(boss: Client, token: str) -> None:
    state, words = step(boss, "ip-list")
    assert (state, "WeChat has taken the last call." in words) == ("done", True)
    assert "It refused" not in words


# Reach


def test_without_a_token_wechat_cannot_be_asked_to_look(boss: Client, component: Component) -> None:
    assert step(boss, "reach")[0] == "waiting"
    answer = boss.post(CHECK, follow=True)
    assert "No component_verify_ticket has arrived" in text_of(answer)


def test_wechat_looks_and_reaches_us(boss: Client, real: Any, wechat: WeChat, token: str) -> None:
    state, words = step(boss, "reach")
    assert (state, "and pings what it finds" in words) == ("open", True)
    answer = boss.post(CHECK, follow=True)
    assert "WeChat has looked" in text_of(answer)
    assert wechat.count(CALLBACK_CHECK) == 1
    state, words = step(boss, "reach")
    assert (state, "WeChat reached 203.0.113.80 just now." in words) == ("done", True)
    row = Operation.objects.get(action="check_callback")
    assert (row.actor_name, row.appid, row.result) == ("boss", APPID, "reached 203.0.113.80")


def test_what_the_sandbox_answers_ticks_nothing(boss: Client, wechat: WeChat, token: str) -> None:
    boss.post(CHECK)
    state, words = step(boss, "reach")
    assert (state, "answered 203.0.113.80 just now, without looking" in words) == ("open", True)


@pytest.mark.parametrize("url", ["https://127.0.0.1:8443", "https://localhost", "https://10.0.0.7"])
def test_nobody_reaches_an_address_of_this_machine(
    boss: Client, real: Any, wechat: WeChat, token: str, url: str
) -> None:
    boss.post(CHECK)
    real.PUBLIC_URL = url
    state, words = step(boss, "reach")
    assert (state, f"{url} is nothing that it could reach" in words) == ("open", True)


def look(boss: Client, wechat: WeChat, **members: Any) -> Step:
    body = {"errcode": 0, "errmsg": "ok", "dns": [], "ping": [], **members}
    wechat.fault(CALLBACK_CHECK, body=json.dumps(body).encode())
    boss.post(CHECK)
    return step(boss, "reach")


LOST = {"ping": [{"ip": "203.0.113.9", "from_operator": "CAP", "package_loss": "100%", "time": ""}]}


def test_pings_that_are_lost(boss: Client, wechat: WeChat, token: str) -> None:
    state, words = look(boss, wechat, **LOST)
    assert (state, "while its pushes arrive: a firewall" in words) == ("done", True)
    age(ticket_received_at=timezone.now() - timedelta(hours=2))
    state, words = step(boss, "reach")
    assert (state, "pings to 203.0.113.9 were lost just now." in words) == ("wrong", True)


def test_a_name_without_an_address(boss: Client, wechat: WeChat, token: str) -> None:
    state, words = look(boss, wechat)
    assert (state, "no address for our name just now: look at its DNS" in words) == ("wrong", True)


def test_a_check_that_wechat_refuses(boss: Client, wechat: WeChat, token: str) -> None:
    wechat.fault(CALLBACK_CHECK, errcode=45009)
    answer = boss.post(CHECK, follow=True)
    assert "45009" in text_of(answer)
    state, words = step(boss, "reach")
    assert (state, "WeChat did not look just now: " in words) == ("wrong", True)


def test_without_a_platform_nobody_looks(boss: Client, unregistered: None) -> None:
    answer = boss.post(CHECK, follow=True)
    assert "No platform is registered yet." in text_of(answer)


# The first account, and 全网发布


def test_the_first_account(
    boss: Client, component: Component, wechat: WeChat, ticket: str, bound: Bound
) -> None:
    assert step(boss, "bind")[0] == "waiting"
    component_token(component)
    state, words = step(boss, "bind")
    assert (state, "only those of your 授权测试 list" in words) == ("open", True)
    bound()
    state, words = step(boss, "bind")
    assert (state, "The first account authorised just now." in words) == ("done", True)


def test_the_rehearsal(boss: Client, component: Component, wechat: WeChat) -> None:
    assert step(boss, "rehearsal")[0] == "waiting"
    age(ticket_received_at=timezone.now())
    state, words = step(boss, "rehearsal")
    assert (state, "let us play its tester" in words) == ("open", True)
    assert "rehearse_release, which counts here if it goes to PUBLIC_URL." in words
    assert 'href="/admin/messaging/releasetest/rehearse/"' in text_of(boss.get(GUIDE))
    record_operation(REHEARSE, by=None, appid=APPID, result="Ticket, Text wx1")
    state, words = step(boss, "rehearsal")
    assert (state, "did not pass just now: Ticket, Text wx1." in words) == ("wrong", True)
    record_operation(REHEARSE, by=None, appid=APPID, result="passed")
    state, words = step(boss, "rehearsal")
    assert (state, "The rehearsal passed just now." in words) == ("done", True)
    record_operation(REHEARSE, by=None, appid="wx9999999999999999", result="Ticket")
    assert step(boss, "rehearsal")[0] == "done"


def test_wechats_own_test_is_more_than_a_rehearsal(
    boss: Client, wechat: WeChat, ticket: str, component: Component
) -> None:
    push = component.push_set.get()
    for openid, state in (("o-rehearsal-1", "open"), ("oWeChatsOwnTester", "done")):
        ReleaseTest.objects.all().delete()
        ReleaseTest.objects.create(
            component=component, push=push, appid="wx1", openid=openid,
            state=ReleaseTest.State.DONE, done_at=timezone.now(), due_at=None,
        )  # fmt: skip
        assert step(boss, "rehearsal")[0] == state
    assert "WeChat's own test was answered just now." in step(boss, "rehearsal")[1]


# The field keys


def test_a_copy_of_the_keys_is_confirmed_by_name(boss: Client, settings: Any) -> None:
    state, words = step(boss, "backup")
    assert (state, "a backup of the database is worth nothing" in words) == ("open", True)
    fingerprint = re.search(r"Their fingerprints: ([0-9a-f]{8})\.", words)
    assert fingerprint
    boss.post(BACKUP)
    state, words = step(boss, "backup")
    assert (state, "boss confirmed just now that a copy is kept." in words) == ("done", True)
    assert "keep a copy of each as long as backups of its time (BACKUP_KEEP_DAYS: 14 " in words
    row = Operation.objects.get(action="confirm_key_backup")
    assert (row.actor_name, row.result) == ("boss", fingerprint[1])
    assert not [key for key in settings.FIELD_ENCRYPTION_KEYS if key in words]


def test_other_keys_are_confirmed_again(boss: Client, settings: Any) -> None:
    boss.post(BACKUP)
    old = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [urlsafe_b64encode(b"n" * 32).decode(), *old]
    state, words = step(boss, "backup")
    assert state == "open"
    assert "The keys have changed since boss confirmed just now" in words
    boss.post(BACKUP)
    assert step(boss, "backup")[0] == "done"
    settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS[:1]  # the old one may go
    assert step(boss, "backup")[0] == "done"


# All of it


def test_once_all_is_done_home_says_nothing_of_it(
    boss: Client, real: Any, wechat: WeChat, token: str, bound: Bound
) -> None:
    page = text_of(boss.get(HOME))
    assert "The platform is not set up yet" in page
    assert "9 of 12 steps are done" not in page
    bound()
    boss.post(CHECK)
    record_operation(REHEARSE, by=None, appid=APPID, result="passed")
    page = text_of(boss.get(HOME))
    assert "11 of 12 steps are done" in page
    assert f'href="{GUIDE}#backup">Keep the field keys elsewhere too</a>' in page
    boss.post(BACKUP)
    assert {state for state, _words in steps_on(boss).values()} == {"done"}
    assert "12 of 12 steps are done" in text_of(boss.get(GUIDE))
    assert "The platform is set up." in text_of(boss.get(GUIDE))
    assert "The platform is not set up yet" not in text_of(boss.get(HOME))


def test_it_asks_little(boss: Client, wechat: WeChat, token: str, bound: Bound) -> None:
    bound()
    boss.post(CHECK)
    boss.post(BACKUP)
    for path in (GUIDE, HOME):
        boss.get(path)
        with CaptureQueriesContext(connection) as context:
            boss.get(path)
        assert len(context) <= MOST_QUERIES, "\n".join(query["sql"] for query in context)


Give = Callable[..., Client]


@pytest.fixture
def colleague(db: None) -> Give:
    """A browser of staff with these permissions of the platform's."""

    def log_in(*codenames: str) -> Client:
        user = User.objects.create_user("colleague", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        browser = Client(headers={"accept-language": "en"})
        browser.force_login(user)
        return browser

    return log_in


def test_it_needs_the_right_to_change_the_platform(colleague: Give) -> None:
    browser = colleague("view_component")
    for path in (GUIDE, KEYS):
        assert browser.get(path).status_code == 403
    for path in (KEYS, CHECK, BACKUP):
        assert browser.post(path).status_code == 403
    assert GUIDE not in text_of(browser.get(HOME))
    assert not Operation.objects.exists()


def test_who_may_change_the_platform_finds_it_in_the_menu(colleague: Give) -> None:
    browser = colleague("change_component")
    page = text_of(browser.get(HOME))
    assert f'href="{GUIDE}"' in page
    assert "From the demo to the real platform" in page
    assert browser.get(GUIDE).status_code == 200
