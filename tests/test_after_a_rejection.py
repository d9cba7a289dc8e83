"""What staff read, and are offered, while the newest review is a rejection."""

import pytest
from django.test import Client

from audits.services.version_names import next_version
from tests.desk import Desk
from tests.desk import desk as desk
from tests.rows import make_authorizer
from tests.test_admin_code_acts import browser_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

ACCOUNTS = "/admin/miniprograms/authorizer/"
NO_OBSTACLE = "Nothing that we know of stands in the way."
REASON = "2.1:服务类目与页面内容不一致"


@pytest.fixture
def browser(desk: Desk) -> Client:
    return browser_of(desk.staff)


@pytest.fixture
def rejected(desk: Desk) -> Desk:
    desk.submit("1.2.0")
    desk.judge("reject", REASON)
    return desk


def preflight(browser: Client, desk: Desk) -> str:
    return text_of(browser.get(f"{ACCOUNTS}{desk.shop.pk}/code/now/preflight/"))


def test_the_same_code_is_not_called_fine(browser: Client, rejected: Desk) -> None:
    page = preflight(browser, rejected)
    assert "rejected version 1.2.0" in page
    assert REASON in page
    assert "Nothing was uploaded since: it would be the same code again." in page
    assert NO_OBSTACLE not in page


def test_newer_code_is_looked_at_with_the_reason(browser: Client, rejected: Desk) -> None:
    rejected.commit("1.2.1")
    page = preflight(browser, rejected)
    assert "Version 1.2.1 was uploaded since: look whether it mends the reason." in page
    assert REASON in page
    assert "Nothing was uploaded since" not in page


def test_once_another_has_passed_it_is_fine(browser: Client, rejected: Desk) -> None:
    rejected.approve("1.2.1")
    rejected.commit("1.3.0")
    page = preflight(browser, rejected)
    assert NO_OBSTACLE in page
    assert "1.2.0" not in page


def test_of_many_each_says_so(browser: Client, rejected: Desk) -> None:
    chosen = {"action": "check_code", "_selected_action": [rejected.shop.pk], "confirmed": "yes"}
    page = text_of(browser.post(ACCOUNTS, chosen, follow=True))
    assert "version 1.2.0 was rejected and none approved since" in page


def offered(browser: Client, desk: Desk) -> str:
    """The version that choosing the template fills in."""
    form = browser.get(f"{ACCOUNTS}{desk.shop.pk}/code/commit/").context["form"]
    option = next(one for one in form["template"].subwidgets if one.data["value"])
    assert form["user_version"].value() == option.data["attrs"]["data-version"]
    return str(form["user_version"].value())


def test_the_next_number_is_offered_for_what_was_mended(browser: Client, desk: Desk) -> None:
    version = desk.template.user_version
    assert offered(browser, desk) == version
    desk.submit(version)
    desk.judge("reject", REASON)
    assert (version, offered(browser, desk)) == ("2.0.0", "2.0.1")
    page = text_of(browser.get(f"{ACCOUNTS}{desk.shop.pk}/code/commit/"))
    assert "WeChat rejected 2.0.0" in page
    desk.commit("2.0.1")
    assert offered(browser, desk) == "2.0.2"
    desk.approve(version)
    assert offered(browser, desk) == version


def test_so_it_is_for_many_of_which_one_was_rejected(browser: Client, desk: Desk) -> None:
    desk.submit(desk.template.user_version)
    desk.judge("reject", REASON)
    other = make_authorizer(desk.shop.component, None)
    chosen = {"action": "upload_code", "_selected_action": [desk.shop.pk, other.pk]}
    form = browser.post(ACCOUNTS, chosen).context["form"]
    assert form["user_version"].value() == "2.0.1"


@pytest.mark.parametrize(
    ("version", "following"),
    [
        ("1.2.0", "1.2.1"),
        ("1.2.9", "1.2.10"),
        ("1.2.09", "1.2.11"),
        ("v3", "v4"),
        ("1.2.0-beta", ""),
        ("2026.11.30", ""),
        ("20261130", ""),
        ("双十一", ""),
        ("", ""),
    ],
)
def test_what_comes_next_is_said_only_of_numbers(version: str, following: str) -> None:
    assert next_version(version, {"1.2.10", "1.2.1-beta"} - {following}) == following
