"""How often a caller may call a path in a day and a minute, and how often it may count anew."""

from collections import Counter

from sandbox.world.days import day, minute, month
from sandbox.world.errors import Refusal
from sandbox.world.surroundings import Surroundings
from sandbox.world.terms import Terms

RESETS = 10  # a month


class Quotas:
    """Calls by day, caller and path. Its world's lock guards it."""

    def __init__(self, world: Surroundings, terms: Terms) -> None:
        self.world = world
        self.terms = terms
        self._used: Counter[tuple[int, str, str]] = Counter()
        self._newest: dict[tuple[str, str], tuple[int, int]] = {}  # minute, calls in it
        self._resets: Counter[tuple[str, str]] = Counter()

    def limit(self, path: str) -> int:
        return self.terms.daily_limits.get(path, self.terms.daily_limit)

    def used(self, caller: str, path: str) -> int:
        """Calls of today."""
        return self._used[self._today(caller, path)]

    def use(self, caller: str, path: str) -> None:
        """Count one call, or refuse it."""
        if self.used(caller, path) >= self.limit(path):
            raise Refusal(45009)
        self._use_minute(caller, path)
        self._used[self._today(caller, path)] += 1

    def _use_minute(self, caller: str, path: str) -> None:
        now, limit = minute(self.world.clock()), self.terms.minute_limits.get(path)
        of, calls = self._newest.get((caller, path), (now, 0))
        calls = calls if of == now else 0
        if limit is not None and calls >= limit:
            raise Refusal(45009)
        self._newest[caller, path] = now, calls + 1

    def reset(self, appid: str) -> None:
        """Let all paths of a caller count from nought, as often as that is allowed."""
        resets = month(self.world.clock()), appid
        if self._resets[resets] >= RESETS:
            raise Refusal(48006)
        self._resets[resets] += 1
        for counted in list(self._used):
            if counted[1] == appid:
                del self._used[counted]

    def reset_path(self, appid: str, path: str) -> None:
        """Let one path of a caller count from nought."""
        self._used.pop(self._today(appid, path), None)

    def _today(self, caller: str, path: str) -> tuple[int, str, str]:
        return day(self.world.clock()), caller, path
