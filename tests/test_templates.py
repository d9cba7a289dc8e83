"""The template library, mirrored: who writes what, and what stays."""

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from audits.models import CodeTemplate, Promotion
from audits.problems import LibraryIsFull
from audits.services import templates
from audits.services.reconcile_outcomes import reconcile_due
from audits.tasks import sync_templates
from platform_auth.models import Component, Heartbeat, Operation
from sandbox.world import WeChat
from tests.desk import acts
from tests.rollouts import make_template
from wechat import code_templates
from wechat.errors import Refused, Unreachable

ADD, DELETE = "/wxa/addtotemplate", "/wxa/deletetemplate"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ticket")]


def test_what_wechat_lists_is_mirrored(wechat: WeChat, component: Component) -> None:
    template = make_template(wechat, component, "3.1.4")
    assert (template.user_version, template.user_desc) == ("3.1.4", "第一版")
    assert (template.component, template.gone_at) == (component, None)
    assert template.source_appid
    assert template.source_name
    assert template.developer
    assert templates.sync_templates(component) == 1
    assert CodeTemplate.objects.count() == 1


def test_notes_stay(wechat: WeChat, component: Component) -> None:
    make_template(wechat, component)
    CodeTemplate.objects.update(notes="for shops")
    templates.sync_templates(component)
    assert CodeTemplate.objects.get().notes == "for shops"


def test_one_that_is_gone_keeps_its_row_and_may_come_back(
    wechat: WeChat, component: Component
) -> None:
    template = make_template(wechat, component)
    library = wechat.component.library
    kept = library.templates.pop(template.template_id)
    sync_templates()
    template.refresh_from_db()
    assert template.gone_at is not None
    gone_at = template.gone_at
    templates.sync_templates(component)
    template.refresh_from_db()
    assert template.gone_at == gone_at
    library.templates[template.template_id] = kept
    templates.sync_templates(component)
    template.refresh_from_db()
    assert template.gone_at is None


def test_the_task_goes_on_where_wechat_fails(wechat: WeChat, component: Component) -> None:
    wechat.fault("/wxa/gettemplatelist", drop="after")
    sync_templates()
    assert Heartbeat.objects.filter(name="sync_templates").exists()


def test_an_answer_that_is_lost_deletes_nothing(wechat: WeChat, component: Component) -> None:
    make_template(wechat, component)
    wechat.fault("/wxa/gettemplatelist", times=None, drop="after")
    with pytest.raises(Unreachable):
        templates.sync_templates(component)
    assert CodeTemplate.objects.get().gone_at is None


def test_a_draft_becomes_a_template(wechat: WeChat, component: Component, staff: User) -> None:
    wechat.upload_draft(user_version="1.0.0", source_appid="wx1")
    wechat.upload_draft(user_version="2.0.0", source_appid="wx2")
    drafts = templates.list_drafts(component)
    assert [draft.user_version for draft in drafts] == ["1.0.0", "2.0.0"]
    templates.add_template(component, drafts[1].draft_id, by=staff)
    assert CodeTemplate.objects.get().user_version == "2.0.0"
    log = Operation.objects.get(action="add_template")
    assert (log.actor_name, log.result) == ("operator", f"draft {drafts[1].draft_id}")


def test_a_draft_that_is_gone_is_refused_and_logged(
    wechat: WeChat, component: Component, staff: User
) -> None:
    with pytest.raises(Refused) as caught:
        templates.add_template(component, 404, by=staff)
    assert caught.value.errcode == 85064
    assert acts()[-2:] == ["add_template", "add_template"]
    assert "85064" in Operation.objects.order_by("-pk")[0].result


def test_a_template_is_deleted(wechat: WeChat, component: Component, staff: User) -> None:
    template = make_template(wechat, component)
    templates.delete_template(template, by=staff)
    template.refresh_from_db()
    assert template.gone_at is not None
    assert not wechat.component.library.templates
    assert acts()[-1] == "delete_template"


@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_deletion_whose_answer_is_lost_is_not_repeated_and_comes_out(
    wechat: WeChat, component: Component, staff: User, drop: str
) -> None:
    template = make_template(wechat, component)
    wechat.fault(DELETE, drop=drop)
    with pytest.raises(Unreachable):
        templates.delete_template(template, by=staff)
    assert wechat.count(DELETE) == 1
    assert "delete_template" in acts()
    templates.sync_templates(component)
    template.refresh_from_db()
    assert (template.gone_at is None) is (drop == "before")


def test_an_addition_whose_answer_is_lost_is_looked_for_at_once(
    wechat: WeChat, component: Component, staff: User
) -> None:
    draft = wechat.upload_draft()
    wechat.fault(ADD, drop="after")
    promotion = templates.add_template(component, draft.draft_id, by=staff)
    assert promotion.template == CodeTemplate.objects.get()
    assert wechat.count(ADD, effect=True) == wechat.count(ADD) == 1


def test_an_addition_that_never_arrived_is_asked_about_and_not_repeated(
    wechat: WeChat, component: Component, staff: User
) -> None:
    draft = wechat.upload_draft()
    wechat.fault(ADD, drop="after", effect=False)
    promotion = templates.add_template(component, draft.draft_id, by=staff)
    assert (promotion.state, promotion.template) == ("unknown", None)
    for _round in range(3):
        Promotion.objects.exclude(due_at=None).update(due_at=Now())
        reconcile_due()
    promotion.refresh_from_db()
    assert (promotion.state, promotion.due_at) == ("refused", None)
    assert wechat.count(ADD) == 1
    assert templates.add_template(component, draft.draft_id, by=staff).state == "done"
    assert wechat.count(ADD, effect=True) == 1


def test_a_draft_is_added_once_however_often_it_is_asked_for(
    wechat: WeChat, component: Component, staff: User
) -> None:
    draft = wechat.upload_draft()
    first = templates.add_template(component, draft.draft_id, by=staff)
    again = templates.add_template(component, draft.draft_id, by=staff)
    assert again.template == first.template
    assert wechat.count(ADD) == 1
    assert first.template is not None
    templates.delete_template(first.template, by=staff)
    assert templates.add_template(component, draft.draft_id, by=staff).template != first.template
    assert wechat.count(ADD) == 2


def test_what_somebody_added_elsewhere_is_not_added_again(
    wechat: WeChat, component: Component, staff: User
) -> None:
    draft = wechat.upload_draft()
    theirs = wechat.component.library.keep(draft.draft_id, 0, int(wechat.clock()))
    promotion = templates.add_template(component, draft.draft_id, by=staff)
    assert promotion.template is not None
    assert promotion.template.template_id == theirs.template_id
    assert wechat.count(ADD) == 0


def test_a_full_library_is_said_before_wechat_is_asked(
    wechat: WeChat, component: Component, staff: User
) -> None:
    first = make_template(wechat, component)
    for number in range(code_templates.LIBRARY_LIMIT - 1):
        draft = wechat.upload_draft(user_version=f"1.0.{number}")
        wechat.component.library.keep(draft.draft_id, 0, int(wechat.clock()))
    draft = wechat.upload_draft(user_version="3.0.0")
    with pytest.raises(LibraryIsFull, match=rf"200.*\b{first.template_id}, "):
        templates.add_template(component, draft.draft_id, by=staff)
    assert wechat.count(ADD) == 0
