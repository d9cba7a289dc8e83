"""The portal in the looks that the walk over all pages leaves out, by keys alone, and by finger."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from miniprograms.models import Authorizer
from sandbox.world import WeChat
from tests.rows import make_authorizer
from tests.test_browser_axe import grave_violations, log_in, pages_below
from tests.test_browser_binding import NewPage
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world
from tests.test_matrix import account as account
from tests.test_matrix import code as code
from tests.test_matrix import parked as parked
from tests.test_matrix import path_of
from tests.test_matrix import talk as talk

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world"),
]

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
LOOKS = {"en, wide, dark": ("en", WIDE, "dark"), "zh, narrow": ("zh-CN", NARROW, "light")}
LEAST = 44  # pixels, for a finger


@pytest.mark.usefixtures("parked", "code", "talk")
@pytest.mark.parametrize("look", LOOKS)
def test_no_page_has_a_grave_violation_in_the_other_looks(
    new_page: NewPage, account: Authorizer, merchant: User, look: str
) -> None:
    locale, viewport, scheme = LOOKS[look]
    page = new_page(locale=locale, viewport=viewport, color_scheme=scheme, bypass_csp=True)
    log_in(page, "/portal/login/", "merchant", "merchant-password")
    problems = {}
    for address in pages_below("portal/"):
        answer = page.goto(path_of(address, account, merchant))
        if not answer.text().lstrip().lower().startswith("<!doctype html>"):
            continue
        found = grave_violations(page)
        if viewport == NARROW and page.evaluate("document.documentElement.scrollWidth") > 390:
            found.append("scrolls sideways")
        if found:
            problems[address] = found
    assert not problems, json.dumps(problems, indent=1)


@pytest.mark.parametrize("has_scripts", [True, False])
def test_on_a_phone_the_menu_is_folded_until_it_is_asked_for(
    new_page: NewPage, merchant: User, has_scripts: bool
) -> None:
    page = new_page(viewport=NARROW, java_script_enabled=has_scripts, bypass_csp=True)
    log_in(page, "/portal/login/", "merchant", "merchant-password")
    bar = page.get_by_role("banner")
    box = bar.bounding_box()
    assert box is not None
    assert box["height"] < 80
    history = bar.get_by_role("link", name="History")
    language = bar.get_by_role("button", name="English")
    assert not history.is_visible()
    assert not language.is_visible()
    bar.locator("summary").focus()
    page.keyboard.press("Enter")
    history.wait_for()
    assert language.is_visible()
    if has_scripts:
        assert not grave_violations(page)
    page.keyboard.press("Tab")
    assert bar.get_by_role("link", name="My accounts").evaluate("it => it.matches(':focus')")
    history.click()
    page.wait_for_url("**/portal/history/")
    assert not bar.get_by_role("link", name="History").is_visible()


def test_on_a_computer_there_is_nothing_to_unfold(new_page: NewPage, merchant: User) -> None:
    page = new_page(viewport=WIDE)
    log_in(page, "/portal/login/", "merchant", "merchant-password")
    assert not page.locator("summary", has_text="Menu").is_visible()
    assert page.get_by_role("banner").get_by_role("link", name="History").is_visible()


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("has_scripts", [True, False])
def test_what_only_a_script_can_do_is_not_offered_without(
    new_page: NewPage, account: Authorizer, viewport: dict[str, int], has_scripts: bool
) -> None:
    page = new_page(viewport=viewport, java_script_enabled=has_scripts)
    log_in(page, "/portal/login/", "merchant", "merchant-password")
    copy = page.locator("[data-copy]", has_text="Copy").first
    assert copy.is_visible() is has_scripts
    page.locator("form.bind [name=device][value=phone]").check()
    page.locator("form.bind .button").click()
    page.get_by_role("heading", name="Scan this").wait_for()
    assert page.locator("[data-copy]").first.is_visible() is has_scripts


def tab_to(page: Any, name: str) -> None:
    """By the tab key alone to what has the NAME; whatever has the focus on the way shows it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            """() => {
                const one = document.activeElement, style = getComputedStyle(one);
                const name = one.innerText || one.labels?.[0]?.innerText || "";
                return one === document.body ? ["", ""] : [name, style.outlineStyle];
            }"""
        )
        assert focus[1] != "none", f"no focus to be seen: {focus[0]}"
        if " ".join(focus[0].split()) == name:
            return
    pytest.fail(f"the tab key does not lead to {name}")


def test_a_merchant_binds_by_keys_alone(new_page: NewPage, wechat: WeChat, merchant: User) -> None:
    wechat.create_account(nick_name="Tea & Cake")
    page = new_page()
    page.goto("/portal/login/")
    page.keyboard.type("merchant")  # the field has the focus
    page.keyboard.press("Tab")
    page.keyboard.type("merchant-password")
    page.keyboard.press("Enter")
    page.wait_for_url("**/portal/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
    page.keyboard.press("Enter")
    tab_to(page, "Bind an account")
    page.keyboard.press("Enter")
    page.locator("button[value=confirm]").focus()  # WeChat's page is not ours
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Tea & Cake is bound").wait_for()
    tab_to(page, "To my accounts")
    page.keyboard.press("Enter")
    page.get_by_text("In order").wait_for()
    row = Authorizer.objects.get()
    assert (row.owner, row.state) == (merchant, "bound")


def test_choices_of_a_binding_are_made_by_keys(
    new_page: NewPage, wechat: WeChat, merchant: User
) -> None:
    page = new_page()
    log_in(page, "/portal/login/", "merchant", "merchant-password")
    tab_to(page, "Either; I choose at WeChat")
    page.keyboard.press("ArrowDown")
    tab_to(page, "On this computer, by scanning WeChat's code")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Allow one particular account only")
    page.keyboard.press("Enter")
    tab_to(page, "Only this AppID (optional)")
    page.keyboard.type("wx00000000000000a1")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Scan this with").wait_for()
    tab_to(page, "Copy link")


@pytest.mark.usefixtures("code", "talk")
def test_a_finger_finds_what_it_can_press(
    new_page: NewPage, account: Authorizer, merchant: User
) -> None:
    page = new_page(viewport=NARROW, has_touch=True, is_mobile=True)
    log_in(page, "/portal/login/", "merchant", "merchant-password")
    small = {}
    own = f"{account.appid}/"
    general = ("", "notices/", "sessions/", "keys/", "password/", "history/")
    for address in (*general, own, f"{own}testers/", f"{own}history/"):
        page.goto(f"/portal/{address}")
        found = page.evaluate(
            f"""() => [...document.querySelectorAll("main :is(a, button, summary, select), header :is(a, button)")]
                .filter(one => one.checkVisibility() && !one.closest("p:not(.back, .code, .hint)"))
                .filter(one => !one.classList.contains("skip") && one.getBoundingClientRect().height < {LEAST})
                .map(one => one.outerHTML.slice(0, 120))"""  # noqa: E501 -- it is a script
        )
        if found:
            small[address] = found
    assert not small, json.dumps(small, indent=1)


def test_each_account_is_a_card_on_a_phone(
    new_page: NewPage, component: Any, merchant: User
) -> None:
    for number in range(8):
        make_authorizer(component, merchant, f"wx{number:016x}", nick_name=f"Tea house {number}")
    page = new_page(viewport=NARROW)
    log_in(page, "/portal/login/", "merchant", "merchant-password")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    heights = page.eval_on_selector_all(
        ".authorizer", "all => all.map(one => one.getBoundingClientRect().height)"
    )
    assert len(heights) == 8
    assert max(heights) < 340
