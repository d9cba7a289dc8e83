"""A step of the set-up guide, as it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_stubs_ext import StrOrPromise


class StepState(Enum):
    """How a step stands: its name in the page, and its words."""

    DONE = "done"
    OPEN = "open"
    WRONG = "wrong"
    WAITING = "waiting"

    @property
    def words(self) -> StrOrPromise:
        return _WORDS[self]


_WORDS = {
    StepState.DONE: pgettext_lazy("set-up step", "done"),
    StepState.OPEN: _("to do"),
    StepState.WRONG: _("something is wrong"),
    StepState.WAITING: _("waits for a step before"),
}


@dataclass(frozen=True, slots=True)
class PageLink:
    """A way to another page: to ADDRESS, called TEXT."""

    text: StrOrPromise
    address: str


@dataclass(frozen=True, slots=True)
class ActButton:
    """A button TEXT that posts to ADDRESS."""

    text: StrOrPromise
    address: str


@dataclass(frozen=True, slots=True)
class Step:
    """
    NAME is its anchor. SENTENCES say why it stands as it does and what to do; COPIES are texts to
    be copied, after what each is; TABLE is shown below.
    """

    name: str
    title: StrOrPromise
    state: StepState
    sentences: Sequence[object] = field(default_factory=list)
    copies: list[tuple[str, str]] = field(default_factory=list)
    links: list[PageLink] = field(default_factory=list)
    act: ActButton | None = None
    table: Any = ""

    @property
    def is_done(self) -> bool:
        return self.state is StepState.DONE
