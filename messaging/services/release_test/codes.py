"""
The tester's codes: each is traded for a token, by which it is told back in a message.

The message is sent at least once: where the answer of WeChat is lost, a tester who is told twice
does no harm, one who is not told fails us.
"""

import logging
from datetime import timedelta

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from messaging.models import ReleaseTest
from messaging.services.release_test.answers import code_in, code_reply
from miniprograms.tokens import authorizer_token, find_in_list, prolonged_lease, retry_write
from platform_auth.due_work import Runner, due_rows, under_lease
from platform_auth.fields import Unreadable, seal
from platform_auth.leases import release_db_connection
from platform_auth.models import Push
from platform_auth.tokens import as_component, component_token
from wechat import component as wechat
from wechat import errors
from wechat import push as wire
from wechat.calls import with_token_of
from wechat.custom_message import send_custom
from wechat.errors import CodeSpent, NotReady, Refused, WeChatError
from wechat.replies import Text

logger = logging.getLogger(__name__)

MAX_TRADES = 5
CODE_LIFE = timedelta(minutes=10)


class NoToken(NotReady):
    """The code was good, but WeChat gave no token for it: the account has no such rights."""


def keep_code(row: Push, push: wire.Push) -> bool:
    """Keep the code in PUSH, which is to be traded and told back; whether there is one."""
    code = code_in(push)
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


def answer_release_test(row: ReleaseTest) -> None:
    """Trade the code of ROW, whose lease we hold, and tell it back. The row says how it went."""
    try:
        text = Text(code_reply(row.code))
        release_db_connection()
        token = row.token or _trade(row)
        with with_token_of(row.appid, is_account=True):
            send_custom(token, row.openid, text)
    except (WeChatError, Unreadable) as error:
        _record_failure(row, error)
    else:
        row.write(state=ReleaseTest.State.DONE, due_at=None, done_at=Now(), last_error="", token="")


def _record_failure(row: ReleaseTest, error: WeChatError | Unreadable) -> None:
    """Try again soon, unless that is pointless or has gone on for too long."""
    is_late = row.failures + 1 >= MAX_TRADES or row.now - row.at > CODE_LIFE
    if not is_late and isinstance(error, WeChatError) and not _is_final(error):
        row.back_off(error)
        return
    logger.warning("the release test of %s failed: %s", row.appid, error)
    errcode = error.errcode if isinstance(error, Refused) else None
    state = ReleaseTest.State.FAILED
    row.write(state=state, due_at=None, last_error=str(error), errcode=errcode, token="")


def _is_final(error: WeChatError) -> bool:
    passing = errors.Busy | errors.QuotaMinute | errors.TicketExpired | errors.TokenExpired
    return isinstance(error, NoToken | Refused) and not isinstance(error, passing)


def _trade(row: ReleaseTest) -> str:
    """The token that the code of ROW stands for, kept before it is used: a code is good once."""
    was_tried = row.epoch > 1
    component_token(row.component)  # it may take as long as our lease, so it comes first
    if not row.write(**prolonged_lease()):
        raise errors.BackingOff(_("Somebody else is at it."))
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
    token, _refresh_token = as_component(
        row.component, wechat.refresh_authorizer_token, row.appid, listed.refresh_token
    )
    return token.value


RELEASE_TESTS = Runner(
    "release_tests",
    find=due_rows(lambda: ReleaseTest.objects.select_related("component"), 20),
    work=under_lease(answer_release_test),
)
