"""A template, mini programs to roll it out to, and how time passes for campaigns."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models.functions import Now

from audits.models import Campaign, CampaignItem, CodeAudit, CodeTemplate, CodeVersion, Release
from audits.services import campaigns, rollout
from audits.services.reconcile_outcomes import reconcile_due
from audits.services.templates import sync_templates
from miniprograms.models import Authorizer
from miniprograms.services.refreshing import sweep
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.accounts import make_due_accounts

COMMIT, SUBMIT, RELEASE = "/wxa/commit", "/wxa/submit_audit", "/wxa/release"
CHECK = "/wxa/security/get_code_privacy_info"


def make_template(
    wechat: WeChat, component: Component, user_version: str = "2.0.0"
) -> CodeTemplate:
    """A template in the library, mirrored."""
    draft = wechat.upload_draft(user_version=user_version)
    wechat.component.library.keep(draft.draft_id, 0, int(wechat.clock()))
    sync_templates(component)
    template: CodeTemplate = CodeTemplate.objects.order_by("-template_id")[0]
    return template


def make_shops(wechat: WeChat, component: Component, number: int) -> list[Authorizer]:
    """NUMBER mini programs with live tokens."""
    shops = make_due_accounts(wechat, component, number)
    sweep()
    return shops


def make_campaign(template: CodeTemplate, by: User | None, **rules: Any) -> Campaign:
    """A campaign for all mini programs, started."""
    known = {"user_version": "2.0.0", "user_desc": "第二版", **rules}
    campaign = campaigns.create(template, campaigns.choose(template), by=by, **known)
    campaigns.start(campaign, by=by)
    return campaign


def work() -> None:
    """What the workers do, until they have nothing to do just now."""
    while rollout.run() + reconcile_due():
        pass


def pass_time() -> None:
    """
    The time of everything that waits for one has come, and the leases of the dead have run out.
    Nobody may be at work.
    """
    late = Now() - timedelta(seconds=1)
    for model in (CampaignItem, CodeVersion, CodeAudit, Release):
        model.objects.exclude(lease_until=None).update(lease_until=late)
        model.objects.exclude(due_at=None).update(due_at=late)


def work_and_wait(rounds: int = 12) -> None:
    """The same over and over, as time passes."""
    for _ in range(rounds):
        work()
        pass_time()
    work()


def states(campaign: Campaign) -> dict[str, int]:
    """How many items are in each state."""
    return {state: number for state, number in rollout.count(campaign).items() if number}


def effects(wechat: WeChat, path: str) -> dict[str, int]:
    """How often a call of PATH took effect, for each mini program where it did at all."""
    found: dict[str, int] = {}
    for entry in wechat.ledger:
        if entry.path == path and entry.effect:
            found[entry.appid] = found.get(entry.appid, 0) + 1
    return found
