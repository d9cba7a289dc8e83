"""Forward targets and the delivery log by clicks, against back ends on loopback."""

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db.models import F
from django.test import Client
from django.utils import timezone
from standardwebhooks import Webhook

from messaging import tasks
from messaging.admin.targets import MAX_COUNTED
from messaging.models import Delivery, ForwardRule, Target
from miniprograms.models import Tag
from platform_auth.models import Operation, Push
from tests.conftest import Bound
from tests.forwards import IS_DOWN, TAKES, Backend, Town, pass_time
from tests.forwards import town as town
from tests.sockets import says

# Deliveries are carried out in threads of their own.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

TARGETS = "/admin/messaging/target/"
DELIVERIES = "/admin/messaging/delivery/"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{44}")


@pytest.fixture
def browser(client: Client, staff: User) -> Client:
    client.force_login(staff)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def text_of(answer: Any) -> str:
    return html.unescape(str(answer.content.decode()))


def page_of(row: Target | Delivery, act: str = "change") -> str:
    return f"{TARGETS if isinstance(row, Target) else DELIVERIES}{row.pk}/{act}/"


def click(browser: Client, row: Target | Delivery, act: str) -> str:
    """Ask for the page of ACT, agree, and read what it led to."""
    assert browser.get(page_of(row, act)).status_code == 200
    return text_of(browser.post(page_of(row, act), {"confirmed": "yes"}, follow=True))


def form(url: str, *rules: dict[str, Any], old: int = 0, **more: Any) -> dict[str, Any]:
    data = {
        "name": "shop system",
        "url": url,
        "is_on": "on",
        "concurrency": "4",
        "rules-TOTAL_FORMS": str(len(rules)),
        "rules-INITIAL_FORMS": str(old),
        **more,
    }
    for number, rule in enumerate(rules):
        data |= {f"rules-{number}-{name}": value for name, value in rule.items()}
    return data


def acts() -> list[str]:
    return list(Operation.objects.order_by("pk").values_list("action", flat=True))


# Targets


def test_a_target_is_made_and_told_by_clicks(browser: Client, town: Town) -> None:
    backend = town.backend()
    backend.target.delete()
    assert browser.get(f"{TARGETS}add/").status_code == 200
    page = browser.post(
        f"{TARGETS}add/", form(f"{backend.server.url}/hook?key=1", {"kind": "text"})
    )
    [secret] = set(SECRET.findall(text_of(page)))
    assert "no-store" in page["Cache-Control"]
    target = Target.objects.get()
    assert (target.secret, target.is_on, target.answers) == (secret, True, False)
    assert [rule.kind for rule in target.rules.all()] == ["message.text"]
    town.say(("openid1", "hello"))
    tasks.forward()
    [(headers, body)] = backend.requests
    assert Webhook(secret).verify(body, headers)["data"]["openid"] == "openid1"
    assert "add_target" in acts()


def test_where_a_new_secret_is_to_be_entered(browser: Client, town: Town, settings: Any) -> None:
    url = f"{town.backend().server.url}/hook"
    page = text_of(browser.post(f"{TARGETS}add/", form(url, {"kind": "*"})))
    assert "Until it is entered there, the receiver refuses everything" in page
    assert "/sandbox/receiver/" not in page
    settings.WECHAT_API_URL = town.backend().server.url
    url = f"{settings.WECHAT_API_URL}/receiver/forwards"
    page = text_of(browser.post(f"{TARGETS}add/", form(url, {"kind": "*"})))
    assert f'href="{settings.WECHAT_API_URL}/sandbox/receiver/"' in page


def test_the_line_that_is_shown_is_kept_though_nobody_changed_it(
    browser: Client, town: Town
) -> None:
    backend = town.backend()
    backend.target.delete()
    shown = {"kind": "*", "authorizer": "", "tag": ""}
    browser.post(f"{TARGETS}add/", form(f"{backend.server.url}/hook", shown))
    rule = Target.objects.get().rules.get()
    assert (rule.kind, rule.authorizer, rule.tag) == ("", None, None)


def test_the_secret_is_on_no_other_page_and_in_no_log(
    browser: Client, town: Town, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    backend = town.backend()
    town.say(("openid1", "hello"))
    tasks.forward()
    target, old = backend.target, backend.target.secret
    page = text_of(browser.post(page_of(target, "rotate-secret"), {"confirmed": "yes"}))
    [new] = set(SECRET.findall(page))
    assert new != old
    assert old not in page
    addresses = [TARGETS, DELIVERIES, page_of(Delivery.objects.get()), "/admin/",
                 *(page_of(target, act) for act in ("change", "test", "rotate-secret", "guide",
                                                    "switch-off", "delete", "history")),
                 "/admin/platform_auth/operation/"]  # fmt: skip
    for address in addresses:
        answer = browser.get(address)
        assert answer.status_code == 200
        assert "whsec_" not in text_of(answer).replace('removeprefix("whsec_")', "").replace(
            "strlen('whsec_')", ""
        )
    written = caplog.text + "".join(capfd.readouterr())
    assert new not in written
    assert old not in written
    assert not Operation.objects.filter(result__contains="whsec_").exists()


def test_a_new_secret_is_signed_with_beside_the_old_one_for_a_day(
    browser: Client, town: Town
) -> None:
    backend = town.backend()
    old = backend.target.secret
    page = text_of(browser.post(page_of(backend.target, "rotate-secret"), {"confirmed": "yes"}))
    [new] = set(SECRET.findall(page))
    until = timezone.localtime(backend.fresh.previous_until)
    assert f"Until {until:%Y-%m-%d %H:%M} all is signed with the secret before it" in page
    assert "The one before is used as well" in text_of(browser.get(page_of(backend.target)))
    town.say(("openid1", "a"))
    tasks.forward()
    [(headers, body)] = backend.requests
    for secret in (old, new):
        assert Webhook(secret).verify(body, headers)
    pass_time(hours=24)
    assert "The one before" not in text_of(browser.get(page_of(backend.target)))
    assert "rotate_target_secret" in acts()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:9/", "is not an address of the internet"),
        ("https://169.254.169.254/latest/", "is not an address of the internet"),
        ("https://[::ffff:10.0.0.1]/", "is not an address of the internet"),
        ("http://93.184.216.34/", "must begin with https://"),
        ("https://93.184.216.34:8443/", "must begin with https://"),
        ("https://user@93.184.216.34/", "There is no user name in an address"),
        ("ftp://93.184.216.34/", "An address begins with https://"),
        ("https://localhost/", "is not the name of a host"),
        ("", "This field is required"),
    ],
)
def test_an_address_we_do_not_send_to_is_refused_in_words(
    browser: Client, settings: Any, url: str, told: str
) -> None:
    settings.FORWARD_INTERNAL_HOSTS = []
    page = browser.post(f"{TARGETS}add/", form(url, {"kind": "*"}))
    assert page.status_code == 200
    assert told in text_of(page)
    assert "whsec_" not in text_of(page)
    assert not Target.objects.exists()


def test_an_address_is_asked_about_only_when_it_is_new(
    browser: Client, town: Town, settings: Any
) -> None:
    target = town.backend().target
    settings.FORWARD_INTERNAL_HOSTS = []
    [rule] = target.rules.all()
    line = {"id": rule.pk, "target": target.pk, "kind": "*"}
    data = form(target.url, line, old=1, name="renamed")
    assert browser.post(page_of(target), data).status_code == 302
    target.refresh_from_db()
    assert (target.name, target.is_on) == ("renamed", True)
    page = browser.post(page_of(target), {**data, "url": "http://127.0.0.1:1/"})
    assert "not an address of the internet" in text_of(page)


def test_whoever_may_only_look_sees_neither_the_whole_address_nor_buttons(
    client: Client, town: Town
) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.groups.add(Group.objects.get(name="releasers"))
    client.force_login(viewer)
    target = town.backend(IS_DOWN).target
    town.say(("openid1", "a"))
    tasks.forward()
    page = text_of(client.get(page_of(target)))
    assert target.url.split("/")[2] in page
    assert "/hook" not in page
    assert client.get(f"{TARGETS}?is_on__exact=1").status_code == 200
    guess = client.get(f"{TARGETS}?url__contains=/hook")
    assert (guess.status_code, target.name in text_of(guess)) == (400, False)
    for act in ("test", "switch-off", "rotate-secret", "resend-all"):
        assert page_of(target, act) not in page
        assert client.post(page_of(target, act)).status_code == 403
    assert client.post(page_of(target), form("http://127.0.0.1:9/")).status_code == 403
    delivery = Delivery.objects.get()
    assert client.get(page_of(delivery)).status_code == 200
    for act in ("resend", "give-up"):
        assert client.post(page_of(delivery, act)).status_code == 403
    data = {"action": "resend", "_selected_action": [delivery.pk], "index": "0"}
    client.post(DELIVERIES, data)
    delivery.refresh_from_db()
    assert delivery.state == "due"
    assert not Operation.objects.filter(actor=viewer).exists()


# Rules


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("*", ""),
        ("message", "message"),
        ("Event", "event"),
        ("text", "message.text"),
        ("click", "event.CLICK"),
        ("event.subscribe", "event.subscribe"),
        ("brand_new_kind", "brand_new_kind"),
        ("event.brand_new_kind", "event.brand_new_kind"),
    ],
)
def test_a_kind_is_chosen_or_written(browser: Client, town: Town, written: str, kept: str) -> None:
    target = town.backend().target
    [rule] = target.rules.all()
    line = {"id": rule.pk, "target": target.pk, "kind": written}
    assert browser.post(page_of(target), form(target.url, line, old=1)).status_code == 302
    rule.refresh_from_db()
    assert (rule.kind, str(rule)) == (kept, kept or "*")
    page = text_of(browser.get(page_of(target)))
    assert f'value="{kept or "*"}"' in page
    assert "follows the official account · event.subscribe</option>" in page


def test_a_kind_that_is_in_no_list_is_written_beside_it(browser: Client, town: Town) -> None:
    target = town.backend().target
    [rule] = target.rules.all()
    line = {"id": rule.pk, "target": target.pk, "kind": "*", "other_kind": "brand_new_kind"}
    assert browser.post(page_of(target), form(target.url, line, old=1)).status_code == 302
    rule.refresh_from_db()
    assert rule.kind == "brand_new_kind"
    # It is in the list of this line from then on, and stays what it is.
    assert '<option value="brand_new_kind" selected>' in text_of(browser.get(page_of(target)))
    line = {"id": rule.pk, "target": target.pk, "kind": "brand_new_kind", "other_kind": ""}
    browser.post(page_of(target), form(target.url, line, old=1))
    rule.refresh_from_db()
    assert rule.kind == "brand_new_kind"
    page = browser.post(page_of(target), form(target.url, {"kind": "*", "other_kind": "a b"}))
    assert "Write a kind such as message.text" in text_of(page)


def test_lines_name_an_account_a_tag_or_everything(
    browser: Client, town: Town, bound: Bound
) -> None:
    backend = town.backend()
    backend.target.rules.all().delete()
    tag = Tag.objects.create(name="north")
    other, third = bound(), bound()
    third.tags.add(tag)
    lines = [{"kind": "text", "authorizer": other.pk}, {"kind": "message", "tag": tag.pk}]
    assert (
        browser.post(page_of(backend.target), form(backend.target.url, *lines)).status_code == 302
    )
    town.say(("openid1", "to the first"))
    town.say(("openid2", "to the other"), shop=other)
    town.say(("openid3", "to the third"), shop=third)
    tasks.forward()
    assert sorted(backend.said) == [("openid2", "to the other"), ("openid3", "to the third")]
    change = Operation.objects.get(action="change_target")
    assert "forward rule" in change.result
    assert "2 rules" in text_of(browser.get(TARGETS))
    for rule in backend.target.rules.all():
        assert str(rule) in (f"{other} · message.text", "north · message")


def test_a_line_without_a_kind_is_asked_for_one(browser: Client, town: Town) -> None:
    target = town.backend().target
    line = {"kind": "", "authorizer": town.shop.pk}
    page = browser.post(page_of(target), form(target.url, line))
    assert "This field is required" in text_of(page)
    page = browser.post(page_of(target), form(target.url, {"kind": "a b"}))
    assert "Write a kind such as message.text" in text_of(page)


# How they are


def test_the_list_says_how_targets_are(browser: Client, town: Town) -> None:
    backend = town.backend(IS_DOWN)
    Target.objects.create(name="nothing asked for", url="https://example.com/", is_on=False)
    listed = text_of(browser.get(TARGETS))
    assert [word in listed for word in ("ok", "off", "nothing")] == [True] * 3
    town.say(("openid1", "a"))
    tasks.forward()
    listed = text_of(browser.get(TARGETS))
    assert "failing" in listed
    assert "1 in a row" in listed
    assert f"?target__id__exact={backend.target.pk}&state__exact=due" in listed
    until = timezone.localtime() + timedelta(minutes=4)
    Target.objects.filter(pk=backend.target.pk).update(failures=7, paused_until=until)
    listed = text_of(browser.get(TARGETS))
    page = text_of(browser.get(page_of(backend.target)))
    for shown in (listed, page):
        assert "left alone" in shown
        assert f"until {until:%H:%M:%S}; 7 in a row" in shown
    assert "HTTP 503" in page


# The acts


def test_the_test_button_tells_status_and_time_or_the_reason(browser: Client, town: Town) -> None:
    backend = town.backend()
    told = click(browser, backend.target, "test")
    assert re.search(r"It took the message \(HTTP 200\) in \d+ ms\.", told)
    [payload] = backend.told
    assert payload["type"] == "test"
    backend.answer = IS_DOWN
    assert "It answered HTTP 503." in click(browser, backend.target, "test")
    backend.answer = says(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
    assert "HTTP 401: it does not accept our signature." in click(browser, backend.target, "test")
    Target.objects.update(url="http://127.0.0.1:1/")
    assert "is not an address of the internet" in click(browser, backend.target, "test")
    assert acts().count("test_target") == 4


def test_a_target_is_switched_off_and_on(browser: Client, town: Town) -> None:
    backend = town.backend()
    assert "told of nothing any more" in click(browser, backend.target, "switch-off")
    town.say(("openid1", "unheard"))
    page = text_of(browser.get(page_of(backend.target)))
    assert page_of(backend.target, "switch-on") in page
    assert page_of(backend.target, "switch-off") not in page
    assert "from now on" in click(browser, backend.target, "switch-on")
    town.say(("openid1", "heard"))
    tasks.forward()
    assert backend.said == [("openid1", "heard")]
    assert [one for one in acts() if one.startswith("switch")] == [
        "switch_target_off",
        "switch_target_on",
    ]


@pytest.fixture
def lost(town: Town) -> Backend:
    """A back end that took nothing of three messages for a day."""
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "a"), ("openid1", "b"), ("openid2", "c"))
    tasks.forward()
    pass_time(hours=25)
    tasks.give_up_deliveries()
    assert set(backend.states()) == {"dead"}
    backend.server.requests.clear()
    backend.answer = TAKES
    Target.objects.update(failures=0, paused_until=None, last_error="")
    return backend


def test_all_that_was_given_up_is_sent_again(browser: Client, lost: Backend) -> None:
    assert page_of(lost.target, "resend-all") in text_of(browser.get(page_of(lost.target)))
    assert "Sent again: 3." in click(browser, lost.target, "resend-all")
    tasks.forward()
    assert sorted(lost.said) == [("openid1", "a"), ("openid1", "b"), ("openid2", "c")]
    assert page_of(lost.target, "resend-all") not in text_of(browser.get(page_of(lost.target)))
    assert "resend_deliveries" in acts()


def test_one_is_sent_again_from_its_page(browser: Client, lost: Backend) -> None:
    row = Delivery.objects.order_by("pk")[0]
    page = text_of(browser.get(page_of(row)))
    assert page_of(row, "resend") in page
    assert page_of(row, "give-up") not in page
    assert "it is sent again" in click(browser, row, "resend")
    tasks.forward()
    assert lost.said == [("openid1", "a")]
    assert "it had not been given up" in click(browser, row, "resend")


def test_those_selected_are_sent_again(browser: Client, lost: Backend) -> None:
    first, _second, third = Delivery.objects.order_by("pk")
    data = {"action": "resend", "_selected_action": [first.pk, third.pk], "index": "0"}
    assert "Sent again: 2." in text_of(browser.post(DELIVERIES, data, follow=True))
    tasks.forward()
    assert sorted(lost.said) == [("openid1", "a"), ("openid2", "c")]
    assert "Nothing of it had been given up" in text_of(browser.post(DELIVERIES, data, follow=True))


def test_all_of_a_narrowed_list_are_sent_again(browser: Client, lost: Backend) -> None:
    first = Delivery.objects.order_by("pk")[0]
    data = {
        "action": "resend", "_selected_action": [first.pk], "index": "0", "select_across": "1",
    }  # fmt: skip
    page = browser.post(f"{DELIVERIES}?q=openid1&state__exact=dead", data, follow=True)
    assert "Sent again: 2." in text_of(page)
    tasks.forward()
    assert sorted(lost.said) == [("openid1", "a"), ("openid1", "b")]


def test_what_holds_up_a_user_is_given_up(browser: Client, town: Town) -> None:
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "never taken"), ("openid1", "next"))
    tasks.forward()
    first, second = Delivery.objects.order_by("pk")
    assert "given up." in click(browser, first, "give-up")
    data = {"action": "give_up", "_selected_action": [first.pk], "index": "0"}
    assert "What comes after it from the same user" in text_of(browser.post(DELIVERIES, data))
    told = text_of(browser.post(DELIVERIES, {**data, "confirmed": "yes"}, follow=True))
    assert "it is being sent just now, or has been" in told
    backend.answer = TAKES
    pass_time(minutes=10)
    tasks.forward()
    assert backend.said[-1] == ("openid1", "next")
    assert backend.states() == ["dead", "done"]
    assert "give_up_deliveries" in acts()


def test_a_target_is_deleted_with_what_hangs_on_it(browser: Client, lost: Backend) -> None:
    page = text_of(browser.get(page_of(lost.target, "delete")))
    assert "deliveries: 3" in page.lower()
    assert "openid" not in page
    browser.post(page_of(lost.target, "delete"), {"post": "yes"})
    assert not Target.objects.exists()
    assert not Delivery.objects.exists()
    assert Push.objects.filter(kind="text").count() == 3
    assert "delete_target" in acts()


# The delivery log


def test_a_delivery_shows_its_attempts_and_what_is_sent(browser: Client, town: Town) -> None:
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "你好 access_token=75_abcdefghijklmnopqrstuvwxyz0123456789"))
    tasks.forward()
    backend.answer = TAKES
    pass_time(minutes=1)
    tasks.forward()
    row = Delivery.objects.get()
    page = text_of(browser.get(page_of(row)))
    assert page.index("200") < page.index("It answered HTTP 503.")
    assert '"type": "message.text"' in page
    assert '"Content": "你好' in page
    assert "abcdefghijklmnopqrstuvwxyz" not in page
    assert f"{TARGETS}{backend.target.pk}/change/" in page
    assert f"/admin/miniprograms/authorizer/{town.shop.pk}/change/" in page
    assert backend.ids == [backend.ids[0]] * 2
    assert backend.ids[0] in page
    assert "delivered" in page


def test_a_delivery_says_what_it_waits_for(browser: Client, town: Town) -> None:
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "a"), ("openid1", "b"))
    tasks.forward()
    first, second = Delivery.objects.order_by("pk")
    behind = f'<a href="{page_of(first)}" class="text-link">once'
    assert behind not in text_of(browser.get(page_of(first)))
    page = text_of(browser.get(page_of(second)))
    assert f"{behind} what the user wrote before has arrived" in page
    click(browser, backend.target, "switch-off")
    assert "once the target is switched on" in text_of(browser.get(page_of(first)))


def test_a_message_that_is_not_kept_any_more_has_a_page_still(browser: Client, town: Town) -> None:
    town.backend()
    town.say(("openid1", "a"))
    Push.objects.filter(kind="text").update(body="")
    page = text_of(browser.get(page_of(Delivery.objects.get())))
    assert "It is not kept any more." in page


def test_deliveries_are_found_by_target_state_account_user_and_time(
    browser: Client, town: Town, bound: Bound
) -> None:
    rule = {"kind": "message"}
    first, second = town.backend(rule=rule), town.backend(IS_DOWN, rule=rule)
    other = bound()
    town.say(("openid1", "a"))
    town.say(("openid2", "b"), shop=other)
    tasks.forward()

    def found(query: str) -> set[tuple[str, str]]:
        rows = browser.get(f"{DELIVERIES}?{query}").context["cl"].result_list
        return {(row.target.name, row.openid) for row in rows}

    one, two = first.target, second.target
    assert found("") == {(t.name, u) for t in (one, two) for u in ("openid1", "openid2")}
    assert found(f"target__id__exact={one.pk}") == {(one.name, "openid1"), (one.name, "openid2")}
    assert found("state__exact=due") == {(two.name, "openid1"), (two.name, "openid2")}
    assert found(f"q={other.appid}") == {(one.name, "openid2"), (two.name, "openid2")}
    assert found("q=openid1&state__exact=done") == {(one.name, "openid1")}
    assert found("q=nobody") == set()
    older = Delivery.objects.filter(push__openid="openid1")
    older.update(created_at=F("created_at") - timedelta(days=3))
    assert found("received=hour&state__exact=done") == {(one.name, "openid2")}
    day = timezone.localdate() - timedelta(days=3)
    assert found(f"received={day}&state__exact=done") == {(one.name, "openid1")}
    assert found("received=1999-01-01") == set()
    assert len(found("received=nonsense")) == 4


# What its developer reads


def test_the_guide_explains_what_comes_and_its_code_verifies_it(
    browser: Client, town: Town
) -> None:
    backend = town.backend(answers=True)
    town.say(("openid1", "你好"))
    pass_time(minutes=1)
    tasks.forward()
    page = text_of(browser.get(page_of(backend.target, "guide")))
    example = re.findall(r'<pre class="staff-json">(.*?)</pre>', page, re.DOTALL)
    assert '"type": "message.text"' in example[0]
    assert '"reply"' in example[1]
    [code] = re.findall(r'<pre class="staff-json" id="python">(.*?)</pre>', page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 -- ours, from the page
    is_ours: Callable[..., bool] = names["is_ours"]
    [(headers, body)] = backend.requests
    secret = backend.target.secret
    assert is_ours(secret, headers, body)
    assert not is_ours(secret, headers, body + b" ")
    assert not is_ours(secret[:-3] + "AA=", headers, body)
    late = str(int(datetime.now(UTC).timestamp()) - 400)
    assert not is_ours(secret, {**headers, "webhook-timestamp": late}, body)


def test_counts_end_somewhere(browser: Client, town: Town) -> None:
    backend = town.backend()
    town.say(("openid1", "a"))
    tasks.forward()
    push = Push.objects.get(kind="text")
    example = {name: getattr(push, name) for name in ("component", "appid", "kind", "state")}
    pushes = Push.objects.bulk_create(
        Push(**example, digest=f"d{n}", business_key=f"d{n}", created=push.created)
        for n in range(MAX_COUNTED + 1)
    )
    Delivery.objects.bulk_create(
        Delivery(push=one, target=backend.target, appid=push.appid, state="dead") for one in pushes
    )
    assert f">{MAX_COUNTED}+</a>" in text_of(browser.get(TARGETS))
    assert f"{MAX_COUNTED}+" in text_of(browser.get(page_of(backend.target, "delete")))
    assert ForwardRule.objects.count() == 1
