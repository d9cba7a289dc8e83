"""Staff make API clients, show each key once, and give nobody more than they may do themselves."""

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client

from platform_auth.models import ApiClient, ClientKey, Operation
from tests.test_api_clients import A1, ME, bearer, make_key
from tests.test_own_keys import browser_of

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LIST = "/admin/platform_auth/apiclient/"


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss")


@pytest.fixture
def clerk(staff: User) -> User:
    """A member of staff who may make clients."""
    staff.user_permissions.add(*Permission.objects.filter(content_type__model="apiclient").exclude(
        codename__in=["read_tokens", "call_wechat"]
    ))  # fmt: skip
    return staff


def form_of(owner: User, *scopes: str, **values: Any) -> dict[str, Any]:
    words = {"name": "shop", "owner": owner.pk, "rate": 600, "scopes": scopes or ["code:read"]}
    return {**words, "expires_at_0": "", "expires_at_1": "", **values}


def keys_on(page: Any) -> str:
    key: str = page.context["key"]
    assert key in page.content.decode()
    return key


def test_a_client_is_made_and_its_key_shown_once(boss: User, merchant: User) -> None:
    browser = browser_of(boss)
    lists = {"appids": f"{A1}\nwx00000000000000a2", "path_prefixes": "/wxa/", "addresses": ""}
    page = browser.post(f"{LIST}add/", form_of(merchant, "tokens:read", "code:read", **lists))
    key = keys_on(page)
    assert bearer(key).get(ME).json()["scopes"] == ["tokens:read", "code:read"]
    client = ApiClient.objects.get()
    assert (client.owner, client.appids) == (merchant, [A1, "wx00000000000000a2"])
    assert (client.path_prefixes, client.addresses) == (["/wxa/"], [])
    for path in (LIST, f"{LIST}{client.pk}/change/", f"{LIST}{client.pk}/history/"):
        shown = browser.get(path).content.decode()
        assert key not in shown
        assert ClientKey.objects.get().digest not in shown
    [row] = Operation.objects.filter(action="add_apiclient")
    assert row.actor == boss
    assert row.result == f"shop (merchant): code:read tokens:read; {A1} wx00000000000000a2"
    assert key not in str(list(Operation.objects.values()))


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("appids", "tea"),
        ("path_prefixes", "wxa"),
        ("path_prefixes", "/wxa/../cgi-bin"),
        ("path_prefixes", "/wxa//x"),
        ("path_prefixes", "/wxa/%2e"),
        ("return_hosts", "https://shop.example.com"),
        ("redirect_hosts", "*.example.com"),
        ("addresses", "10.0.0.0/33"),
        ("scopes", "everything"),
        ("rate", "0"),
    ],
)
def test_what_does_not_fit_is_told_at_its_field(
    boss: User, merchant: User, field: str, text: str
) -> None:
    page = browser_of(boss).post(f"{LIST}add/", form_of(merchant, **{field: text}))
    assert page.status_code == 200
    assert list(page.context["adminform"].form.errors) == [field]
    assert not ApiClient.objects.exists()


def test_what_is_changed_is_in_the_operation_log(boss: User, merchant: User) -> None:
    key = make_key(merchant, "code:read")
    client = ApiClient.objects.get()
    form = form_of(merchant, "code:read", "users:login", name="shop")
    assert browser_of(boss).post(f"{LIST}{client.pk}/change/", form).status_code == 302
    assert bearer(key).get(ME).json()["scopes"] == ["code:read", "users:login"]
    row = Operation.objects.get(action="change_apiclient")
    assert row.result == "shop (merchant): code:read users:login"


def test_a_new_key_is_shown_and_the_one_before_lives_on_until_it_is_ended(
    boss: User, merchant: User
) -> None:
    first = make_key(merchant)
    browser, page = browser_of(boss), f"{LIST}{ApiClient.objects.get().pk}/"
    second = keys_on(browser.post(f"{page}rotate/"))
    assert [bearer(key).get(ME).status_code for key in (first, second)] == [200, 200]
    assert browser.post(f"{page}revoke-older/").status_code == 302
    assert [bearer(key).get(ME).status_code for key in (first, second)] == [401, 200]
    browser.post(f"{page}revoke-all/")
    assert bearer(second).get(ME).status_code == 401
    acts = ["add_apiclient", "rotate_client_key", "revoke_client_keys", "revoke_client_keys"]
    assert list(Operation.objects.order_by("pk").values_list("action", flat=True)) == acts


def test_a_client_that_is_deleted_is_dead(boss: User, merchant: User) -> None:
    key = make_key(merchant)
    page = f"{LIST}{ApiClient.objects.get().pk}/delete/"
    assert browser_of(boss).post(page, {"post": "yes"}).status_code == 302
    assert bearer(key).get(ME).status_code == 401
    assert Operation.objects.filter(action="delete_apiclient", result="shop").exists()


def test_nobody_gives_what_they_may_not_do_themselves(
    clerk: User, boss: User, merchant: User
) -> None:
    browser = browser_of(clerk)
    for form in (form_of(merchant, "tokens:read"), form_of(boss), form_of(clerk)):
        page = browser.post(f"{LIST}add/", form)
        assert page.status_code == 200
        assert page.context["adminform"].form.errors
    assert not ApiClient.objects.exists()
    keys_on(browser.post(f"{LIST}add/", form_of(merchant)))
    clerk.user_permissions.add(Permission.objects.get(codename="read_tokens"))
    keys_on(browser.post(f"{LIST}add/", form_of(merchant, "tokens:read")))


def test_nobody_takes_the_key_of_a_client_that_may_do_more(clerk: User, boss: User) -> None:
    make_key(boss)
    page = f"{LIST}{ApiClient.objects.get().pk}/"
    assert browser_of(clerk).post(f"{page}rotate/").status_code == 403
    form = form_of(boss, "code:release")
    assert browser_of(clerk).post(f"{page}change/", form).status_code == 403
    assert ClientKey.objects.count() == 1


def test_staff_without_the_right_only_look(staff: User, merchant: User) -> None:
    make_key(merchant)
    browser, page = browser_of(staff), f"{LIST}{ApiClient.objects.get().pk}/"
    assert browser.get(LIST).status_code == 200
    assert browser.get(f"{page}change/").status_code == 200
    for act in ("rotate", "revoke-older", "revoke-all"):
        assert browser.post(f"{page}{act}/").status_code == 403
    assert browser.get(f"{LIST}add/").status_code == 403


def run(name: str, *words: str, **options: Any) -> str:
    out = StringIO()
    call_command(name, *words, **options, stdout=out)
    return out.getvalue().splitlines()[-1]


def test_keys_are_changed_and_revoked_by_command(merchant: User) -> None:
    first = make_key(merchant)
    second = run("rotate_api_client", "shop", owner="merchant")
    assert [bearer(key).get(ME).status_code for key in (first, second)] == [200, 200]
    assert run("revoke_api_client", "shop", owner="merchant", older=True) == "Keys revoked: 1."
    assert [bearer(key).get(ME).status_code for key in (first, second)] == [401, 200]
    assert run("revoke_api_client", "shop", owner="merchant") == "Keys revoked: 1."
    assert bearer(second).get(ME).status_code == 401


def test_commands_say_which_client_they_miss(merchant: User) -> None:
    for name in ("rotate_api_client", "revoke_api_client"):
        with pytest.raises(CommandError, match="There is no API client shop of merchant"):
            run(name, "shop", owner="merchant")
    make_key(merchant)
    make_key(merchant)
    with pytest.raises(CommandError, match="several"):
        run("rotate_api_client", "shop", owner="merchant")


def test_a_scope_without_effect_is_named(staff: User) -> None:
    errors = StringIO()
    words = {"owner": staff.username, "scopes": "tokens:read"}
    call_command("create_api_client", "shop", **words, stdout=StringIO(), stderr=errors)
    assert "tokens:read has no effect until operator holds" in errors.getvalue()


def test_proof_is_asked_for_again(boss: User, merchant: User, settings: Any) -> None:
    settings.PROOF_MINUTES = settings.PROOF_MINUTES_WITH_TOTP = -1
    make_key(merchant)
    browser: Client = browser_of(boss)
    page = f"{LIST}{ApiClient.objects.get().pk}/"
    for path in (f"{LIST}add/", f"{page}change/", f"{page}rotate/", f"{page}revoke-all/"):
        answer = browser.get(path)
        assert answer.status_code == 302
        assert "/proof/" in answer["Location"]
