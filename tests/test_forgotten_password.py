"""A forgotten password: a link by mail, told to nobody else, which ends what the old one opened."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from knox.models import AuthToken

from platform_auth.login_models import LoginCounter, LoginSession
from platform_auth.logins.attempts import FREE_TRIES
from platform_auth.logins.new_passwords import tell_of_new_password
from platform_auth.logins.password_resets import MOST_MAILS
from platform_auth.models import NewPassword, Operation, PasswordReset
from platform_auth.tasks import forget_old_logins, send_password_links
from tests.test_admin_code_acts import browser_of, text_of
from tests.test_api_keys import RIGHT

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

FORGOTTEN = "/portal/password/forgotten/"
SENT = "/portal/password/forgotten/sent/"
NEW = "a-quite-new-passphrase"
ADDRESS = "merchant@tea.test"


@pytest.fixture(autouse=True)
def _mail_server(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.COMPANY_NAME, settings.SUPPORT_CONTACT = "Tea & Co", "400 123 4567"


@pytest.fixture
def merchant(merchant: User) -> User:
    merchant.email = ADDRESS
    merchant.save()
    return merchant


def stranger(language: str = "en", address: str = "192.0.2.1") -> Client:
    return Client(headers={"accept-language": language}, REMOTE_ADDR=address)


def ask(email: str, client: Client | None = None) -> Any:
    return (client or stranger()).post(FORGOTTEN, {"email": email})


def link_in(text: str) -> str:
    [link] = re.findall(r"http://testserver(/portal/password/new/\S+)", text)
    return str(link)


def mailed_link(email: str = ADDRESS) -> str:
    ask(email)
    send_password_links()
    return link_in(str(mail.outbox[-1].body))


def set_new(client: Client, link: str, password: str = NEW) -> Any:
    """Open LINK as a browser does, and fill the form in."""
    opened = client.get(link)
    address = opened["Location"]
    assert "token" not in address
    assert NEW not in text_of(client.get(address))
    return client.post(address, {"new_password1": password, "new_password2": password})


def can_log_in(user: User, password: str) -> bool:
    return Client().login(
        request=None, username=user.get_username(), password=password
    )  # at no door, so nothing is counted


def test_a_merchant_sets_a_new_password(merchant: User) -> None:
    link = mailed_link()
    [message] = mail.outbox
    assert message.to == [ADDRESS]
    assert message.subject == "A new password for Tea & Co"
    assert "for merchant at Tea & Co" in str(message.body)
    assert "for 60 minutes" in str(message.body)
    assert "400 123 4567" in str(message.body)
    browser = stranger()
    done = set_new(browser, link)
    assert (done.status_code, done["Location"]) == (302, "/portal/login/")
    assert "Your password has been changed." in text_of(browser.get("/portal/login/"))
    assert can_log_in(merchant, NEW)
    assert not can_log_in(merchant, "merchant-password")
    assert Operation.objects.filter(action="reset_password", actor=merchant).count() == 1


def test_it_ends_all_sessions_and_keys(merchant: User) -> None:
    here, elsewhere = browser_of(merchant), browser_of(merchant)
    AuthToken.objects.create(merchant)
    set_new(here, mailed_link())
    for client in (here, elsewhere):
        assert client.get("/portal/").status_code == 302
    assert not LoginSession.objects.filter(user=merchant).exists()
    assert not AuthToken.objects.filter(user=merchant).exists()


def test_who_set_it_with_a_link_is_told_by_mail(merchant: User) -> None:
    set_new(stranger("zh-hans"), mailed_link())
    send_password_links()
    send_password_links()
    _link, told = mail.outbox
    assert (told.to, told.subject) == ([ADDRESS], "您在 Tea & Co 的密码已修改")
    assert "通过发到本邮箱的链接设置" in str(told.body)
    assert "http://testserver/portal/password/forgotten/" in str(told.body)
    assert "请先修改邮箱的密码" in str(told.body)
    assert NEW not in str(told.body)
    assert "token" not in str(told.body)


def change(browser: Client, old: str = RIGHT["password"]) -> Any:
    data = {"old_password": old, "new_password1": NEW, "new_password2": NEW}
    return browser.post("/portal/password/", data)


def test_who_changes_it_is_told_by_mail_what_to_do_if_it_was_not_they(merchant: User) -> None:
    assert change(browser_of(merchant), "wrong").status_code == 200
    send_password_links()
    assert not mail.outbox
    assert change(browser_of(merchant)).status_code == 302
    send_password_links()
    [told] = mail.outbox
    body = str(told.body)
    assert (told.to, told.subject) == ([ADDRESS], "Your password at Tea & Co was changed")
    assert "The password of merchant at Tea & Co was changed at " in body
    assert "(UTC+8)" in body
    assert "somebody who was logged in and knew the old one" in body
    assert "If not, somebody else may use your login." in body
    assert "http://testserver/portal/password/forgotten/" in body
    assert "400 123 4567" in body
    assert "your mailbox" not in body


def test_whose_password_staff_set_is_told_in_their_own_language(merchant: User) -> None:
    stranger("en").post("/portal/login/", RIGHT)  # they read English
    boss = stranger("zh-hans")
    boss.force_login(User.objects.create_superuser("boss"))
    form = {"password1": NEW, "password2": NEW}
    answer = boss.post(f"/admin/auth/user/{merchant.pk}/password/", form)
    assert answer.status_code == 302
    send_password_links()
    [told] = mail.outbox
    assert "Our staff have set it." in str(told.body)
    assert can_log_in(merchant, NEW)


def test_whose_language_nobody_knows_is_told_in_the_platforms_own(merchant: User) -> None:
    tell_of_new_password(merchant, NewPassword.By.STAFF)
    send_password_links()
    assert mail.outbox[0].subject == "您在 Tea & Co 的密码已修改"


def test_a_mail_about_a_new_password_that_is_refused_is_sent_later(
    merchant: User, settings: Any
) -> None:
    good = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    change(browser_of(merchant))
    send_password_links()
    settings.EMAIL_BACKEND = good
    send_password_links()
    assert not mail.outbox  # in five minutes
    NewPassword.objects.update(due_at=F("at"))
    send_password_links()
    assert len(mail.outbox) == 1
    NewPassword.objects.update(at=F("at") - timedelta(days=2))
    forget_old_logins()
    assert not NewPassword.objects.exists()


@pytest.mark.parametrize("lacking", ["address", "mail server"])
def test_whom_no_mail_reaches_is_sent_none(merchant: User, settings: Any, lacking: str) -> None:
    if lacking == "address":
        User.objects.update(email="")
    else:
        settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    assert change(browser_of(User.objects.get(pk=merchant.pk))).status_code == 302
    assert not NewPassword.objects.exists()


def test_the_mail_is_in_the_language_of_the_page(merchant: User) -> None:
    ask(ADDRESS, stranger("zh-hans"))
    send_password_links()
    [message] = mail.outbox
    assert message.subject == "设置 Tea & Co 的新密码"
    assert "如果不是您本人操作" in str(message.body)


def test_a_stranger_learns_nothing(merchant: User) -> None:
    answers = []
    for number, email in enumerate((ADDRESS, "nobody@tea.test")):
        client = stranger(address=f"192.0.2.{number}")
        with CaptureQueriesContext(connection) as queries:
            answer = ask(email, client)
        page = re.sub("csrf.*?>", "", text_of(client.get(SENT)))
        answers.append((answer.status_code, answer["Location"], page, len(queries)))
    assert answers[0] == answers[1]
    assert not mail.outbox  # not before a worker looks
    send_password_links()
    assert [message.to for message in mail.outbox] == [[ADDRESS]]


def test_two_with_one_address_are_told_apart(merchant: User, other_merchant: User) -> None:
    other_merchant.email = ADDRESS.upper()
    other_merchant.save()
    ask(ADDRESS)
    send_password_links()
    names = [re.findall(r"for (\S+) at", str(message.body)) for message in mail.outbox]
    assert sorted(names) == [["merchant"], ["other-merchant"]]


@pytest.mark.parametrize("values", [{"is_active": False}, {"password": "!unusable"}])
def test_who_may_not_log_in_gets_none(merchant: User, values: dict[str, Any]) -> None:
    User.objects.filter(pk=merchant.pk).update(**values)
    ask(ADDRESS)
    send_password_links()
    assert not mail.outbox


def test_a_link_works_once_and_for_its_owner(merchant: User, other_merchant: User) -> None:
    link = mailed_link()
    set_new(stranger(), link)
    for used in (link, "/portal/password/new/MQ/?token=x", "/portal/password/new/-/"):
        page = text_of(stranger().get(used))
        assert "This link is not valid any more" in page, used
    assert can_log_in(other_merchant, "other-password")


def test_a_link_ends_after_an_hour(merchant: User, settings: Any) -> None:
    link = mailed_link()
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "This link is not valid any more" in text_of(stranger().get(link))


def test_a_weak_password_is_not_taken(merchant: User) -> None:
    page = text_of(set_new(stranger(), mailed_link(), "merchant"))
    assert "errorlist" in page
    assert can_log_in(merchant, "merchant-password")


def test_an_address_gets_few_mails(merchant: User) -> None:
    for number in range(MOST_MAILS + 2):
        client = stranger(address=f"192.0.2.{number + 1}")
        assert ask(ADDRESS.upper() if number % 2 else ADDRESS, client)["Location"] == SENT
    send_password_links()
    assert len(mail.outbox) == MOST_MAILS
    PasswordReset.objects.update(at=F("at") - timedelta(hours=2))
    forget_old_logins()
    assert not PasswordReset.objects.exists()
    ask(ADDRESS)
    send_password_links()
    assert len(mail.outbox) == MOST_MAILS + 1


def test_whoever_asks_for_many_waits() -> None:
    for number in range(FREE_TRIES):
        assert ask(f"{number}@tea.test").status_code == 302
    answer = ask("another@tea.test")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert "You have asked often. Please try again in 1 minute." in text_of(answer)
    assert ask("another@tea.test", stranger(address="192.0.2.2")).status_code == 302
    assert LoginCounter.objects.count() == 2


def test_what_the_mail_server_refuses_is_tried_again(
    merchant: User, settings: Any, tmp_path: Any
) -> None:
    good = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    ask(ADDRESS)
    send_password_links()
    settings.EMAIL_BACKEND = good
    send_password_links()
    assert not mail.outbox  # in a minute
    PasswordReset.objects.update(due_at=F("at"))
    send_password_links()
    send_password_links()
    assert len(mail.outbox) == 1


def test_staff_find_it_at_their_login(staff: User) -> None:
    staff.email = "operator@platform.test"
    staff.save()
    page = text_of(stranger().get("/admin/login/"))
    [path] = re.findall(r'href="(/admin/password_reset/)"', page)
    assert stranger().get(path)["Location"] == FORGOTTEN
    done = set_new(stranger(), mailed_link("operator@platform.test"))
    assert done["Location"].startswith("/admin/login/")
    assert can_log_in(staff, NEW)


def test_without_a_mail_server_the_page_names_whom_to_ask(merchant: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    for answer in (stranger().get(FORGOTTEN), ask(ADDRESS)):
        page = text_of(answer)
        assert "Our staff will give you a new password: <strong>400 123 4567</strong>" in page
        assert 'name="email"' not in page
    assert stranger().get(SENT)["Location"] == FORGOTTEN
    settings.SUPPORT_CONTACT = ""
    assert "please ask them." in text_of(stranger().get(FORGOTTEN))
    assert not PasswordReset.objects.exists()


def test_the_token_is_in_no_log(merchant: User, caplog: Any) -> None:
    link = mailed_link()
    set_new(stranger(), link)
    token = link.partition("token=")[2]
    assert token
    assert token not in caplog.text
    assert ADDRESS not in caplog.text


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("short-1", "密码太短，至少需要 12 个字符。"),
        ("merchant-0000", "密码与您的用户名太相似。"),
        ("password1234", "这个密码太常见。"),
    ],
)
def test_in_chinese_a_password_is_refused_in_chinese(
    merchant: User, password: str, sentence: str
) -> None:
    client = stranger("zh-hans")
    page = text_of(set_new(client, mailed_link(), password))
    assert sentence in page
    assert "密码至少需要 12 个字符。" in page
    assert "你的" not in page
    assert "password is" not in page
    assert can_log_in(merchant, "merchant-password")
