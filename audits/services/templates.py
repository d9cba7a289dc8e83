"""The platform's template library 模板库, mirrored; drafts become templates, each once."""

from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audits.models import CodeTemplate, Promotion
from audits.problems import LibraryIsFull
from audits.services.ext_values import inherit_values
from audits.services.outcomes import ABANDONED_AFTER, MAX_CHECKS, NOT_DONE, RECHECK_AFTER
from audits.services.submission_profiles import inherit_profile
from audits.services.template_use import unused_templates
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import Actor, recorded_call
from platform_auth.tokens import with_component_token
from wechat import code_templates
from wechat.code_templates import Draft, Template
from wechat.errors import Unreachable, WeChatError
from wechat.http import Rows


def sync_templates(component: Component) -> int:
    """Mirror gettemplatelist of COMPONENT; owner notes stay. How many there are."""
    return len(_mirror_templates(component))


def _mirror_templates(component: Component) -> Rows[Template]:
    """
    The library of COMPONENT at WeChat, mirrored.

    While a row of it makes no sense none is gone: it may be that one.
    """
    release_db_connection()
    listed = with_component_token(component, code_templates.list_templates)
    with transaction.atomic():
        for template in listed:
            row, is_new = CodeTemplate.objects.update_or_create(
                component=component,
                template_id=template.template_id,
                defaults={
                    "draft_id": template.draft_id,
                    "template_type": template.template_type,
                    "user_version": template.user_version[:64],
                    "user_desc": template.user_desc,
                    "source_appid": template.source_miniprogram_appid[:32],
                    "source_name": template.source_miniprogram[:200],
                    "developer": template.developer[:200],
                    "created_at": datetime.fromtimestamp(template.create_time, UTC),
                    "gone_at": None,
                },
            )
            if is_new:
                inherit_values(row)
                inherit_profile(row)
        if not listed.odd:
            rows = CodeTemplate.objects.filter(component=component, gone_at=None)
            rows.exclude(template_id__in=[template.template_id for template in listed]).update(
                gone_at=Now()
            )
    return listed


def list_drafts(component: Component) -> list[Draft]:
    """gettemplatedraftlist: the newest upload of each development mini program."""
    release_db_connection()
    return with_component_token(component, code_templates.list_drafts)


def add_template(component: Component, draft_id: int, *, by: Actor | None) -> Promotion:
    """
    Keep the draft DRAFT_ID as a template: addtotemplate, once. What became of it.

    Its template is in the row, unless the outcome is UNKNOWN: then WeChat is asked again, here or
    by whoever wants the same draft. A draft that is a template already is not added again. Raises
    LibraryIsFull and what WeChat answered; a draft that is gone WeChat refuses.
    """
    drafts = [draft for draft in list_drafts(component) if draft.draft_id == draft_id]
    return promote_draft(component, drafts[0] if drafts else _unlisted(draft_id), by=by)


def promote_draft(component: Component, draft: Draft, *, by: Actor | None) -> Promotion:
    """As `add_template`, of a DRAFT that was listed."""
    listed = _mirror_templates(component)
    if earlier := _earlier_promotion(component, draft):
        return _look_again(earlier, listed)
    promotion = Promotion(
        component=component,
        draft_id=draft.draft_id,
        uploaded_at=datetime.fromtimestamp(draft.create_time, UTC),
        user_version=draft.user_version[:64],
        user_desc=draft.user_desc,
        source_appid=draft.source_miniprogram_appid[:32],
        state=Promotion.State.ADDING,
        by_id=by.pk if by else None,
    )
    if template := _template_of(promotion, listed):
        promotion.template, promotion.state = template, Promotion.State.DONE
        promotion.save()
        return promotion
    if len(listed) >= code_templates.LIBRARY_LIMIT:
        raise LibraryIsFull(code_templates.LIBRARY_LIMIT, unused_templates(component))
    promotion.listed_before = [template.template_id for template in listed]
    promotion.due_at = Now() + ABANDONED_AFTER
    try:
        with transaction.atomic():
            promotion.save()
    except IntegrityError:  # somebody else was quicker, and is at it
        return _earlier_promotion(component, draft) or promotion
    _call_add(promotion, by)
    promotion.refresh_from_db()
    return promotion


def _unlisted(draft_id: int) -> Draft:
    """A draft that WeChat does not list; it is WeChat that says no."""
    return Draft(draft_id, 0, "", "", "", "", "")


def _earlier_promotion(component: Component, draft: Draft) -> Promotion | None:
    """The one of DRAFT that is under way, or has made a template that is still there."""
    rows = Promotion.objects.filter(component=component, draft_id=draft.draft_id)
    rows = rows.select_related("template", "component").with_clock().order_by("-id")
    is_open = rows.filter(state__in=Promotion.OPEN)
    uploaded_at = datetime.fromtimestamp(draft.create_time, UTC)
    is_done = rows.filter(template__gone_at=None, uploaded_at=uploaded_at)
    earlier: Promotion | None = is_open.first()
    return earlier or is_done.filter(state=Promotion.State.DONE).first()


def _look_again(promotion: Promotion, listed: Rows[Template]) -> Promotion:
    """
    PROMOTION, done if its template is LISTED by now. Only a worker counts the looks that find
    nothing: somebody who asks twice in a second must not make it a thing that never happened.
    """
    template = None if promotion.template else _template_of(promotion, listed)
    if template and _close(promotion, Promotion.State.DONE, template=template):
        promotion.refresh_from_db()
    return promotion


def _call_add(promotion: Promotion, by: Actor | None) -> None:
    """addtotemplate for PROMOTION; then the library is looked at, whether or not an answer came."""
    component, draft_id = promotion.component, promotion.draft_id
    try:
        with recorded_call("add_template", by=by, result=f"draft {draft_id}"):
            with_component_token(component, code_templates.add_to_template, draft_id)
    except NOT_DONE as error:
        errcode = getattr(error, "errcode", None)
        _close(promotion, Promotion.State.REFUSED, last_error=str(error), errcode=errcode)
        raise
    except Unreachable as error:
        _mark_unknown(promotion, str(error))
    try:
        reconcile_promotion(promotion)
    except WeChatError as error:
        _mark_unknown(promotion, str(error))


def reconcile_promotion(promotion: Promotion) -> None:
    """Look for PROMOTION's template in WeChat's library. Raises what WeChat answered."""
    listed = _mirror_templates(promotion.component)
    if template := _template_of(promotion, listed):
        _close(promotion, Promotion.State.DONE, template=template)
    elif promotion.failures >= MAX_CHECKS:
        error = _("WeChat's library does not have it: it was never added.")
        _close(promotion, Promotion.State.REFUSED, last_error=error)
    else:
        _mark_unknown(promotion, promotion.last_error)


def _close(promotion: Promotion, state: Promotion.State, **values: Any) -> bool:
    """Write what became of PROMOTION, unless that is known. Whether it was written."""
    values = {"last_error": "", "due_at": None, "lease_until": None, **values}
    rows = Promotion.objects.filter(pk=promotion.pk, state__in=Promotion.OPEN)
    return bool(rows.update(state=state, **values))


def _mark_unknown(promotion: Promotion, error: str) -> None:
    """It may be in the library or not: that is looked at in a while."""
    Promotion.objects.filter(pk=promotion.pk, state__in=Promotion.OPEN).update(
        state=Promotion.State.UNKNOWN,
        last_error=error,
        failures=promotion.failures + 1,
        due_at=Now() + RECHECK_AFTER,
        lease_until=None,
    )


def _template_of(promotion: Promotion, listed: Rows[Template]) -> CodeTemplate | None:
    """The newest of the templates LISTED that was made of PROMOTION's draft."""
    made_of_it = [template.template_id for template in listed if _is_of(template, promotion)]
    new = [number for number in made_of_it if number not in promotion.listed_before]
    rows = CodeTemplate.objects.filter(component=promotion.component, template_id__in=new)
    template: CodeTemplate | None = rows.order_by("-template_id").first()
    return template


def _is_of(template: Template, promotion: Promotion) -> bool:
    """By WeChat's number of the draft and what it says; no template is older than its draft."""
    if template.create_time < promotion.uploaded_at.timestamp():
        return False
    if template.draft_id and template.draft_id != promotion.draft_id:
        return False
    source = template.source_miniprogram_appid[:32]
    content = (template.user_version[:64], template.user_desc, source)
    return content == (promotion.user_version, promotion.user_desc, promotion.source_appid)


def delete_template(template: CodeTemplate, *, by: Actor | None) -> None:
    """deletetemplate: WeChat keeps 200 at most. Raises what WeChat answered."""
    component = template.component
    with recorded_call("delete_template", by=by, result=f"template {template.template_id}"):
        with_component_token(component, code_templates.delete_template, template.template_id)
    CodeTemplate.objects.filter(pk=template.pk).update(gone_at=Now())
