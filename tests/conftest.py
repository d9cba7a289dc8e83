"""
A small world: our component, a merchant and a member of staff, and WeChat's stand-in behind the
client's own transport. Nothing of the product is patched.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import caches
from django.db import connection
from django.test import Client, TransactionTestCase
from django.utils import translation
from requests import PreparedRequest, Response

from miniprograms.models import Authorizer
from miniprograms.services import binding, trading
from platform_auth import call_log, old_keys
from platform_auth.models import Component
from platform_auth.registration import register_component
from sandbox.server.transport import SandboxAdapter
from sandbox.wire.pushes import Deliver as Deliver
from sandbox.world import WeChat
from tests import databases
from webhooks import processing
from wechat import bulkhead, http

PREFIX = "https://wechat.test"
APPID = "wx0123456789abcdef"
SECRET = "5ec0e7" + "a" * 26
TOKEN = "messagetokenmessagetoken00000000"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


class Seam(SandboxAdapter):
    """
    The stand-in, which also minds our rules: never call WeChat inside a transaction, and an act
    takes its place in the bulkhead before it does anything.
    """

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        blocks = connection.atomic_blocks
        ours = [one for one in blocks if not getattr(one, "_from_testcase", False)]
        assert not ours, f"{request.path_url} called inside a transaction"
        assert not bulkhead.came_late(), f"{request.path_url} called by an act without a place"
        return super().send(request, *args, **kwargs)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: Any
) -> Iterator[databases.Database]:
    """In pytest-django's place: a copy of a migrated database, and that again after each test."""
    with (
        django_db_blocker.unblock(),
        databases.copied() as database,
        pytest.MonkeyPatch.context() as django,
    ):
        django.setattr(TransactionTestCase, "_fixture_teardown", lambda _: database.restore())
        yield database


@pytest.fixture(autouse=True)
def _no_network_and_no_memory() -> Iterator[None]:
    """A call that no test provided for fails; throttles and the language start anew."""
    http.session.mount(PREFIX, Seam(WeChat(deliver=None)))
    clear_caches()
    call_log.discard()
    old_keys.forget_uses()
    translation.deactivate()
    yield
    clear_caches()
    # One that a test has lost, or a deadline closed, is no concern of the tests after it.
    if getattr(connection.connection, "closed", False):
        connection.connection = None


def clear_caches() -> None:
    for cache in caches.all():
        cache.clear()


@pytest.fixture
def dead_cache(settings: Any) -> None:
    """The cache is in a Redis where nobody listens."""
    redis = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": redis, "LOCATION": "redis://127.0.0.1:9/0"}}


@pytest.fixture
def wechat() -> Iterator[WeChat]:
    """WeChat's stand-in, knowing our component. Its pushes wait in `outbox` for `deliver`."""
    stand_in = WeChat(deliver=None, seed=1)
    stand_in.register_component(
        appid=APPID, secret=SECRET, token=TOKEN, aes_key=AES_KEY, redirect_domain="testserver"
    )
    http.session.mount(PREFIX, Seam(stand_in))
    yield stand_in
    assert not stand_in.unknown_calls


@pytest.fixture
def unregistered(db: None) -> None:
    """A database without a component."""


@pytest.fixture
def component(db: None) -> Component:
    """Our third-party platform, registered; it has no ticket yet."""
    return register_component(appid=APPID, secret=SECRET, token=TOKEN, aes_key=AES_KEY)


@pytest.fixture
def deliver() -> Deliver:
    """Carries a push of the stand-in's to our doors: status and body of the answer."""
    client = Client()

    def carry(
        url: str, params: Mapping[str, str], body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        path = f"{urlsplit(url).path}?{urlencode(params)}"
        answer = client.post(path, body, content_type="text/xml")
        processing.process_due()  # as a worker does that the push has woken
        return answer.status_code, answer.content

    return carry


@pytest.fixture
def ticket(wechat: WeChat, component: Component, deliver: Deliver) -> str:
    """A ticket has been pushed and kept."""
    value = wechat.push_ticket()
    [delivery] = wechat.deliver_all(deliver)
    assert (delivery.status, delivery.answer) == (200, b"success")
    return value


@pytest.fixture
def merchant(db: None) -> User:
    return User.objects.create_user("merchant", password="merchant-password")


@pytest.fixture
def other_merchant(db: None) -> User:
    return User.objects.create_user("other-merchant", password="other-password")


@pytest.fixture
def staff(db: None) -> User:
    """A member of staff in the group of operators."""
    user = User.objects.create_user("operator", password="operator-password", is_staff=True)
    user.groups.add(Group.objects.get(name="operators"))
    return user


Bound = Callable[..., Authorizer]


@pytest.fixture
def bound(wechat: WeChat, ticket: str, merchant: User) -> Bound:
    """Makes an account of the stand-in that is bound to a merchant, with live tokens."""

    def bind(appid: str | None = None, *, owner: User | None = None, **account: Any) -> Authorizer:
        theirs = wechat.create_account(appid=appid, **account)
        opened = binding.start_binding(user=owner or merchant, session="session")
        code = wechat.authorize(opened.pre_auth_code, theirs.appid)
        wechat.outbox.clear()
        done = trading.finish_binding(opened, code)
        assert done.authorizer is not None, done.last_error
        authorizer: Authorizer = done.authorizer
        return authorizer

    return bind
