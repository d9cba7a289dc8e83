"""Merchants and staff: who may make and change them."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from knox.models import AuthToken

from miniprograms.services.bind_links import find_bind_link
from platform_auth.models import Operation

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
