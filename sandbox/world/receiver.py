"""
Whoever is told by the platform: a back end that messages and events are forwarded to, a program
that gets notices, and the bots of three groups. Each is an inbox with secrets of its own, and
behaves as it is set: it answers the user, is slow, fails or hangs up.
"""

import json
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.wire.exchange import Reply, Request
from sandbox.wire.webhooks import (
    IDENTITY,
    UNSIGNED,
    Proof,
    is_secret,
    prove_dingtalk,
    prove_feishu,
    prove_webhook,
)
from sandbox.world.errors import BadRequest
from sandbox.world.surroundings import Surroundings

FORWARDS, NOTICES, WECOM, DINGTALK, FEISHU = "forwards", "notices", "wecom", "dingtalk", "feishu"
NAMES = (FORWARDS, NOTICES, WECOM, DINGTALK, FEISHU)
PREFIX = "/receiver/"
ADDRESSES = {
    FORWARDS: f"{PREFIX}forwards",
    NOTICES: f"{PREFIX}notices",
    WECOM: f"{PREFIX}wecom?key=sandbox-group",
    DINGTALK: f"{PREFIX}dingtalk?access_token=sandbox-group",
    FEISHU: f"{PREFIX}feishu",
}
# What is remembered: so many rows, and of each so much.
MAX_ROWS, MAX_BODY, MAX_SECRETS, MAX_REMEMBERED_IDS = 200, 16 * 1024, 5, 5000
LONGEST_DELAY = 60
TAKEN: dict[str, dict[str, Any]] = {
    WECOM: {"errcode": 0, "errmsg": "ok"},
    DINGTALK: {"errcode": 0, "errmsg": "ok"},
    FEISHU: {"code": 0, "msg": "success", "data": {}},
}
# How the real ones refuse: with HTTP 200 and a code.
BAD_SIGNATURE: dict[str, dict[str, Any]] = {
    DINGTALK: {"errcode": 310000, "errmsg": "sign not match, more: keywords not in content"},
    FEISHU: {
        "code": 19021,
        "msg": "sign match fail or timestamp is not within one hour from current time",
    },
}
WITHOUT_KEY: dict[str, tuple[str, dict[str, Any]]] = {
    WECOM: ("key", {"errcode": 93000, "errmsg": "invalid webhook url"}),
    DINGTALK: ("access_token", {"errcode": 300005, "errmsg": "token is not exist"}),
}
UNREADABLE = {"errcode": 40035, "errmsg": "invalid parameter", "code": 9499}


@dataclass(frozen=True)
class Behaviour:
    """
    What becomes of the next TIMES posts (None: of all): an answer after DELAY seconds, with REPLY
    for the user who wrote, an error STATUS, another BODY, or DROP, none at all.
    """

    reply: str = ""
    status: int | None = None
    delay: float = 0
    drop: bool = False
    body: str = ""
    times: int | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Behaviour":
        """Of a form or of JSON. Raises BadRequest."""
        if unknown := set(values) - set(cls.__dataclass_fields__):
            raise BadRequest(f"a behaviour has no {', '.join(sorted(unknown))}")
        behaviour = cls(**values)
        if behaviour.status is not None and not 200 <= behaviour.status <= 599:
            raise BadRequest("a status goes from 200 to 599")
        if not 0 <= behaviour.delay <= LONGEST_DELAY:
            raise BadRequest(f"a delay goes from 0 to {LONGEST_DELAY} seconds")
        if behaviour.times is not None and behaviour.times < 1:
            raise BadRequest("times begin with 1")
        return behaviour

    def after_one(self) -> "Behaviour":
        """What is left of it when a post has come."""
        if self.times is None:
            return self
        return replace(self, times=self.times - 1) if self.times > 1 else Behaviour()


@dataclass
class Inbox:
    """One of NAMES, what it checks signatures with, and how it behaves."""

    name: str
    secrets: list[str] = field(default_factory=list)
    behaviour: Behaviour = field(default_factory=Behaviour)


@dataclass(frozen=True)
class Arrival:
    """A post that came. TITLE is what it says it is; IS_REPEATED that its id came before."""

    number: int
    at: float
    inbox: str
    title: str
    identity: str
    is_repeated: bool
    proof: Proof
    status: int
    delay: float
    dropped: bool
    answer: str
    headers: Mapping[str, str]
    body: str


class Receiver:
    """The inboxes and what came, the newest last. Its world's lock guards it."""

    def __init__(self, world: Surroundings) -> None:
        self.world = world
        self.inboxes = {name: Inbox(name) for name in NAMES}
        self.arrivals: deque[Arrival] = deque(maxlen=MAX_ROWS)
        self.count = 0
        self._identities: Counter[str] = Counter()

    def trust(self, name: str, secret: str) -> None:
        """SECRET is one that the inbox NAME checks by; the oldest go where there are many."""
        inbox, secret = self.inboxes[name], secret.strip()
        if name == WECOM:
            raise BadRequest("a bot of 企业微信 has no secret")
        if not secret or (name in (FORWARDS, NOTICES) and not is_secret(secret)):
            raise BadRequest("a signing secret begins with whsec_ and is base64 then")
        if secret not in inbox.secrets:
            inbox.secrets = [*inbox.secrets, secret][-MAX_SECRETS:]

    def forget_secrets(self, name: str) -> None:
        self.inboxes[name].secrets = []

    def behave(self, name: str, behaviour: Behaviour) -> None:
        self.inboxes[name].behaviour = behaviour

    def clear(self) -> None:
        """Forget what came, but not the ids: what comes again is a repeat."""
        self.arrivals.clear()

    def take(self, name: str, request: Request) -> Reply:
        """What the inbox NAME answers to a post, which is remembered."""
        with self.world.lock:
            inbox = self.inboxes[name]
            behaviour, inbox.behaviour = inbox.behaviour, inbox.behaviour.after_one()
            proof = self._prove(inbox, request)
            members = _members(request.body)
            status, body = _answer(name, request, members, proof, behaviour)
            self._remember(name, request, members, proof, behaviour, (status, body))
        return Reply(
            body.encode(),
            status,
            {"Content-Type": "application/json; charset=utf-8"},
            delay=behaviour.delay,
            drop="after" if behaviour.drop else None,
        )

    def _prove(self, inbox: Inbox, request: Request) -> Proof:
        now = self.world.clock()
        if inbox.name == WECOM:
            return UNSIGNED
        if inbox.name == DINGTALK:
            return prove_dingtalk(request.query, inbox.secrets, now)
        if inbox.name == FEISHU:
            return prove_feishu(request.body, inbox.secrets, now)
        return prove_webhook(request.headers, request.body, inbox.secrets, now)

    def _remember(
        self,
        name: str,
        request: Request,
        members: Mapping[str, Any],
        proof: Proof,
        behaviour: Behaviour,
        answer: tuple[int, str],
    ) -> None:
        self.count += 1
        identity = request.headers.get(IDENTITY, "")[:100]
        is_repeated = bool(identity and self._identities[identity])
        if identity:
            if len(self._identities) >= MAX_REMEMBERED_IDS:
                self._identities.clear()
            self._identities[identity] += 1
        status, body = answer
        self.arrivals.append(
            Arrival(
                number=self.count,
                at=self.world.clock(),
                inbox=name,
                title=_title(members),
                identity=identity,
                is_repeated=is_repeated,
                proof=proof,
                status=status,
                delay=behaviour.delay,
                dropped=behaviour.drop,
                answer=body[:MAX_BODY],
                headers={
                    header: value[:500]
                    for header, value in request.headers.items()
                    if header.startswith("webhook-") or header in ("content-type", "user-agent")
                },
                body=request.body[:MAX_BODY].decode("utf-8", "replace"),
            )
        )


def _members(body: bytes) -> Mapping[str, Any]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def _title(members: Mapping[str, Any]) -> str:
    """Its type; of a bot's message the first line that people read."""
    if isinstance(members.get("type"), str):
        return str(members["type"])[:100]
    try:
        if "text" in members:
            return str(members["text"]["content"]).partition("\n")[0][:100]
        return str(next(iter(members["content"]["post"].values()))["title"])[:100]
    except (KeyError, TypeError, AttributeError, StopIteration):
        return ""


def _answer(
    name: str, request: Request, members: Mapping[str, Any], proof: Proof, behaviour: Behaviour
) -> tuple[int, str]:
    """The status and the body; a wrong signature is refused as its kind refuses it."""
    if behaviour.status or behaviour.body:
        return behaviour.status or 200, behaviour.body
    key, refusal = WITHOUT_KEY.get(name, ("", {}))
    if key and not request.query.get(key):
        return 200, _json(refusal)
    if proof.is_right is False:
        return (200, _json(BAD_SIGNATURE[name])) if name in BAD_SIGNATURE else (401, _json({}))
    if name in TAKEN:
        return 200, _json(TAKEN[name] if members else UNREADABLE)
    if behaviour.reply and str(members.get("type", "")).startswith(("message.", "event.")):
        content = {"msgtype": "text", "text": {"content": behaviour.reply}}
        return 200, _json({"reply": content})
    return 200, _json({})


def _json(members: Mapping[str, Any]) -> str:
    return json.dumps(members, ensure_ascii=False)
