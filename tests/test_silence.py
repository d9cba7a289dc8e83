"""When WeChat falls silent (MarkFail), it is noticed; when it speaks again, it is asked."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client

from audits.models import CodeAudit
from platform_auth.models import Component, Push
from tests.desk import Desk
from tests.desk import desk as desk
from webhooks import tasks
from webhooks.silence import USUAL


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """A mini program in review, whose users write every few seconds."""
    desk.submit()
    Push.objects.all().delete()
    for number in range(USUAL):
        desk.wechat.say(desk.shop.appid, f"oUser{number}", "你好")
    desk.deliver()
    Component.objects.update(reconciled_at=Now())
    CodeAudit.objects.update(due_at=Now() + timedelta(minutes=9))
    return desk


def pass_minutes(minutes: float) -> None:
    Push.objects.update(received_at=F("received_at") - timedelta(minutes=minutes))


def is_silent() -> bool:
    return Component.objects.get().silent_since is not None


def test_pushes_that_stop_are_noticed_within_two_minutes(
    busy: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    tasks.listen()
    assert not is_silent()
    pass_minutes(1.6)
    tasks.listen()
    tasks.listen()
    assert is_silent()
    assert caplog.text.count("may have muted it") == 1
    measured = Client().get("/metrics").content.decode()
    silent = next(line for line in measured.splitlines() if line.startswith("wechat_silent"))
    assert 96 <= float(silent.split()[-1]) < 120


def test_what_was_missed_is_asked_for_once_they_are_back(busy: Desk) -> None:
    pass_minutes(1.6)
    tasks.listen()
    busy.wechat.say(busy.shop.appid, "oUser0", "在吗")
    busy.deliver()
    tasks.listen()
    assert not is_silent()
    assert Component.objects.get().reconciled_at is None
    assert not CodeAudit.objects.filter(due_at__gt=Now()).exists()


def test_where_hardly_anything_comes_nobody_can_tell_that_it_has_stopped(busy: Desk) -> None:
    Push.objects.filter(pk=Push.objects.order_by("pk")[0].pk).delete()
    pass_minutes(60)
    tasks.listen()
    assert not is_silent()


def test_nothing_is_noticed_where_nothing_ever_came(component: Component) -> None:
    tasks.listen()
    assert not is_silent()
