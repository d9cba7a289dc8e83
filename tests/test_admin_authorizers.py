"""The staff pages of mini programs and official accounts: list, page, acts and who may do them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from miniprograms.models import Authorizer
from miniprograms.services.bind_links import find_bind_link
from platform_auth.models import Component, Operation
from sandbox.world import WeChat

pytestmark = pytest.mark.django_db

LIST = "/admin/miniprograms/authorizer/"
Bound = Callable[..., Authorizer]
REFRESH = "/cgi-bin/component/api_authorizer_token"
PROFILE = "/cgi-bin/component/api_get_authorizer_info"

# Act → the permission it takes, beside `view_authorizer`.
ACTS = {
    "refresh": "change_authorizer",
    "sync": "change_authorizer",
    "unbind": "unbind_authorizer",
    "bind-link": "invite_merchant",
}
LIST_ACTS = {
    "refresh_tokens": "change_authorizer",
    "sync_profiles": "change_authorizer",
    "unbind": "unbind_authorizer",
    "make_bind_links": "invite_merchant",
}


@pytest.fixture
def operator(client: Client, staff: User) -> Client:
    client.force_login(staff)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def page_of(row: Authorizer, act: str = "change") -> str:
    return f"{LIST}{row.pk}/{act}/"


def operations(appid: str) -> list[tuple[str, str]]:
    rows = Operation.objects.filter(appid=appid, actor_name="operator").order_by("id")
    return [(row.action, row.result) for row in rows]


def text_of(response: Any) -> str:
    return str(response.content.decode())


def choose(act: str, *rows: Authorizer, **more: str) -> dict[str, Any]:
    return {"action": act, "_selected_action": [row.pk for row in rows], "index": "0", **more}


def test_refreshing_gets_a_new_token_and_says_so(
    operator: Client, bound: Bound, wechat: WeChat
) -> None:
    row = bound()
    before, asked = row.access_token, wechat.count(REFRESH)
    assert operator.get(page_of(row, "refresh")).status_code == 200
    assert wechat.count(REFRESH) == asked  # a GET only asks whether
    page = text_of(operator.post(page_of(row, "refresh"), follow=True))
    row.refresh_from_db()
    assert wechat.count(REFRESH) == asked + 1
    assert row.access_token != before
    assert "the token is fresh" in page
    assert operations(row.appid) == [("refresh_token", "")]


def test_what_wechat_refuses_is_told(operator: Client, bound: Bound, wechat: WeChat) -> None:
    row = bound()
    wechat.fault(PROFILE, errcode=45009)
    response = operator.post(page_of(row, "sync"), follow=True)
    assert response.status_code == 200
    assert "45009" in text_of(response)


def test_unbinding_asks_first_and_empties_the_tokens(operator: Client, bound: Bound) -> None:
    row = bound()
    assert "only its owner can cancel" in text_of(operator.get(page_of(row, "unbind")))
    row.refresh_from_db()
    assert row.state == "bound"
    operator.post(page_of(row, "unbind"))
    row.refresh_from_db()
    assert (row.state, row.access_token, row.refresh_token, row.expires) == ("unbound", "", "", 0)
    assert operations(row.appid) == [("unbind_locally", "")]


def test_unbinding_from_the_list_asks_first(operator: Client, bound: Bound) -> None:
    rows = [bound(), bound()]
    asked = operator.post(LIST, choose("unbind", *rows))
    assert asked.status_code == 200
    assert all(row.appid in text_of(asked) for row in rows)
    assert Authorizer.objects.filter(state="bound").count() == 2
    operator.post(LIST, choose("unbind", *rows, confirmed="yes"))
    assert Authorizer.objects.filter(state="unbound").count() == 2


def test_a_bind_link_is_shown_once_and_logs_nobody_in(
    operator: Client, bound: Bound, merchant: User
) -> None:
    row = bound()
    response = operator.post(page_of(row, "bind-link"))
    [(user, link)] = response.context["links"]
    assert user == merchant
    assert link in text_of(response)
    assert find_bind_link(link.rstrip("/").rsplit("/", 1)[1]).user == merchant  # type: ignore[union-attr]
    assert "no-store" in response["Cache-Control"]
    recorded = Operation.objects.filter(action="make_bind_link", actor_name="operator").get()
    assert link.rstrip("/").rsplit("/", 1)[1] not in recorded.result


def test_an_account_without_a_merchant_has_nobody_to_invite(operator: Client, bound: Bound) -> None:
    row = bound()
    Authorizer.objects.update(owner=None)
    response = operator.post(page_of(row, "bind-link"), follow=True)
    assert "no merchant who could bind" in text_of(response)


def test_too_many_rows_at_once_do_nothing(
    operator: Client, component: Component, wechat: WeChat
) -> None:
    rows = [make(component, number) for number in range(21)]
    response = operator.post(LIST, choose("refresh_tokens", *rows), follow=True)
    assert "at most 20" in text_of(response)
    assert wechat.count(REFRESH) == 0


@pytest.mark.parametrize("granted", ["", *sorted(set(ACTS.values()))])
def test_every_act_takes_its_own_permission(
    client: Client, bound: Bound, wechat: WeChat, granted: str
) -> None:
    row = bound()
    user = User.objects.create_user("someone", password="someone-password", is_staff=True)
    labels = {"view_authorizer", granted} - {""}
    user.user_permissions.add(*Permission.objects.filter(codename__in=labels))
    client.force_login(user)
    page = text_of(client.get(page_of(row)))
    for act, wanted in ACTS.items():
        may = wanted == granted
        assert (page_of(row, act) in page) == may
        assert client.get(page_of(row, act)).status_code == (200 if may else 403)
        if not may:
            assert client.post(page_of(row, act)).status_code == 403
    before = len(wechat.ledger)
    for act, wanted in LIST_ACTS.items():
        if wanted != granted:
            client.post(LIST, choose(act, row, confirmed="yes"))
    row.refresh_from_db()
    assert row.state == "bound"
    assert len(wechat.ledger) == before
    assert not Operation.objects.filter(actor_name="someone").exists()


def test_an_act_without_the_right_to_look_tells_no_names(client: Client, bound: Bound) -> None:
    row = bound()
    user = User.objects.create_user("someone", password="someone-password", is_staff=True)
    user.user_permissions.add(
        *Permission.objects.filter(codename__in=set(ACTS.values()) - {"change_authorizer"})
    )
    client.force_login(user)
    for act in ("unbind", "bind-link"):
        for answer in (client.get(page_of(row, act)), client.post(page_of(row, act))):
            assert answer.status_code == 403
            assert row.nick_name not in text_of(answer)
    assert row.nick_name not in text_of(client.get("/admin/"))


@pytest.mark.parametrize("who", ["nobody", "merchant", "staff without rights"])
def test_others_see_nothing(client: Client, bound: Bound, merchant: User, who: str) -> None:
    row = bound()
    if who == "merchant":
        client.force_login(merchant)
    elif who != "nobody":
        client.force_login(User.objects.create_user("new", password="new-password", is_staff=True))
    for url in (LIST, page_of(row), *(page_of(row, act) for act in ACTS)):
        answer = client.get(url)
        assert answer.status_code == (403 if who == "staff without rights" else 302)
        assert row.appid not in text_of(answer)


def test_nothing_is_added_changed_or_deleted_by_form(
    client: Client, bound: Bound, other_merchant: User
) -> None:
    row = bound()
    client.force_login(User.objects.create_superuser("boss", password="boss-password"))
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
    data = {"owner": other_merchant.pk, "appid": "wx0000000000000000"}
    assert client.post(page_of(row), data).status_code == 403
    changed = Authorizer.objects.get()
    assert (changed.owner_id, changed.appid) == (row.owner_id, row.appid)


# ── the list ────────────────────────────────────────────────────────────────────────────────────


def make(component: Component, number: int, **values: Any) -> Authorizer:
    values = {"kind": "mini_program", "state": "unbound", "nick_name": f"shop {number}", **values}
    return Authorizer.objects.create(component=component, appid=f"wx{number:016x}", **values)


def found(client: Client, query: str) -> set[str]:
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200
    return {row.nick_name for row in response.context["cl"].result_list}


def test_a_list_takes_the_same_queries_for_any_number_of_rows(
    operator: Client, component: Component, merchant: User
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as context:
            assert operator.get(LIST).status_code == 200
        return len(context)

    make(component, 1, owner=merchant, func_info=[17, 18, 19])
    few = queries()
    for number in range(2, 40):
        make(component, number, owner=merchant, func_info=[17, 18, 19])
    assert queries() == few


def test_the_list_never_counts_or_lists_values_of_the_whole_table(
    operator: Client, component: Component
) -> None:
    for number in range(60):
        make(component, number)
    with CaptureQueriesContext(connection) as context:
        operator.get(f"{LIST}?state__exact=unbound")
    asked = [one["sql"] for one in context if "wxminiprograms" in one["sql"]]
    assert asked
    assert not [sql for sql in asked if "DISTINCT" in sql]
    assert all("LIMIT" in sql or " IN (" in sql for sql in asked)  # a page, and its tags
    assert not [sql for sql in asked if "authorizer_refresh_token" in sql]


def test_it_is_found_by_what_has_an_index(
    operator: Client, component: Component, merchant: User
) -> None:
    make(component, 1, nick_name="Tea house", user_name="gh_tea")
    make(component, 2, nick_name="Book tea", owner=merchant)
    assert found(operator, "q=wx0000000000000001") == {"Tea house"}
    assert found(operator, "q=gh_tea") == {"Tea house"}
    assert found(operator, "q=Tea") == {"Tea house", "Book tea"}
    assert found(operator, "q=tea+h") == {"Tea house"}
    assert found(operator, "q=teas") == set()
    assert found(operator, "q=merchant") == {"Book tea"}
    assert found(operator, "q=ouse") == {"Tea house"}
    assert found(operator, "q=%20") == {"Tea house", "Book tea"}


def test_it_is_filtered_by_fixed_choices(operator: Client, component: Component) -> None:
    make(component, 1, nick_name="a", account_status=19)
    make(component, 2, nick_name="b", kind="official_account", state="needs_recovery")
    assert found(operator, "state__exact=unbound") == {"a"}
    assert found(operator, "kind__exact=official_account") == {"b"}
    assert found(operator, "account_status__exact=19") == {"a"}
    assert found(operator, f"component__id__exact={component.pk}") == {"a", "b"}


def test_pages_go_on_beyond_what_was_counted(
    operator: Client, component: Component, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_auth.admin.near_paginator.PAGES_AHEAD", 1)
    Authorizer.objects.bulk_create(
        Authorizer(
            component=component, appid=f"wx{number:016x}", kind="mini_program", state="unbound"
        )
        for number in range(220)
    )
    first = operator.get(LIST)
    assert first.context["cl"].result_count == 100
    assert "100+" in text_of(first)
    third = operator.get(f"{LIST}?p=3").context["cl"]
    assert (third.result_count, len(third.result_list)) == (200, 50)
    last = operator.get(f"{LIST}?p=5")
    assert last.context["cl"].result_count == 220
    assert "220+" not in text_of(last)


def test_the_page_tells_all_but_values_of_tokens(
    operator: Client, bound: Bound, merchant: User
) -> None:
    row = bound()
    page = text_of(operator.get(page_of(row)))
    for expected in (row.appid, row.user_name, row.nick_name, row.principal_name, "merchant"):
        assert expected in page
    assert "one, and 0 older ones" in page
    assert 'referrerpolicy="no-referrer"' in page
    assert row.access_token not in page
    assert row.refresh_token not in page


def test_an_account_is_hidden_from_its_merchant_and_shown_again(
    operator: Client, bound: Bound, merchant: User
) -> None:
    row = bound()
    portal = Client()
    portal.force_login(merchant)
    assert row.appid in text_of(portal.get("/portal/"))
    asked = operator.post(LIST, choose("hide", row))
    assert "does not find it" in text_of(asked)
    operator.post(LIST, choose("hide", row, confirmed="yes"))
    assert row.appid not in text_of(portal.get("/portal/"))
    operator.post(LIST, choose("show", row))
    assert row.appid in text_of(portal.get("/portal/"))
    acts = [action for action, _result in operations(row.appid)]
    assert acts[-2:] == ["hide_from_merchant", "show_to_merchant"]
