"""The steps of a rehearsal: what each has come to."""

import time
from dataclasses import dataclass, field

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy, pgettext_lazy


class StepResult(TextChoices):
    PASSED = "passed", pgettext_lazy("rehearsal", "passed")
    FAILED = "failed", pgettext_lazy("rehearsal", "failed")
    UNPROVABLE = "unprovable", gettext_lazy("not provable here")
    NOT_TRIED = "not tried", gettext_lazy("not tried")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing tried with ACCOUNT: the DETAIL of what came of it, and a HINT what to mend."""

    title: str
    account: str
    result: StepResult
    detail: str = ""
    hint: str = ""
    milliseconds: int | None = None

    @property
    def name(self) -> str:
        return f"{self.title} {self.account}".strip()

    @property
    def is_in_order(self) -> bool:
        return self.result in (StepResult.PASSED, StepResult.UNPROVABLE)


# The result of a step, its detail, and a hint.
StepOutcome = tuple[StepResult, str, str]


@dataclass(slots=True)
class SentCode:
    """A code that was sent to one account; a real one IS_LENT by the sandbox."""

    appid: str
    openid: str
    code: str
    is_lent: bool
    sent_at: float = field(default_factory=time.monotonic)
    has_arrived: bool = False
