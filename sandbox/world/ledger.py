"""The calls the sandbox got, and what came of them: the oracle of the tests."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

KEPT = 100_000  # entries; the counts go on past them


@dataclass(frozen=True)
class Entry:
    """One call. EFFECT: WeChat's side did it, whatever became of the answer."""

    seq: int
    at: float
    method: str
    path: str
    token_owner: str
    appid: str
    errcode: int | None
    effect: bool
    dropped: bool
    unknown: bool
    rid: str


class Ledger:
    """The calls in their order. Its owner's lock guards it."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._counts: Counter[tuple[str, str, bool]] = Counter()
        self._seq = 0

    def record(
        self,
        *,
        at: float,
        method: str,
        path: str,
        token_owner: str,
        appid: str,
        errcode: int | None,
        effect: bool,
        dropped: bool,
        unknown: bool,
        rid: str,
    ) -> Entry:
        self._seq += 1
        entry = Entry(
            self._seq,
            at,
            method,
            path,
            token_owner,
            appid,
            errcode,
            effect,
            dropped,
            unknown,
            rid,
        )
        self._entries.append(entry)
        self._counts[path, appid, effect] += 1
        return entry

    def count(
        self, path: str | None = None, appid: str | None = None, effect: bool | None = None
    ) -> int:
        """How often; every condition left out is open."""
        return sum(
            number
            for (its_path, its_appid, its_effect), number in self._counts.items()
            if path in (None, its_path)
            and appid in (None, its_appid)
            and effect in (None, its_effect)
        )

    def by_path(self) -> dict[str, int]:
        """Calls per path."""
        totals: Counter[str] = Counter()
        for (path, _appid, _effect), number in self._counts.items():
            totals[path] += number
        return dict(totals)

    def clear(self) -> None:
        self._entries.clear()
        self._counts.clear()

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Entry:
        return self._entries[index]
