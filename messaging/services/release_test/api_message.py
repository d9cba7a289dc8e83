"""
The last step of a rehearsal, the message by the API: what came of the code that was sent.

Only a sandbox shows what its users were told, so it can be proven there alone; elsewhere the row
that the worker writes tells whether WeChat was asked.
"""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _

from messaging.models import ReleaseTest
from messaging.services.release_test.answer_checks import OUTDATED
from messaging.services.release_test.answers import code_reply
from messaging.services.release_test.steps import SentCode, StepOutcome, StepResult
from platform_auth import heartbeats
from wechat import http
from wechat.errors import WeChatError
from wechat.explanations import find_explanation

CODE_IS_WRONG = (61009, 61010, 40029)
SWEEP = timedelta(seconds=10)  # how often the worker looks, woken up or not


def read_outcome(sent: SentCode, row: ReleaseTest | None) -> StepOutcome | None:
    """What came of the code SENT, which the worker keeps in ROW; None: nothing yet."""
    return _read_chat(sent, row) if sent.is_lent else _read_row(row)


def _read_chat(sent: SentCode, row: ReleaseTest | None) -> StepOutcome | None:
    """The sandbox shows the chat: was its user told?"""
    body = {"appid": sent.appid, "openid": sent.openid}
    try:
        texts = _texts_by_api(http.call("/sandbox/api/transcript", body, repeat=False))
    except WeChatError as problem:
        return StepResult.FAILED, str(problem), _("The sandbox has stopped answering.")
    if code_reply(sent.code) in texts:
        return StepResult.PASSED, _("…_from_api has come"), ""
    if texts:
        return StepResult.FAILED, _("The user was told something else."), str(OUTDATED)
    return _explain_failure(row) if row and row.state == ReleaseTest.State.FAILED else None


def _texts_by_api(chat: dict[str, Any]) -> list[str]:
    """What the account has said in CHAT by the API."""
    listed = chat.get("lines")
    lines = [line for line in listed if isinstance(line, dict)] if isinstance(listed, list) else []
    return [http.read_text(line.get("text")) for line in lines if line.get("way") == "api"]


def _read_row(row: ReleaseTest | None) -> StepOutcome | None:
    """The code was made up, so WeChat must refuse it; but the worker must have asked."""
    if row is None or row.state == ReleaseTest.State.DUE:
        return None
    if row.state == ReleaseTest.State.DONE:
        detail = _("The worker traded the code, and WeChat took the message.")
    elif row.errcode in CODE_IS_WRONG:
        detail = _("The worker took the code up, and WeChat refused it: it was made up.")
    else:
        return _explain_failure(row)
    hint = _("What a user is told shows in WeChat's own test, or with the sandbox.")
    return StepResult.UNPROVABLE, detail, hint


def _explain_failure(row: ReleaseTest) -> StepOutcome:
    """Why the worker has given up."""
    if row.errcode is None:
        return StepResult.FAILED, row.last_error, _("Look at the worker's log.")
    explanation = find_explanation(row.errcode)
    hint = f"{_(explanation.cause)} {_(explanation.remedy)}"
    return StepResult.FAILED, row.last_error, hint


def explain_timeout(row: ReleaseTest | None) -> StepOutcome:
    """Nothing has come in time: how far has it got?"""
    if row is None:
        detail = _("The code is not in this database.")
        hint = _("Another installation with the same keys answers there: correct PUBLIC_URL.")
    elif row.last_error:
        detail, hint = row.last_error, _("The worker tries again; mend what it says.")
    else:
        detail = _("Nobody has taken the code up within 10 seconds.")
        is_alive = heartbeats.is_alive("answer_release_tests", SWEEP)
        hint = (
            _("The worker has more to do than it can: give it more threads.")
            if is_alive
            else _("No worker is running: start the Celery worker and beat.")
        )
    return StepResult.FAILED, detail, hint
