"""What WeChat thinks of words, pictures and sound (内容安全): at once, or by a push later (M3)."""

from typing import Any

from sandbox.world.chats import Chats
from sandbox.world.errors import Refusal
from sandbox.world.outgoing import Outgoing
from sandbox.world.parties import Account
from sandbox.world.register import Register
from sandbox.world.surroundings import Surroundings

PASS, REVIEW, RISKY = "pass", "review", "risky"
FINE = 100
TWO_HOURS = 2 * 3600
SETS = (18,)  # whoever has it is sent the verdicts
SYSTEM_USER = "oSandboxSystem00000000000001"
# What is in the text, or in the address of a file, and what WeChat calls it.
LABELS = {
    "广告": (REVIEW, 10001),
    "色情": (RISKY, 20002),
    "辱骂": (RISKY, 20003),
    "赌博": (RISKY, 20006),
    "诈骗": (RISKY, 20008),
    "risky": (RISKY, 20006),
    # The sample of WeChat's own page.
    "特3456书yuuo莞6543李zxcz蒜7782法fgnv级": (RISKY, 20006),
}


class ContentChecks:
    """Its world's lock guards it."""

    def __init__(
        self, world: Surroundings, register: Register, outgoing: Outgoing, chats: Chats
    ) -> None:
        self.world = world
        self.register = register
        self.outgoing = outgoing
        self.chats = chats

    def need_visitor(self, account: Account, openid: str) -> None:
        """Raise unless the user was there within the last two hours."""
        chat = self.chats.find(account.appid, openid)
        if chat is None and account.appid in self.chats.strangers:
            chat = self.chats.meet(account, openid)
        if chat is None:
            raise Refusal(43104 if self.chats.knows_elsewhere(openid) else 40003)
        if self.world.clock() - chat.seen_at > TWO_HOURS:
            raise Refusal(61010)

    def new_trace_id(self) -> str:
        return "-".join(f"{self.world.random.getrandbits(32):08x}" for _ in range(3))

    def judge_later(self, account: Account, url: str) -> str:
        """The trace_id of the verdict, which is pushed."""
        trace_id = self.new_trace_id()
        verdict = judge(url) | {"trace_id": trace_id, "version": 2, "appid": account.appid}
        fields = {"Event": "wxa_media_check"} | verdict
        for component in self.register.granted_components(account, SETS):
            self.outgoing.queue_message(component, account, fields, from_user=SYSTEM_USER)
        return trace_id


def judge(text: str) -> dict[str, Any]:
    """`result` and `detail`, by the worst that is in TEXT."""
    word, (suggest, label) = _worst(text)
    model = {"strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label}
    detail: list[dict[str, Any]] = [model | {"prob": 90}]
    if word:
        keyword = {"strategy": "keyword", "errcode": 0, "suggest": suggest, "label": label}
        detail.append(keyword | {"level": 20, "keyword": word})
    return {"result": {"suggest": suggest, "label": label}, "detail": detail}


def is_risky(text: str) -> bool:
    return _worst(text)[1][0] == RISKY


def _worst(text: str) -> tuple[str, tuple[str, int]]:
    marked = [(word, verdict) for word, verdict in LABELS.items() if word in text]
    marked.sort(key=lambda entry: entry[1][0] != RISKY)
    return marked[0] if marked else ("", (PASS, FINE))
