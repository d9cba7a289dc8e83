"""
So many requests of a process may wait for WeChat at once, and no more: its other threads are free.
"""

import re
import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from api.preset_table import PRESETS
from audits.admin.code_page import ACTS
from audits.admin.live import PIECES
from audits.models import CodeAudit, CodeTemplate, IdempotencyKey
from miniprograms import tokens
from miniprograms.models import Authorizer, Binding
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_api_code import AUDITS, commit, post
from tests.test_api_code import operator as operator
from tests.test_api_code import shop as shop
from tests.test_api_code import template as template
from tests.test_matrix import ADDRESSES, CODE, path_of
from tests.test_matrix import account as account
from tests.test_matrix import browsers as browsers
from tests.test_matrix import code as code
from tests.test_matrix import parked as parked
from tests.test_matrix import talk as talk
from tests.test_portal_binding import browser as browser
from tests.test_portal_binding import confirm, start
from tests.threads import in_a_thread
from wechat import bulkhead

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

METHODS = ("GET", "POST")
BUSY = HTTPStatus.SERVICE_UNAVAILABLE
SUBMIT = "/wxa/submit_audit"
# Whatever asks somebody else while a person or a client waits, of the table of all addresses.
CHATS = ("portal/<slug:appid>/messages/<int:pk>/", "admin/messaging/conversation/<int:pk>/")
PROGRAM, TEMPLATES, TARGET = (
    "admin/miniprograms/authorizer/<path:object_id>/",
    "admin/audits/codetemplate/",
    "admin/messaging/target/<path:object_id>/",
)
API = "api/v1/authorizers/<slug:appid>/"
CAMPAIGN_ACTS = ("start", "pause", "resume", "cancel", "go-on", "retry", "release")
STANDING = ("testers", "private-interfaces", "settings/<slug:kind>/now")
ASKING = {
    # Not WeChat but a channel, which may be as slow.
    "POST portal/notices/<int:pk>/test/",
    *(f"POST admin/notices/channel/<path:object_id>/{act}/" for act in ("test", "resend-all")),
    # Nor is the mail server, which sends the link.
    "POST admin/miniprograms/authorizer/<path:object_id>/ask-again/",
    *("POST portal/bind/", "POST portal/bind/link/<str:signed>/"),
    "GET portal/<slug:appid>/trial/",
    "POST admin/miniprograms/authorizer/<path:object_id>/code/sync-templates/",
    *(f"POST {at}{end}" for at in CHATS for end in ("say/<slug:way>/", "again/<int:reply>/")),
    # Loaded on their own; by POST as well, since nothing says that they may not be.
    *(f"{method} {CODE}now/{name}/" for method in METHODS for name in PIECES),
    *(f"{method} {CODE}trial-qrcode/" for method in METHODS),
    # But for the two that refuse an empty form first.
    *(f"POST {CODE}{act.name}/" for act in ACTS if act.name not in ("commit", "gray-release")),
    *(f"POST {PROGRAM}{act}/" for act in ("refresh", "sync", "unbind")),
    *(f"POST admin/miniprograms/binding/<path:object_id>/{act}/" for act in ("refuse", "drop")),
    *(f"POST {TARGET}{act}/" for act in ("test", "switch-on", "switch-off", "resend-all")),
    *(f"{method} {TEMPLATES}drafts/<int:component>/" for method in METHODS),
    f"POST {TEMPLATES}drafts/<int:component>/<int:draft>/",
    f"POST {TEMPLATES}<path:object_id>/delete-template/",
    f"POST {TEMPLATES}sync/",
    "POST admin/platform_auth/component/<path:object_id>/ask-for-tickets/",
    "POST admin/platform_auth/component/<path:object_id>/refresh-token/",
    "POST admin/platform_auth/component/<path:object_id>/drop-previous-keys/",
    "POST admin/set-up/check/",
    *(f"POST {API}{noun}/" for noun in ("versions", "audits", "release", "revert", "messages")),
    *(f"{method} {API}wechat/<path:path>" for method in METHODS),
    *(
        f"{preset.method} {API}presets/{preset.name}/"
        for preset in PRESETS
        if preset.method == "POST" or not preset.asked
    ),
    *(f"POST {API}audits/<slug:auditid>/{act}/" for act in ("refresh", "withdraw")),
    *(f"GET {API}{what}/" for what in ("preflight", "options/<slug:name>")),
    *(f"GET {API}{noun}/" for noun in ("private-interfaces", "testers")),
    *("GET api/v1/campaigns/<int:pk>/forecast/", "GET api/v1/drafts/"),
    # Every act by REST, whether it asks or not.
    "POST api/v1/submission-files/",
    *(f"POST {API}{noun}/" for noun in ("private-interfaces", "testers", "review-pictures")),
    f"POST {API}settings/<slug:kind>/check/",
    f"POST {API}settings/privacy-guideline/file/",
    f"POST {API}quota/clear/",
    *(f"POST {API}{noun}/" for noun in ("login", "decrypt", "phone-number", "oauth/user")),
    *("POST api/v1/drafts/promote/", "POST api/v1/campaigns/", "POST api/v1/bindings/"),
    *(f"POST api/v1/campaigns/<int:pk>/{act}/" for act in CAMPAIGN_ACTS),
    *(f"{method} portal/<slug:appid>/testers/" for method in METHODS),
    # Staff's pages of what WeChat has.
    *(f"{method} {PROGRAM}{page}/" for method in METHODS for page in STANDING),
    f"POST {PROGRAM}testers/<path:userstr>/remove/",
    "POST admin/platform_auth/component/<path:object_id>/domains/",
    *(
        f"{method} admin/platform_auth/component/<path:object_id>/domains/<slug:which>/"
        for method in METHODS
    ),
    *(f"{method} admin/audits/campaign/<int:pk>/plan/<int:item>/preflight/" for method in METHODS),
}


@pytest.fixture
def full() -> Iterator[bulkhead.Bulkhead]:
    """Somebody has the only place, and keeps it."""
    full = bulkhead.configure(places=1, patience=0)
    full.take()
    yield full
    bulkhead.configure(places=4)


@pytest.fixture
def narrow() -> Iterator[bulkhead.Bulkhead]:
    """One place, which is free."""
    yield bulkhead.configure(places=1, patience=0)
    bulkhead.configure(places=4)


def is_free(narrow: bulkhead.Bulkhead) -> bool:
    try:
        narrow.take()
    except bulkhead.Crowded:
        return False
    narrow.give_back()
    return True


@pytest.mark.usefixtures("parked", "code", "talk")
def test_no_address_asks_wechat_without_a_place(
    account: Authorizer,
    browsers: dict[str, Client],
    merchant: User,
    wechat: WeChat,
    full: bulkhead.Bulkhead,
) -> None:
    """All of them, by both methods: whatever would ask is busy, and has asked nothing."""
    before, busy = wechat.count(), set()
    for address in sorted(ADDRESSES):
        if address.endswith(("history/", "delete/")) or re.search(
            "logout|auth/token|celery", address
        ):
            continue
        actor = "owner" if address.startswith("portal/") else "staff with"
        for method in METHODS:
            with transaction.atomic():
                path = path_of(address, account, merchant)
                answer = browsers[actor].generic(method, path)
                transaction.set_rollback(True)
            assert answer.status_code != HTTPStatus.INTERNAL_SERVER_ERROR, (method, address)
            if answer.status_code == BUSY:
                assert answer["Retry-After"], address
                busy.add(f"{method} {address}")
    assert wechat.count() == before
    assert busy == ASKING


def test_a_merchant_is_told_in_plain_words(
    merchant: User, account: Authorizer, full: bulkhead.Bulkhead
) -> None:
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(merchant)
    answer = browser.post("/portal/bind/", {"auth_type": "3"})
    assert (answer.status_code, answer["Retry-After"]) == (BUSY, "5")
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert "WeChat is slow just now" in answer.content.decode()
    assert not Binding.objects.filter(status=Binding.Status.OPEN).exists()


def test_a_return_that_finds_no_place_is_repeated_by_a_reload(
    browser: Client, ticket: str, wechat: WeChat, narrow: bulkhead.Bulkhead
) -> None:
    started = start(browser)
    code = confirm(wechat, started, wechat.create_account())
    narrow.take()
    answer = browser.get(started["back"], code)
    assert (answer.status_code, answer["Referrer-Policy"]) == (BUSY, "no-referrer")
    assert Binding.objects.get().status == Binding.Status.OPEN
    narrow.give_back()
    assert browser.get(started["back"], code).status_code == HTTPStatus.FOUND
    assert Binding.objects.get().status == Binding.Status.BOUND


def test_a_client_is_told_and_may_try_again_with_the_same_key(
    operator: Client,
    shop: Authorizer,
    template: CodeTemplate,
    wechat: WeChat,
    narrow: bulkhead.Bulkhead,
) -> None:
    commit(operator, template)
    key = {"idempotency-key": "once"}
    narrow.take()
    answer = post(operator, AUDITS, **key)
    assert (answer.status_code, answer["Retry-After"]) == (BUSY, "5")
    assert answer.json()["code"] == "busy"
    assert not CodeAudit.objects.exists()
    assert not IdempotencyKey.objects.exists()
    narrow.give_back()
    assert post(operator, AUDITS, **key).status_code == HTTPStatus.CREATED


@pytest.mark.parametrize(
    "fault", [{"drop": "before"}, {"drop": "after"}, {"errcode": -1}, {"body": b"<html>"}]
)
def test_a_place_is_given_back_whatever_wechat_does(
    fault: dict[str, object],
    operator: Client,
    shop: Authorizer,
    template: CodeTemplate,
    wechat: WeChat,
    narrow: bulkhead.Bulkhead,
) -> None:
    commit(operator, template)
    wechat.fault(SUBMIT, times=None, **fault)
    post(operator, AUDITS)
    assert wechat.count(SUBMIT)
    assert is_free(narrow)


def test_a_place_is_given_back_when_the_view_breaks(narrow: bulkhead.Bulkhead) -> None:
    def view() -> None:
        bulkhead.take_place()
        assert not is_free(narrow)
        raise ZeroDivisionError

    with bulkhead.somebody_waits(), pytest.raises(ZeroDivisionError):
        view()
    assert is_free(narrow)


def test_a_request_has_one_place_however_often_it_asks(narrow: bulkhead.Bulkhead) -> None:
    with bulkhead.somebody_waits():
        for _ in range(3):
            bulkhead.take_place()
    assert is_free(narrow)


def test_a_place_that_becomes_free_soon_is_waited_for() -> None:
    few = bulkhead.configure(places=1, patience=20)
    few.take()

    def wait() -> bool:
        with bulkhead.somebody_waits():
            bulkhead.take_place()
            return True

    waiting = in_a_thread(wait)
    time.sleep(0.1)
    with pytest.raises(bulkhead.Crowded):  # so many may wait, and no more
        few.take()
    few.give_back()
    assert waiting.result()
    assert is_free(bulkhead.configure(places=4))


def test_work_that_nobody_waits_for_needs_no_place(
    bound: Bound, full: bulkhead.Bulkhead, wechat: WeChat
) -> None:
    bound("wxaaaaaaaaaaaaaaaa")
    held = tokens.authorizer_token("wxaaaaaaaaaaaaaaaa")
    assert tokens.authorizer_token("wxaaaaaaaaaaaaaaaa", refused=held) != held
