"""What staff say about an automatic reply: when it speaks, and what it says."""

from functools import partial
from typing import Any

import regex
from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
)

from messaging.forms import explain_bad_content, menu_choices
from messaging.models import Rule
from messaging.services.descriptions import kind_label
from messaging.services.patterns import TooSlow, check_pattern
from messaging.services.rules import is_sent_passively
from miniprograms.models import Authorizer
from platform_auth.forms import TextField, capitalise_labels
from platform_auth.listing import with_detail
from wechat import replies
from wechat.replies import BadContent, Content

# What a rule may wait for. Of the menu's items those that open a page tell of it all the same.
EVENT_LABELS = {
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
    "subscribe_msg_popup_event": _("answers whether they want subscribe messages"),
}
WITHOUT_KEY = ("user_enter_tempsession", "LOCATION", "subscribe_msg_popup_event")


def _alike(*names: str) -> dict[str, str]:
    """Members whose fields have their names."""
    return {name: name for name in names}


# Of each kind of reply WeChat's names of its members, and the fields of the form that fill them.
MEMBERS = {
    "text": {"content": "text"},
    "image": _alike("media_id"),
    "voice": _alike("media_id"),
    "video": _alike("media_id", "thumb_media_id", "title", "description"),
    "music": _alike("title", "description", "musicurl", "hqmusicurl", "thumb_media_id"),
    "news": _alike("title", "description", "url") | {"picurl": "picture"},
    "link": _alike("title", "description", "url") | {"thumb_url": "picture"},
    "miniprogrampage": _alike("title", "appid", "pagepath", "thumb_media_id"),
    "msgmenu": {"head_content": "head", "list": "choices", "tail_content": "tail"},
    "transfer_customer_service": _alike("kf_account"),
}
REPLY_FIELDS = tuple(
    dict.fromkeys(field for members in MEMBERS.values() for field in members.values())
)


def kinds_with(field: str) -> list[str]:
    """The kinds of reply that FIELD belongs to."""
    return [kind for kind, members in MEMBERS.items() if field in members.values()]


def event_choices() -> list[tuple[str, Any]]:
    """The events, by what a person would call them and by WeChat's name."""
    return [(event, f"{words} · {event}") for event, words in EVENT_LABELS.items()]


def describe_condition(rule: Rule) -> str:
    """What RULE waits for, in words."""
    match rule.trigger:
        case Rule.Trigger.KEYWORD:
            return with_detail(rule.get_match_display(), rule.pattern)
        case Rule.Trigger.EVENT:
            key = f" ({rule.event_key})" if rule.event_key else ""
            return f"{EVENT_LABELS.get(rule.event, rule.event)}{key}"
    return str(rule.get_trigger_display())


def ways_of(content: Content) -> dict[str, str]:
    """How CONTENT is said by each kind of account: `passive`, `custom`, or "" for not at all."""
    return {kind: _way_of(content, kind) for kind in Authorizer.Kind.values}


def _way_of(content: Content, kind: str) -> str:
    try:
        return "passive" if is_sent_passively(content, kind) else "custom"
    except BadContent:
        return ""


_text = partial(TextField, max_length=2048)


class RuleForm(forms.ModelForm[Rule]):
    """One rule. Only the fields of its kind of reply are read."""

    event = forms.ChoiceField(label=_("event"), required=False, widget=UnfoldAdminSelectWidget)
    kind = forms.ChoiceField(label=_("kind of reply"), widget=UnfoldAdminSelectWidget)
    text = _text(_("text"), rows=5)
    media_id = _text(
        _("media ID"),
        help_text=_("Of a file of the account's at WeChat. Temporary files last three days."),
    )
    thumb_media_id = _text(_("media ID of its small picture"))
    title = _text(_("title"))
    description = _text(_("description"))
    url = _text(_("leads to"), help_text=_("An address that begins with https://."))
    picture = _text(_("address of its picture"))
    musicurl = _text(_("address of the music"))
    hqmusicurl = _text(_("address of the music in high quality"))
    appid = _text(
        _("appid of the mini program"),
        help_text=_("Only official accounts name one; it must be linked with them."),
    )
    pagepath = _text(_("page"), help_text=_("Such as pages/index/index"))
    head = _text(_("above the menu"))
    choices = _text(
        _("choices"),
        rows=4,
        help_text=_("One a line. Tapping one writes it, so a rule can answer it."),
    )
    tail = _text(_("below the menu"))
    kf_account = _text(_("agent"), help_text=_("Such as agent@account; empty for whoever is free."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        capitalise_labels(self)
        if "kind" not in self.fields:
            return  # somebody who may only look
        self.fields["event"].choices = [("", "–"), *event_choices()]  # type: ignore[attr-defined]
        kinds = [(kind, kind_label(kind)) for kind in MEMBERS]
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]
        for name, value in _initial_for(self.instance.content or {}).items():
            self.initial.setdefault(name, value)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self._clean_trigger(data)
        self._clean_hours(data)
        content = self._clean_content(data)
        if content is not None:
            self.instance.content = replies.as_data(content)
            self._clean_account(data.get("authorizer"), content)
        return data

    def _clean_trigger(self, data: dict[str, Any]) -> None:
        trigger = data.get("trigger")
        if trigger == Rule.Trigger.KEYWORD:
            data["pattern"] = data.get("pattern", "").strip()
            self._clean_pattern(data["pattern"], data.get("match", ""))
        else:
            data["pattern"] = ""
        if trigger != Rule.Trigger.EVENT:
            data["event"] = data["event_key"] = ""
        elif not data.get("event"):
            self.add_error("event", _("Which event?"))
        elif data["event"] in WITHOUT_KEY:
            data["event_key"] = ""

    def _clean_pattern(self, pattern: str, match: str) -> None:
        if "pattern" in self.errors:
            return
        if not pattern:
            self.add_error("pattern", _("What does the user write?"))
        elif match == Rule.Match.REGEX:
            try:
                check_pattern(pattern)
            except regex.error as problem:
                self.add_error("pattern", explain_pattern_error(problem))
            except (TooSlow, MemoryError, RecursionError):
                self.add_error("pattern", TOO_SLOW)

    def _clean_hours(self, data: dict[str, Any]) -> None:
        start, end = data.get("quiet_from"), data.get("quiet_until")
        if (start is None) != (end is None):
            missing = "quiet_until" if end is None else "quiet_from"
            if missing not in self.errors:
                self.add_error(missing, _("Quiet hours begin and end: give both, or neither."))
        elif start is not None and start == end:
            self.add_error("quiet_until", _("They must end at another time than they begin."))

    def _clean_content(self, data: dict[str, Any]) -> Content | None:
        kind = data.get("kind")
        if not kind or self.errors.keys() & set(REPLY_FIELDS):
            return None
        try:
            return replies.parse_content(_content_data(kind, data))
        except BadContent as problem:
            member = str(problem.params.get("member", "")).rpartition(".")[2]
            field = MEMBERS[kind].get(member, "choices" if kind == "msgmenu" else None)
            self.add_error(
                field, _explain_for_field(problem, self.fields[field].label if field else None)
            )
            return None

    def _clean_account(self, authorizer: Authorizer | None, content: Content) -> None:
        if authorizer is None:
            return
        try:
            is_sent_passively(content, authorizer.kind)
        except BadContent as problem:
            self.add_error("kind", explain_bad_content(problem))


def _explain_for_field(problem: BadContent, label: Any) -> str:
    """PROBLEM with a field, which people know by its LABEL and not by WeChat's name."""
    if label is None:
        return explain_bad_content(problem)
    return explain_bad_content(
        BadContent(problem.sentence, **{**problem.params, "member": str(label)})
    )


def _content_data(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """What was filled in, as WeChat's JSON."""
    members: dict[str, Any] = {
        member: data.get(field, "").replace("\r\n", "\n").strip()
        for member, field in MEMBERS[kind].items()
    }
    if kind == "news":
        members = {"articles": [members]}
    if kind == "msgmenu":
        members["list"] = menu_choices(members["list"])
    return {"msgtype": kind, kind: members}


def _initial_for(data: dict[str, Any]) -> dict[str, Any]:
    """How the form is filled for a rule that says DATA."""
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


def explain_pattern_error(problem: regex.error) -> str:
    """What is wrong with a regular expression, and where."""
    message, place = str(getattr(problem, "msg", problem)), getattr(problem, "pos", None) or 0
    faults = (fault for begin, fault in _FAULTS.items() if message.startswith(begin))
    sentence = gettext("This is no regular expression: %(why)s, at character %(place)d.")
    return sentence % {"why": next(faults, message), "place": place + 1}
