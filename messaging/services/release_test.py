"""
WeChat's 全网发布 test: what its accounts must be answered. Page: "全网发布检测说明".

Only the accounts that WeChat has published are answered so; they need not be bound.
"""

import logging

from django.db.models.functions import Now

from messaging.models import ReleaseTest
from miniprograms.tokens import authorizer_token, held
from platform_auth.fields import seal
from platform_auth.leases import let_go
from platform_auth.models import Push
from platform_auth.tokens import as_component
from platform_auth.wechat import component as wechat
from platform_auth.wechat import push as wire
from platform_auth.wechat.errors import Busy, CodeSpent, NotReady, QuotaMinute, Refused, WeChatError
from platform_auth.wechat.replies import Text, passive_xml, send_custom

logger = logging.getLogger(__name__)

TEXT = "TESTCOMPONENT_MSG_TYPE_TEXT"
QUERY = "QUERY_AUTH_CODE:"
MOST_TRIES = 5
AT_ONCE = 20

State = ReleaseTest.State


def answer(push: wire.Push) -> str | None:
    """
    What PUSH, of a test account, is answered at once: the XML of a text, or "" for the empty body
    that goes before an answer by the API. None if it is no part of the test.
    """
    said = push.get("Content")
    if event := push.get("Event"):
        return _text(push, f"{event}from_callback")
    if said == TEXT:
        return _text(push, f"{TEXT}_callback")
    return "" if said.startswith(QUERY) else None


def _text(push: wire.Push, text: str) -> str:
    to_user, from_user = push.get("FromUserName"), push.get("ToUserName")
    return passive_xml(Text(text), to_user=to_user, from_user=from_user, at=push.created)


def note(row: Push, push: wire.Push) -> bool:
    """Keep the code in PUSH, which is to be traded and told back; whether there is one."""
    said = push.get("Content")
    if not said.startswith(QUERY):
        return False
    test = ReleaseTest(
        component=row.component,
        push=row,
        appid=row.appid,
        openid=row.openid,
        code=said.removeprefix(QUERY).strip(),
        due_at=row.received_at,
    )
    ReleaseTest.objects.bulk_create([test], ignore_conflicts=True)
    return True


def settle_due() -> None:
    """Answer every test that is due."""
    rows = ReleaseTest.objects.due().with_clock().select_related("component")
    for row in rows.order_by("due_at")[:AT_ONCE]:
        if row.take_lease():
            settle(row)


def settle(row: ReleaseTest) -> None:
    """Trade the code of ROW, whose lease we hold, and tell it back. The row says how it went."""
    try:
        send_custom(row.token or _trade(row), row.openid, Text(f"{row.code}_from_api"))
    except WeChatError as error:
        is_final = isinstance(error, Refused) and not isinstance(error, Busy | QuotaMinute)
        if is_final or row.failures + 1 >= MOST_TRIES:
            logger.warning("the release test of %s failed: %s", row.appid, error)
            row.write(state=State.FAILED, due_at=None, last_error=str(error))
        else:
            row.put_off(error)
    else:
        row.write(state=State.DONE, due_at=None, done_at=Now(), last_error="", token="")


def _trade(row: ReleaseTest) -> str:
    """The token that the code stands for, kept before it is used: a code is good once."""
    let_go()
    try:
        grant = as_component(row.component, wechat.query_auth, row.code)
    except CodeSpent as error:
        return _kept_token(row, error)
    if grant.token is None:
        raise NotReady("WeChat gave no token for the code")
    row.write(**held(), **seal(ReleaseTest, row.reference, token=grant.token.value))
    return grant.token.value


def _kept_token(row: ReleaseTest, error: CodeSpent) -> str:
    """The account's own token, if it is bound: its `authorized` push brought the same code."""
    try:
        return authorizer_token(row.appid)
    except NotReady:
        raise error from None
