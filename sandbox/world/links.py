"""Codes and links that lead into a mini program: how many there are, and where they lead (M4)."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sandbox.world.codes import new_code
from sandbox.world.errors import Refusal
from sandbox.world.parties import Account
from sandbox.world.quotas import Quotas
from sandbox.world.surroundings import Surroundings
from sandbox.world.terms import LINKS, Terms

DAY = 86_400
MOST_DAYS = 30  # since April 2022
VISITS = 3_000_000
ENVIRONMENTS = ("release", "trial", "develop")
SCHEME, URL_LINK = "weixin://dl/business/?t=", "https://wxaurl.cn/"
KEPT = 1_000


@dataclass(frozen=True)
class Link:
    """Where a scheme or URL link leads, until when."""

    appid: str
    path: str
    query: str
    env_version: str
    create_time: int
    expire_time: int

    def describe(self) -> dict[str, Any]:
        return {
            "appid": self.appid,
            "path": self.path,
            "query": self.query,
            "create_time": self.create_time,
            "expire_time": self.expire_time,
            "env_version": self.env_version,
        }


class Links:
    """Its world's lock guards it."""

    def __init__(self, world: Surroundings, terms: Terms, quotas: Quotas) -> None:
        self.world = world
        self.terms = terms
        self.quotas = quotas
        self.codes: Counter[str] = Counter()  # by appid, those that are counted for good
        self.unchecked_codes: Counter[str] = Counter()
        self._links: dict[str, Link] = {}

    # Codes

    def count_code(self, appid: str) -> None:
        """One more of the kind of which there are only so many."""
        if self.codes[appid] >= self.terms.most_codes:
            raise Refusal(45029)
        self.codes[appid] += 1

    def count_unchecked_code(self, appid: str) -> None:
        """One more to a page that nobody has looked for."""
        if self.unchecked_codes[appid] >= self.terms.most_unchecked_codes:
            raise Refusal(45029)
        self.unchecked_codes[appid] += 1

    # Links

    def make(self, account: Account, beginning: str, jump: dict[str, Any], ends: int) -> str:
        """A scheme or URL link to what JUMP names."""
        path, query = _text(jump, "path"), _text(jump, "query")
        env_version = jump.get("env_version", "release")
        if env_version not in ENVIRONMENTS:
            raise Refusal(85402)
        if len(query) > 1024:
            raise Refusal(40212)
        if env_version == "release":
            check_page(account, path, 40165)
        self.quotas.use(account.appid, LINKS)
        value = beginning + new_code(self.world.random, 11)
        now = int(self.world.clock())
        self._links[value] = Link(account.appid, path, query, env_version, now, ends)
        if len(self._links) > KEPT:
            del self._links[next(iter(self._links))]
        return value

    def find(self, account: Account, value: str) -> Link:
        link = self._links.get(value)
        if link is None or link.appid != account.appid:
            raise Refusal(40097)
        return link

    def read_end(self, body: dict[str, Any]) -> int:
        """Until when a link is to lead; none leads for longer than thirty days."""
        now, is_expire = int(self.world.clock()), body.get("is_expire", False)
        # As it was refused to somebody who sent an interval alone.
        if not isinstance(is_expire, bool) or (not is_expire and "expire_type" in body):
            raise Refusal(47001)
        if not is_expire:
            return now + MOST_DAYS * DAY
        expire_type = body.get("expire_type", 0)
        if expire_type not in (0, 1):
            raise Refusal(40097)
        value = body.get("expire_interval" if expire_type else "expire_time")
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refusal(85401)
        ends = now + value * DAY if expire_type else value
        if not now < ends <= now + MOST_DAYS * DAY:
            raise Refusal(85401)
        return ends


def check_page(account: Account, path: str, errcode: int) -> None:
    """Raise where PATH is no page of what is online; none is the first page."""
    online = account.program.online
    if online is None:
        raise Refusal(85079)
    if path and path.removeprefix("/").partition("?")[0] not in online.version.pages:
        raise Refusal(errcode)


def _text(jump: dict[str, Any], name: str) -> str:
    value = jump.get(name, "")
    if not isinstance(value, str):
        raise Refusal(47001)
    return value
