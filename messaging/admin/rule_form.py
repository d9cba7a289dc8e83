"""What staff say about an automatic reply: when it speaks, and what it says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import regex
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from messaging.forms import words_for
from messaging.models import Rule
from messaging.services import rules
from messaging.services.describing import label_of
from miniprograms.models import Authorizer
from platform_auth.forms import capitalise
from wechat import replies
from wechat.messages import Message, read_message
from wechat.push import Push
from wechat.replies import BadContent, Content

# What a rule may wait for. Of the menu's items those that open a page tell of it all the same.
EVENTS = {
    "user_enter_tempsession": _("opens the chat of the mini program"),
    "subscribe": _("follows the official account"),
    "SCAN": _("scans a QR code as a follower"),
    "CLICK": _("taps an item of the menu"),
    "VIEW": _("opens a page from the menu"),
    "view_miniprogram": _("opens a mini program from the menu"),
    "scancode_push": _("scans something from the menu"),
    "scancode_waitmsg": _("scans something from the menu, and waits for an answer"),
    "pic_sysphoto": _("takes a photo from the menu"),
    "pic_photo_or_album": _("takes or picks a photo from the menu"),
    "pic_weixin": _("picks a photo of WeChat's from the menu"),
    "location_select": _("picks a place from the menu"),
    "LOCATION": _("tells where they are"),
    "subscribe_msg_popup_event": _("answers whether they want notices"),
}
WITH_KEY = ("subscribe", "SCAN", "CLICK", "VIEW", "view_miniprogram", "scancode_push",
            "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin",
            "location_select")  # fmt: skip

# Of each kind of reply WeChat's names of its members, and the fields of the form that fill them.
MEMBERS = {
    "text": {"content": "text"},
    "image": {"media_id": "media_id"},
    "voice": {"media_id": "media_id"},
    "video": {
        "media_id": "media_id",
        "thumb_media_id": "thumb_media_id",
        "title": "title",
        "description": "description",
    },
    "music": {
        "title": "title",
        "description": "description",
        "musicurl": "musicurl",
        "hqmusicurl": "hqmusicurl",
        "thumb_media_id": "thumb_media_id",
    },
    "news": {"title": "title", "description": "description", "url": "url", "picurl": "picture"},
    "link": {"title": "title", "description": "description", "url": "url", "thumb_url": "picture"},
    "miniprogrampage": {
        "title": "title",
        "appid": "appid",
        "pagepath": "pagepath",
        "thumb_media_id": "thumb_media_id",
    },
    "msgmenu": {"head_content": "head", "list": "choices", "tail_content": "tail"},
    "transfer_customer_service": {"kf_account": "kf_account"},
}
SAID = tuple(dict.fromkeys(field for members in MEMBERS.values() for field in members.values()))


def kinds_with(field: str) -> list[str]:
    """The kinds of reply that FIELD belongs to."""
    return [kind for kind, members in MEMBERS.items() if field in members.values()]


def event_choices() -> list[tuple[str, Any]]:
    """The events, by what a person would call them and by WeChat's name."""
    return [(event, f"{words} · {event}") for event, words in EVENTS.items()]


def ways_of(content: Content) -> dict[str, str]:
    """How CONTENT is said by each kind of account: `passive`, `custom`, or "" for not at all."""
    return {kind: _way_of(content, kind) for kind in Authorizer.Kind.values}


def _way_of(content: Content, kind: str) -> str:
    try:
        return "passive" if rules.can_be_said_at_once(content, kind) else "custom"
    except BadContent:
        return ""


def _line(label: Any, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, widget=UnfoldAdminTextInputWidget, max_length=2048, **more
    )


def _lines(label: Any, rows: int, **more: Any) -> forms.CharField:
    widget = UnfoldAdminTextareaWidget(attrs={"rows": rows})
    return forms.CharField(label=label, required=False, widget=widget, max_length=2048, **more)


class RuleForm(forms.ModelForm[Rule]):
    """One rule. Only the fields of its kind of reply are read."""

    event = forms.ChoiceField(label=_("event"), required=False, widget=UnfoldAdminSelectWidget)
    kind = forms.ChoiceField(label=_("kind of reply"), widget=UnfoldAdminSelectWidget)
    text = _lines(_("text"), 5)
    media_id = _line(
        _("media ID"),
        help_text=_("Of a file of the account's at WeChat. Temporary files last three days."),
    )
    thumb_media_id = _line(_("media ID of its small picture"))
    title = _line(_("title"))
    description = _line(_("description"))
    url = _line(_("leads to"), help_text=_("An address that begins with https://."))
    picture = _line(_("address of its picture"))
    musicurl = _line(_("address of the music"))
    hqmusicurl = _line(_("address of the music in high quality"))
    appid = _line(
        _("appid of the mini program"),
        help_text=_("Only official accounts name one; it must be linked with them."),
    )
    pagepath = _line(_("page"), help_text=_("Such as pages/index/index"))
    head = _line(_("above the menu"))
    choices = _lines(
        _("choices"), 4, help_text=_("One a line. Tapping one writes it, so a rule can answer it.")
    )
    tail = _line(_("below the menu"))
    kf_account = _line(_("agent"), help_text=_("Such as agent@account; empty for whoever is free."))

    class Meta:
        model = Rule
        fields = ("name", "authorizer", "is_on", "position", "trigger", "match", "pattern",
                  "event", "event_key", "quiet_from", "quiet_until")  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        capitalise(self)
        if "kind" not in self.fields:
            return  # somebody who may only look
        self.fields["event"].choices = [("", "–"), *event_choices()]  # type: ignore[attr-defined]
        kinds = [(kind, label_of(kind)) for kind in MEMBERS]
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]
        for name, value in _filled(self.instance.content or {}).items():
            self.initial.setdefault(name, value)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        self._clean_trigger(said)
        self._clean_hours(said)
        content = self._clean_content(said)
        if content is not None:
            self.instance.content = replies.as_data(content)
            self._clean_account(said.get("authorizer"), content)
        return said

    def _clean_trigger(self, said: dict[str, Any]) -> None:
        trigger = said.get("trigger")
        if trigger == Rule.Trigger.KEYWORD:
            said["pattern"] = said.get("pattern", "").strip()
            self._clean_pattern(said["pattern"], said.get("match", ""))
        else:
            said["pattern"] = ""
        if trigger != Rule.Trigger.EVENT:
            said["event"] = said["event_key"] = ""
        elif not said.get("event"):
            self.add_error("event", _("Which event?"))
        elif said["event"] not in WITH_KEY:
            said["event_key"] = ""

    def _clean_pattern(self, pattern: str, match: str) -> None:
        if "pattern" in self.errors:
            return
        if not pattern:
            self.add_error("pattern", _("What does the user write?"))
        elif match == Rule.Match.REGEX:
            try:
                rules.try_pattern(pattern)
            except regex.error as problem:
                self.add_error("pattern", why_no_pattern(problem))
            except (rules.Slow, MemoryError, RecursionError):
                self.add_error("pattern", TOO_SLOW)

    def _clean_hours(self, said: dict[str, Any]) -> None:
        start, end = said.get("quiet_from"), said.get("quiet_until")
        if (start is None) != (end is None):
            missing = "quiet_until" if end is None else "quiet_from"
            if missing not in self.errors:
                self.add_error(missing, _("Quiet hours begin and end: give both, or neither."))
        elif start is not None and start == end:
            self.add_error("quiet_until", _("They must end at another time than they begin."))

    def _clean_content(self, said: dict[str, Any]) -> Content | None:
        kind = said.get("kind")
        if not kind or self.errors.keys() & set(SAID):
            return None
        try:
            return replies.parse_content(_data(kind, said))
        except BadContent as problem:
            member = str(problem.params.get("member", "")).rpartition(".")[2]
            field = MEMBERS[kind].get(member, "choices" if kind == "msgmenu" else None)
            self.add_error(field, _words(problem, self.fields[field].label if field else None))
            return None

    def _clean_account(self, authorizer: Authorizer | None, content: Content) -> None:
        if authorizer is None:
            return
        try:
            rules.can_be_said_at_once(content, authorizer.kind)
        except BadContent as problem:
            self.add_error("kind", words_for(problem))


def _words(problem: BadContent, label: Any) -> str:
    """PROBLEM with a field, which people know by its LABEL and not by WeChat's name."""
    if label is None:
        return words_for(problem)
    return words_for(BadContent(problem.sentence, **{**problem.params, "member": str(label)}))


def _data(kind: str, said: dict[str, Any]) -> dict[str, Any]:
    """What was filled in, as WeChat's JSON."""
    members: dict[str, Any] = {
        member: said.get(field, "").replace("\r\n", "\n").strip()
        for member, field in MEMBERS[kind].items()
    }
    if kind == "news":
        members = {"articles": [members]}
    if kind == "msgmenu":
        lines = [line.strip() for line in members["list"].splitlines() if line.strip()]
        members["list"] = [{"id": str(n), "content": line} for n, line in enumerate(lines, 1)]
    return {"msgtype": kind, kind: members}


def _filled(data: dict[str, Any]) -> dict[str, Any]:
    """The same the other way: how the form is filled for a rule that says DATA."""
    kind = data.get("msgtype", "")
    if kind not in MEMBERS:
        return {}
    members = dict(data[kind])
    if kind == "news":
        members = members["articles"][0]
    if kind == "msgmenu":
        members["list"] = "\n".join(choice["content"] for choice in members["list"])
    return {"kind": kind, **{MEMBERS[kind][name]: value for name, value in members.items()}}


TOO_SLOW = _(
    "This regular expression takes too long with some texts, and everybody would wait. Usual "
    "reasons: a repetition within a repetition such as (a+)+, or thousands of copies."
)

# What `regex` says is wrong, by how it begins.
_FAULTS = {
    "missing )": _("a closing parenthesis is missing"),
    "unbalanced parenthesis": _("there is a closing parenthesis too many"),
    "missing ]": _("a closing ] is missing"),
    "unterminated character set": _("a closing ] is missing"),
    "bad character range": _("a range in […] goes backwards"),
    "nothing to repeat": _("there is nothing before *, + or ? that could be repeated"),
    "multiple repeat": _("two repetitions stand one after the other"),
    "min repeat greater": _("{m,n} goes backwards"),
    "bad escape": _("there is no such sequence with a backslash"),
    "unknown group": _("it names a group that it does not have"),
    "invalid group reference": _("it names a group that it does not have"),
    "cannot refer to an open group": _("a group refers to itself"),
    "unknown property": _("there is no such \\p{…}"),
    "unknown extension": _("there is no such (?…"),
    "undefined named list": _("it names a list that it does not have"),
}


def why_no_pattern(problem: regex.error) -> str:
    """What is wrong with a regular expression, and where."""
    told, place = str(getattr(problem, "msg", problem)), getattr(problem, "pos", None) or 0
    words = next((words for begin, words in _FAULTS.items() if told.startswith(begin)), told)
    sentence = gettext("This is no regular expression: %(why)s, at character %(place)d.")
    return sentence % {"why": words, "place": place + 1}


# ── trying ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Trial:
    """What the rules are tried with."""

    authorizer: Authorizer | None
    account_kind: str
    message: Message
    at: datetime


class TryForm(forms.Form):
    """A message, or an event, that nobody has sent."""

    account = forms.CharField(
        label=_("account"),
        required=False,
        help_text=_("Its appid. Empty: only the rules for all are tried."),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "wx…"}),
    )
    kind = forms.ChoiceField(
        label=_("if empty, kind of account"),
        choices=Authorizer.Kind.choices,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    event = forms.ChoiceField(label=_("what happens"), required=False,
                              widget=UnfoldAdminSelectWidget)  # fmt: skip
    text = forms.CharField(
        label=_("the user writes"),
        required=False,
        max_length=2048,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )
    event_key = forms.CharField(
        label=_("event key"), required=False, max_length=128, widget=UnfoldAdminTextInputWidget
    )
    at = forms.DateTimeField(
        label=_("at"),
        required=False,
        help_text=_("Empty: now."),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )

    def __init__(self, user: Any, given: Any = None, initial: Any = None) -> None:
        super().__init__(given, initial=initial, label_suffix="")
        capitalise(self)
        self.user = user
        choices = [("", gettext("The user writes")), *event_choices()]
        self.fields["event"].choices = choices  # type: ignore[attr-defined]

    def clean_account(self) -> Authorizer | None:
        """An account that this person may see."""
        appid = self.cleaned_data["account"].strip()
        if not appid:
            return None
        found: Authorizer | None = (
            Authorizer.objects.visible_to(self.user).filter(appid=appid).first()
        )
        if found is None:
            raise ValidationError(_("There is no account with this appid."))
        return found

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if not said.get("event") and not said.get("text", "").strip():
            self.add_error("text", _("What does the user write?"))
        return said

    @property
    def trial(self) -> Trial:
        """What was filled in, as it would come in by the door."""
        said = self.cleaned_data
        authorizer = said["account"]
        at = said["at"] or timezone.now()
        fields = {"CreateTime": str(int(at.timestamp()))}
        if event := said["event"]:
            fields |= {"MsgType": "event", "Event": event, "EventKey": said["event_key"]}
        else:
            fields |= {"MsgType": "text", "Content": said["text"]}
        message = read_message(Push(event or "text", fields))
        kind = authorizer.kind if authorizer else said["kind"] or Authorizer.Kind.MINI_PROGRAM
        return Trial(authorizer, kind, message, at)
