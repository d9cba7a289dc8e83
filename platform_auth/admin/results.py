"""
The results of the operation log in the language of whoever reads them, and whether an act failed.

Rows are never changed, so what they keep stays a short note: names, numbers and codes of ours, or a
sentence in the language of whoever acted. It is read here, when it is shown, that of old rows too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from platform_auth.admin.call_links import link_rids
from platform_auth.admin.pages import label
from platform_auth.errcodes import explain_kept
from platform_auth.listing import list_words
from platform_auth.models import Component, Operation, Push
from platform_auth.roles import group_title

# What is wrong, as our errors about a call begin: with the path of that.
_PROBLEM = re.compile(r"(?:^|(?<=\s))/?(?:cgi-bin|wxa|wxaapi|sns|product)/[\w/.-]+: .*", re.DOTALL)
_CLIENT = re.compile(r"\s?(\[[^\[\]]+\])$")  # the program that did it for its owner
_NUMBER = re.compile(r"(%\(\w+\))d")
_FIELD = re.compile(r"%\\\((\w+)\\\)[sd]")
# Whose failures had no mark of their own once, but the problem behind the result.
_CALLS = frozenset(
    {
        *("add_tester", "remove_tester", "set_option", "apply_for_interface", "apply_setting"),
        *("upload_guideline_file", "change_platform_domains", "open_service", "close_service"),
        *("gray_release", "stop_gray_release", "withdraw_audit", "speed_up_audit"),
        *("add_template", "delete_template", "check_callback"),
    }
)
_FAILURES = frozenset({"quota_not_cleared", "refuse_setting", "refuse_release"})
NAMED = _("%(name)s: %(detail)s")

Words = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Note:
    """
    A result that looks like PATTERN, or reads like TEXT in any language, is shown as TEXT, some
    of its parts as WORDS put them.
    """

    text: StrOrPromise
    pattern: str = ""
    words: Mapping[str, Words] = field(default_factory=dict)

    def read(self, result: str) -> str | None:
        """RESULT in the reader's language; None if it is not such a one."""
        patterns = [re.compile(self.pattern, re.DOTALL)] if self.pattern else _as_said(self.text)
        match = next(filter(None, (pattern.fullmatch(result) for pattern in patterns)), None)
        if match is None:
            return None
        parts = {name: part or "" for name, part in match.groupdict().items()}
        worded = {name: words(parts[name]) for name, words in self.words.items()}
        # All parts are texts now, numbers too.
        return _NUMBER.sub(r"\1s", str(self.text)) % {**parts, **worded}


@cache
def _as_said(text: StrOrPromise) -> list[re.Pattern[str]]:
    """What TEXT looks like in each of our languages, with anything in its fields."""
    patterns = []
    for language, _name in settings.LANGUAGES:
        with override(language):
            escaped = re.escape(str(text)).replace("%%", "%")
        patterns.append(re.compile(_FIELD.sub(r"(?P<\1>.*)", escaped), re.DOTALL))
    return patterns


class ResultInWords(NamedTuple):
    has_failed: bool
    text: str


def words_of(titles: Mapping[Any, object], separator: str = " ") -> Words:
    """Codes, with SEPARATOR between them, by their TITLES."""

    def name_all(codes: str) -> object:
        listed = [str(titles.get(code, code)) for code in codes.split(separator) if code]
        return list_words(listed)

    return name_all


def one_of(*notes: Note) -> Words:
    """What the first of NOTES reads; a refusal of WeChat's is explained, anything else as it is."""

    def read(result: str) -> str:
        readings = (note.read(result) for note in notes)
        return next((text for text in readings if text is not None), explain_kept(result))

    return read


def _name_fields(model: Any, names: str) -> object:
    """The fields NAMES of MODEL, which are columns' or the English labels of a form's."""
    return list_words(_name_field(model, name) for name in names.split(", ") if name)


def _name_field(model: Any, name: str) -> str:
    try:
        return str(model._meta.get_field(name).verbose_name)
    except (AttributeError, FieldDoesNotExist):
        words = (name, name[:1].lower() + name[1:])
        return next((text for word in words if (text := gettext(word)) != word), name)


@cache
def _models() -> dict[str, Any]:
    return {str(model._meta.model_name): model for model in apps.get_models()}


COUNTED = Note(_("number: %(number)s"), r"(?P<number>\d+)")
NAME_AND_NUMBER = Note(_("%(name)s; number: %(number)s"), r"(?P<name>.*): (?P<number>\d+)")
_ENDED = Note(
    _("sessions ended: %(sessions)s; keys revoked: %(keys)s"),
    r"(?P<sessions>\d+) sessions, (?P<keys>\d+) keys ended",
)


def _name_roles(names: str) -> object:
    return list_words(group_title(name) for name in names.split(", "))


_NOTES: dict[str, tuple[Note, ...]] = {
    "change_password": (_ENDED,),
    "reset_password": (_ENDED,),
    "end_sessions": (COUNTED,),
    "add_user": (Note(NAMED, r"(?P<name>\S+): (?P<detail>.*)", {"detail": _name_roles}),),
    "revoke_keys": (NAME_AND_NUMBER,),
    "resend_messages": (COUNTED,),
    "revoke_client_keys": (NAME_AND_NUMBER,),
    "rotate_field_keys": (NAME_AND_NUMBER,),
    "change_component": (
        Note(
            "%(fields)s",
            r"(?P<fields>\w+(?:, \w+)*)",
            {"fields": partial(_name_fields, Component)},
        ),
    ),
    "replay_push": (
        Note(
            NAMED,
            rf"(?P<name>.*): (?P<detail>{'|'.join(Push.State.values)})",
            {"detail": words_of(dict(Push.State.choices))},
        ),
    ),
    "check_callback": (
        Note(_("WeChat reached %(addresses)s."), r"reached (?P<addresses>.*)"),
        Note(_("WeChat's pings to %(addresses)s were lost."), r"lost (?P<addresses>.*)"),
        Note(_("WeChat found no address for our name."), r"no address"),
    ),
}


def add_notes(notes: Mapping[str, tuple[Note, ...]]) -> None:
    """The results of these actions read like that."""
    _NOTES.update(notes)


def read_outcome(row: Operation) -> ResultInWords:
    """What came of the act of ROW, in words, and whether it failed."""
    result, client = row.result, ""
    if match := _CLIENT.search(result):
        result, client = result[: match.start()], match[1]
    has_failed, problem = row.has_failed or row.action in _FAILURES, ""
    if row.has_failed or row.action in _CALLS:
        match = _PROBLEM.search(result)
        if match:
            has_failed, problem = True, explain_kept(match[0])
            result = result[: match.start()].rstrip()
    pieces = [_read(row.action, result), problem, client]
    return ResultInWords(has_failed, " ".join(filter(None, pieces)))


def _read(action: str, result: str) -> str:
    notes = _NOTES.get(action, ())
    changed = action.removeprefix("change_")
    if changed != action:
        words = {"detail": partial(_name_fields, _models().get(changed))}
        notes = (*notes, Note(NAMED, r"(?P<name>.*): (?P<detail>[^:]*)", words))
    return next((text for note in notes if (text := note.read(result)) is not None), result)


def show_outcome(row: Operation) -> SafeString:
    """The outcome for a page: a failure has its mark, WeChat's rids lead to the log of calls."""
    outcome = read_outcome(row)
    text = link_rids(outcome.text)
    return format_html("{} {}", label(_("failed"), "danger"), text) if outcome.has_failed else text
