"""Which templates are used by whom: live, on trial, in campaigns."""

from collections import Counter
from collections.abc import Iterable

from django.db.models import Count, Exists, Max, OuterRef

from audits.models import Campaign, CodeTemplate, CodeVersion, Release
from miniprograms.models import Authorizer, AuthorizerQuerySet
from platform_auth.models import Component


def count_live(component: Component) -> Counter[int]:
    """By template of COMPONENT, how many mini programs have it live by our records."""
    done = Release.objects.filter(
        authorizer__component=component, state=Release.State.DONE
    ).order_by()
    newest = done.values("authorizer").annotate(newest=Max("pk")).values("newest")
    live = Release.objects.filter(pk__in=newest, kind=Release.Kind.RELEASE).order_by()
    return _count(live.values_list("audit__version__template"))


def count_uploaded(component: Component) -> Counter[int]:
    """By template of COMPONENT, of how many mini programs it is the newest upload."""
    committed = CodeVersion.objects.filter(
        authorizer__component=component, state=CodeVersion.State.COMMITTED
    ).order_by()
    newest = committed.values("authorizer").annotate(newest=Max("pk")).values("newest")
    return _count(CodeVersion.objects.filter(pk__in=newest).order_by().values_list("template"))


def _count(templates: Iterable[tuple[int | None, ...]]) -> Counter[int]:
    rows = templates.annotate(number=Count("pk"))  # type: ignore[attr-defined]
    return Counter({pk: number for pk, number in rows if pk is not None})


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
    done = Release.objects.filter(state=Release.State.DONE)
    newer = done.filter(authorizer=OuterRef("authorizer"), pk__gt=OuterRef("pk"))
    acts = done.filter(kind=Release.Kind.RELEASE, audit__version__template=template)
    newest = acts.exclude(Exists(newer)).order_by()
    rows: AuthorizerQuerySet = Authorizer.objects.filter(pk__in=newest.values("authorizer"))
    return rows
