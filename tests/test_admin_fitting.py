"""The buttons of a mini program fit its state, and where there is none the page says why."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audits.models import CodeSummary, CodeTemplate
from audits.services import releasing
from miniprograms.models import Authorizer
from platform_auth.models import Component
from tests.desk import Desk
from tests.desk import desk as desk
from tests.rows import make_authorizer
from tests.test_admin_code_acts import browser_of, text_of

pytestmark = pytest.mark.django_db

ACCOUNTS = "/admin/miniprograms/authorizer/"
NAMES = {
    "commit": "Upload code",
    "submit": "Submit for review",
    "withdraw": "Withdraw",
    "speed-up": "Speed up",
    "release": "Release",
    "gray-release": "Release in steps",
    "revert": "Roll back",
}


@pytest.fixture
def boss() -> Client:
    return browser_of(User.objects.create_superuser("boss"))


def code_page(boss: Client, row: Authorizer) -> tuple[set[str], dict[str, str]]:
    """The acts that there are buttons for, and why there are none for others."""
    page = text_of(boss.get(f"{ACCOUNTS}{row.pk}/code/"))
    buttons = set(re.findall(rf'href="{ACCOUNTS}{row.pk}/code/([a-z-]+)/" class="staff-act', page))
    lines = re.findall(r"<li>([^<]*) – not now: ([^<]*)</li>", page)
    reasons = {title: why for titles, why in lines for title in titles.split(" · ")}
    return buttons, reasons


def test_before_anything_is_uploaded(boss: Client, desk: Desk) -> None:
    buttons, reasons = code_page(boss, desk.shop)
    assert buttons == {"commit", "ask"}
    assert reasons["Submit for review"] == "no version has been uploaded."
    assert reasons["Withdraw"] == reasons["Speed up"] == "nothing is being reviewed."
    assert reasons["Release"] == "nothing has passed that is not released."
    assert reasons["Roll back"] == "nothing was ever online."


def test_while_it_is_reviewed(boss: Client, desk: Desk) -> None:
    desk.submit("1.0.0")
    buttons, reasons = code_page(boss, desk.shop)
    assert buttons == {"commit", "ask", "withdraw", "speed-up"}
    assert reasons["Submit for review"] == "version 1.0.0 is with WeChat already."


def test_the_first_version_that_passed_goes_to_everybody(boss: Client, desk: Desk) -> None:
    desk.approve("1.0.0")
    buttons, reasons = code_page(boss, desk.shop)
    assert buttons == {"commit", "ask", "release"}
    assert "1.0.0, the newest upload, has passed already" in reasons["Submit for review"]
    assert reasons["Release in steps"].startswith("nothing is online yet")


def test_once_it_is_released_there_is_nothing_before_it(boss: Client, desk: Desk) -> None:
    desk.release("1.0.0")
    buttons, reasons = code_page(boss, desk.shop)
    assert buttons == {"commit", "ask"}
    assert reasons["Release"] == "version 1.0.0 is released already."
    assert reasons["Roll back"].startswith("version 1.0.0 is the first that was online")


def test_a_second_version_can_be_rolled_back(boss: Client, desk: Desk) -> None:
    desk.release("1.0.0")
    desk.approve("1.1.0")
    buttons, reasons = code_page(boss, desk.shop)
    assert {"release", "gray-release"} <= buttons
    assert "Roll back" in reasons
    desk.release(None)
    buttons, reasons = code_page(boss, desk.shop)
    assert "revert" in buttons
    assert "Roll back" not in reasons
    releasing.revert_release(desk.shop, by=desk.staff)
    assert CodeSummary.objects.get(pk=desk.shop.pk).live_version == "1.0.0"


def test_after_a_roll_back_to_the_first_version_there_is_none_before_it(
    boss: Client, desk: Desk
) -> None:
    desk.release("1.0.0")
    desk.release("1.1.0")
    releasing.revert_release(desk.shop, by=desk.staff)
    buttons, reasons = code_page(boss, desk.shop)
    assert "revert" not in buttons
    assert reasons["Roll back"].startswith("version 1.0.0 is the first that was online")


def test_after_a_roll_back_to_a_later_version_there_may_be_more(boss: Client, desk: Desk) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        desk.release(version)
    releasing.revert_release(desk.shop, by=desk.staff)
    buttons, _reasons = code_page(boss, desk.shop)
    assert "revert" in buttons


def test_without_script_a_version_is_chosen_and_brought_back(boss: Client, desk: Desk) -> None:
    desk.release("1.0.0")
    desk.release("1.1.0")
    address = f"{ACCOUNTS}{desk.shop.pk}/code/revert/"
    page = text_of(boss.get(address))
    assert '<noscript><p><a href="?now=yes"' in page
    assert 'type="radio"' not in page
    page = text_of(boss.get(f"{address}?now=yes"))
    form = page.partition('<form method="post"')[2].partition("</form>")[0]
    [number] = re.findall(r'type="radio" name="app_version" value="([0-9]+)" checked', form)
    assert "Roll back" in form.rpartition("<button")[2]
    data = {"confirmed": "yes", "app_version": number}
    done = text_of(boss.post(f"{address}?now=yes", data, follow=True))
    assert "rolled back; online is now 1.0.0." in done
    page = text_of(boss.get(f"{address}?now=yes"))
    assert "WeChat has no earlier version to go back to." in page
    assert 'type="radio"' not in page


def test_a_release_that_takes_two_says_who_is_missing(
    boss: Client, desk: Desk, settings: object
) -> None:
    settings.RELEASE_NEEDS_TWO = True  # type: ignore[attr-defined]
    audit = desk.approve("1.0.0")
    buttons, reasons = code_page(boss, desk.shop)
    assert "approve" in buttons
    assert reasons["Release"] == "somebody else has to agree first."
    releasing.approve_release(audit, by=User.objects.get(username="boss"))
    buttons, reasons = code_page(boss, desk.shop)
    assert "approve" not in buttons
    assert reasons["Release"] == "you have agreed to it, so somebody else has to release it."
    assert reasons["Agree to the release"] == "somebody has agreed already."


def test_an_account_that_cancelled_has_no_act_that_needs_it(boss: Client, desk: Desk) -> None:
    desk.commit("1.0.0")
    row = make_authorizer(desk.shop.component, desk.shop.owner, state="unbound")
    buttons, reasons = code_page(boss, row)
    assert (buttons, reasons) == (set(), {})
    page = text_of(boss.get(f"{ACCOUNTS}{row.pk}/code/"))
    assert "The account is not authorised any more" in page
    assert "data-load" not in page
    overview = text_of(boss.get(f"{ACCOUNTS}{row.pk}/change/"))
    for gone in ("refresh", "sync", "unbind", "testers", "private-interfaces", "call", "ask-again"):
        assert f'{row.pk}/{gone}/"' not in overview
    assert f'{row.pk}/bind-link/"' in overview


def test_the_settings_of_one_that_cancelled_are_kept_but_not_applied(
    boss: Client, component: Component
) -> None:
    row = make_authorizer(component, None, state="unbound")
    page = text_of(boss.get(f"{ACCOUNTS}{row.pk}/settings/server-domains/"))
    assert "The account is not authorised any more" in page
    assert "Save only" in page
    assert not {"Look now", "Save and apply"} & set(re.findall(r">\s*([A-Z][a-z ]+)\s*<", page))
    row.state, row.refresh_token = Authorizer.State.BOUND, "refreshtoken@@@x"
    row.save()
    page = text_of(boss.get(f"{ACCOUNTS}{row.pk}/settings/server-domains/"))
    assert "not authorised any more" not in page
    assert {"Look now", "Save and apply"} <= set(re.findall(r">\s*([A-Z][a-z ]+)\s*<", page))


def test_an_account_without_merchant_has_nobody_to_send_a_link_to(
    boss: Client, component: Component
) -> None:
    row = make_authorizer(component, None)
    actions = text_of(boss.get(f"{ACCOUNTS}{row.pk}/change/")).partition('class="account-header"')
    assert "bind-link" not in actions[0]


# ── uploading ───────────────────────────────────────────────────────────────────────────────────


def test_the_form_begins_with_the_newest_template(boss: Client, desk: Desk) -> None:
    CodeTemplate.objects.filter(pk=desk.template.pk).update(
        user_version="2.3.4", user_desc="Winter sale"
    )
    page = boss.get(f"{ACCOUNTS}{desk.shop.pk}/code/commit/")
    form = page.context["form"]
    assert form["template"].value() == desk.template.pk
    assert form["user_version"].value() == "2.3.4"
    assert form["user_desc"].value() == "Winter sale"
    assert 'data-version="2.3.4"' in text_of(page)
    assert 'data-description="Winter sale"' in text_of(page)


def test_without_templates_it_says_to_sync_first_and_does_so(boss: Client, desk: Desk) -> None:
    CodeTemplate.objects.all().delete()
    url = f"{ACCOUNTS}{desk.shop.pk}/code/commit/"
    page = text_of(boss.get(url))
    assert "Sync templates first" in page
    assert "user_version" not in page
    answer = boss.post(f"{ACCOUNTS}{desk.shop.pk}/code/sync-templates/", follow=True)
    assert CodeTemplate.objects.exists()
    assert answer.redirect_chain[-1][0] == url
    assert "user_version" in text_of(answer)
