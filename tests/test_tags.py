"""Tags: words that staff group accounts by."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from miniprograms.models import Authorizer, Tag
from platform_auth.models import Component, Operation
from tests.rows import make_authorizer

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.both_databases("pairs that are there already are passed over by the database"),
]

LIST = "/admin/miniprograms/authorizer/"
TAGS = "/admin/miniprograms/tag/"


@pytest.fixture
def browser(client: Client, staff: User) -> Client:
    client.force_login(staff)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def rows(component: Component) -> list[Authorizer]:
    return [make_authorizer(component, None, f"wx{n:016}", nick_name=f"Shop {n}") for n in range(4)]


def tagged(row: Authorizer) -> list[str]:
    return [tag.name for tag in row.tags.all()]


def ask(browser: Client, rows: list[Authorizer], **answers: Any) -> Any:
    chosen = {"action": "set_tags", "_selected_action": [row.pk for row in rows]}
    return browser.post(LIST, {**chosen, **answers}, follow=True)


def test_tags_are_given_to_and_taken_from_the_chosen(
    browser: Client, rows: list[Authorizer]
) -> None:
    tea, cake = Tag.objects.create(name="tea"), Tag.objects.create(name="cake")
    page = ask(browser, rows[:2]).content.decode()
    assert "Shop 0" in page
    assert "Shop 2" not in page
    ask(browser, rows[:2], confirmed="yes", add=[tea.pk, cake.pk])
    assert [tagged(row) for row in rows] == [["cake", "tea"], ["cake", "tea"], [], []]
    ask(browser, rows[1:3], confirmed="yes", add=[tea.pk], remove=[cake.pk], new=" new ")
    assert [tagged(row) for row in rows] == [["cake", "tea"], ["new", "tea"], ["new", "tea"], []]
    log = Operation.objects.filter(action="set_tags").order_by("pk")
    assert sorted((row.appid, row.result) for row in log) == [
        (rows[0].appid, "+cake +tea"),
        (rows[1].appid, "+cake +tea"),
        (rows[1].appid, "+tea +new -cake"),
        (rows[2].appid, "+tea +new -cake"),
    ]


def test_one_account_is_tagged_on_its_page(browser: Client, rows: list[Authorizer]) -> None:
    path = f"{LIST}{rows[0].pk}/tags/"
    assert browser.get(path).status_code == 200
    assert browser.post(path, {"confirmed": "yes", "new": "tea"}).status_code == 302
    assert tagged(rows[0]) == ["tea"]
    cake = Tag.objects.create(name="cake")
    assert "checked" in browser.get(path).content.decode()
    browser.post(path, {"confirmed": "yes", "add": [cake.pk], "new": "new"})
    assert tagged(rows[0]) == ["cake", "new"]
    browser.post(path, {"confirmed": "yes"})
    assert tagged(rows[0]) == []
    browser.post(path, {"confirmed": "yes", "new": "tea"})
    assert "tea" in browser.get(f"{LIST}{rows[0].pk}/change/").content.decode()


def test_choosing_nothing_is_told(browser: Client, rows: list[Authorizer]) -> None:
    Tag.objects.create(name="tea")
    page = ask(browser, rows, confirmed="yes").content.decode()
    assert "Choose at least one tag." in page
    assert not Operation.objects.filter(action="set_tags").exists()


def test_the_list_is_narrowed_to_a_tag(
    browser: Client,
    rows: list[Authorizer],
    django_assert_max_num_queries: Callable[..., Any],
) -> None:
    tea = Tag.objects.create(name="tea")
    for row in (rows[1], rows[3]):
        row.tags.add(tea)
    shown = browser.get(LIST, {"tag": tea.pk}).context["cl"].result_list
    assert [row.nick_name for row in shown] == ["Shop 3", "Shop 1"]
    for nonsense in ("0", "x", "²"):
        assert not browser.get(LIST, {"tag": nonsense}).context["cl"].result_list
    assert browser.get(LIST, {"tag": "9" * 30}).status_code == 400
    with django_assert_max_num_queries(12):
        assert browser.get(LIST).status_code == 200


def test_the_list_of_tags_tells_how_many_have_each(browser: Client, rows: list[Authorizer]) -> None:
    tea = Tag.objects.create(name="tea")
    Tag.objects.create(name="cake")
    tea.authorizers.set(rows[:3])
    sizes = {tag.name: tag.size for tag in browser.get(TAGS).context["cl"].result_list}
    assert sizes == {"cake": 0, "tea": 3}


def test_tags_are_made_renamed_and_deleted_on_record(
    browser: Client, rows: list[Authorizer]
) -> None:
    browser.post(f"{TAGS}add/", {"name": "tea"})
    tag = Tag.objects.get()
    tag.authorizers.set(rows)
    browser.post(f"{TAGS}{tag.pk}/change/", {"name": "green tea"})
    assert tagged(rows[0]) == ["green tea"]
    browser.post(f"{TAGS}{tag.pk}/delete/", {"post": "yes"})
    assert tagged(rows[0]) == []
    acts = Operation.objects.filter(action__endswith="_tag").order_by("pk")
    assert [row.action for row in acts] == ["add_tag", "change_tag", "delete_tag"]


def test_too_many_at_once_are_refused(browser: Client, component: Component) -> None:
    many = [
        Authorizer(
            component=component,
            appid=f"wxmany{n:012}",
            kind="mini_program",
            state="unbound",
            token="x",
        )  # fmt: skip
        for n in range(501)
    ]
    Authorizer.objects.bulk_create(many)
    data = {"action": "set_tags", "_selected_action": [1], "select_across": "1", "confirmed": "yes",
            "new": "tea"}  # fmt: skip
    page = browser.post(LIST, data, follow=True).content.decode()
    assert "choose at most 500" in page
    assert not Tag.objects.exists()
    Authorizer.objects.filter(pk=Authorizer.objects.latest("pk").pk).delete()
    assert "500 accounts: done." in browser.post(LIST, data, follow=True).content.decode()
    assert Tag.objects.get().authorizers.count() == 500


def test_who_may_only_look_tags_nothing(client: Client, rows: list[Authorizer]) -> None:
    user = User.objects.create_user("looker", is_staff=True)
    names = ["view_authorizer", "view_tag"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    ask(client, rows, confirmed="yes", new="tea")
    assert client.post(f"{LIST}{rows[0].pk}/tags/", {"new": "tea"}).status_code == 403
    assert client.get(f"{TAGS}add/").status_code == 403
    assert not Tag.objects.exists()


def test_the_page_of_an_account_leads_to_its_rules(browser: Client, rows: list[Authorizer]) -> None:
    answer = browser.get(f"{LIST}{rows[0].pk}/rules/", follow=True)
    assert answer.redirect_chain == [(f"/admin/messaging/rule/?q={rows[0].appid}", 302)]
    assert answer.context["try_form"]["account"].value() == rows[0].appid
