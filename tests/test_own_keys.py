"""A person's keys to the API: ten at most, seen and revoked by them, dead with a right lost."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from knox.models import AuthToken

from platform_auth.logins.keys import make_key
from platform_auth.models import KeyNote, Operation
from platform_auth.roles import ANSWERERS
from tests.test_admin_code_acts import text_of
from tests.test_api_clients import bearer
from tests.test_api_clients import make_key as make_client_key
from tests.test_api_keys import RIGHT, ask, basic, key_of

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

ME = "/api/v1/me/"


def works(key: str) -> bool:
    status = Client().get(ME, headers={"authorization": f"Token {key}"}).status_code
    assert status in (200, 401)
    return status == 200


def log_in(client: Client) -> str:
    return key_of(ask(client, RIGHT))


def browser_of(user: User) -> Client:
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(user)
    return browser


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss")


def change_user(boss: User, user: User, **values: Any) -> None:
    """BOSS saves the page of USER with VALUES."""
    form = {
        "username": user.username,
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "groups": [group.pk for group in user.groups.all()],
        "user_permissions": [row.pk for row in user.user_permissions.all()],
        **values,
    }
    fields = {name: value for name, value in form.items() if value is not False}
    answer = browser_of(boss).post(f"/admin/auth/user/{user.pk}/change/", fields)
    assert answer.status_code == 302, answer.context["errors"]


def test_the_eleventh_takes_the_place_of_the_first(merchant: User) -> None:
    keys = [log_in(Client()) for _ in range(11)]
    assert [works(key) for key in keys] == [False, *[True] * 10]
    assert AuthToken.objects.count() == 10


def test_keys_are_told_apart_by_their_names_and_last_use(merchant: User) -> None:
    named = key_of(ask(Client(), {**RIGHT, "name": "Stock keeping"}))
    key_of(ask(Client(headers={"user-agent": "curl/8.5.0"}), RIGHT))
    page = text_of(browser_of(merchant).get("/portal/keys/"))
    assert "<strong>Stock keeping</strong>" in page
    assert "<strong>curl/8.5.0</strong>" in page
    assert page.count("not used yet") == 2
    assert works(named)
    page = text_of(browser_of(merchant).get("/portal/keys/"))
    assert page.count("not used yet") == 1
    assert re.search(r"Stock keeping</strong>\s*<p class=\"hint\">used 20", page)
    used_at = KeyNote.objects.get(name="Stock keeping").used_at
    assert works(named)
    assert KeyNote.objects.get(name="Stock keeping").used_at == used_at  # every five minutes
    assert Operation.objects.filter(action="make_key", result="Stock keeping").exists()


def test_a_key_from_before_they_were_noted_works_and_is_listed(merchant: User) -> None:
    _row, key = AuthToken.objects.create(merchant)
    assert works(key)
    assert "<strong>–</strong>" in text_of(browser_of(merchant).get("/portal/keys/"))


def test_staff_see_the_names_of_theirs(staff: User) -> None:
    make_key(staff, "Release robot")
    assert "Release robot" in text_of(browser_of(staff).get("/admin/account/keys/"))


def test_http_basic_names_a_key_in_the_body(merchant: User) -> None:
    headers = {"authorization": basic(RIGHT["username"], RIGHT["password"])}
    path = "/api/v1/auth/token/"
    Client().post(path, {"name": "Till"}, content_type="application/json", headers=headers)
    assert KeyNote.objects.get().name == "Till"


def test_a_name_that_is_too_long_is_refused(merchant: User) -> None:
    answer = ask(Client(), {**RIGHT, "name": "x" * 61})
    assert (answer.status_code, AuthToken.objects.count()) == (400, 0)


def test_others_keys_do_not_count(merchant: User, other_merchant: User) -> None:
    _row, other = make_key(other_merchant)
    for _ in range(11):
        make_key(merchant)
    assert works(other)


def test_a_password_that_changes_by_whichever_way_ends_them(merchant: User) -> None:
    key = log_in(Client())
    assert works(key)
    user = User.objects.get(pk=merchant.pk)
    user.set_password("another-password-1")  # as `manage.py changepassword` does
    user.save()
    assert not works(key)


@pytest.mark.parametrize("path", ["/portal/keys/", "/admin/account/keys/"])
def test_people_see_theirs_and_revoke_them(
    merchant: User, staff: User, other_merchant: User, path: str
) -> None:
    person = staff if path.startswith("/admin/") else merchant
    first, second = make_key(person)[1], make_key(person)[1]
    other = make_key(other_merchant)[1]
    browser = browser_of(person)
    page = browser.get(path)
    shown = page.content.decode()
    assert all(key not in shown for key in (first, second, other))
    newest, oldest = page.context["keys"]
    assert browser.post(path, {"key": oldest.handle}).status_code == 302
    assert [works(key) for key in (first, second, other)] == [False, True, True]
    assert Operation.objects.filter(action="revoke_key", actor=person).count() == 1


@pytest.mark.parametrize("path", ["/portal/keys/", "/admin/account/keys/"])
def test_the_owner_of_a_client_sees_it_and_revokes_its_keys(
    merchant: User, staff: User, path: str
) -> None:
    person = staff if path.startswith("/admin/") else merchant
    key = make_client_key(person, "code:read", name="the till")
    browser = browser_of(person)
    page = browser.get(path)
    assert "the till" in page.content.decode()
    assert key not in page.content.decode()
    [client] = page.context["clients"]
    assert browser.post(path, {"client": client["row"].pk}).status_code == 302
    assert bearer(key).get(ME).status_code == 401
    assert Operation.objects.get(action="revoke_client_keys").result == f"the till ({person}): 1"


@pytest.mark.parametrize("chosen", ["x", "9" * 30, "0", ""])
def test_nobody_revokes_the_keys_of_others(
    merchant: User, other_merchant: User, chosen: str
) -> None:
    key = make_client_key(merchant, "code:read")
    own = make_key(merchant)[1]
    handle = browser_of(merchant).get("/portal/keys/").context["keys"][0].handle
    pk = browser_of(merchant).get("/portal/keys/").context["clients"][0]["row"].pk
    thief = browser_of(other_merchant)
    for words in ({"client": chosen}, {"client": pk}, {"key": handle}):
        assert thief.post("/portal/keys/", words).status_code == 302
    assert bearer(key).get(ME).status_code == 200
    assert works(own)


def test_they_die_with_the_account(boss: User, merchant: User) -> None:
    key = make_key(merchant)[1]
    change_user(boss, merchant, is_active=False)
    assert not works(key)


@pytest.mark.parametrize("end", ["is_staff", "group", "permission"])
def test_they_die_with_a_right_that_is_lost(boss: User, staff: User, end: str) -> None:
    staff.user_permissions.add(Permission.objects.get(codename="clear_quota"))
    key = make_key(staff)[1]
    change_user(boss, staff, first_name="Operator")
    assert works(key)
    lost: dict[str, Any] = {
        "is_staff": {"is_staff": False},
        "group": {"groups": []},
        "permission": {"user_permissions": []},
    }
    change_user(boss, staff, **lost[end])
    assert not works(key)


def test_they_die_with_a_right_that_their_group_loses(boss: User, staff: User) -> None:
    group = Group.objects.get(name="operators")
    key = make_key(staff)[1]
    rights = [row.pk for row in group.permissions.all()]
    page = f"/admin/auth/group/{group.pk}/change/"
    browser_of(boss).post(page, {"name": group.name, "permissions": rights})
    assert works(key)
    browser_of(boss).post(page, {"name": group.name, "permissions": rights[1:]})
    assert not works(key)


def test_they_die_when_a_merchant_may_answer_no_more(staff: User, merchant: User) -> None:
    merchant.groups.add(Group.objects.get(name=ANSWERERS))
    key = make_key(merchant)[1]
    browser_of(staff).post(f"/admin/auth/user/{merchant.pk}/stop-answering/")
    assert not works(key)
