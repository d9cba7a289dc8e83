"""How long a refusal takes does not tell either which check it failed."""

from collections.abc import Callable
from dataclasses import replace
from statistics import median
from time import thread_time

import pytest

from sandbox.world import WeChat
from tests.knocking import FORBIDDEN, Knock, message_push, ticket_push
from tests.test_push_doors_answers import OURS, THEIRS, World, signed_by, with_query
from tests.test_push_doors_answers import world as world

pytestmark = pytest.mark.any_database
SAMPLES = 100
# Of the processor's time, which other processes of the machine do not take from us.
GAP = 0.001


NOBODY = f"/wechat/wx{'e' * 16}/push/"


def forged(wechat: WeChat, message: Knock) -> dict[str, Knock]:
    """By whoever knows no secret, or not all of them."""
    return {
        "no signature": with_query(message, msg_signature=""),
        "a wrong signature": with_query(message, msg_signature="0" * 40),
        "a wrong signature, nobody's path": with_query(
            replace(message, path=NOBODY), msg_signature="0" * 40
        ),
        "another token": signed_by(message, "anothertoken"),
        "another key": ticket_push(wechat, aes_key="B" * 42 + "A"),
        "another appid at the end": ticket_push(wechat, tail="wxfedcba9876543210"),
    }


def captured(wechat: WeChat, message: Knock) -> dict[str, Knock]:
    """By whoever sends on what WeChat has sealed."""
    return {
        "another account's path": replace(message, path=f"/wechat/{THEIRS}/push/"),
        "nobody's path": replace(message, path=NOBODY),
        "a push of yesteryear": message_push(wechat, OURS, create_time=1_500_000_000),
    }


@pytest.mark.parametrize("doubts_of", [forged, captured])
def test_a_refusal_takes_as_long_whatever_is_wrong(
    world: World, doubts_of: Callable[[WeChat, Knock], dict[str, Knock]]
) -> None:
    doubts = doubts_of(world[0], world[2])
    times: dict[str, list[float]] = {name: [] for name in doubts}
    for _sample in range(SAMPLES):
        for name, knock in doubts.items():
            begin = thread_time()
            answer = knock.answer()
            times[name].append(thread_time() - begin)
            assert answer == FORBIDDEN, name
    medians = {name: median(taken) for name, taken in times.items()}
    assert max(medians.values()) - min(medians.values()) < GAP, medians
