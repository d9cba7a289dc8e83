"""Accounts that have authorised us already, and how time passes for their rows."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.rows import make_authorizer


def make_due_accounts(
    wechat: WeChat, component: Component, number: int, **values: Any
) -> list[Authorizer]:
    """NUMBER accounts that WeChat and we know, whose tokens are to be refreshed now."""
    return [make_due_account(wechat, component, **values) for _ in range(number)]


def make_due_account(wechat: WeChat, component: Component, **values: Any) -> Authorizer:
    account = wechat.create_account()
    granted = wechat.grant(account.appid)
    known = {
        "refresh_token": granted.refresh_token,
        "auth_time": granted.auth_time,
        "due_at": timezone.now() - timedelta(seconds=1),
    }
    return make_authorizer(component, None, account.appid, **{**known, **values})


def row_of(authorizer: Authorizer) -> Authorizer:
    """As it is in the database now."""
    row: Authorizer = Authorizer.objects.with_clock().get(pk=authorizer.pk)
    return row


def make_due(**also: object) -> None:
    """The time of every account that waits for one has come."""
    Authorizer.objects.exclude(due_at=None).update(due_at=Now(), **also)


def end_leases() -> None:
    """As long after a process died as a lease lasts."""
    Authorizer.objects.update(lease_until=Now() - timedelta(seconds=1))
