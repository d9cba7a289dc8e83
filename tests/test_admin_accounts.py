"""Merchants and staff: who may make and change them."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from knox.models import AuthToken

from miniprograms.services.bind_links import find_bind_link
from platform_auth.models import Operation
from tests.conftest import Bound

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LIST = "/admin/auth/user/"
PASSWORD = "long enough to be good 42"


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password="boss-password")


@pytest.fixture
def clerk(db: None) -> User:
    """Staff who may make and change users, and nothing else."""
    user = User.objects.create_user("clerk", password="clerk-password", is_staff=True)
    wanted = ["view_user", "add_user", "change_user", "delete_user"]
    user.user_permissions.add(*Permission.objects.filter(codename__in=wanted))
    return user


def actions() -> list[tuple[str, str, str]]:
    rows = Operation.objects.order_by("id")
    return [(row.actor_name, row.action, row.result) for row in rows]


def change(client: Client, user: User, **more: Any) -> Any:
    data = {"username": user.username, "is_active": "on", **more}
    return client.post(f"{LIST}{user.pk}/change/", data)


def test_a_merchant_is_made_and_recorded(client: Client, clerk: User) -> None:
    client.force_login(clerk)
    data = {"username": "teahouse", "usable_password": "true", "password1": PASSWORD,
            "password2": PASSWORD}  # fmt: skip
    assert client.post(f"{LIST}add/", data).status_code == 302
    made = User.objects.get(username="teahouse")
    assert made.check_password(PASSWORD)
    assert (made.is_staff, made.is_superuser) == (False, False)
    assert actions() == [("clerk", "add_user", "teahouse")]


def test_superusers_make_staff(client: Client, boss: User, merchant: User) -> None:
    client.force_login(boss)
    operators = Group.objects.get(name="operators")
    assert change(client, merchant, is_staff="on", groups=[operators.pk]).status_code == 302
    merchant.refresh_from_db()
    assert merchant.is_staff
    assert list(merchant.groups.all()) == [operators]
    assert actions() == [("boss", "change_user", "merchant: Staff status, roles")]


def test_others_cannot_make_staff_of_anybody(client: Client, clerk: User, merchant: User) -> None:
    client.force_login(clerk)
    more = {"is_staff": "on", "is_superuser": "on", "first_name": "New"}
    assert change(client, merchant, **more).status_code == 302
    merchant.refresh_from_db()
    assert merchant.first_name == "New"
    assert (merchant.is_staff, merchant.is_superuser) == (False, False)


@pytest.mark.parametrize("other", ["boss", "operator"])
def test_others_cannot_touch_the_accounts_of_staff(
    client: Client, clerk: User, boss: User, staff: User, other: str
) -> None:
    client.force_login(clerk)
    user = User.objects.get(username=other)
    base = f"{LIST}{user.pk}"
    data = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert change(client, user).status_code == 403
    assert client.post(f"{base}/password/", data).status_code == 403
    assert client.post(f"{base}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{base}/revoke-keys/").status_code == 403
    user.refresh_from_db()
    assert not user.check_password(PASSWORD)


def test_a_password_is_changed_and_recorded(client: Client, clerk: User, merchant: User) -> None:
    client.force_login(clerk)
    data = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert client.post(f"{LIST}{merchant.pk}/password/", data).status_code == 302
    merchant.refresh_from_db()
    assert merchant.check_password(PASSWORD)
    [(actor, action, result)] = actions()
    assert (actor, action) == ("clerk", "change_user")
    assert PASSWORD not in result


def test_a_bind_link_is_made_for_a_merchant(client: Client, staff: User, merchant: User) -> None:
    client.force_login(staff)
    url = f"{LIST}{merchant.pk}/bind-link/"
    assert client.get(url).status_code == 200
    response = client.post(url)
    [(user, link)] = response.context["links"]
    assert user == merchant
    assert find_bind_link(link.rstrip("/").rsplit("/", 1)[1]).user == merchant  # type: ignore[union-attr]
    assert f'value="{link}"' in response.content.decode()


def test_nobody_is_invited_who_is_switched_off(client: Client, staff: User, merchant: User) -> None:
    client.force_login(staff)
    User.objects.filter(pk=merchant.pk).update(is_active=False)
    assert client.post(f"{LIST}{merchant.pk}/bind-link/").status_code == 302
    assert actions() == []


def test_a_bind_link_takes_its_permission(client: Client, clerk: User, merchant: User) -> None:
    client.force_login(clerk)
    assert client.post(f"{LIST}{merchant.pk}/bind-link/").status_code == 403


def test_api_keys_are_revoked_and_never_made_here(
    client: Client, clerk: User, merchant: User, boss: User
) -> None:
    AuthToken.objects.create(merchant)
    AuthToken.objects.create(boss)
    client.force_login(clerk)
    client.post(f"{LIST}{merchant.pk}/revoke-keys/")
    assert [token.user for token in AuthToken.objects.all()] == [boss]
    assert actions() == [("clerk", "revoke_keys", "merchant: 1")]
    client.force_login(boss)
    assert client.get("/admin/knox/authtoken/add/").status_code == 404


def page_of(client: Client, user: User) -> str:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return html.unescape(client.get(f"{LIST}{user.pk}/change/").content.decode())


def test_the_page_of_a_merchant_lists_their_accounts(
    client: Client, staff: User, bound: Bound, merchant: User, other_merchant: User
) -> None:
    row = bound(nick_name="Tea")
    client.force_login(staff)
    page = page_of(client, merchant)
    assert "<strong>Tea</strong>" in page
    assert f'href="{reverse("admin:account-of-appid", args=[row.appid])}"' in page
    assert "None yet: send them a bind link" in page_of(client, other_merchant)


def test_accounts_are_shown_to_who_may_see_them(
    client: Client, clerk: User, bound: Bound, merchant: User
) -> None:
    bound(nick_name="Tea")
    client.force_login(clerk)
    assert "Tea" not in page_of(client, merchant)


def test_no_page_of_a_person_shows_what_a_password_is_hashed_with(
    client: Client, boss: User, staff: User, merchant: User
) -> None:
    client.force_login(boss)
    for user in (staff, merchant):
        page = page_of(client, user)
        assert "pbkdf2" not in page
        assert user.password not in page
        assert f"{LIST}{user.pk}/password/" in page


def test_what_makes_staff_is_folded_away_on_the_page_of_a_merchant(
    client: Client, boss: User, clerk: User, staff: User, merchant: User
) -> None:
    client.force_login(clerk)
    assert "Superuser status" not in page_of(client, merchant)
    client.force_login(boss)
    assert "Make staff of them" in page_of(client, merchant)
    assert "Make staff of them" not in page_of(client, staff)


def test_the_state_of_an_invitation(client: Client, staff: User) -> None:
    client.force_login(staff)
    data = {"name": "Tea", "login": "tea", "language": "en"}
    client.post(f"{LIST}new-merchant/", data)
    tea = User.objects.get(username="tea")
    page = page_of(client, tea)
    assert "invited, has not set a password yet" in page
    assert "the link runs out" in page
    with connection.cursor() as cursor:
        cursor.execute("UPDATE platform_auth_operation SET at = %s", [now() - timedelta(days=4)])
    assert "the invitation has run out; invite again" in page_of(client, tea)
    tea.set_password(PASSWORD)
    tea.save()
    page = page_of(client, tea)
    assert "invitation has run out" not in page
    assert "Set another" in page


def test_groups_are_for_superusers(client: Client, clerk: User, boss: User) -> None:
    clerk.user_permissions.add(*Permission.objects.filter(content_type__model="group"))
    group = Group.objects.get(name="operators")
    client.force_login(clerk)
    assert client.get(f"/admin/auth/group/{group.pk}/change/").status_code == 200
    assert client.post(f"/admin/auth/group/{group.pk}/change/", {"name": "x"}).status_code == 403
    client.force_login(boss)
    kept = [permission.pk for permission in group.permissions.all()]
    data = {"name": "operators", "permissions": kept[:-1]}
    assert client.post(f"/admin/auth/group/{group.pk}/change/", data).status_code == 302
    assert actions() == [("boss", "change_group", "operators: Permissions")]


def test_merchants_are_found_by_the_beginning_of_their_name(
    client: Client, staff: User, merchant: User, other_merchant: User
) -> None:
    client.force_login(staff)
    shown = client.get(f"{LIST}?q=merch").context["cl"].result_list
    assert list(shown) == [merchant]


def test_deleting_a_merchant_tells_of_keys_without_their_digests(
    client: Client, boss: User, merchant: User
) -> None:
    key, _secret = AuthToken.objects.create(merchant)
    client.force_login(boss)
    page = client.get(f"{LIST}{merchant.pk}/delete/", headers={"accept-language": "en"})
    assert "API keys: 1" in page.content.decode()
    assert key.digest not in page.content.decode()
    client.post(f"{LIST}{merchant.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=merchant.pk).exists()
    assert actions() == [("boss", "delete_user", "merchant")]


def test_permissions_are_named_in_the_readers_language(client: Client, boss: User) -> None:
    client.force_login(boss)
    group = Group.objects.get(name="operators")
    url = f"/admin/auth/group/{group.pk}/change/"
    page = client.get(url, headers={"accept-language": "en"}).content.decode()
    assert "binding: view" in page
    assert "binding: Can assign or refuse parked bindings" in page
