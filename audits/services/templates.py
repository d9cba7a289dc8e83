"""The platform's template library 模板库, mirrored."""

from datetime import UTC, datetime

from django.db import transaction
from django.db.models.functions import Now

from audits.models import CodeTemplate
from audits.services.ext_values import inherit_values
from audits.services.submission_profiles import inherit_profile
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import Actor, recorded_call
from platform_auth.tokens import with_component_token
from wechat import code_templates


def sync_templates(component: Component) -> int:
    """
    Mirror gettemplatelist of COMPONENT; owner notes stay. How many there are.

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
    return len(listed)


def list_drafts(component: Component) -> list[code_templates.Draft]:
    """gettemplatedraftlist: the newest upload of each development mini program."""
    release_db_connection()
    return with_component_token(component, code_templates.list_drafts)


def add_template(component: Component, draft_id: int, *, by: Actor | None) -> None:
    """addtotemplate: keep the draft DRAFT_ID as a template. Raises what WeChat answered."""
    with recorded_call("add_template", by=by, result=f"draft {draft_id}"):
        with_component_token(component, code_templates.add_to_template, draft_id)
    sync_templates(component)


def delete_template(template: CodeTemplate, *, by: Actor | None) -> None:
    """deletetemplate: WeChat keeps 200 at most. Raises what WeChat answered."""
    component = template.component
    with recorded_call("delete_template", by=by, result=f"template {template.template_id}"):
        with_component_token(component, code_templates.delete_template, template.template_id)
    CodeTemplate.objects.filter(pk=template.pk).update(gone_at=Now())
