"""The message log: searched, read in words, replayed, exported."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from miniprograms.models import Authorizer
from platform_auth.models import Operation, Push
from tests.chatting import Chat, rule
from tests.chatting import readers as readers
from tests.chatting import shop as shop
from wechat.messages import EVENTS, MESSAGES

pytestmark = pytest.mark.django_db

LIST = "/admin/platform_auth/push/"
EXPORT = f"{LIST}export/"


@pytest.fixture
def browser(client: Client, staff: User) -> Client:
    client.force_login(staff)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def exporter(browser: Client, staff: User) -> Client:
    staff.user_permissions.add(Permission.objects.get(codename="export_push"))
    return browser


def found(browser: Client, **query: str) -> list[str]:
    """What the rows say that are found, the newest first."""
    answer = browser.get(LIST, query)
    assert answer.status_code == 200
    texts = []
    for push in answer.context["cl"].result_list:
        body = push.body
        texts.append(body.split("<Content><![CDATA[")[-1].split("]]>")[0] if "Content" in body
                     else push.kind)  # fmt: skip
    return texts


def page(browser: Client, path: str = LIST) -> str:
    return str(browser.get(path).content.decode())


# Searching


def test_it_is_searched_by_account_user_kind_and_state(
    browser: Client, shop: Chat, readers: Chat
) -> None:
    Push.objects.all().delete()
    Authorizer.objects.filter(pk=shop.account.pk).update(nick_name="Tea House")
    Authorizer.objects.filter(pk=readers.account.pk).update(nick_name="Tea Readers")
    shop.say("one")
    other = Chat(shop.wechat, shop.account, shop.carry, "oSandboxUser0000000000000002")
    other.say("two")
    readers.say("three")
    readers.happen("CLICK")
    Push.objects.filter(kind="CLICK").update(state="failed")
    everything = ["CLICK", "three", "two", "one"]
    for query, wanted in {
        "": everything,
        f"account={shop.account.appid}": ["two", "one"],
        f"account={shop.account.user_name}": ["two", "one"],
        "account=Tea": everything,
        "account=Tea R": ["CLICK", "three"],
        "account=House": [],
        "account=wx0000000000000000": [],
        f"user={other.openid}": ["two"],
        f"user={other.openid[:20]}": [],
        "kind=text": ["three", "two", "one"],
        "kind=CLICK": ["CLICK"],
        "kind=hologram": [],
        "state=failed": ["CLICK"],
        f"kind=text&account={shop.account.appid}&user={shop.openid}&state=done": ["one"],
        "state=nonsense": [],
        "since=yesterday": [],
    }.items():
        told = dict(part.split("=") for part in query.split("&") if part)
        assert found(browser, **told) == wanted, query


def test_it_is_searched_by_time_as_the_platform_counts_it(browser: Client, shop: Chat) -> None:
    Push.objects.all().delete()
    for text, at in {"night": (1, 15, 30), "noon": (2, 4, 0), "next": (2, 16, 0)}.items():
        shop.say(text)
        day, hour, minute = at
        when = datetime(2026, 3, day, hour, minute, tzinfo=UTC)  # in Shanghai eight hours later
        Push.objects.filter(pk=Push.objects.latest("pk").pk).update(received_at=when)
    assert found(browser, since="2026-03-02T00:00", until="2026-03-03T00:00") == ["noon"]
    assert found(browser, until="2026-03-02T00:00") == ["night"]
    assert found(browser, since="2026-03-02T12:00") == ["next", "noon"]


def test_short_ways_lead_to_frequent_questions(browser: Client, shop: Chat) -> None:
    shop.say("now")
    Push.objects.exclude(kind="text").update(received_at=timezone.now() - timedelta(days=8))
    quick = browser.get(LIST, {"kind": "text"}).context["quick"]
    assert [str(name) for name, _ in quick] == ["today", "7 days", "failed"]
    for _name, query in quick[:2]:
        assert "kind=text" in query
        assert [row.kind for row in browser.get(f"{LIST}{query}").context["cl"].result_list] == [
            "text"
        ]


def test_what_was_searched_stays_in_the_form(browser: Client, shop: Chat) -> None:
    answer = browser.get(LIST, {"account": "Tea & Cake", "kind": "text"})
    assert answer.context["log_form"]["account"].value() == "Tea & Cake"
    shown = answer.content.decode()
    assert "Tea &amp; Cake" in shown
    for kind in ("text", "CLICK", "component_verify_ticket"):
        assert f'<option value="{kind}">' in shown


# Reading


def test_rows_are_told_in_words(browser: Client, shop: Chat, readers: Chat) -> None:
    Authorizer.objects.filter(pk=shop.account.pk).update(nick_name="Tea House")
    shop.say("how much is it?")
    readers.happen("subscribe", {"EventKey": "qrscene_42"})
    shown = page(browser)
    for words in ("Tea House", shop.account.appid, "how much is it?", shop.openid,
                  "follows the account now, by the QR code “42”", "the platform&#x27;s ticket",
                  "gave its authorisation"):  # fmt: skip
        assert words in shown, words


def test_every_kind_has_words_in_the_list_of_kinds(browser: Client) -> None:
    kinds = dict(browser.get(LIST).context["kinds"])
    assert kinds.keys() >= {*MESSAGES, *EVENTS}
    assert all(kinds.values())


def test_one_row_tells_what_came_and_what_was_answered(browser: Client, readers: Chat) -> None:
    rule("We open at nine.", name="hours")
    readers.say("when?")
    push = Push.objects.get(kind="text")
    shown = page(browser, f"{LIST}{push.pk}/change/")
    for words in ("when?", "We open at nine.", "(hours)", "answered at once", readers.openid,
                  "ToUserName"):  # fmt: skip
        assert words in shown, words


def test_secrets_are_shown_nowhere(exporter: Client, shop: Chat, ticket: str) -> None:
    bodies = [push.body for push in Push.objects.filter(openid="")]
    secrets = [ticket, *(body.split("AuthorizationCode><![CDATA[")[1].split("]]>")[0]
                         for body in bodies if "AuthorizationCode><" in body)]  # fmt: skip
    pages = [page(exporter), exported(exporter)[1]]
    pages += [page(exporter, f"{LIST}{push.pk}/change/") for push in Push.objects.all()]
    for secret in secrets:
        assert all(secret not in one for one in pages)


def test_what_is_not_kept_any_more_is_told(browser: Client, shop: Chat) -> None:
    shop.say("secret")
    Push.objects.filter(kind="text").update(body="")
    push = Push.objects.get(kind="text")
    assert "It is not kept any more." in page(browser)
    assert "It is not kept any more." in page(browser, f"{LIST}{push.pk}/change/")


def test_markup_that_users_write_stays_text(browser: Client, shop: Chat) -> None:
    shop.say("<script>alert(1)</script>")
    push = Push.objects.get(kind="text")
    for path in (LIST, f"{LIST}{push.pk}/change/"):
        assert "<script>alert(1)" not in page(browser, path)
        assert "alert(1)" in page(browser, path)


# Exporting


def exported(browser: Client, **query: str) -> tuple[list[list[str]], str]:
    answer = browser.get(EXPORT, query)
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith('attachment; filename="messages-')
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:]))), text


def test_what_is_found_is_exported_and_nothing_else(exporter: Client, shop: Chat) -> None:
    Authorizer.objects.filter(pk=shop.account.pk).update(nick_name="茶馆")
    for text in ("一", "two\nlines", 'say "three"'):
        shop.say(text)
    shop.happen("user_enter_tempsession")
    titles, *rows = exported(exporter, kind="text", account=shop.account.appid)[0]
    assert titles == ["received", "sent", "appid", "account", "user", "kind", "in words", "says",
                      "state", "attempts", "error", "fields"]  # fmt: skip
    assert [row[7] for row in rows] == ['say "three"', "two\nlines", "一"]
    assert {tuple(row[2:7]) for row in rows} == {
        (shop.account.appid, "茶馆", shop.openid, "text", "text")
    }
    assert json.loads(rows[2][11])["Content"] == "一"


def test_an_export_is_recorded(exporter: Client, shop: Chat) -> None:
    exported(exporter, kind="text", account=shop.account.appid)
    row = Operation.objects.get(action="export_push")
    assert (row.actor_name, row.appid) == ("operator", shop.account.appid)
    assert row.result == f"account={shop.account.appid}, kind=text"


def test_who_may_look_may_not_export(browser: Client, shop: Chat) -> None:
    assert browser.get(EXPORT).status_code == 403
    assert "Export as CSV" not in page(browser)
    assert not Operation.objects.filter(action="export_push").exists()


def test_who_may_export_finds_the_button(exporter: Client, shop: Chat) -> None:
    shown = page(exporter, f"{LIST}?kind=text")
    assert 'href="/admin/platform_auth/push/export/?kind=text"' in shown


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1＋1", " =1"])
def test_what_users_write_is_no_formula(exporter: Client, shop: Chat, text: str) -> None:
    shop.say(text)
    row = exported(exporter, kind="text")[0][1]
    assert not row[7].startswith(("=", "+", "-", "@", "\t", "＝", " "))
    assert row[7].startswith("'")


def test_many_rows_come_in_their_order_once(exporter: Client, shop: Chat) -> None:
    shop.say("the example")
    example = Push.objects.get(kind="text")
    at = example.received_at
    rows: list[Any] = [
        Push(
            digest=f"{number:064}",
            business_key=f"{number:064}",
            component=example.component,
            kind="text",
            openid=shop.openid,
            state="done",
            created=at,
            # Three at each moment: pages end between rows of the same time.
            received_at=at - timedelta(seconds=1 + number // 3),
        )
        for number in range(2500)
    ]
    Push.objects.bulk_create(rows)
    _titles, *lines = exported(exporter, kind="text")[0]
    assert len(lines) == 2501
    times = [line[0] for line in lines]
    assert times == sorted(times, reverse=True)
