"""What WeChat says of one mini program now, or said a few minutes ago."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.core.cache import cache
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from miniprograms.models import Authorizer
from miniprograms.services.profiles import sync_profile
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from wechat import account, code, code_review, domains, privacy, registration
from wechat.errors import (
    BackingOff,
    NotAuthorized,
    NotReady,
    TicketExpired,
    Unreachable,
    WeChatError,
)

logger = logging.getLogger(__name__)

CACHE_LIFE = 300  # seconds
PATIENCE = 20  # seconds in all; a slow WeChat is not asked more than that
FEW = 20  # submissions; what is left of fewer is asked for each time

# After one of these, asking for something else would only take as long again.
DOWN = (Unreachable, NotReady, BackingOff, NotAuthorized, TicketExpired)

_T = TypeVar("_T")


class Answers:
    """
    WeChat's answers about AUTHORIZER and the code whose version has the key `version`. Each is
    asked for once, and none after PATIENCE seconds; what the cache has serves until `forget_cached`
    is called.

    Every method raises what WeChat answered instead.
    """

    def __init__(self, authorizer: Authorizer, *, patience: float = PATIENCE) -> None:
        self.authorizer = authorizer
        self.version = 0
        self._ends = time.monotonic() + patience
        self._answers: dict[str, Any] = {}
        self._cached: set[str] = set()
        self._is_down: WeChatError | None = None

    def forget_cached(self) -> bool:
        """What came out of the cache is asked for anew from now on. Whether there was any."""
        names, self._cached = self._cached, set()
        for name in names:
            del self._answers[name]
            _drop(name)
        return bool(names)

    # The account

    def profile(self) -> Authorizer:
        """AUTHORIZER with its profile as it is now."""
        key = "profile"
        if key not in self._answers:
            self._answers[key] = self._guard(lambda: sync_profile(self.authorizer))
        self._replay(key)
        return self.authorizer

    def categories(self) -> list[code.Category]:
        """What a submission may name."""
        return self._ask("categories", code.get_category)

    def registered_categories(self) -> list[registration.RegisteredCategory]:
        return self._ask("registered", registration.list_registered_categories)

    def filing_status(self) -> int:
        return self._ask("filing", registration.get_filing_status)

    def basic_info(self) -> account.BasicInfo:
        return self._ask("basics", account.get_account_basic_info)

    def latest_audit(self) -> code_review.LatestAudit:
        """Never out of the cache: it may have been submitted a moment ago. Raises NoAudit."""
        return self._ask("latest", code_review.get_latest_auditstatus, is_kept=False)

    def quota(self) -> code_review.Quota:
        """One for all mini programs of the platform."""
        key = f"preflight:quota:{self.authorizer.component_id}"
        return self._ask(key, code_review.query_quota, is_shared=True)

    # The code

    def scan(self) -> code.PrivacyCheck:
        """Raises CheckRunning until it has ended, MustCommit where there is no code."""
        return self._ask(f"{self.version}:scan", code.get_code_privacy_info)

    def pages(self) -> list[str]:
        return self._ask(f"{self.version}:pages", code.get_page)

    def privacy_setting(self) -> privacy.PrivacySetting:
        return self._ask(f"{self.version}:privacy", privacy.get_privacy_setting)

    def interfaces(self) -> list[dict[str, Any]]:
        return self._ask("interfaces", privacy.list_privacy_interfaces)

    def request_domains(self) -> set[str]:
        """Server domains of all kinds that are in force once the code is released."""
        effective = self._ask("domains", domains.get_effective_domain).effective
        return {url for urls in effective.values() for url in urls}

    def _ask(
        self,
        name: str,
        endpoint: Callable[[str], _T],
        *,
        is_kept: bool = True,
        is_shared: bool = False,
    ) -> _T:
        key = name if is_shared else f"preflight:{self.authorizer.appid}:{name}"
        if key in self._answers:
            return cast(_T, self._replay(key))
        if is_kept and (cached := _read(key)) is not None:
            self._cached.add(key)
            self._answers[key] = cached
        else:
            self._answers[key] = self._guard(lambda: call_as(self.authorizer.appid, endpoint))
            if is_kept:
                _keep(key, self._answers[key])
        return cast(_T, self._replay(key))

    def _guard(self, call: Callable[[], Any]) -> Any:
        """What CALL gives or raises; where WeChat is down nothing more is asked."""
        if self._is_down is None and time.monotonic() >= self._ends:
            self._is_down = BackingOff(_("WeChat answers too slowly just now."))
        if self._is_down is not None:
            return self._is_down
        release_db_connection()
        try:
            return call()
        except WeChatError as error:
            if isinstance(error, DOWN):
                self._is_down = error
            return error

    def _replay(self, key: str) -> Any:
        if isinstance(self._answers[key], WeChatError):
            raise self._answers[key]
        return self._answers[key]


def _read(key: str) -> Any:
    try:
        return cache.get(key)
    except RedisError as error:
        logger.warning("no cache to read answers from: %s", type(error).__name__)
        return None


def _keep(key: str, answer: Any) -> None:
    """Refusals are not kept, nor a quota that is nearly used up."""
    is_scarce = isinstance(answer, code_review.Quota) and answer.rest < FEW
    if isinstance(answer, WeChatError) or is_scarce:
        return
    try:
        cache.set(key, answer, CACHE_LIFE)
    except RedisError as error:
        logger.warning("no cache to keep answers in: %s", type(error).__name__)


def _drop(key: str) -> None:
    try:
        cache.delete(key)
    except RedisError as error:
        logger.warning("no cache to forget answers in: %s", type(error).__name__)
