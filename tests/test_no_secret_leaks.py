"""
Planted secrets, and everything that can go wrong: none of them comes out in a log, a page, an
answer of the API, a task's arguments, an exception, a staff page or an open column.
"""

import base64
import io
import json
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import call_command
from django.db.models.functions import Now
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from knox.models import AuthToken

from config.celery import app
from miniprograms import tasks as miniprogram_tasks
from miniprograms import tokens as authorizer_tokens
from miniprograms.models import Authorizer, Binding
from miniprograms.services import profiles, reconciling, refreshing
from platform_auth import tasks, tokens
from platform_auth.fields import Sealed, SecretField
from platform_auth.login_models import LoginSession
from platform_auth.models import Component, Push
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, SECRET, TOKEN, Bound
from tests.knocking import at_the_door, without_database
from webhooks import routing
from webhooks import tasks as webhook_tasks
from wechat import http
from wechat import push as wire

OURS = "wxaaaaaaaaaaaaaaaa"
PASSWORD = "a-planted-password"
LOST = Sealed("sealed:00000000:AAAA")

# The sweeps write from threads of their own.
pytestmark = pytest.mark.django_db(transaction=True)

# They travel in a merchant's own addresses and cookies, and nowhere else.
BEARERS = {"the binding's state", "the session"}


@dataclass
class World:
    """Whoever can be asked, what they said, and what nobody may ever say."""

    wechat: WeChat
    staff: User
    browser: Client
    api_key: str
    secrets: dict[str, str]
    code: str
    return_path: str
    said: list[str] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, *args: Any, **more: Any) -> HttpResponse:
        """Ask as the merchant; whatever comes back is kept, but for the cookies."""
        return self.keep(getattr(self.browser, method)(path, *args, **more))

    def keep(self, answer: Any) -> HttpResponse:
        heads = [f"{name}: {value}" for name, value in answer.items()]
        self.said += [*heads, answer.content.decode()]
        kept: HttpResponse = answer
        return kept

    def api(self, path: str, key: str | None = None) -> HttpResponse:
        headers = {"Authorization": f"Token {key or self.api_key}"}
        return self.keep(Client(raise_request_exception=False).get(path, headers=headers))

    def call(self, function: Callable[..., object], *args: Any, **more: Any) -> None:
        """A call that may raise: all that an exception tells, its cause and context included."""
        try:
            function(*args, **more)
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            self.raised += [trace, repr(error), str(error), repr(error.args), repr(vars(error))]

    def due(self) -> None:
        for model in (Component, Authorizer, Binding):
            model.objects.update(due_at=Now(), lease_until=None, failures=0)
        Authorizer.objects.update(profile_due_at=Now())


@pytest.fixture
def world(wechat: WeChat, bound: Bound, merchant: User, staff: User, settings: Any) -> World:
    """A bound account, a binding on its way with its code, a session and a key to the API."""
    merchant.set_password(PASSWORD)
    merchant.save()
    bound(OURS, nick_name="Ours")
    browser = Client(raise_request_exception=False)
    assert browser.login(username="merchant", password=PASSWORD)
    assert browser.post("/portal/bind/", {"auth_type": 2}).status_code == 200
    opened = Binding.objects.order_by("-pk")[0]
    other = wechat.create_account(appid="wxbbbbbbbbbbbbbbbb")
    code = wechat.authorize(opened.pre_auth_code, other.appid)
    wechat.outbox.clear()
    _, api_key = AuthToken.objects.create(merchant)
    component, authorizer = Component.objects.get(), Authorizer.objects.get()
    secrets = {
        "the app secret": SECRET,
        "the message token": TOKEN,
        "the AES key": AES_KEY,
        "the ticket": component.verify_ticket,
        "the component token": component.access_token,
        "the authorizer token": authorizer.access_token,
        "the refresh token": authorizer.refresh_token,
        "the account's own token": authorizer.token,
        "the pre_auth_code": opened.pre_auth_code,
        "the auth_code": code,
        "the key to the API": api_key,
        "the password": PASSWORD,
        "the field key": settings.FIELD_ENCRYPTION_KEYS[0],
        "Django's key": settings.SECRET_KEY,
        "the binding's state": opened.state,
        "the session": browser.session.session_key or "",
    }
    assert all(len(secret) >= 12 for secret in secrets.values())
    path = reverse("portal:bind-return", args=[opened.state])
    return World(wechat, staff, browser, api_key, secrets, code, path)


# Where secrets could come out


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """What our handler writes, at the most talkative level."""
    [handler] = [one for one in logging.getLogger().handlers if one.get_name() == "stderr"]
    stream = io.StringIO()
    ours = logging.StreamHandler(stream)
    ours.setFormatter(handler.formatter)
    caplog.set_level(logging.DEBUG)
    logging.getLogger().addHandler(ours)
    yield stream
    logging.getLogger().removeHandler(ours)


def queued() -> list[str]:
    """Every message that waits in the broker, once the wake-ups have had their time."""
    time.sleep(0.05)
    told = []
    with app.connection_or_acquire() as connection:
        waiting = connection.SimpleQueue("celery")
        with suppress(waiting.Empty):
            while True:
                message = waiting.get(block=False)
                told.append(repr([message.headers, message.properties, message.payload]))
                message.ack()
        waiting.close()
    return told


def open_columns() -> str:
    """All that the database holds in the clear; sessions are keyed by themselves."""
    return "\n".join(
        repr(row)
        for model in apps.get_models(include_auto_created=True)
        if model is not LoginSession
        for row in model._base_manager.values_list(
            *[one.name for one in model._meta.concrete_fields if not isinstance(one, SecretField)]
        )
    )


def leaks(secrets: dict[str, str], text: str) -> list[str]:
    """The secrets that are in TEXT, as they are or as an address or HTML would write them."""
    return [
        name
        for name, secret in secrets.items()
        if any(form in text for form in {secret, quote(secret), quote(secret, safe="")})
    ]


Check = Callable[[World], None]


@pytest.fixture
def check(
    lines: io.StringIO, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> Check:
    def check(world: World) -> None:
        ours = {name: value for name, value in world.secrets.items() if name not in BEARERS}
        records = "\n".join(
            f"{record.getMessage()} {record.args!r}"
            for record in caplog.records
            if record.name != "django_structlog.middlewares.request"
        )
        printed = "".join(capsys.readouterr())
        assert leaks(ours, "\n".join(world.said)) == [], "in a page or an answer of the API"
        assert leaks(world.secrets, "\n".join(world.raised)) == [], "in an exception"
        assert leaks(world.secrets, lines.getvalue()) == [], "in a line of the log"
        assert leaks(ours, records) == [], "in a record before it is scrubbed"
        assert leaks(world.secrets, printed) == [], "printed"
        assert leaks(world.secrets, "\n".join(queued())) == [], "in a task's arguments"
        assert leaks(world.secrets, open_columns()) == [], "in an open column"

    return check


def test_the_sinks_would_show_a_leak(
    world: World, check: Check, lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """The test of the test: each of them catches what is put there."""
    logging.getLogger("a").warning("it is %s", world.secrets["the password"])
    assert leaks(world.secrets, lines.getvalue()) == ["the password"]
    miniprogram_tasks.advance_binding.apply_async((world.secrets["the auth_code"],))
    assert leaks(world.secrets, "".join(queued())) == ["the auth_code"]
    Push.objects.update(error=world.secrets["the refresh token"])
    assert leaks(world.secrets, open_columns()) == ["the refresh token"]
    world.call(lambda: 1 / 0)
    assert "ZeroDivisionError" in world.raised[0]
    with pytest.raises(AssertionError, match="in a line of the log"):
        check(world)


# WeChat, or whoever answers in its place, goes wrong


def echo(world: World) -> str:
    """Our own request, as a careless server or proxy repeats it."""
    told = {"component_appsecret": SECRET, "access_token": world.secrets["the component token"]}
    names = ("the ticket", "the refresh token", "the pre_auth_code", "the auth_code")
    codes = " ".join(world.secrets[name] for name in names)
    return f"{json.dumps(told)} {codes} token={world.secrets['the authorizer token']}"


Fault = dict[str, Any]
FAULTS: dict[str, Callable[[World], Fault]] = {
    "a refusal that repeats what we sent": lambda world: {"errcode": 40013, "errmsg": echo(world)},
    "a token that is refused": lambda world: {"errcode": 40001, "errmsg": echo(world)},
    "no longer authorised": lambda world: {"errcode": 61003, "errmsg": echo(world)},
    "a refresh token that is refused": lambda world: {"errcode": 61023},
    "a code that is refused": lambda world: {"errcode": 61010, "errmsg": echo(world)},
    "a quota": lambda world: {"errcode": 45009, "errmsg": echo(world)},
    "busy": lambda world: {"errcode": -1, "errmsg": echo(world)},
    "an error page that repeats what we sent": lambda world: {
        "status": 502, "body": echo(world).encode(),
    },
    "HTML that repeats what we sent": lambda world: {"body": echo(world).encode()},
    "a redirect with our token": lambda world: {
        "status": 302,
        "headers": {"Location": f"/?access_token={world.secrets['the component token']}"},
    },
    "a life that is a token": lambda world: {
        "expires_in": world.secrets["the component token"],
    },
    "no connection": lambda world: {"drop": "before"},
    "a connection that breaks": lambda world: {"drop": "after"},
    "an answer cut short": lambda world: {"truncate": 60},
    "an answer without its token": lambda world: {
        "without": ("component_access_token", "authorizer_access_token", "pre_auth_code"),
    },
}  # fmt: skip


def use_everything(world: World) -> None:
    """Whatever asks WeChat: people, the API's clients, staff and the workers."""
    authorizer = Authorizer.objects.get(appid=OURS)
    world.due()
    tasks.keep_component_tokens()
    world.due()
    world.call(tokens.component_token, Component.objects.get())
    world.ask("post", "/portal/bind/", {"auth_type": 2})
    world.ask("get", world.return_path, {"auth_code": world.code, "expires_in": "600"})
    world.ask("get", world.return_path)
    world.due()
    world.call(profiles.sync_profile, authorizer)
    world.call(refreshing.refresh_now, authorizer, by=world.staff)
    world.call(authorizer_tokens.authorizer_token, OURS)
    world.due()
    world.call(reconciling.reconcile, Component.objects.get())
    for job in (
        miniprogram_tasks.refresh_tokens,
        miniprogram_tasks.advance_bindings,
        miniprogram_tasks.fetch_profiles,
        miniprogram_tasks.reconcile,
    ):
        world.due()
        world.call(job)
    world.ask("get", "/portal/")
    world.api("/api/v1/authorizers/")
    world.api(f"/api/v1/authorizers/{OURS}/")


@pytest.mark.parametrize("what", FAULTS)
def test_nothing_comes_out_while_wechat_fails(
    world: World, check: Check, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TRIES", 1)
    world.wechat.fault("*", times=None, **FAULTS[what](world))
    use_everything(world)
    assert world.said
    check(world)


# Everything else that goes wrong


def a_forged_push(world: World) -> None:
    query = "&".join(f"x={quote(secret)}" for secret in world.secrets.values())
    for path in ("/wechat/component/push/", f"/wechat/{OURS}/push/", f"/wechat/{world.code}/"):
        world.ask("post", f"{path}?{query}", echo(world), content_type="text/xml")
        world.ask("get", f"{path}?echostr={quote(world.code)}&{query}")


def a_push_that_is_not_whole(world: World) -> None:
    told = {"AuthorizationCode": world.code, "PreAuthCode": world.secrets["the pre_auth_code"]}
    assert at_the_door(world.wechat.push("authorized", told).sealed).answer().status == 200
    assert Push.objects.get(kind="authorized").state == Push.State.FAILED
    Push.objects.update(retry_at=Now())
    webhook_tasks.retry_failed_pushes()


def a_handler_that_breaks(world: World) -> None:
    def handle(row: Push, push: wire.Push) -> None:
        raise ValueError(f"cannot use {push.get('AuthorizationCode')}") from KeyError(
            push.get("PreAuthCode")
        )

    before = routing.COMPONENT_PUSHES["authorized"]
    routing.COMPONENT_PUSHES["authorized"] = handle
    try:
        a_push_of_an_authorisation(world)
    finally:
        routing.COMPONENT_PUSHES["authorized"] = before
    assert Push.objects.get(kind="authorized").state == Push.State.FAILED


def a_push_of_an_authorisation(world: World) -> None:
    told = {
        "AuthorizerAppid": "wxbbbbbbbbbbbbbbbb",
        "AuthorizationCode": world.code,
        "PreAuthCode": world.secrets["the pre_auth_code"],
    }
    assert at_the_door(world.wechat.push("authorized", told).sealed).answer().status == 200


def an_unknown_push(world: World) -> None:
    push = world.wechat.push("something_new", {"AuthorizationCode": world.code})
    assert at_the_door(push.sealed).answer().status == 200


def a_component_that_cannot_be_read(world: World) -> None:
    Component.objects.update(
        app_secret=LOST, verify_ticket=LOST, access_token=LOST, aes_key=LOST, message_token=LOST
    )
    world.ask("post", "/wechat/component/push/", echo(world), content_type="text/xml")
    a_forged_push(world)
    use_everything(world)


def an_account_that_cannot_be_read(world: World) -> None:
    Authorizer.objects.update(access_token=LOST, refresh_token=LOST, refresh_token_history=LOST)
    use_everything(world)


def a_binding_that_cannot_be_read(world: World) -> None:
    path = world.return_path
    Binding.objects.update(state=LOST, pre_auth_code=LOST, code=LOST)
    world.ask("get", path, {"auth_code": world.code})
    world.ask("get", "/portal/")
    world.due()
    world.call(miniprogram_tasks.advance_bindings)


def secrets_of_one_row_in_another(world: World) -> None:
    row = Authorizer.objects.get(appid=OURS)
    Authorizer.objects.update(access_token=row.__dict__["refresh_token"])
    use_everything(world)


def a_push_that_cannot_be_read(world: World) -> None:
    Push.objects.update(body=LOST, state=Push.State.FAILED, retry_at=Now())
    webhook_tasks.retry_failed_pushes()


def a_wrong_password(world: World) -> None:
    for name in ("merchant", "nobody"):
        form = {"username": name, "password": f"{PASSWORD}!"}
        world.ask("post", "/portal/login/", form)
        world.ask("post", "/admin/login/", form)
        world.ask("post", "/api/v1/auth/token/", form, content_type="application/json")


def a_login_that_is_not_whole(world: World) -> None:
    for body in (
        f'{{"password": "{PASSWORD}"',
        f'["{PASSWORD}"]',
        f'{{"password": ["{PASSWORD}"]}}',
    ):
        world.ask("post", "/api/v1/auth/token/", body, content_type="application/json")
    basic = base64.b64encode(f"merchant:{PASSWORD}!".encode()).decode()
    for head in (f"Basic {basic}", f"Basic {PASSWORD}", f"Basic {basic} x"):
        world.ask("post", "/api/v1/auth/token/", headers={"Authorization": head})


def a_form_without_its_csrf_token(world: World) -> None:
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    world.keep(strict.post("/portal/login/", {"username": "merchant", "password": PASSWORD}))


def a_key_that_is_wrong(world: World) -> None:
    for key in (f"{world.api_key}x", world.api_key[:-1], f"{world.api_key} {PASSWORD}", PASSWORD):
        world.api(f"/api/v1/authorizers/?search={quote(world.code)}", key)


def a_key_in_the_address(world: World) -> None:
    world.ask("get", f"/api/v1/authorizers/?token={world.api_key}")
    world.ask("get", f"/api/v1/authorizers/?kind={world.code}")


def a_state_of_somebody_elses(world: World) -> None:
    stranger = Client(raise_request_exception=False)
    for path in (world.return_path, f"/portal/bind/{'x' * 43}/return/"):
        world.keep(stranger.get(path, {"auth_code": world.code, "expires_in": "600"}))


def a_code_that_is_used(world: World) -> None:
    for _ in range(2):
        world.ask("get", world.return_path, {"auth_code": world.code, "expires_in": "600"})
    world.ask("get", world.return_path)


def a_code_that_is_none(world: World) -> None:
    code = f"{world.code}x"
    world.ask("get", world.return_path, {"auth_code": code, "expires_in": world.code})
    world.ask("get", world.return_path)


def an_address_that_is_none(world: World) -> None:
    for path in ("/portal/", "/api/v1/", "/"):
        world.ask("get", f"{path}no/such/page/?auth_code={world.code}&token={world.api_key}")


def a_host_that_is_not_ours(world: World) -> None:
    world.ask("get", f"{world.return_path}?auth_code={world.code}", headers={"host": "evil.test"})


def no_database(world: World) -> None:
    def use_it() -> None:
        world.ask("post", "/portal/login/", {"username": "merchant", "password": PASSWORD})
        world.ask("get", world.return_path, {"auth_code": world.code})
        world.ask("post", "/portal/bind/", {"auth_type": 2})
        world.api("/api/v1/authorizers/")
        form = {"username": "merchant", "password": PASSWORD}
        world.ask("post", "/api/v1/auth/token/", form, content_type="application/json")
        world.ask("post", "/admin/login/", form)
        a_forged_push(world)
        world.call(tasks.keep_component_tokens)
        world.call(authorizer_tokens.authorizer_token, OURS)

    assert without_database(use_it) is None
    assert world.raised


def a_command_that_is_told_wrong(world: World) -> None:
    for wrong in (AES_KEY + "x", AES_KEY[:-1] + "+"):
        for name, value in {
            "WECHAT_COMPONENT_APPID": APPID,
            "WECHAT_COMPONENT_SECRET": SECRET,
            "WECHAT_TOKEN": f"{TOKEN}-",
            "WECHAT_AES_KEY": wrong,
        }.items():
            setattr(django_settings, name, value)
        world.call(call_command, "register_component")


def keys_that_are_lost(world: World) -> None:
    django_settings.FIELD_ENCRYPTION_KEYS = ["Zm9ydHktdGhyZWUtbGV0dGVycy1vZi1ub3RoaW5nISE="]
    out = io.StringIO()
    world.call(call_command, "rotate_field_keys", stdout=out, stderr=out)
    world.said.append(out.getvalue())
    use_everything(world)


def keys_that_are_broken(world: World) -> None:
    django_settings.FIELD_ENCRYPTION_KEYS = [world.secrets["the field key"][:-3]]
    world.said += [str(one) for one in checks.run_checks(include_deployment_checks=True)]
    world.call(lambda: Component.objects.get().app_secret)


def a_dump(world: World) -> None:
    out = io.StringIO()
    call_command("dumpdata", "platform_auth", "miniprograms", "auth", "knox", stdout=out)
    world.said.append(out.getvalue())


def a_form_of_staff_that_is_filled_in_wrong(world: World) -> None:
    boss = User.objects.create_superuser("boss", password="the-boss-password")
    browser = Client(raise_request_exception=False)
    browser.force_login(boss)
    path = reverse("admin:platform_auth_component_change", args=[Component.objects.get().pk])
    form = {
        "appid": APPID,
        "name": "x",
        "secret": f"{SECRET} ",
        "token": f"{TOKEN}-",
        "key": AES_KEY[1:],
    }
    answer = world.keep(browser.post(path, form))
    assert answer.status_code == 200


CHANGED = ["FIELD_ENCRYPTION_KEYS", "WECHAT_COMPONENT_APPID", "WECHAT_COMPONENT_SECRET"]
CHANGED += ["WECHAT_TOKEN", "WECHAT_AES_KEY"]

WRONG = [
    a_forged_push,
    a_push_that_is_not_whole,
    a_handler_that_breaks,
    a_push_of_an_authorisation,
    an_unknown_push,
    a_component_that_cannot_be_read,
    an_account_that_cannot_be_read,
    a_binding_that_cannot_be_read,
    secrets_of_one_row_in_another,
    a_push_that_cannot_be_read,
    a_wrong_password,
    a_login_that_is_not_whole,
    a_form_without_its_csrf_token,
    a_key_that_is_wrong,
    a_key_in_the_address,
    a_state_of_somebody_elses,
    a_code_that_is_used,
    a_code_that_is_none,
    an_address_that_is_none,
    a_host_that_is_not_ours,
    no_database,
    a_command_that_is_told_wrong,
    keys_that_are_lost,
    keys_that_are_broken,
    a_dump,
    a_form_of_staff_that_is_filled_in_wrong,
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_nothing_comes_out_when(
    world: World,
    check: Check,
    wrong: Callable[[World], None],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "TRIES", 1)
    assert not settings.DEBUG
    for name in CHANGED:  # set here, they are what they were after the test
        setattr(settings, name, getattr(settings, name))
    wrong(world)
    assert world.said or world.raised or Push.objects.exists()
    check(world)


def test_no_staff_page_shows_what_was_kept_of_it(
    world: World, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After many of WeChat's faults, and pushes that failed: every list and every row."""
    monkeypatch.setattr(http, "TRIES", 1)
    for fault in list(FAULTS.values())[::3]:
        world.wechat.clear_faults()
        world.wechat.fault("*", times=None, **fault(world))
        use_everything(world)
    a_push_that_is_not_whole(world)
    boss = User.objects.create_superuser("boss", password="the-boss-password")
    world.browser.force_login(boss)
    for model in (Component, Push, Authorizer, Binding):
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert world.ask("get", reverse(f"{base}_changelist")).status_code == 200
        for row in model.objects.all():
            path = reverse(f"{base}_change", args=[row.pk])
            assert world.ask("get", path).status_code == 200
    assert world.ask("get", reverse("admin:platform_auth_operation_changelist")).status_code == 200
    check(world)


def test_there_are_enough_of_them(world: World) -> None:
    assert len(world.secrets) >= 12
    assert len(FAULTS) + len(WRONG) >= 30
