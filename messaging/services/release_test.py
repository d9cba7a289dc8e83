"""
WeChat's 全网发布 test: what its accounts must be answered. Page: "全网发布检测说明".

Only the accounts that WeChat has published are answered so; they need not be bound. An official
account is sent an event, a text and a code, a mini program the code alone; an older text of the
page has events for it too, so all of them are answered alike, which does no harm.

The message that tells the code back is sent at least once: where the answer of WeChat is lost, a
tester who is told twice does no harm, one who is not told fails us.
"""

import logging
from datetime import timedelta

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from messaging.models import ReleaseTest
from miniprograms.services.addresses import RELEASE_TEST_ACCOUNTS
from miniprograms.tokens import authorizer_token, find_in_list, prolonged_lease, retry_write
from platform_auth.fields import Unreadable, seal
from platform_auth.leases import release_db_connection
from platform_auth.models import Push
from platform_auth.tokens import as_component, component_token
from wechat import component as wechat
from wechat import push as wire
from wechat.errors import (
    BackingOff,
    Busy,
    CodeSpent,
    NotReady,
    QuotaMinute,
    Refused,
    TicketExpired,
    TokenExpired,
    WeChatError,
)
from wechat.replies import Text, passive_xml, send_custom

logger = logging.getLogger(__name__)

TEXT = "TESTCOMPONENT_MSG_TYPE_TEXT"
QUERY = "QUERY_AUTH_CODE:"
# In pairs: an official account, and the mini program that is tested with it.
OFFICIAL_ACCOUNTS = dict(list(RELEASE_TEST_ACCOUNTS.items())[::2])
MINI_PROGRAMS = dict(list(RELEASE_TEST_ACCOUNTS.items())[1::2])

MOST_TRIES = 5
GIVE_UP = timedelta(minutes=10)  # a code lives no longer
AT_ONCE = 20

State = ReleaseTest.State


class NoToken(NotReady):
    """The code was good, but WeChat gave no token for it: the account has no such rights."""


def event_reply(event: str) -> str:
    """What an account says to EVENT."""
    return f"{event}from_callback"


def text_reply() -> str:
    """What an account says to the tester's text."""
    return f"{TEXT}_callback"


def code_reply(code: str) -> str:
    """What every account says, by the API, to the message with CODE."""
    return f"{code}_from_api"


def answer(push: wire.Push) -> str | None:
    """
    What PUSH, of a test account, is answered at once: the XML of a text, or "" for the empty body
    that goes before an answer by the API. None if it is no part of the test.
    """
    if _code_in(push) is not None:
        return ""
    if event := push.get("Event"):
        return _text(push, event_reply(event))
    return _text(push, text_reply()) if push.get("Content") == TEXT else None


def _text(push: wire.Push, text: str) -> str:
    to_user, from_user = push.get("FromUserName"), push.get("ToUserName")
    return passive_xml(Text(text), to_user=to_user, from_user=from_user, at=push.created)


def _code_in(push: wire.Push) -> str | None:
    """The code that PUSH asks to be told back, None if it does not."""
    said = push.get("Content")
    return said.removeprefix(QUERY).strip() if said.startswith(QUERY) else None


def note(row: Push, push: wire.Push) -> bool:
    """Keep the code in PUSH, which is to be traded and told back; whether there is one."""
    code = _code_in(push)
    if code is None:
        return False
    test = ReleaseTest(
        component=row.component,
        push=row,
        appid=row.appid,
        openid=row.openid,
        code=code,
        due_at=row.received_at,
    )
    ReleaseTest.objects.bulk_create([test], ignore_conflicts=True)
    return True


def answer_due_tests() -> None:
    """Answer every test that is due."""
    rows = ReleaseTest.objects.due().with_clock().select_related("component")
    for row in rows.order_by("due_at")[:AT_ONCE]:
        if row.take_lease():
            answer_test(row)


def answer_test(row: ReleaseTest) -> None:
    """Trade the code of ROW, whose lease we hold, and tell it back. The row says how it went."""
    try:
        text = Text(code_reply(row.code))
        release_db_connection()
        send_custom(row.token or _trade(row), row.openid, text)
    except (WeChatError, Unreadable) as error:
        _note_trouble(row, error)
    else:
        row.write(state=State.DONE, due_at=None, done_at=Now(), last_error="", token="")


def _note_trouble(row: ReleaseTest, error: WeChatError | Unreadable) -> None:
    """Try again soon, unless that is pointless or has gone on for too long."""
    is_late = row.failures + 1 >= MOST_TRIES or row.now - row.at > GIVE_UP
    if not is_late and isinstance(error, WeChatError) and not _is_final(error):
        row.back_off(error)
        return
    logger.warning("the release test of %s failed: %s", row.appid, error)
    errcode = error.errcode if isinstance(error, Refused) else None
    row.write(state=State.FAILED, due_at=None, last_error=str(error), errcode=errcode, token="")


def _is_final(error: WeChatError) -> bool:
    passing = (Busy, QuotaMinute, TicketExpired, TokenExpired)
    return isinstance(error, NoToken) or (
        isinstance(error, Refused) and not isinstance(error, passing)
    )


def _trade(row: ReleaseTest) -> str:
    """The token that the code of ROW stands for, kept before it is used: a code is good once."""
    was_tried = row.epoch > 1
    component_token(row.component)  # it may take as long as our lease, so it comes first
    if not row.write(**prolonged_lease()):
        raise BackingOff(_("Somebody else is at it."))
    release_db_connection()
    try:
        grant = as_component(row.component, wechat.query_auth, row.code)
    except CodeSpent as error:
        return _token_of_spent(row, error, by_us=was_tried)
    if grant.token is None:
        raise NoToken(_("WeChat gave no token for the code."))
    token = seal(ReleaseTest, row.reference, token=grant.token.value)
    retry_write(lambda: row.write(**prolonged_lease(), **token))
    return grant.token.value


def _token_of_spent(row: ReleaseTest, error: CodeSpent, *, by_us: bool) -> str:
    """
    A token of the account whose code is spent already. If it is bound, its `authorized` push has
    brought the same code. If it may be spent BY_US, the answer was lost: WeChat's list still knows
    the refresh token that was in it.
    """
    try:
        return authorizer_token(row.appid)
    except NotReady:
        if not by_us:
            raise error from None
    listed = find_in_list(row.component, row.appid, lambda: row.write(**prolonged_lease()))
    if listed is None or not listed.refresh_token:
        raise error
    found = wechat.refresh_authorizer_token
    token, _kept = as_component(row.component, found, row.appid, listed.refresh_token)
    return token.value
