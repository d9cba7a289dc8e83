"""The whole binding, clicked through in a real browser: ours, the stand-in's pages, ours again."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from miniprograms.models import Authorizer, Binding
from miniprograms.services.bind_links import make_bind_link
from platform_auth.logins.api_clients import create_client
from sandbox import server
from sandbox.world import WeChat

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world"),
]

NewPage = Callable[..., Any]


@pytest.fixture
def world(wechat: WeChat, live_server: LiveServer, settings: Any) -> Iterator[None]:
    """The stand-in's pages on a port of their own; our pages know their public address."""
    pages = server.start(wechat)
    address = f"http://127.0.0.1:{pages.server_port}"
    settings.WECHAT_MP_URL = settings.WECHAT_OPEN_URL = address
    settings.PUBLIC_URL = live_server.url
    wechat.component.redirect_domain = urlsplit(live_server.url).hostname
    yield
    pages.shutdown()
    pages.server_close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, playwright.sync_playwright() as driver:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # the driver's loop is in this thread
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Any, live_server: LiveServer) -> Iterator[NewPage]:
    """Opens browsers of their own; none may report an error or ask a third party for anything."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def hear(message: Any) -> None:
        is_missing = message.text.startswith("Failed to load resource")  # `weigh` tells them apart
        if message.type in ("error", "warning") and not is_missing:
            complaints.append(message.text)

    def weigh(response: Any) -> None:
        if response.status >= 400 and response.request.resource_type != "document":
            complaints.append(f"{response.status} {response.url}")

    def watch(request: Any) -> None:
        if urlsplit(request.url).hostname not in ("localhost", "127.0.0.1", None):
            complaints.append(request.url)

    def open_page(**options: Any) -> Any:
        context = chromium.new_context(base_url=live_server.url, **{"locale": "en", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", watch)
        page.on("response", weigh)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


def log_in(page: Any) -> None:
    page.goto("/portal/")
    page.get_by_label("Username").fill("merchant")
    page.get_by_label("Password").fill("merchant-password")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/portal/")


def confirm_at_wechat(page: Any) -> None:
    """What the owner does on the stand-in's page."""
    page.locator("button[value=confirm]").click()


def test_a_merchant_binds_a_mini_program_by_clicking(
    new_page: NewPage, wechat: WeChat, merchant: User
) -> None:
    wechat.create_account(nick_name="Tea & Cake")
    page = new_page()
    log_in(page)
    page.get_by_role("button", name="Bind", exact=True).click()
    confirm_at_wechat(page)
    page.get_by_role("heading", name="Tea & Cake is bound").wait_for()
    assert "auth_code" not in page.url
    page.get_by_role("link", name="To my accounts").click()
    page.get_by_text("In order").wait_for()
    row = Authorizer.objects.get()
    assert (row.owner, row.state, row.token_state) == (merchant, "bound", "fresh")


def test_the_way_back_from_wechats_page_skips_the_page_that_leads_there(
    new_page: NewPage, wechat: WeChat, merchant: User
) -> None:
    wechat.create_account()
    page = new_page()
    log_in(page)
    page.get_by_role("button", name="Bind", exact=True).click()
    page.locator("button[value=confirm]").wait_for()
    page.go_back()
    page.get_by_role("heading", name="Bind an account").wait_for()
    assert urlsplit(page.url).path == "/portal/"


def test_a_phone_confirms_and_the_computer_notices(
    new_page: NewPage, wechat: WeChat, merchant: User
) -> None:
    wechat.create_account(nick_name="Tea & Cake")
    computer, phone = new_page(), new_page(viewport={"width": 390, "height": 844})
    log_in(computer)
    computer.get_by_label("On a phone").check()
    computer.get_by_role("button", name="Bind", exact=True).click()
    computer.get_by_role("img", name="QR code").wait_for()
    phone.goto(computer.locator("a.link").get_attribute("href"))
    confirm_at_wechat(phone)
    phone.get_by_role("heading", name="Bound. Go back to your computer.").wait_for()
    computer.get_by_role("heading", name="Tea & Cake is bound").wait_for()


def test_an_expired_code_is_cured_by_the_new_button(
    new_page: NewPage, wechat: WeChat, merchant: User
) -> None:
    wechat.create_account(nick_name="Tea & Cake")
    page = new_page()
    log_in(page)
    page.get_by_role("button", name="Bind", exact=True).click()
    page.locator("button[value=confirm]").wait_for()
    state = Binding.objects.get().state
    page.goto(f"/portal/bind/{state}/return/?auth_code=queryauthcode@@@{'x' * 60}&expires_in=600")
    page.get_by_role("heading", name="That did not work").wait_for()
    page.get_by_role("button", name="Try again").click()
    confirm_at_wechat(page)
    page.get_by_role("heading", name="Tea & Cake is bound").wait_for()


def test_language_and_logout_work_on_the_page_after_the_return(
    new_page: NewPage, wechat: WeChat, merchant: User
) -> None:
    wechat.create_account(nick_name="Tea & Cake")
    page = new_page()
    log_in(page)
    page.get_by_role("button", name="Bind", exact=True).click()
    confirm_at_wechat(page)
    page.get_by_role("heading", name="Tea & Cake is bound").wait_for()
    page.get_by_role("button", name="简体中文").click()
    page.locator("html[lang=zh-hans]").wait_for()
    page.get_by_role("button", name="English").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/portal/login/")


def test_an_owner_who_refuses_changes_nothing(
    new_page: NewPage, wechat: WeChat, merchant: User
) -> None:
    wechat.create_account()
    page = new_page()
    log_in(page)
    page.get_by_role("button", name="Bind", exact=True).click()
    page.locator("button[value=refuse]").click()
    page.get_by_role("heading", name="你已拒绝授权").wait_for()
    page.goto("/portal/")
    page.get_by_text("waits for the administrator").wait_for()
    assert not Authorizer.objects.exists()


def test_the_documentation_of_the_api_is_readable(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/api/docs/")
    page.get_by_text("/api/v1/authorizers/{appid}/", exact=True).first.wait_for()
    assert page.locator(".opblock").count() >= 4


def test_no_page_is_wider_than_a_narrow_phone(
    new_page: NewPage, wechat: WeChat, merchant: User
) -> None:
    page = new_page(viewport={"width": 360, "height": 740})
    log_in(page)
    page.get_by_label("On a phone").check()
    for path in ("/portal/", "/portal/password/", "/portal/bind/x/go/", "/nothing"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_the_computer_that_waits_goes_back_to_the_site_that_sent_it(
    new_page: NewPage, wechat: WeChat, merchant: User, settings: Any
) -> None:
    wechat.create_account()
    site = urlsplit(settings.WECHAT_MP_URL).netloc  # any other than ours
    client, _key = create_client(
        by=None, name="shop", owner=merchant, scopes=["bindings:write"], return_hosts=[site]
    )
    link = make_bind_link(
        merchant, by=merchant, client=client, is_single=True, auth_type=2, device="phone",
        return_url=f"http://{site}/?a=b", user_ref="shop 7",
    )  # fmt: skip
    computer, phone = new_page(), new_page(viewport={"width": 390, "height": 844})
    computer.goto(link.url)
    computer.get_by_role("button", name="Bind", exact=True).click()
    phone.goto(computer.locator("a.link").get_attribute("href"))
    confirm_at_wechat(phone)
    computer.wait_for_url(f"http://{site}/?a=b&binding={link.pk}&status=bound&user_ref=shop+7")
    phone.get_by_role("heading", name="Bound. Go back to your computer.").wait_for()


@pytest.mark.parametrize(
    ("viewport", "device"),
    [({"width": 390, "height": 844}, "phone"), ({"width": 1280, "height": 800}, "computer")],
)
def test_a_link_offers_first_where_one_is(
    new_page: NewPage, merchant: User, staff: User, viewport: dict[str, int], device: str
) -> None:
    link = make_bind_link(merchant, by=staff)
    page = new_page(viewport=viewport, screen=viewport)
    page.goto(link.url)
    assert page.locator("[name=device]:checked").get_attribute("value") == device
