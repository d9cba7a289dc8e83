"""WeChat's quotas for reviews: asked for, and kept as a log with each unit that is spent."""

import logging

from audits.models import QuotaEntry
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.fields import Unreadable
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import Actor
from wechat import code_review
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)

_NUMBERS = ("rest", "limit", "speedup_rest", "speedup_limit")


def read_quota(authorizer: Authorizer) -> code_review.Quota:
    """
    queryquota, by way of AUTHORIZER: every mini program of the platform is told the same. It is
    kept where it has changed. Raises what WeChat answered.
    """
    release_db_connection()
    quota = call_as(authorizer.appid, code_review.query_quota)
    numbers = {name: getattr(quota, name) for name in _NUMBERS}
    told = QuotaEntry.objects.filter(component=authorizer.component_id, kind=QuotaEntry.Kind.TOLD)
    newest = told.order_by("-id").values(*_NUMBERS).first()
    if newest != numbers:
        QuotaEntry.objects.create(
            component_id=authorizer.component_id,
            kind=QuotaEntry.Kind.TOLD,
            authorizer=authorizer,
            **numbers,
        )
    return quota


def note_spent(kind: QuotaEntry.Kind, authorizer: Authorizer, *, by: Actor | None) -> None:
    """A unit of KIND was spent for AUTHORIZER."""
    QuotaEntry.objects.create(
        component_id=authorizer.component_id,
        kind=kind,
        authorizer=authorizer,
        by_id=by.pk if by else None,
    )


def watch_quotas() -> None:
    """Ask about the quota of each component once, by way of a mini program that may."""
    bound = Authorizer.objects.filter(
        kind=Authorizer.Kind.MINI_PROGRAM, state=Authorizer.State.BOUND
    ).exclude(lacks__contains=" code ")
    for component in Component.objects.all():
        authorizer = bound.filter(component=component).order_by("-id").first()
        if authorizer is None:
            continue
        try:
            read_quota(authorizer)
        except (WeChatError, Unreadable) as error:
            logger.warning("the quota of %s is not known: %s", component.appid, error)
