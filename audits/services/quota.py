"""WeChat's quotas for reviews: asked for, and kept as a log with each unit that is spent."""

import logging

from django.db import transaction
from django.utils import timezone

from audits.models import QuotaEntry
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.domain_events import DomainEvent, publish
from platform_auth.fields import Unreadable
from platform_auth.leases import release_db_connection
from platform_auth.models import UTC_PLUS_8, Component
from platform_auth.operations import Actor
from wechat import code_review
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)

LOW_SHARE = 0.1  # of the month's reviews

_NUMBERS = ("rest", "limit", "speedup_rest", "speedup_limit")


def read_quota(authorizer: Authorizer) -> code_review.Quota:
    """
    queryquota, by way of AUTHORIZER: every mini program of the platform is told the same. It is
    kept where it has changed. Raises what WeChat answered.
    """
    release_db_connection()
    return log_quota(authorizer, call_as(authorizer.appid, code_review.query_quota))


def log_quota(authorizer: Authorizer, quota: code_review.Quota) -> code_review.Quota:
    """QUOTA, which WeChat has just told about AUTHORIZER's platform; kept where it has changed."""
    numbers = {name: getattr(quota, name) for name in _NUMBERS}
    told = QuotaEntry.objects.filter(component=authorizer.component_id, kind=QuotaEntry.Kind.TOLD)
    if told.order_by("-id").values(*_NUMBERS).first() != numbers:
        with transaction.atomic():
            QuotaEntry.objects.create(
                component_id=authorizer.component_id,
                kind=QuotaEntry.Kind.TOLD,
                authorizer=authorizer,
                **numbers,
            )
            _publish_low(authorizer, quota)
    return quota


def _publish_low(authorizer: Authorizer, quota: code_review.Quota) -> None:
    """Tell once a month that few reviews are left, and once that none are."""
    if quota.rest > quota.limit * LOW_SHARE:
        return
    month = timezone.now().astimezone(UTC_PLUS_8).strftime("%Y-%m")  # as WeChat counts
    once = f"{authorizer.component_id} {month} {'few' if quota.rest else 'none'}"
    facts = {"rest": quota.rest, "limit": quota.limit}
    publish(DomainEvent("quota.low", once=once, facts=facts))


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
