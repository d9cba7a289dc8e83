"""Which templates are used by whom: live, on trial, in campaigns."""

from collections import Counter

from django.db.models import Count

from audits.models import Campaign, CodeSummary, CodeTemplate
from miniprograms.models import Authorizer, AuthorizerQuerySet
from platform_auth.models import Component


def count_live(component: Component) -> Counter[int]:
    """By template of COMPONENT, how many mini programs have it live by our records."""
    return _count_by("live_template", component)


def count_uploaded(component: Component) -> Counter[int]:
    """By template of COMPONENT, of how many mini programs it is the newest upload."""
    return _count_by("uploaded_template", component)


def _count_by(template: str, component: Component) -> Counter[int]:
    rows = CodeSummary.objects.filter(authorizer__component=component).order_by()
    counts = rows.exclude(**{template: None}).values_list(template).annotate(number=Count("pk"))
    return Counter(dict(counts))


def in_campaigns(component: Component) -> set[int]:
    """The templates of COMPONENT that a campaign which is not at its end brings to others."""
    running = Campaign.objects.filter(
        template__component=component, state__in=Campaign.UNFINISHED
    ).order_by()
    return set(running.values_list("template", flat=True))


def unused_templates(component: Component) -> list[int]:
    """WeChat's numbers of the templates of COMPONENT that nobody needs, the oldest first."""
    used = {*count_live(component), *count_uploaded(component), *in_campaigns(component)}
    rows = CodeTemplate.objects.filter(component=component, gone_at=None).exclude(pk__in=used)
    return list(rows.order_by("template_id").values_list("template_id", flat=True))


def live_programs(template: CodeTemplate) -> AuthorizerQuerySet:
    """The mini programs that have TEMPLATE live by our records."""
    rows: AuthorizerQuerySet = Authorizer.objects.filter(code_summary__live_template=template)
    return rows
