"""Lists of code: templates, versions, audits and releases; and acts on many at once."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audits.models import CodeAudit, CodeTemplate, CodeVersion, Release
from audits.services import committing, templates
from miniprograms.models import Authorizer
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from tests.conftest import Bound, Deliver
from tests.rollouts import make_campaign, make_shops, states, work_and_wait
from tests.rows import make_authorizer
from tests.test_admin_code_acts import (
    RELEASE_CALL,
    SUBMIT_CALL,
    browser_of,
    judge,
    make_releaser,
    text_of,
)

pytestmark = pytest.mark.django_db

PROGRAMS = "/admin/miniprograms/authorizer/"
AUDITS = "/admin/audits/codeaudit/"
VERSIONS = "/admin/audits/codeversion/"
RELEASES = "/admin/audits/release/"
TEMPLATES = "/admin/audits/codetemplate/"


@pytest.fixture
def operator(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def releaser(db: None) -> Client:
    return make_releaser("releaser")


@pytest.fixture
def template(wechat: WeChat, component: Component, ticket: str) -> CodeTemplate:
    draft = wechat.upload_draft(user_version="1.0.0", user_desc="First")
    templates.add_template(component, draft.draft_id, by=None)
    return CodeTemplate.objects.get()


@pytest.fixture
def shops(bound: Bound, template: CodeTemplate) -> list[Authorizer]:
    """Three mini programs with an uploaded version, and one without."""
    made = [bound(nick_name=f"Shop {number}") for number in range(4)]
    for row in made[:3]:
        committing.commit_template(row, template, user_version="1.2.0", user_desc="new", by=None)
    return made


def choose(client: Client, path: str, act: str, rows: list[Any]) -> Any:
    """The page that asks about ROWS."""
    ids = [row.pk for row in rows]
    return client.post(path, {"action": act, "_selected_action": ids, "index": "0"})


def confirm(client: Client, path: str, asked: Any) -> str:
    """Confirm on the page ASKED, as its form does; the list afterwards."""
    said: dict[str, list[str]] = {"confirmed": ["yes"]}
    for name, value in asked.context["hidden"]:
        said.setdefault(name, []).append(value)
    return text_of(client.post(path, said, follow=True))


def passed(wechat: WeChat, deliver: Deliver, rows: list[Authorizer], client: Client) -> None:
    confirm(client, PROGRAMS, choose(client, PROGRAMS, "submit_code", rows))
    for audit in CodeAudit.objects.open():
        judge(wechat, deliver, audit, "pass")


# ── many at once ────────────────────────────────────────────────────────────────────────────────


def test_many_are_submitted_after_a_question_with_a_sentence_each(
    operator: Client, shops: list[Authorizer], wechat: WeChat
) -> None:
    asked = choose(operator, PROGRAMS, "submit_code", shops)
    assert asked.status_code == 200
    assert all(row.appid in text_of(asked) for row in shops)
    assert wechat.count(SUBMIT_CALL) == 0
    told = confirm(operator, PROGRAMS, asked)
    for row in shops[:3]:
        assert f"{row}: version 1.2.0 is submitted, audit " in told
    assert f"{shops[3]}: No code has been uploaded yet" in told
    assert wechat.count(SUBMIT_CALL) == 3
    assert Operation.objects.filter(action="submit_audit", actor_name="operator").count() == 3


def test_many_are_released_from_either_list(
    operator: Client,
    releaser: Client,
    shops: list[Authorizer],
    wechat: WeChat,
    deliver: Deliver,
) -> None:
    passed(wechat, deliver, shops[:3], operator)
    asked = choose(releaser, PROGRAMS, "release_code", [shops[0], shops[3]])
    first = shops[0].audits.get()
    assert f"1.2.0 ({first.auditid})" in text_of(asked)
    told = confirm(releaser, PROGRAMS, asked)
    assert f"{shops[0]}: version 1.2.0 is online" in told
    assert f"{shops[3]}: The newest audit … has not passed" in told
    audits = list(CodeAudit.objects.exclude(pk=first.pk))
    told = confirm(releaser, AUDITS, choose(releaser, AUDITS, "release_code", audits))
    assert told.count("version 1.2.0 is online") == 2
    assert wechat.count(RELEASE_CALL) == 3
    assert CodeAudit.objects.exclude(released_at=None).count() == 3


def test_an_older_audit_chosen_from_the_list_does_not_release_the_newest(
    operator: Client,
    releaser: Client,
    shops: list[Authorizer],
    template: CodeTemplate,
    wechat: WeChat,
    deliver: Deliver,
) -> None:
    shop = shops[0]
    passed(wechat, deliver, [shop], operator)
    older = shop.audits.get()
    committing.commit_template(shop, template, user_version="1.3.0", user_desc="new", by=None)
    passed(wechat, deliver, [shop], operator)
    newer = shop.audits.newest_first()[0]
    told = confirm(releaser, AUDITS, choose(releaser, AUDITS, "release_code", [older]))
    assert f"The newest audit {newer.auditid} has not passed (another version" in told
    assert wechat.count(RELEASE_CALL) == 0


@pytest.mark.parametrize("act", ["submit_code", "release_code"])
@pytest.mark.parametrize("path", [PROGRAMS, AUDITS])
def test_acts_on_many_need_their_permission(
    operator: Client, releaser: Client, shops: list[Authorizer], wechat: WeChat, act: str, path: str
) -> None:
    passed_by = {"submit_code": operator, "release_code": releaser}[act]
    other = releaser if passed_by is operator else operator
    confirm(operator, PROGRAMS, choose(operator, PROGRAMS, "submit_code", shops[:1]))
    rows: list[Any] = list(CodeAudit.objects.all()) if path == AUDITS else shops[:1]
    before = wechat.count(SUBMIT_CALL) + wechat.count(RELEASE_CALL)
    said = {"action": act, "_selected_action": [row.pk for row in rows], "confirmed": "yes"}
    other.post(path, {**said, "index": "0"})
    assert wechat.count(SUBMIT_CALL) + wechat.count(RELEASE_CALL) == before
    assert choose(passed_by, path, act, rows).status_code == 200


def test_too_many_at_once_do_nothing(operator: Client, component: Component) -> None:
    rows = [make_authorizer(component, None, f"wx{number:016x}") for number in range(21)]
    answer = operator.post(
        PROGRAMS,
        {
            "action": "submit_code",
            "_selected_action": [row.pk for row in rows],
            "index": "0",
            "confirmed": "yes",
        },
        follow=True,
    )
    assert "choose at most 20" in text_of(answer)
    assert not CodeAudit.objects.exists()


# ── lists ───────────────────────────────────────────────────────────────────────────────────────


def make_rows(component: Component, number: int) -> None:
    template, _made = CodeTemplate.objects.get_or_create(component=component, template_id=1)
    row = make_authorizer(component, None, f"wx{number:016x}", nick_name=f"Shop {number}")
    version = CodeVersion.objects.create(
        authorizer=row,
        template=template,
        user_version=f"1.{number}",
        user_desc="d",
        ext_json="{}",
        state="committed",
    )
    audit = CodeAudit.objects.create(
        authorizer=row,
        appid=row.appid,
        auditid=str(1000 + number),
        status=number % 2,
        version=version,
        user_version=version.user_version,
    )
    Release.objects.create(authorizer=row, kind="release", state="done", audit=audit)


@pytest.mark.parametrize("path", [VERSIONS, AUDITS, RELEASES, TEMPLATES, PROGRAMS])
def test_a_list_takes_the_same_queries_for_any_number_of_rows_and_counts_none(
    operator: Client, component: Component, path: str
) -> None:
    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as context:
            assert operator.get(path).status_code == 200
        return [one["sql"] for one in context]

    make_rows(component, 1)
    few = len(queries())
    for number in range(2, 60):
        make_rows(component, number)
    many = queries()
    assert len(many) == few
    about = [sql for sql in many if "audits_" in sql or "wxminiprogram" in sql]
    # The tags of the rows that are shown, all in one.
    about = [sql for sql in about if "_prefetch_related_val" not in sql]
    assert about
    # WeChat keeps 200 templates at most, and here there is one.
    assert path == TEMPLATES or not [sql for sql in about if "LIMIT" not in sql]
    assert not [sql for sql in about if "DISTINCT" in sql]


def found(client: Client, path: str, query: str) -> int:
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200
    return len(answer.context["cl"].result_list)


def test_rows_are_found_by_exact_ids_and_fixed_choices(
    operator: Client, component: Component
) -> None:
    for number in range(6):
        make_rows(component, number)
    for path in (VERSIONS, AUDITS, RELEASES):
        assert found(operator, path, "q=wx0000000000000003") == 1
        assert found(operator, path, "q=wx00000000000000") == 0
    assert found(operator, AUDITS, "q=1004") == 1
    assert found(operator, AUDITS, "status__exact=1") == 3
    assert found(operator, AUDITS, "released=no") == 3
    assert found(operator, AUDITS, "released=yes") == 0
    assert found(operator, VERSIONS, "state__exact=committed") == 6
    assert found(operator, RELEASES, "kind__exact=revert") == 0
    assert found(operator, TEMPLATES, "q=1") == 1


@pytest.mark.parametrize("path", [VERSIONS, AUDITS, RELEASES])
def test_a_row_is_shown_and_changed_by_nobody(component: Component, path: str) -> None:
    make_rows(component, 1)
    boss = browser_of(User.objects.create_superuser("boss"))
    rows: dict[str, Any] = {VERSIONS: CodeVersion, AUDITS: CodeAudit, RELEASES: Release}
    pk = rows[path].objects.get().pk
    page = f"{path}{pk}/change/"
    assert boss.get(page).status_code == 200
    assert boss.post(page, {"status": "0"}).status_code == 403
    assert boss.get(f"{path}add/").status_code == 403
    assert boss.post(f"{path}{pk}/delete/", {"post": "yes"}).status_code == 403


# ── templates ───────────────────────────────────────────────────────────────────────────────────


def test_notes_are_ours_and_stay(operator: Client, template: CodeTemplate, wechat: WeChat) -> None:
    page = f"{TEMPLATES}{template.pk}/change/"
    operator.post(page, {"notes": "for tea shops", "user_version": "9", "template_id": "9"})
    assert operator.post(f"{TEMPLATES}sync/", follow=True).status_code == 200
    template.refresh_from_db()
    assert (template.notes, template.user_version) == ("for tea shops", "1.0.0")
    assert Operation.objects.filter(action="change_codetemplate").exists()


def test_syncing_asks_first_and_says_how_many(
    operator: Client, template: CodeTemplate, wechat: WeChat
) -> None:
    asked = wechat.count("/wxa/gettemplatelist")
    assert operator.get(f"{TEMPLATES}sync/").status_code == 200
    assert wechat.count("/wxa/gettemplatelist") == asked
    assert "WeChat has 1 templates." in text_of(operator.post(f"{TEMPLATES}sync/", follow=True))


def test_a_draft_becomes_a_template(
    operator: Client, template: CodeTemplate, component: Component, wechat: WeChat
) -> None:
    draft = wechat.upload_draft(user_version="2.0.0", user_desc="Second")
    piece = f"{TEMPLATES}drafts/{component.pk}/"
    assert piece in text_of(operator.get(f"{TEMPLATES}drafts/"))
    assert "2.0.0" in text_of(operator.get(piece))
    keep = f"{piece}{draft.draft_id}/"
    assert operator.get(keep).status_code == 200
    assert CodeTemplate.objects.count() == 1
    assert "is a template now" in text_of(operator.post(keep, follow=True))
    assert CodeTemplate.objects.filter(user_version="2.0.0", gone_at=None).count() == 1
    again = text_of(operator.post(f"{piece}987654/", follow=True))
    assert "(85064)" in again


def test_a_template_is_deleted_after_a_question(
    operator: Client, template: CodeTemplate, wechat: WeChat
) -> None:
    address = f"{TEMPLATES}{template.pk}/delete-template/"
    assert operator.get(address).status_code == 200
    assert CodeTemplate.objects.filter(gone_at=None).exists()
    assert "versions made from it stay" in text_of(operator.post(address, follow=True))
    assert not CodeTemplate.objects.filter(gone_at=None).exists()
    assert address not in text_of(operator.get(f"{TEMPLATES}{template.pk}/change/"))


def test_templates_are_changed_only_with_the_permission(
    releaser: Client, template: CodeTemplate, component: Component, wechat: WeChat
) -> None:
    ends = ["sync/", "drafts/", f"drafts/{component.pk}/", f"drafts/{component.pk}/1/",
            f"{template.pk}/delete-template/"]  # fmt: skip
    assert {releaser.post(f"{TEMPLATES}{end}").status_code for end in ends} == {403}
    assert releaser.get(TEMPLATES).status_code == 200


def test_drafts_are_not_known_while_wechat_is_down(
    operator: Client, component: Component, template: CodeTemplate, wechat: WeChat
) -> None:
    wechat.fault("/wxa/gettemplatedraftlist", drop="before", times=None)
    assert operator.get(f"{TEMPLATES}drafts/").status_code == 200
    assert "Not known now" in text_of(operator.get(f"{TEMPLATES}drafts/{component.pk}/"))


def test_a_draft_that_is_a_template_says_so_and_is_not_offered_again(
    operator: Client, template: CodeTemplate, component: Component, wechat: WeChat
) -> None:
    kept = template.draft_id
    draft = wechat.upload_draft(
        user_version="2.0.0", source_appid="wx5a0d1e2f3b4c5dfe", developer="ci机器人1"
    )
    piece = f"{TEMPLATES}drafts/{component.pk}/"
    page = text_of(operator.get(piece))
    assert "ci机器人1" in page
    assert "wx5a0d1e2f3b4c5dfe" in page
    assert f"{piece}{draft.draft_id}/" in page
    assert f"{piece}{kept}/" not in page
    assert f"{TEMPLATES}{template.pk}/change/" in page
    assert "1 of 200 templates" in page


def test_a_full_library_is_said_before_wechat_is_asked(
    operator: Client, template: CodeTemplate, component: Component, wechat: WeChat
) -> None:
    for number in range(199):
        made = wechat.upload_draft(user_version=f"1.0.{number}")
        wechat.component.library.keep(made.draft_id, 0, int(wechat.clock()))
    templates.sync_templates(component)
    draft = wechat.upload_draft(user_version="9.0.0")
    piece = f"{TEMPLATES}drafts/{component.pk}/"
    page = text_of(operator.get(piece))
    assert "Delete one first" in page
    assert f"{piece}{draft.draft_id}/" not in page
    asked = wechat.count("/wxa/addtotemplate")
    answer = text_of(operator.post(f"{piece}{draft.draft_id}/", follow=True))
    assert "WeChat keeps 200 templates, and so many are there" in answer
    assert wechat.count("/wxa/addtotemplate") == asked


def test_a_lost_answer_to_an_addition_is_a_warning(
    operator: Client, template: CodeTemplate, component: Component, wechat: WeChat
) -> None:
    draft = wechat.upload_draft(user_version="2.0.0")
    wechat.fault("/wxa/addtotemplate", drop="after", effect=False)
    keep = f"{TEMPLATES}drafts/{component.pk}/{draft.draft_id}/"
    assert "adding the draft again does no harm" in text_of(operator.post(keep, follow=True))


@pytest.mark.django_db(transaction=True)
def test_which_templates_are_used_by_whom(
    operator: Client, releaser: Client, template: CodeTemplate, component: Component, wechat: WeChat
) -> None:
    wechat.reviews.review_seconds = 0
    wechat.upload_draft(user_version="2.0.0", source_appid="wx5a0d1e2f3b4c5dfe")
    unused = wechat.upload_draft(user_version="3.0.0", source_appid="wx5a0d1e2f3b4c5dfd")
    templates.add_template(component, unused.draft_id, by=None)
    shops = make_shops(wechat, component, 3)
    boss = User.objects.create_superuser("boss")
    campaign = make_campaign(template, boss, auto_release=True)
    work_and_wait(3)
    assert states(campaign) == {"released": 3}

    page = text_of(releaser.get(f"{TEMPLATES}use/"))

    assert "2 of 200 templates" in page
    assert page.count("used by nobody") == 1
    assert "<td>3</td><td>3</td>" in page
    own = text_of(operator.get(f"{TEMPLATES}{template.pk}/change/"))
    assert all(shop.appid in own for shop in shops)
