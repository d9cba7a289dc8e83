"""What the list of accounts tells of each at a glance, how it is narrowed, sorted and exported."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from audits.models import (
    CodeAudit,
    CodeSummary,
    CodeTemplate,
    CodeVersion,
    PreflightSummary,
    Release,
)
from audits.services import releasing
from audits.services.summaries import order_key, summarise_code
from messaging.models import Conversation
from miniprograms.models import Authorizer, Setting
from platform_auth.models import Component, Operation
from tests.desk import Desk
from tests.desk import desk as desk
from tests.rows import make_authorizer
from tests.test_admin_code_acts import browser_of, text_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.both_databases("PostgreSQL has an index for names, and a trigger for summaries"),
]

LIST = "/admin/miniprograms/authorizer/"
EXPORT = f"{LIST}export/"
VERSIONS = "/admin/audits/codesummary/"


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def names(browser: Client, **query: str) -> list[str]:
    answer = browser.get(LIST, query)
    assert answer.status_code == 200
    return [row.nick_name for row in answer.context["cl"].result_list]


def cells(browser: Client, **query: str) -> list[dict[str, str]]:
    answer = browser.get(EXPORT, query)
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def summary(row: Authorizer) -> tuple[str, str, str]:
    kept = CodeSummary.objects.get(pk=row.pk)
    return kept.live_version, kept.review, kept.uploaded_version


def test_each_act_is_seen_in_the_list(desk: Desk, browser: Client) -> None:
    desk.commit("1.0.0")
    assert summary(desk.shop) == ("", "", "1.0.0")
    desk.submit(None)
    assert summary(desk.shop) == ("", "in_review", "1.0.0")
    desk.judge("pass")
    assert summary(desk.shop) == ("", "passed", "1.0.0")
    releasing.release_newest_audit(desk.shop, by=desk.staff)
    assert summary(desk.shop) == ("1.0.0", "released", "1.0.0")
    desk.commit("1.10.0")
    desk.submit(None)
    desk.judge("reject")
    desk.settle()
    assert summary(desk.shop) == ("1.0.0", "rejected", "1.10.0")
    page = text_of(browser.get(LIST))
    assert "1.10.0" in page
    [row] = cells(browser)
    assert (row["review"], row["newest upload"]) == ("rejected", "1.10.0")
    desk.release("1.11.0")
    assert summary(desk.shop) == ("1.11.0", "released", "1.11.0")
    releasing.revert_release(desk.shop, by=desk.staff)
    assert summary(desk.shop) == ("1.0.0", "released", "1.11.0")
    kept = CodeSummary.objects.get(pk=desk.shop.pk)
    assert kept.live_template == kept.uploaded_template == kept.review_template == desk.template


def test_what_wechat_refused_does_not_count(desk: Desk) -> None:
    desk.commit("1.0.0")
    desk.wechat.fault("/wxa/commit", errcode=85013)
    with pytest.raises(Exception, match="85013"):
        desk.commit("1.0.1")
    assert summary(desk.shop) == ("", "", "1.0.0")


# ── narrowed and sorted ─────────────────────────────────────────────────────────────────────────


@pytest.fixture
def shops(component: Component) -> list[Authorizer]:
    """The oldest has no code; then 1.9 is live and 2.0 rejected, 1.10 is live, one is uploaded."""
    rows = [
        make_authorizer(component, None, f"wx{number:016}", nick_name=name)
        for number, name in enumerate(["no code", "nine", "ten", "uploaded"])
    ]
    template = CodeTemplate.objects.create(
        component=component, template_id=7, user_version="1.10.0", user_desc="for shops"
    )
    for row, version in zip(rows[1:], ["1.9.0", "1.10.0", "1.10.0"], strict=True):
        CodeVersion.objects.create(
            authorizer=row,
            template=template,
            user_version=version,
            ext_json="{}",
            state=CodeVersion.State.COMMITTED,
        )
    for row, version in ((rows[1], "1.9.0"), (rows[2], "1.10.0")):
        audit = make_audit(row, version, CodeAudit.Status.PASSED, released_at=timezone.now())
        done = Release.State.DONE
        Release.objects.create(
            authorizer=row, kind="release", state=done, audit=audit, live_after=version
        )
    make_audit(rows[1], "2.0.0", CodeAudit.Status.REJECTED)
    for row in rows[1:]:
        summarise_code(row.pk)
    return rows


def make_audit(row: Authorizer, version: str, status: int, **values: Any) -> CodeAudit:
    number = CodeAudit.objects.count() + 1
    audit: CodeAudit = CodeAudit.objects.create(
        authorizer=row,
        appid=row.appid,
        auditid=str(number),
        user_version=version,
        status=status,
        **values,
    )
    return audit


def test_it_is_narrowed_by_what_is_live(browser: Client, shops: list[Authorizer]) -> None:
    assert names(browser, live="1.10.0") == ["ten"]
    assert names(browser, live="none") == ["uploaded", "no code"]
    assert names(browser, live="<1.10.0") == ["nine"]
    assert names(browser, live="<no number") == []
    assert names(browser, live="7.7") == []
    assert "1.10.0" in text_of(browser.get(LIST))  # a choice, since a template is called so


def test_it_is_narrowed_by_review(browser: Client, shops: list[Authorizer]) -> None:
    assert names(browser, review="rejected") == ["nine"]
    assert names(browser, review="released") == ["ten"]
    assert names(browser, review="none") == ["uploaded", "no code"]


def sorted_by(browser: Client, title: str, *, down: bool = False) -> list[str]:
    header = browser.get(LIST).context["cl"].list_display
    names_of_columns = [getattr(column, "__name__", column) for column in header]
    number = names_of_columns.index(title)
    return names(browser, o=f"{'-' if down else ''}{number}")


def test_its_columns_sort_versions_as_versions(browser: Client, shops: list[Authorizer]) -> None:
    assert sorted_by(browser, "live_version")[-2:] == ["nine", "ten"]
    assert sorted_by(browser, "live_version", down=True)[:2] == ["ten", "nine"]
    assert sorted_by(browser, "newest_upload", down=True) == ["uploaded", "ten", "nine", "no code"]
    assert set(sorted_by(browser, "review")[-2:]) == {"nine", "ten"}


@pytest.mark.parametrize(
    "versions",
    [
        ["1.9", "1.10", "2.0.0-beta.2", "2.0.0-beta.10", "2.0.0-rc", "2.0", "2.0.1", "10.0"],
        ["0.9", "v1.0", "V1.0.0.1", "1.1"],
    ],
)
def test_versions_have_their_order(versions: list[str]) -> None:
    keys = [order_key(version) for version in versions]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert order_key("2.0") == order_key("v2.0.0")
    assert order_key("latest") == ""


def test_what_nobody_has_read_is_counted(browser: Client, shops: list[Authorizer]) -> None:
    for number, unread in enumerate([0, 1, 5]):
        Conversation.objects.create(authorizer=shops[1], openid=f"o{number}", unread=unread)
    Conversation.objects.bulk_create(
        Conversation(authorizer=shops[2], openid=f"o{number}", unread=1, reference=f"r{number}")
        for number in range(101)
    )
    by_name = {row["name"]: row["unread"] for row in cells(browser)}
    assert by_name == {"no code": "0", "nine": "2", "ten": "99+", "uploaded": "0"}
    assert names(browser, unread="yes") == ["ten", "nine"]
    assert names(browser, unread="no") == ["uploaded", "no code"]


def test_drift_and_preflight_are_told(browser: Client, shops: list[Authorizer]) -> None:
    for kind, has_drifted in (("server-domains", True), ("webview-domains", False)):
        Setting.objects.create(authorizer=shops[0], kind=kind, has_drifted=has_drifted)
    PreflightSummary.objects.create(authorizer=shops[1], ok=True)
    PreflightSummary.objects.create(authorizer=shops[2], ok=False, failing=["quota", "pages"])
    by_name = {row["name"]: row for row in cells(browser)}
    assert [by_name[name]["drift"] for name in ("no code", "nine")] == ["1", "0"]
    assert by_name["nine"]["preflight"] == "fine"
    assert by_name["ten"]["preflight"].count(",") == 1
    assert by_name["uploaded"]["preflight"] == ""
    assert names(browser, drift="yes") == ["no code"]
    assert names(browser, drift="no") == ["uploaded", "ten", "nine"]
    assert names(browser, preflight="failing") == ["ten"]
    assert names(browser, preflight="fine") == ["nine"]
    assert names(browser, preflight="none") == ["uploaded", "no code"]
    page = text_of(browser.get(LIST))
    assert "2 failing" in page
    assert f"{LIST}{shops[0].pk}/settings/" in page


# ── found by any part of the name ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("茶", {"北京老王茶馆", "茶 Tea House"}),
        ("老王", {"北京老王茶馆"}),
        ("王茶馆", {"北京老王茶馆"}),
        ("北京茶馆", set()),  # its ends are there, it is not
        ("tea h", {"茶 Tea House"}),
        ("HOUSE", {"茶 Tea House"}),
        ("%", {"100% fresh"}),
        ("_", set()),
        ("😀", {"smile 😀 shop"}),
        ("gh_same", {"北京老王茶馆"}),
        ("wx0000000000000002", {"100% fresh"}),
        ("wxshop", {"WxShop"}),
    ],
)
def test_any_part_of_a_name_finds_it(
    browser: Client, component: Component, term: str, expected: set[str]
) -> None:
    for number, name in enumerate(
        ["北京老王茶馆", "茶 Tea House", "100% fresh", "smile 😀 shop", "WxShop", ""]
    ):
        user_name = "gh_same" if number == 0 else ""
        make_authorizer(component, None, f"wx{number:016}", nick_name=name, user_name=user_name)
    assert set(names(browser, q=term)) == expected


# ── the file ────────────────────────────────────────────────────────────────────────────────────


def test_what_is_found_is_exported(browser: Client, shops: list[Authorizer]) -> None:
    Authorizer.objects.filter(pk=shops[2].pk).update(nick_name="=HYPERLINK(1)")
    [row] = cells(browser, live="1.10.0")
    assert row["name"] == "'=HYPERLINK(1)"
    assert row["appid"] == shops[2].appid
    assert row["live version"] == "1.10.0"
    assert len(cells(browser)) == 4
    assert len(cells(browser, q="nine")) == 1
    assert browser.get(EXPORT, {"account_status__exact": "x"}).status_code == 400
    log = Operation.objects.filter(action="export_accounts").order_by("pk")
    assert [entry.result for entry in log] == ["live=1.10.0", "*", "q=nine"]


def test_an_export_reads_a_batch_at_a_time(
    browser: Client, component: Component, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    Authorizer.objects.bulk_create(
        Authorizer(component=component, appid=f"wx{n:016}", kind="mini_program", state="unbound")
        for n in range(1_100)
    )
    with django_assert_max_num_queries(20):  # three batches, each with its tags
        assert len({row["appid"] for row in cells(browser)}) == 1_100


def test_a_person_sees_and_exports_what_they_may(client: Client, shops: list[Authorizer]) -> None:
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_authorizer"))
    browser = browser_of(looker)
    page = text_of(browser.get(LIST))
    assert "1.10.0" not in page
    assert set(cells(browser)[0]) & {"live version", "review", "unread"} == set()
    # A filter of what they may not see is refused, or it would tell.
    assert browser.get(LIST, {"live": "1.10.0"}).status_code == 400
    assert browser.get(EXPORT, {"unread": "yes"}).status_code == 400
    assert browser_of(User.objects.create_user("new", is_staff=True)).get(EXPORT).status_code == 403


# ── who runs which version ──────────────────────────────────────────────────────────────────────


def test_the_page_of_versions_counts_and_brings_the_rest_along(
    browser: Client, shops: list[Authorizer]
) -> None:
    answer = browser.get(VERSIONS)
    [counts] = answer.context["templates"]
    assert [(one.version, one.live, one.uploaded) for one in counts.versions] == [
        ("1.10.0", 1, 2),
        ("1.9.0", 1, 1),
    ]
    assert counts.rest == 1
    template = CodeTemplate.objects.get()
    assert counts.campaign_url == (
        f"/admin/audits/campaign/add/?template={template.pk}&live_below=1.10.0"
    )
    assert counts.campaign_url.replace("&", "&amp;") in text_of(answer)
    assert browser.get(counts.campaign_url).status_code == 200
    assert [row.nick_name for row in browser.get(counts.rest_url).context["cl"].result_list] == [
        "nine"
    ]
    Authorizer.objects.filter(pk=shops[1].pk).update(state="unbound", refresh_token="")
    [counts] = browser.get(VERSIONS).context["templates"]
    assert (counts.rest, len(counts.versions)) == (0, 1)


def test_code_from_elsewhere_is_counted_apart(browser: Client, shops: list[Authorizer]) -> None:
    Release.objects.filter(authorizer=shops[2]).update(live_after="3.0.0")
    summarise_code(shops[2].pk)
    _ours, elsewhere = browser.get(VERSIONS).context["templates"]
    assert elsewhere.template is None
    assert [(one.version, one.live) for one in elsewhere.versions] == [("3.0.0", 1)]
