"""
The judge of a drill: what WeChat's stand-in knows, compared with the database. Each accepted push
has one terminal state and one effect, each effect at WeChat has its row, the newest tokens are
WeChat's, and no secret is in a log, the broker or the metrics.
"""

import urllib.request
from collections import Counter
from collections.abc import Iterable, Sequence

import redis

from audits.models import CodeAudit, CodeVersion, Release
from messaging.models import Conversation, Reply, Rule
from miniprograms.models import Authorizer
from platform_auth.models import Component, DuePush, Operation, Push
from sandbox.world import WeChat
from tests.faults.rig import Rig
from tests.faults.scene import Scene, patiently
from tests.faults.traffic import Sent

SHOWN = 5
CHUNK = 5000


def verdict(rig: Rig, scene: Scene, sent: Sequence[Sent]) -> list[str]:
    """Everything that is not as it must be, in words; nothing while all is well."""
    return patiently(lambda: _problems(rig, scene, sent))


def _problems(rig: Rig, scene: Scene, sent: Sequence[Sent]) -> list[str]:
    problems = []
    if waiting := DuePush.objects.count():
        problems.append(f"{waiting} pushes wait to be worked out")
    for start in range(0, len(sent), CHUNK):
        problems += _wrong_pushes(rig.wechat, sent[start : start + CHUNK])
    return problems + _wrong_tokens(rig.wechat) + _wrong_code(rig.wechat, scene)


# Pushes


def _wrong_pushes(wechat: WeChat, sent: Sequence[Sent]) -> list[str]:
    openids = [one.openid for one in sent]
    pushes = Counter(Push.objects.filter(openid__in=openids).values_list("openid", flat=True))
    states = dict(Push.objects.filter(openid__in=openids).values_list("openid", "state"))
    conversations = Conversation.objects.filter(openid__in=openids)
    unread = dict(conversations.values_list("openid", "unread"))
    rows = Reply.objects.filter(conversation__openid__in=openids)
    replies: dict[str, list[str]] = {}
    for openid, state in rows.values_list("conversation__openid", "state"):
        replies.setdefault(openid, []).append(state)
    lost = [one.openid for one in sent if one.is_accepted and not pushes[one.openid]]
    doubled = [openid for openid, number in pushes.items() if number > 1]
    unfinished = [openid for openid, state in states.items() if state != Push.State.DONE]
    without = [openid for openid in pushes if openid not in unread]
    twice = [openid for openid, number in unread.items() if number != 1]
    return [
        *_line("LOST: accepted and not there", lost),
        *_line("DOUBLED: kept twice", doubled),
        *_line("not in their terminal state", unfinished),
        *_line("LOST: kept and without effect", without),
        *_line("DOUBLED: more than one effect", twice),
        *_wrong_replies(wechat, [one for one in sent if pushes[one.openid]], replies),
    ]


def _wrong_replies(
    wechat: WeChat, kept: Sequence[Sent], replies: dict[str, list[str]]
) -> list[str]:
    """The answers of rules: one row, and at WeChat what the row says."""
    answering = set(Rule.objects.values_list("authorizer__appid", flat=True))
    wrong: dict[str, list[str]] = {}
    for one in kept:
        expected = int(one.is_asking and one.appid in answering)
        states = replies.get(one.openid, [])
        shown = sum(line.sender == "account" for line in wechat.transcript(one.appid, one.openid))
        problem = _reply_problem(expected, states, shown)
        if problem:
            wrong.setdefault(problem, []).append(one.openid)
    return [line for problem, openids in wrong.items() for line in _line(problem, openids)]


def _reply_problem(expected: int, states: Sequence[str], shown: int) -> str:
    if len(states) != expected:
        return "DOUBLED: replies" if len(states) > expected else "LOST: no reply to it"
    if shown > expected:
        return "DOUBLED: the user saw two answers"
    match list(states):
        case [Reply.State.DUE]:
            return "replies wait to be sent"
        case [Reply.State.SENT] if not shown:
            return "LOST: sent, and the user saw nothing"
        case [Reply.State.FAILED] if shown:
            return "a reply failed that the user saw"
    return ""


# Tokens


def _wrong_tokens(wechat: WeChat) -> list[str]:
    rows = {row.appid: row for row in Authorizer.objects.with_clock()}
    wrong: dict[str, list[str]] = {}
    for appid, granted in wechat.component.authorizations.items():
        if not granted.refresh_token:
            continue  # its code was not traded, so there is none
        if problem := _token_problem(rows.get(appid), granted.refresh_token, wechat):
            wrong.setdefault(problem, []).append(appid)
    component = Component.objects.with_clock().get()
    if component.verify_ticket != wechat.component.ticket:
        wrong["the ticket is not the newest"] = [component.appid]
    return [line for problem, appids in wrong.items() for line in _line(problem, appids)]


def _token_problem(row: Authorizer | None, refresh_token: str, wechat: WeChat) -> str:
    if row is None:
        return "LOST: authorised at WeChat, and no row"
    if row.state == Authorizer.State.NEEDS_REAUTHORIZATION:
        return "LOST: its owner is asked to authorise again"
    if row.state != Authorizer.State.BOUND:
        return f"is {row.state}"
    if row.refresh_token != refresh_token:
        return "the refresh token is not WeChat's newest"
    token = wechat.find_token(row.live_token)
    if token is None:
        return "its access token is none"
    return ""


# Code


def _wrong_code(wechat: WeChat, scene: Scene) -> list[str]:
    """Each effect at WeChat has its row, and its row in the operation log; none is still open."""
    wrong: dict[str, list[str]] = {}
    for appid in scene.programs:
        for problem in _code_problems(wechat, appid):
            wrong.setdefault(problem, []).append(appid)
    return [line for problem, appids in wrong.items() for line in _line(problem, appids)]


def _code_problems(wechat: WeChat, appid: str) -> Iterable[str]:
    mine = {"authorizer__appid": appid}
    not_taken = (CodeAudit.Status.REFUSED,)
    kinds = (
        (
            "/wxa/commit", "commit",
            CodeVersion.objects.filter(**mine, state=CodeVersion.State.COMMITTED).count(),
            CodeVersion.objects.filter(**mine, state__in=CodeVersion.OPEN).count(),
        ),
        (
            "/wxa/submit_audit", "submit_audit",
            CodeAudit.objects.filter(**mine).exclude(status__in=not_taken).count(),
            CodeAudit.objects.filter(**mine, status__in=CodeAudit.IN_FLIGHT).count(),
        ),
        (
            "/wxa/release", "release",
            Release.objects.filter(**mine, state=Release.State.DONE).count(),
            Release.objects.filter(**mine, state__in=Release.OPEN).count(),
        ),
    )  # fmt: skip
    for path, action, done, open_ in kinds:
        effects = wechat.count(path, appid, effect=True)
        if open_:
            yield f"{path}: the outcome is not known yet"
        elif effects != done:
            yield f"{'DOUBLED' if effects > done else 'LOST'}: {path} {effects}, rows {done}"
        if Operation.objects.filter(appid=appid, action=action).count() < effects:
            yield f"{path} is not in the operation log"


def _line(problem: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = " …" if len(names) > SHOWN else ""
    return [f"{problem}: {len(names)} ({', '.join(sorted(names)[:SHOWN])}{more})"]


# Secrets


class Canaries:
    """Looks for every secret of the drill where none may be, each time at what is new there."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._read: dict[str, int] = {}
        self._fixed = [
            rig.settings[name]
            for name in (
                *("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "WECHAT_COMPONENT_SECRET"),
                *("WECHAT_TOKEN", "WECHAT_AES_KEY"),
            )
        ]
        self._fixed += [rig.postgres.password, rig.redis.password]
        self._seen: set[str] = set()

    def problems(self) -> list[str]:
        self._seen |= self._secrets()
        sinks = {**self._logs(), "the broker": self._broker(), "/metrics": self._metrics()}
        return [
            f"SECRET in {name}: one that begins with {secret[:6]}"
            for name, text in sinks.items()
            for secret in self._seen
            if secret in text
        ]

    def _secrets(self) -> set[str]:
        component = self.rig.wechat.component
        held = [component.tokens, *(one.tokens for one in component.authorizations.values())]
        tokens = {token.value for tokens in held for token in tokens}
        refresh_tokens = {granted.refresh_token for granted in component.authorizations.values()}
        keys = {component.token, component.aes_key, component.ticket}
        return {*self._fixed, *keys, *tokens, *refresh_tokens} - {""}

    def _logs(self) -> dict[str, str]:
        texts = {}
        for path in [*(self.rig.var / "log").glob("*.log"), self.rig.postgres.log]:
            with path.open(errors="replace") as log:
                log.seek(min(self._read.get(path.name, 0), path.stat().st_size))
                texts[path.name] = log.read()
            self._read[path.name] = path.stat().st_size
        return texts

    def _broker(self) -> str:
        with redis.Redis.from_url(self.rig.redis.url) as client:
            keys = client.keys()
            return "".join(f"{key!r} {client.dump(key)!r}" for key in keys)

    def _metrics(self) -> str:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"{self.rig.url}/metrics", timeout=10
        ) as answer:
            return str(answer.read().decode())
