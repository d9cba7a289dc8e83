"""Work on code that nobody waits for. Each task is safe to run twice at once."""

import logging

from celery import shared_task

from audits.services import templates
from audits.services.quota import watch_quotas
from audits.services.reconcile_outcomes import reconcile_due
from audits.services.rollout.runner import RUN_CAMPAIGNS
from audits.services.speeding_up import speed_up_due
from platform_auth import heartbeats
from platform_auth.models import Component
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)


@shared_task
def reconcile_acts() -> None:
    """Ask WeChat about acts whose answers were lost, and about open audits."""
    reconcile_due()
    heartbeats.beat("reconcile_acts")


@shared_task
def run_campaigns() -> None:
    RUN_CAMPAIGNS.run()
    heartbeats.beat("run_campaigns")


@shared_task
def speed_up_reviews() -> None:
    """Speed up what the rules of staff say."""
    speed_up_due()
    heartbeats.beat("speed_up_reviews")


@shared_task
def log_quotas() -> None:
    """Ask what is left of this month's submissions and speed-ups."""
    watch_quotas()
    heartbeats.beat("log_quotas")


@shared_task
def sync_templates() -> None:
    """Mirror the template library of every component."""
    for component in Component.objects.all():
        try:
            templates.sync_templates(component)
        except WeChatError as error:
            logger.warning("the templates of %s were not fetched: %s", component.appid, error)
    heartbeats.beat("sync_templates")
