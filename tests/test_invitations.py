"""New merchants and colleagues: one short form, and a link by which they set their own password."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.core import mail
from django.test import Client
from django.utils import timezone

from notices.services.planning import ensure_own_email
from platform_auth.logins.invitations import MOST_AN_HOUR
from platform_auth.logins.languages import language_of
from platform_auth.models import Operation
from platform_auth.operations import record_operation
from tests.test_api_keys import RIGHT

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LIST = "/admin/auth/user/"
ADDRESS = "owner@tea.test"
NEW = "a-quite-new-passphrase"


@pytest.fixture
def mail_server(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.COMPANY_NAME, settings.SUPPORT_CONTACT = "Open Co", "400 123 4567"


@pytest.fixture
def boss(db: None) -> Client:
    return browser_of(User.objects.create_superuser("boss"))


@pytest.fixture
def desk(staff: User) -> Client:
    return browser_of(staff)


def browser_of(user: User | None = None, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    if user:
        client.force_login(user)
    return client


def ask(client: Client, login: str = ADDRESS, **values: Any) -> Any:
    data = {"name": "Tea & Cake Ltd", "login": login, "language": "en", **values}
    return client.post(f"{LIST}new-merchant/", data)


def link_in(text: str) -> str:
    [link] = set(re.findall(r"http://testserver(/portal/invitation/[^\s\"]+)", text))
    return str(link).replace("&amp;", "&")


def follow(link: str, password: str = NEW) -> Any:
    """The link is opened in a browser that knows nobody, and the form filled in."""
    browser = browser_of()
    page = browser.get(link, follow=True)
    if not page.context["validlink"]:
        return page
    data = {"new_password1": password, "new_password2": password}
    return browser.post(page.redirect_chain[-1][0], data, follow=True)


def acts() -> list[tuple[str, str, str]]:
    rows = Operation.objects.order_by("id")
    return [(row.actor_name, row.action, row.result) for row in rows]


@pytest.mark.usefixtures("mail_server")
def test_a_new_merchant_is_mailed_a_link_and_sets_a_password(desk: Client) -> None:
    answer = ask(desk)
    user = User.objects.get(username=ADDRESS)
    assert answer["Location"] == f"{LIST}{user.pk}/change/"
    assert (user.email, user.get_full_name()) == (ADDRESS, "Tea & Cake Ltd")
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (False, False, False)
    [letter] = mail.outbox
    assert (letter.to, letter.subject) == ([ADDRESS], "Your login at Open Co")
    assert f"Your user name is {ADDRESS}." in str(letter.body)
    assert "400 123 4567" in str(letter.body)
    page = follow(link_in(str(letter.body)))
    assert page.redirect_chain == [("/portal/login/", 302)]
    assert f"Your password is set. Log in with it as {ADDRESS}." in page.content.decode()
    assert Client().login(username=ADDRESS, password=NEW)
    assert acts() == [
        ("operator", "add_user", ADDRESS),
        ("operator", "invite_user", ADDRESS),
        (ADDRESS, "accept_invitation", ""),
    ]


@pytest.mark.usefixtures("mail_server")
def test_the_link_is_good_once(desk: Client) -> None:
    ask(desk)
    link = link_in(str(mail.outbox[0].body))
    follow(link)
    page = follow(link, "another-good-passphrase").content.decode()
    assert "This link is not valid any more" in page
    assert Client().login(username=ADDRESS, password=NEW)


@pytest.mark.usefixtures("mail_server")
def test_the_link_is_good_for_three_days(desk: Client) -> None:
    ask(desk)
    link = link_in(str(mail.outbox[0].body))
    for seconds, words in ((-60, "Choose a password"), (60, "not valid any more")):
        with time_machine.travel(timezone.now() + timedelta(days=3, seconds=seconds)):
            assert words in browser_of().get(link, follow=True).content.decode()


@pytest.mark.usefixtures("mail_server")
def test_a_new_invitation_ends_the_one_before(desk: Client) -> None:
    ask(desk)
    user = User.objects.get(username=ADDRESS)
    assert "Invite again" in desk.get(f"{LIST}{user.pk}/change/").content.decode()
    desk.post(f"{LIST}{user.pk}/invite/", {"language": "en"})
    first, second = (link_in(str(letter.body)) for letter in mail.outbox)
    assert "not valid any more" in follow(first).content.decode()
    follow(second)
    assert Client().login(username=ADDRESS, password=NEW)
    assert "Invite again" not in desk.get(f"{LIST}{user.pk}/change/").content.decode()
    answer = desk.post(f"{LIST}{user.pk}/invite/", {"language": "en"}, follow=True)
    assert "They have a password already." in answer.content.decode()
    assert len(mail.outbox) == 2


@pytest.mark.usefixtures("mail_server")
def test_the_invitation_speaks_the_language_that_was_chosen(desk: Client) -> None:
    ask(desk, language="zh-hans")
    [letter] = mail.outbox
    assert "用户名" in str(letter.body)
    page = browser_of(language="en").get(link_in(str(letter.body)), follow=True)
    assert '<html lang="zh-hans">' in page.content.decode()


@pytest.mark.usefixtures("mail_server")
def test_who_is_switched_off_cannot_follow_it(desk: Client) -> None:
    ask(desk)
    User.objects.filter(username=ADDRESS).update(is_active=False)
    assert "not valid any more" in follow(link_in(str(mail.outbox[0].body))).content.decode()


@pytest.mark.parametrize("login", [ADDRESS, "teahouse"])
def test_without_mail_the_link_is_shown_once(desk: Client, settings: Any, login: str) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    assert "No mail server is set (EMAIL_URL)" in desk.get(f"{LIST}new-merchant/").content.decode()
    answer = ask(desk, login)
    assert "no-store" in answer["Cache-Control"]
    follow(link_in(answer.content.decode()))
    assert Client().login(username=login, password=NEW)
    assert NEW not in str(acts())


@pytest.mark.usefixtures("mail_server")
def test_without_an_address_the_link_is_shown(desk: Client) -> None:
    assert link_in(ask(desk, "teahouse").content.decode())
    assert mail.outbox == []


def test_a_mail_server_that_fails_leaves_the_link_to_copy(desk: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    page = ask(desk).content.decode()
    assert "The mail server did not take it: ConnectionRefusedError" in page
    follow(link_in(page))
    assert Client().login(username=ADDRESS, password=NEW)


@pytest.mark.parametrize(
    ("login", "problem"),
    [
        ("Merchant", "Somebody has this name or address already."),
        ("SHOP@tea.test", "Somebody has this name or address already."),
        ("owner@", "Enter a valid email address."),
        ("tea house", "Enter a valid username."),
        ("", "This field is required."),
    ],
)
def test_a_login_that_cannot_be_is_refused(
    desk: Client, merchant: User, login: str, problem: str
) -> None:
    User.objects.filter(pk=merchant.pk).update(email="shop@tea.test")
    before = User.objects.count()
    assert problem in ask(desk, login).content.decode()
    assert User.objects.count() == before


def test_so_many_an_hour_and_no_more(desk: Client, staff: User) -> None:
    for number in range(MOST_AN_HOUR):
        record_operation("invite_user", by=staff, result=str(number))
    page = desk.post(
        f"{LIST}new-merchant/", {"name": "x", "login": "x", "language": "en"}, follow=True
    )
    assert (
        "You have invited many people within the hour: invite x again later."
        in page.content.decode()
    )
    assert "/portal/invitation/" not in page.content.decode()


@pytest.mark.usefixtures("mail_server")
def test_a_new_colleague_gets_roles(boss: Client) -> None:
    page = boss.get(f"{LIST}new-staff/").content.decode()
    assert "releasers: look at everything; release what has passed, and roll back" in page
    data = {"name": "Wang Fang", "login": ADDRESS, "language": "en"}
    boss.post(f"{LIST}new-staff/", {**data, "roles": ["releasers", "customer service"]})
    user = User.objects.get(username=ADDRESS)
    assert (user.is_staff, user.is_superuser) == (True, False)
    assert {group.name for group in user.groups.all()} == {"releasers", "customer service"}
    page = follow(link_in(str(mail.outbox[0].body)))
    assert page.redirect_chain == [("/admin/login/", 302)]
    assert user.has_perms(["audits.release_audit", "messaging.answer_conversation"])
    assert acts()[0] == ("boss", "add_user", f"{ADDRESS}: customer service, releasers")


def test_a_new_administrator(boss: Client) -> None:
    data = {"name": "Wang", "login": "wang", "language": "en", "roles": ["administrator"]}
    boss.post(f"{LIST}new-staff/", data)
    user = User.objects.get(username="wang")
    assert (user.is_staff, user.is_superuser) == (True, True)


def test_colleagues_are_made_by_administrators_alone(desk: Client) -> None:
    assert "New colleague" not in desk.get(LIST).content.decode()
    data = {"name": "x", "login": "x", "language": "en", "roles": ["operators"]}
    assert desk.post(f"{LIST}new-staff/", data).status_code == 403
    assert not User.objects.filter(username="x").exists()


def test_a_colleagues_invitation_is_for_administrators(desk: Client, boss: Client) -> None:
    data = {"name": "Wang", "login": "wang", "language": "en", "roles": ["operators"]}
    boss.post(f"{LIST}new-staff/", data)
    user = User.objects.get(username="wang")
    answer = desk.post(f"{LIST}{user.pk}/invite/", {"language": "en"})
    assert "/portal/invitation/" not in answer.content.decode()


# What somebody may do, in words


def rights(client: Client, user: User) -> str:
    page: str = client.get(f"{LIST}{user.pk}/rights/").content.decode()
    return page


def test_rights_of_staff_in_words(boss: Client, staff: User) -> None:
    page = rights(boss, staff)
    assert "<strong>operators</strong>: run the platform day by day" in page
    assert "<td>Automatic replies</td><td>add, change, delete, look at</td>" in page
    assert "Can answer users" in page
    assert "Can release" not in page


def test_rights_of_a_merchant_in_words(boss: Client, merchant: User) -> None:
    assert "bind accounts and look after those that are theirs" in rights(boss, merchant)
    assert "may also answer" not in rights(boss, merchant)
    merchant.groups.add(Group.objects.get(name="merchants who answer"))
    assert "There they may also answer the users of these accounts." in rights(boss, merchant)


def test_rights_of_an_administrator_and_of_nobody(boss: Client, merchant: User) -> None:
    assert "everything, and give others their rights" in rights(
        boss, User.objects.get(username="boss")
    )
    User.objects.filter(pk=merchant.pk).update(is_active=False)
    assert "switched off: it may do nothing" in rights(boss, merchant)


def test_everybody_reads_their_own_rights(staff: User) -> None:
    page = browser_of(staff).get("/admin/account/rights/").content.decode()
    assert "What you may do" in page
    assert "<strong>operators</strong>" in page


def test_roles_are_offered_in_words_and_single_permissions_are_folded(
    boss: Client, staff: User
) -> None:
    page = boss.get(f"{LIST}{staff.pk}/change/").content.decode()
    assert "viewers: look at everything and change nothing" in page
    folded = page[page.index("Single permissions") - 900 :]
    assert "<details" in folded[: folded.index("Single permissions")]
    assert page.index("Single permissions") < page.index('name="user_permissions"')


@pytest.mark.usefixtures("mail_server")
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_notices_are_in_the_language_of_the_invitation(desk: Client, language: str) -> None:
    ask(desk, language=language)
    user = User.objects.get(username=ADDRESS)
    page = browser_of(user, "en").get("/portal/notices/")
    assert page.context["email"]["form"].initial["language"] == language
    channel = ensure_own_email(user)
    assert channel is not None
    assert channel.language == language
    follow(link_in(str(mail.outbox[0].body)))
    assert language_of(user) == language


def test_the_language_is_that_of_the_last_login(merchant: User) -> None:
    for language in ("en", "zh-hans", "en"):
        browser_of(language=language).post("/portal/login/", RIGHT)
        assert language_of(merchant) == language
