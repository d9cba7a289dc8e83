"""
The page on which a user is answered: for staff within the admin, for merchants in the portal.

It is kept up to date by htmx: the page says what it shows (`seen`), and is sent what is not among
that, each piece with the id of its place. What a user wrote goes to whoever may read it, only.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Any, cast
from urllib.parse import urlencode

from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from messaging.forms import ways_for, words_for
from messaging.models import CannedReply, Conversation, ConversationQuerySet, Reply
from messaging.services import history, replying
from messaging.services.describing import VOICE, describe_preview
from messaging.services.history import Entry
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.errcodes import explain_errcode, explain_refusal
from platform_auth.fields import Unreadable, readable
from platform_auth.leases import release_db_connection
from platform_auth.models import Push
from wechat import media
from wechat.errors import Refused, WeChatError
from wechat.http import File
from wechat.messages import MESSAGE, WINDOWS
from wechat.replies import BadContent

LISTED, CANNED = 40, 100
LONG_WINDOW = timedelta(minutes=2)  # the others are a minute long
FILE_LIFE, FAILURE_LIFE = 24 * 3600, 15  # seconds, in the browser; of a failure, here
KEPT_LIFE, LARGEST_KEPT = 300, 256 * 1024  # of files in our cache
# Files that one process asks WeChat for at once, and seconds that others wait for that: a page has
# many, each takes a thread of the web server, and WeChat's pushes need those.
MOST_FETCHING, FOR_A_PLACE = 3, 1.0
SOON_OVER = timedelta(minutes=10)
KEY = re.compile(r"([ur])([0-9]{1,18})", re.ASCII)  # of an entry

State = Reply.State

_places = BoundedSemaphore(MOST_FETCHING)


class Desk:
    """Where a user is answered from: who may, what the page looks like, and its addresses."""

    template: str
    names: str
    has_many_accounts = False

    def conversations(self, request: HttpRequest) -> ConversationQuerySet:
        """Those that whoever asks may read."""
        raise NotImplementedError

    def may_answer(self, request: HttpRequest) -> bool:
        raise NotImplementedError

    def page(self, request: HttpRequest, **context: Any) -> HttpResponse:
        return TemplateResponse(request, self.template, context)

    def author(self, request: HttpRequest, reply: Reply) -> str:
        """Who has written REPLY; "" if nobody did."""
        return str(reply.by or "")

    def everything(self, conversation: Conversation) -> str:
        """The address of the whole list that CONVERSATION is in."""
        raise NotImplementedError

    def arguments(self, conversation: Conversation) -> list[object]:
        """What the addresses of a conversation's pages are made of."""
        return [conversation.pk]

    def url(self, name: str, conversation: Conversation, *more: object) -> str:
        return reverse(f"{self.names}{name}", args=[*self.arguments(conversation), *more])


# ── what the page shows ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Room:
    """One conversation, opened at a desk by whoever asks."""

    request: HttpRequest
    desk: Desk
    conversation: Conversation

    @property
    def may_answer(self) -> bool:
        return self.desk.may_answer(self.request)

    def url(self, name: str, *more: object) -> str:
        return self.desk.url(name, self.conversation, *more)

    def piece(self, name: str, **context: Any) -> str:
        """The piece of page NAME."""
        told = {"room": self, "conversation": self.conversation, **context}
        return render_to_string(f"chat/{name}.html", told, request=self.request)

    def entry(self, entry: Entry, **context: Any) -> str:
        """One line of the conversation."""
        told = entry.told
        file = self.url("chat-file", entry.key) if told.media_id else ""
        reply = entry.reply
        why = _why(reply) if reply else ""
        is_being_sent = reply is not None and _is_being_sent(reply)
        again = reply and reply.state in (State.FAILED, State.UNKNOWN) and self.may_answer
        again = again and not is_being_sent
        address = self.url("chat-again", reply.pk) if reply and again else ""
        who = self.desk.author(self.request, reply) if reply else ""
        return self.piece(
            "entry",
            entry=entry,
            told=told,
            file=file,
            why=why,
            again=address,
            who=who,
            is_being_sent=is_being_sent,
            is_today=is_today(entry.at),
            **context,
        )

    def window(self) -> str:
        """How long, and how often, the user may still be answered."""
        row = self.conversation
        now, until = timezone.now(), row.window_until
        is_in_time = until is not None and until > now
        most = WINDOWS.get((row.authorizer.kind, MESSAGE), (0, 0))[1]
        is_long = until is not None and until - now > LONG_WINDOW
        return self.piece(
            "window",
            is_bound=row.authorizer.state != Authorizer.State.UNBOUND,
            is_in_time=is_in_time,
            is_soon_over=until is not None and until - now < SOON_OVER,
            most=most if is_long and row.left <= most else 0,
        )

    def others(self) -> str:
        """The conversations beside this one: the last of all, of its account, or not yet read."""
        rows = self.desk.conversations(self.request).select_related("authorizer")
        only_unread = self.asked("show") == "unread"
        if account := self.asked("account"):
            rows = rows.filter(authorizer__appid=account)
        if only_unread:
            rows = rows.filter(unread__gt=0)
        listed = [
            listed_at(self.desk, row, self.query()) | {"is_here": row.pk == self.conversation.pk}
            for row in rows.order_by("-touched_at")[:LISTED]
        ]
        return self.piece(
            "others",
            rows=listed,
            only_unread=only_unread,
            recent=self.url("chat") + self.query(show=""),
            unread=self.url("chat") + self.query(show="unread"),
            scopes=self._scopes(account),
            everything=self.desk.everything(self.conversation),
        )

    def _scopes(self, account: str) -> list[tuple[str, str, bool]]:
        """Of which accounts conversations may be listed: name, address, and whether it is so."""
        if not self.desk.has_many_accounts:
            return []
        here, row = self.url("chat"), self.conversation.authorizer
        return [
            (_("All accounts"), here + self.query(account=""), not account),
            (str(row), here + self.query(account=row.appid), account == row.appid),
        ]

    def asked(self, name: str) -> str:
        """What the address, or the form, says of what the page shows."""
        return self.request.POST.get(name) or self.request.GET.get(name, "")

    def query(self, **changes: str) -> str:
        """The choice of conversations, but for CHANGES, for another address."""
        said = {"account": self.asked("account"), "show": self.asked("show"), **changes}
        chosen = {name: value for name, value in said.items() if value}
        return f"?{urlencode(chosen)}" if chosen else ""


def listed_at(desk: Desk, row: Conversation, query: str = "") -> dict[str, Any]:
    """ROW as a list of conversations at DESK shows it."""
    return {
        "row": row,
        "url": desk.url("chat", row) + query,
        "name": name_of(row),
        "preview": preview_of(row),
        "is_today": is_today(row.touched_at),
    }


def is_today(at: datetime) -> bool:
    """Whether a clock's time is enough to tell AT."""
    return timezone.localdate(at) == timezone.localdate()


def preview_of(row: Conversation) -> str:
    """The last that the user of ROW wrote, as far as a list has room for it."""
    return describe_preview(readable(row, "preview"))


def name_of(row: Conversation) -> str:
    """What the user of ROW is called: WeChat tells us no names."""
    return _("User %(end)s") % {"end": row.openid[-6:]}


def _is_being_sent(reply: Reply) -> bool:
    """Whether WeChat is being asked just now: until it answers, nobody knows."""
    until = reply.lease_until
    return reply.state == State.UNKNOWN and until is not None and until > timezone.now()


def _why(reply: Reply) -> str:
    """Why REPLY was not sent, or not yet, in plain words."""
    match reply.state:
        case State.UNKNOWN if not _is_being_sent(reply):
            return _("WeChat's answer was lost: the user may have got it, or not.")
        case State.DUE if reply.last_error:
            return _("WeChat could not be asked; it is tried again by itself.")
        case State.FAILED:
            return explain_errcode(reply.errcode) or reply.last_error
    return ""


def _seen(room: Room, entries: Iterable[Entry], window: str, others: str) -> str:
    """What a page shows, in few words: a digest of its frame, and each entry with its state."""
    frame = sha256(f"{window}\0{others}".encode()).hexdigest()[:12]
    return " ".join([frame, *(f"{entry.key}:{_mark(entry)}" for entry in entries)])


def _mark(entry: Entry) -> str:
    """What of an entry may change."""
    if entry.reply is None:
        return ""
    state = "sending" if _is_being_sent(entry.reply) else entry.reply.state
    return f"{state}.{entry.reply.errcode or 0}"


# ── the views, each given its desk ──────────────────────────────────────────────────────────────


def open_room(request: HttpRequest, desk: Desk, pk: int) -> Room:
    """The conversation PK; one that whoever asks may not read is not found."""
    rows = desk.conversations(request).select_related("authorizer")
    return Room(request, desk, get_object_or_404(rows, pk=pk))


def _for_answering(request: HttpRequest, desk: Desk, pk: int) -> Room:
    room = open_room(request, desk, pk)
    if not room.may_answer:
        raise PermissionDenied
    return room


def mark_read(room: Room) -> None:
    """Whoever may answer has seen it, unless they look elsewhere."""
    if room.may_answer and room.conversation.unread and not room.asked("away"):
        Conversation.objects.filter(pk=room.conversation.pk).update(unread=0)
        room.conversation.unread = 0


@require_safe
def chat(request: HttpRequest, desk: Desk, pk: int) -> HttpResponse:
    """The page of one conversation. To open it is to have read it."""
    room = open_room(request, desk, pk)
    mark_read(room)
    entries, has_older = history.page_of(room.conversation)
    window, others = room.window(), room.others()
    return desk.page(
        request,
        title=name_of(room.conversation),
        room=room,
        conversation=room.conversation,
        name=name_of(room.conversation),
        window=window,
        others=others,
        entries=[room.entry(entry) for entry in entries],
        older=_older_than(room, entries) if has_older else "",
        seen=_seen(room, entries, window, others),
        composer=_composer(room),
        news=room.url("chat-news"),
        typing=room.url("chat-typing"),
        account=room.asked("account"),
        show=room.asked("show"),
    )


def _older_than(room: Room, entries: list[Entry]) -> str:
    return f"{room.url('chat-older')}?{urlencode({'before': entries[0].at.isoformat()})}"


def _composer(room: Room) -> dict[str, Any] | None:
    """The forms by which the user is answered; None where that may not be."""
    row = room.conversation
    if not room.may_answer or row.authorizer.state == Authorizer.State.UNBOUND:
        return None
    kind = row.authorizer.kind
    ways = [
        {"form": way(kind, auto_id=f"chat-{name}-%s"), "url": room.url("chat-say", name)}
        for name, way in ways_for(kind).items()
        if name != "text"
    ]
    mine = Q(authorizer=row.authorizer) | Q(authorizer=None)
    canned = CannedReply.objects.filter(mine).order_by("position", "id")[:CANNED]
    return {"text_url": room.url("chat-say", "text"), "ways": ways, "canned": canned}


@require_GET
def news(request: HttpRequest, desk: Desk, pk: int) -> HttpResponse:
    """What has come since, and what has changed; 204 if nothing has."""
    room = open_room(request, desk, pk)
    mark_read(room)
    return _news(room)


def _news(room: Room, told: str | None = None) -> HttpResponse:
    """The same, with what a person is TOLD of their act."""
    known = room.asked("seen").split()
    frame, shown = known[:1], dict(part.partition(":")[::2] for part in known[1:])
    entries, _has_older = history.page_of(room.conversation)
    window, others = room.window(), room.others()
    seen = _seen(room, entries, window, others)
    if told is None and seen.split() == known:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    fresh = [entry for entry in entries if entry.key not in shown]
    changed = [entry for entry in entries if shown.get(entry.key, _mark(entry)) != _mark(entry)]
    return HttpResponse(
        room.piece(
            "news",
            seen=seen,
            fresh=[room.entry(entry) for entry in fresh],
            changed=[room.entry(entry, is_change=True) for entry in changed],
            window=window if frame != seen.split()[:1] else "",
            others=others if frame != seen.split()[:1] else "",
            told=told,
        )
    )


@require_GET
def older(request: HttpRequest, desk: Desk, pk: int) -> HttpResponse:
    """The entries before a time, in place of the button that asked for them."""
    room = open_room(request, desk, pk)
    before = _time(request.GET.get("before", ""))
    entries, has_older = history.page_of(room.conversation, before=before)
    shown = [room.entry(entry) for entry in entries]
    address = _older_than(room, entries) if has_older else ""
    return HttpResponse(room.piece("older", older=address, entries=shown))


def _time(text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Http404
    return found


@require_POST
def say(request: HttpRequest, desk: Desk, pk: int, way: str) -> HttpResponse:
    """Send what was written, now."""
    room = _for_answering(request, desk, pk)
    kind = room.conversation.authorizer.kind
    form_of = ways_for(kind).get(way)
    if form_of is None:
        raise Http404
    form = form_of(kind, request.POST, request.FILES)
    if not form.is_valid():
        return _answer(room, _complaints(form))
    try:
        content = form.content(lambda file: _upload(room, file))
    except BadContent as problem:
        return _answer(room, words_for(problem))
    except Refused as problem:
        return _answer(room, explain_refusal(problem))
    except (WeChatError, Unreadable) as problem:
        return _answer(room, str(problem))
    replying.send_message(room.conversation, content, by=request.user)
    return _answer(room, "")


def _complaints(form: Form) -> str:
    return " ".join(
        f"{form.fields[name].label}: {' '.join(map(str, problems))}"
        if name in form.fields
        else " ".join(map(str, problems))
        for name, problems in form.errors.items()
    )


def _upload(room: Room, file: File) -> str:
    release_db_connection()
    appid = room.conversation.authorizer.appid
    return call_as(appid, media.upload_media, media.IMAGE, file)


def _answer(room: Room, problem: str) -> HttpResponse:
    """After an act: the news, or for a browser without JavaScript the page."""
    if not cast(Any, room.request).htmx:
        return HttpResponseRedirect(room.url("chat") + room.query())
    response = _news(_anew(room), told=problem)
    if not problem:
        response["HX-Trigger"] = "chat-said"
    return response


def _anew(room: Room) -> Room:
    """ROOM with its conversation as it is now."""
    row = Conversation.objects.select_related("authorizer").get(pk=room.conversation.pk)
    return replace(room, conversation=row)


@require_POST
def say_again(request: HttpRequest, desk: Desk, pk: int, reply: int) -> HttpResponse:
    """Send once more what was not sent, or perhaps not."""
    room = _for_answering(request, desk, pk)
    rows = room.conversation.replies.select_related("conversation__authorizer")
    replying.resend_message(get_object_or_404(rows, pk=reply), by=request.user)
    return _answer(room, "")


@require_POST
def typing(request: HttpRequest, desk: Desk, pk: int) -> HttpResponse:
    """Let the user see that somebody writes, if WeChat is so kind."""
    room = _for_answering(request, desk, pk)
    if room.conversation.is_open:
        with suppress(WeChatError, Unreadable):
            replying.show_typing(room.conversation)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@require_GET
def file(request: HttpRequest, desk: Desk, pk: int, key: str) -> HttpResponse:
    """A picture or voice message of the conversation; asked for through us, so no token leaks."""
    room = open_room(request, desk, pk)
    entry = _find(room.conversation, key)
    told = entry.told
    if not told.media_id:
        raise Http404
    ask = media.get_voice if told.form == VOICE else media.get_media
    found = _kept(f"chat-file-{entry.key}", lambda: _fetch(room, ask, told.media_id))
    if found is None:
        return HttpResponse(status=HTTPStatus.NOT_FOUND, content_type="text/plain")
    return _file(found)


def _find(conversation: Conversation, key: str) -> Entry:
    """The entry of KEY in CONVERSATION."""
    found = KEY.fullmatch(key)
    if not found:
        raise Http404
    kind, number = found.groups()
    if kind == "u":
        push: Push = get_object_or_404(history.pushes_of(conversation), pk=number)
        return Entry(push.received_at, push=push)
    reply: Reply = get_object_or_404(history.replies_of(conversation), pk=number)
    return Entry(reply.at, reply=reply)


def _fetch(room: Room, ask: Callable[[str, str], File], media_id: str) -> File | None:
    """What WeChat keeps under MEDIA_ID; after three days it does not."""
    release_db_connection()
    if not _places.acquire(timeout=FOR_A_PLACE):
        return None
    try:
        return call_as(room.conversation.authorizer.appid, ask, media_id)
    except (WeChatError, Unreadable):
        return None
    finally:
        _places.release()


def _kept(key: str, ask: Callable[[], File | None]) -> File | None:
    """What ASK gave a moment ago; a failure is kept too, so that a page does not repeat it."""
    kept: tuple[str, bytes] | None = cache.get(key)
    if kept is not None:
        return File(*kept) if kept[1] else None
    found = ask()
    if found is None:
        cache.set(key, ("", b""), FAILURE_LIFE)
    elif len(found.content) <= LARGEST_KEPT:
        cache.set(key, (found.kind, found.content), KEPT_LIFE)
    return found


def _file(found: File) -> HttpResponse:
    """From outside: named as what it is, and never run."""
    is_picture = found.kind.startswith("image/")
    where = "inline" if is_picture else f'attachment; filename="{found.name}"'
    return HttpResponse(
        found.content,
        content_type=found.kind,
        headers={
            "Cache-Control": f"private, max-age={FILE_LIFE}",
            "Content-Disposition": where,
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )


# ── addresses ───────────────────────────────────────────────────────────────────────────────────

View = Callable[..., HttpResponse]


def pages_of(
    make: Callable[[str], Desk], wrap: Callable[[View], View], at: str
) -> list[URLPattern]:
    """
    The addresses below a conversation's page AT, their views guarded by WRAP.

    MAKE gives the desk, by the appid in the address, if there is one.
    """
    views: list[tuple[str, str, View]] = [
        ("news/", "chat-news", never_cache(news)),
        ("older/", "chat-older", never_cache(older)),
        ("say/<slug:way>/", "chat-say", say),
        ("again/<int:reply>/", "chat-again", say_again),
        ("typing/", "chat-typing", typing),
        ("file/<slug:key>/", "chat-file", file),
    ]
    return [path(f"{at}{end}", wrap(at_desk(make, view)), name=name) for end, name, view in views]


def at_desk(make: Callable[[str], Desk], view: View) -> View:
    """VIEW of a conversation, at the desk that MAKE gives."""

    def wrapped(request: HttpRequest, pk: int, appid: str = "", **more: Any) -> HttpResponse:
        return view(request, make(appid), pk, **more)

    return wrapped
