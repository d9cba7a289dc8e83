"""What the tester's messages are answered at once."""

from miniprograms.services.addresses import RELEASE_TEST_ACCOUNTS
from wechat import push as wire
from wechat.passive_reply import passive_xml
from wechat.replies import Text

TEXT = "TESTCOMPONENT_MSG_TYPE_TEXT"
TEXT_REPLY = f"{TEXT}_callback"
QUERY = "QUERY_AUTH_CODE:"
# In pairs: an official account, and the mini program that is tested with it.
OFFICIAL_ACCOUNTS = dict(list(RELEASE_TEST_ACCOUNTS.items())[::2])
MINI_PROGRAMS = dict(list(RELEASE_TEST_ACCOUNTS.items())[1::2])


def event_reply(event: str) -> str:
    """What an account says to EVENT."""
    return f"{event}from_callback"


def code_reply(code: str) -> str:
    """What every account says, by the API, to the message with CODE."""
    return f"{code}_from_api"


def answer_push(push: wire.Push) -> str | None:
    """
    What PUSH, of a test account, is answered at once: the XML of a text, or "" for the empty body
    that goes before an answer by the API. None if it is no part of the test.
    """
    if code_in(push) is not None:
        return ""
    if event := push.get("Event"):
        return _write_xml(push, event_reply(event))
    return _write_xml(push, TEXT_REPLY) if push.get("Content") == TEXT else None


def _write_xml(push: wire.Push, text: str) -> str:
    to_user, from_user = push.get("FromUserName"), push.get("ToUserName")
    return passive_xml(Text(text), to_user=to_user, from_user=from_user, at=push.created)


def code_in(push: wire.Push) -> str | None:
    """The code that PUSH asks to be told back, None if it does not."""
    content = push.get("Content")
    return content.removeprefix(QUERY).strip() if content.startswith(QUERY) else None
