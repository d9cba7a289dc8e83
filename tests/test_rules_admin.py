"""Automatic replies as staff write, order, copy and try them."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from messaging.admin.rule_form import EVENTS, MEMBERS
from messaging.models import Conversation, Reply, Rule
from messaging.services import receiving
from miniprograms.models import Authorizer
from platform_auth.models import Component, Operation, Push
from sandbox.world import WeChat
from tests.chatting import keyword, rule
from tests.conftest import Bound
from wechat.replies import parse_content

pytestmark = pytest.mark.django_db

LIST = "/admin/messaging/rule/"
TRY = f"{LIST}try/"


@pytest.fixture
def browser(client: Client, staff: User) -> Client:
    client.force_login(staff)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def filled(**values: Any) -> dict[str, Any]:
    """The form, as a browser posts it: the fields of other kinds come empty."""
    empty = [name for members in MEMBERS.values() for name in members.values()]
    known = {
        "name": "Hours",
        "is_on": "on",
        "position": "10",
        "trigger": "keyword",
        "match": "contains",
        "pattern": "open",
        "kind": "text",
        "text": "From 9 to 5.",
    }
    return {**dict.fromkeys(empty, ""), **known, **values}


def add(browser: Client, **values: Any) -> Rule:
    answer = browser.post(f"{LIST}add/", filled(**values))
    assert answer.status_code == 302, answer.context["errors"]
    return Rule.objects.order_by("-pk")[0]


def errors(browser: Client, **values: Any) -> dict[str, list[str]]:
    answer = browser.post(f"{LIST}add/", filled(**values))
    assert answer.status_code == 200
    assert not Rule.objects.exists()
    found: dict[str, list[str]] = answer.context["adminform"].form.errors
    return found


def acts() -> list[tuple[str, str]]:
    return list(Operation.objects.order_by("pk").values_list("action", "result"))


# Writing a rule

REPLIES: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("text", {"text": "a\r\nb "}, {"content": "a\nb"}),
    ("image", {"media_id": "M1"}, {"media_id": "M1"}),
    ("voice", {"media_id": "M1"}, {"media_id": "M1"}),
    (
        "video",
        {"media_id": "M1", "thumb_media_id": "T1", "title": "t"},
        {"media_id": "M1", "thumb_media_id": "T1", "title": "t"},
    ),
    (
        "music",
        {
            "musicurl": "https://a.example/1",
            "hqmusicurl": "https://a.example/2",
            "thumb_media_id": "T1",
        },
        {
            "musicurl": "https://a.example/1",
            "hqmusicurl": "https://a.example/2",
            "thumb_media_id": "T1",
        },
    ),
    (
        "news",
        {
            "title": "t",
            "description": "d",
            "url": "https://a.example",
            "picture": "https://a.example/p",
        },
        {
            "articles": [
                {
                    "title": "t",
                    "description": "d",
                    "url": "https://a.example",
                    "picurl": "https://a.example/p",
                }
            ]
        },
    ),
    (
        "link",
        {
            "title": "t",
            "description": "d",
            "url": "https://a.example",
            "picture": "https://a.example/p",
        },
        {
            "title": "t",
            "description": "d",
            "url": "https://a.example",
            "thumb_url": "https://a.example/p",
        },
    ),
    (
        "miniprogrampage",
        {"title": "t", "pagepath": "pages/index", "thumb_media_id": "T1"},
        {"title": "t", "pagepath": "pages/index", "thumb_media_id": "T1"},
    ),
    (
        "msgmenu",
        {"head": "Well?", "choices": "yes\r\n\r\n no ", "tail": "!"},
        {
            "head_content": "Well?",
            "list": [{"id": "1", "content": "yes"}, {"id": "2", "content": "no"}],
            "tail_content": "!",
        },
    ),
    ("transfer_customer_service", {}, {}),
]


@pytest.mark.parametrize(("kind", "given", "kept"), REPLIES, ids=[one[0] for one in REPLIES])
def test_each_kind_of_reply_is_kept_as_wechat_names_it(
    browser: Client, kind: str, given: dict[str, str], kept: dict[str, Any]
) -> None:
    # What was typed for another kind before is not read.
    made = add(browser, kind=kind, **{"kf_account": "" if kind[0] == "t" else "x", **given})
    assert made.content == {"msgtype": kind, kind: kept}
    assert parse_content(made.content)
    page = browser.get(f"{LIST}{made.pk}/change/")
    form = page.context["adminform"].form
    shown = {name: form[name].value() or "" for name in MEMBERS[kind].values()}
    again = filled(**{**shown, "kind": form["kind"].value()})
    assert browser.post(f"{LIST}{made.pk}/change/", again).status_code == 302
    made.refresh_from_db()
    assert made.content == {"msgtype": kind, kind: kept}


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"text": ""}, "text", "Text is missing."),
        ({"text": "长" * 700}, "text", "Text is too long"),
        ({"kind": "image"}, "media_id", "Media ID is missing."),
        (
            {
                "kind": "link",
                "title": "t",
                "description": "d",
                "url": "javascript:alert(1)",
                "picture": "https://a.example",
            },
            "url",
            "Leads to must be an address",
        ),
        ({"kind": "news", "title": "t"}, "description", "Description is missing."),
        ({"kind": "msgmenu", "head": "?"}, "choices", "Choices is missing."),
        ({"pattern": "  "}, "pattern", "What does the user write?"),
        ({"trigger": "event", "event": ""}, "event", "Which event?"),
        ({"quiet_from": "22:00"}, "quiet_until", "give both, or neither"),
        ({"quiet_until": "08:00"}, "quiet_from", "give both, or neither"),
        ({"quiet_from": "8:00", "quiet_until": "08:00"}, "quiet_until", "another time"),
    ],
)
def test_what_is_missing_or_wrong_is_told_at_its_field(
    browser: Client, values: dict[str, str], field: str, words: str
) -> None:
    assert words in errors(browser, **values)[field][0]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(open", "a closing parenthesis is missing, at character 6."),
        ("open)", "there is a closing parenthesis too many"),
        ("[a-", "a closing ] is missing"),
        ("*", "there is nothing before *"),
        ("a**", "two repetitions"),
        (r"\p{Nonsense}", "there is no such"),
        ("(?<x>a)(?P=y)", "it names a group"),
        ("(a+)+$", "takes too long"),
        ("(a|aa)+$", "takes too long"),
        ("(一+)+$", "takes too long"),
        ("(?:(?:ab)+)+c?$", "takes too long"),
        ("a{1000000000}", "takes too long"),
        ("(?:(?:a{1000}){1000}){1000}", "takes too long"),
        ("(?R)a|a", "takes too long"),
    ],
)
def test_a_bad_regular_expression_is_refused_in_words(
    browser: Client, pattern: str, words: str
) -> None:
    assert words in errors(browser, match="regex", pattern=pattern)["pattern"][0]


@pytest.mark.parametrize("pattern", [r"^\d{4,6}$", "价格|多少钱", r"(?i)open(ing)?\s+hours", "."])
def test_a_good_regular_expression_is_kept(browser: Client, pattern: str) -> None:
    assert add(browser, match="regex", pattern=pattern).pattern == pattern


def test_what_does_not_belong_to_the_trigger_is_not_kept(browser: Client) -> None:
    made = add(browser, trigger="event", event="CLICK", event_key="HOURS", pattern="left over")
    assert (made.pattern, made.event, made.event_key) == ("", "CLICK", "HOURS")
    made = add(browser, trigger="default", event="CLICK", event_key="HOURS")
    assert (made.pattern, made.event, made.event_key) == ("", "", "")
    made = add(browser, trigger="event", event="user_enter_tempsession", event_key="left over")
    assert made.event_key == ""


def test_every_event_to_choose_is_heard() -> None:
    assert set(EVENTS) <= receiving.CONVERSATION_KINDS


def test_what_an_account_cannot_say_is_refused_or_told(browser: Client, bound: Bound) -> None:
    shop, readers = bound(), bound(kind="official_account")
    assert "cannot be sent" in errors(browser, authorizer=shop.pk, kind="msgmenu", choices="a")[
        "kind"
    ][0]  # fmt: skip
    page = {"kind": "miniprogrampage", "title": "t", "pagepath": "p", "thumb_media_id": "T"}
    assert "appid" in errors(browser, authorizer=readers.pk, **page)["kind"][0]
    answer = browser.post(f"{LIST}add/", filled(kind="msgmenu", choices="a"), follow=True)
    assert "An account of the kind “mini program” cannot say this" in answer.content.decode()
    assert "official account · by message" in answer.content.decode()


# The list


def listed(browser: Client, query: str = "") -> list[str]:
    rows = browser.get(f"{LIST}{query}").context["cl"].result_list
    return [row.name for row in rows]


def test_rules_stand_in_their_order_and_are_found_by_account(browser: Client, bound: Bound) -> None:
    shop = bound()
    rule("last", position=30)
    rule("own", position=20, authorizer=shop)
    rule("first", position=10)
    rule("another's", position=5, authorizer=bound())
    assert listed(browser) == ["another's", "first", "own", "last"]
    assert listed(browser, f"?q={shop.appid}") == ["first", "own", "last"]
    assert listed(browser, "?scope=all") == ["first", "last"]
    assert listed(browser, "?scope=own") == ["another's", "own"]
    assert listed(browser, "?q=last") == ["last"]


def test_positions_are_edited_in_the_list(browser: Client) -> None:
    one, two = rule("one", position=10), rule("two", position=20)
    form = {
        "form-TOTAL_FORMS": "2",
        "form-INITIAL_FORMS": "2",
        "form-0-id": one.pk,
        "form-0-position": "30",
        "form-0-is_on": "on",
        "form-1-id": two.pk,
        "form-1-position": "20",
        "_save": "Save",
    }
    assert browser.post(LIST, form).status_code == 302
    assert listed(browser) == ["two", "one"]
    assert [Rule.objects.get(pk=row.pk).is_on for row in (one, two)] == [True, False]
    assert acts() == [("change_rule", "one: Position"), ("change_rule", "two: On")]


def act(browser: Client, name: str, *rows: Rule) -> str:
    form = {"action": name, "_selected_action": [row.pk for row in rows]}
    return str(browser.post(LIST, form, follow=True).content.decode())


def test_rules_are_turned_off_and_on(browser: Client) -> None:
    one, two = rule("one"), rule("two")
    act(browser, "turn_off", one, two)
    assert not Rule.objects.filter(is_on=True).exists()
    act(browser, "turn_on", two)
    assert Rule.objects.get(is_on=True) == two
    assert [name for name, _ in acts()] == ["turn_rule_off", "turn_rule_off", "turn_rule_on"]


def test_a_copy_is_off(browser: Client) -> None:
    one = keyword("open", "From 9 to 5.", position=7)
    assert "copied as “Copy of From 9 to 5.”" in act(browser, "copy_selected", one)
    assert browser.get(f"{LIST}{one.pk}/copy/").status_code == 200
    answer = browser.post(f"{LIST}{one.pk}/copy/")
    copies = Rule.objects.exclude(pk=one.pk).order_by("pk")
    assert answer["Location"] == f"{LIST}{copies[1].pk}/change/"
    for copy in copies:
        assert (copy.is_on, copy.pattern, copy.content, copy.position) == (
            *(False, "open", one.content),
            7,
        )


def test_who_may_only_look_changes_nothing(client: Client) -> None:
    user = User.objects.create_user("looker", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_rule"))
    client.force_login(user)
    row = rule("one")
    assert client.get(LIST).status_code == 200
    assert client.get(f"{LIST}{row.pk}/change/").status_code == 200
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{row.pk}/change/", filled()).status_code == 403
    assert client.post(f"{LIST}{row.pk}/copy/").status_code == 403
    act(client, "turn_off", row)
    assert Rule.objects.get().is_on


# Trying


def outcome(browser: Client, **values: Any) -> str:
    answer = browser.post(TRY, {"text": "", **values})
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split("<main")[-1].split())


def test_the_page_tells_who_speaks_what_and_how(browser: Client, bound: Bound) -> None:
    shop, readers = bound(), bound(kind="official_account")
    keyword("price", "It costs 9.", name="price", position=10)
    rule("Someone will answer.", name="default")
    page = outcome(browser, account=readers.appid, text="the PRICE?")
    assert "“price” speaks" in page
    assert "It costs 9." in page
    assert "WeChat's answer at once" in page
    page = outcome(browser, account=shop.appid, text="the price?")
    assert "sent as a customer-service message" in page
    page = outcome(browser, kind="mini_program", text="hello")
    assert "“default” speaks" in page


def test_the_page_tells_why_each_other_rule_does_not(browser: Client) -> None:
    keyword("other", "…", name="other", position=1)
    keyword("price", "…", name="asleep", position=2, quiet_from="22:00", quiet_until="08:00")
    menu = {"msgtype": "msgmenu", "msgmenu": {"list": [{"id": "1", "content": "a"}]}}
    keyword("price", "…", name="unsayable", position=3, content=menu)
    keyword(r"(p|r|i|c|e|pr|ri|ic)+$", "…", name="slow", position=4, match="regex")
    keyword("price", "…", name="switched off", position=5, is_on=False)
    keyword("price", "Nine.", name="speaks", position=6)
    rule("…", name="too late")
    said = {"kind": "mini_program", "text": "price" * 40 + "!", "at": "2026-05-01T03:00"}
    page = outcome(browser, **said)
    assert "“speaks” speaks" in page
    for name, words in {
        "other": "does not fit",
        "asleep": "quiet at this time",
        "unsayable": "cannot be sent a message of the kind",
        "slow": "takes too long",
        "switched off": "off",
        "too late": "not asked any more",
    }.items():
        row = next(part for part in page.split("<tr>") if f"{name}" in part and "<td" in part)
        assert words in row, (name, row)
    assert "“asleep” speaks" in outcome(browser, **{**said, "at": "2026-05-01T12:00"})


def test_events_are_tried_with_their_keys(browser: Client) -> None:
    rule("Hi!", name="scanned", trigger="event", event="subscribe", event_key="42")
    event = {"kind": "official_account", "event": "subscribe"}
    assert "“scanned” speaks" in outcome(browser, **event, event_key="qrscene_42")
    assert "No rule speaks" in outcome(browser, **event, event_key="qrscene_43")


def test_a_message_that_wechat_would_not_take_is_told(browser: Client) -> None:
    menu = {"msgtype": "msgmenu", "msgmenu": {"list": [{"id": "1", "content": "a"}]}}
    rule("…", trigger="event", event="VIEW", content=menu)
    page = outcome(browser, kind="official_account", event="VIEW")
    assert "only if the user has written before" in page


def test_wechats_own_test_accounts_are_told_apart(browser: Client, component: Component) -> None:
    Authorizer.objects.create(
        component=component,
        appid="wx570bc396a51b8ff8",
        user_name="gh_3c884a361561",
        kind="official_account",
        state="unbound",
    )
    rule()
    page = outcome(browser, account="wx570bc396a51b8ff8", text="x")
    assert "Rules never answer it" in page


def test_trying_writes_nothing_and_calls_nobody(
    browser: Client, bound: Bound, wechat: WeChat
) -> None:
    shop = bound()
    rule()
    models = (Push, Conversation, Reply, Operation, Rule)
    before = [model.objects.count() for model in models]
    calls = len(list(wechat.ledger))
    assert "speaks" in outcome(browser, account=shop.appid, text="hello")
    assert [model.objects.count() for model in models] == before
    assert len(list(wechat.ledger)) == calls


def test_what_cannot_be_tried_is_told(browser: Client) -> None:
    assert "There is no account with this appid." in outcome(browser, account="wx0", text="x")
    assert "What does the user write?" in outcome(browser, text=" ")
    assert browser.get(TRY).status_code == 200
