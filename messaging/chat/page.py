"""What the page shows of one conversation, piece by piece."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from messaging.chat.site import ChatSite, is_today
from messaging.forms import forms_for
from messaging.models import CannedReply, Conversation, Reply
from messaging.services.history import Entry
from miniprograms.models import Authorizer
from platform_auth.errcodes import explain_errcode
from wechat.reply_windows import MESSAGE, WINDOWS

MAX_LISTED, MAX_CANNED = 40, 100
LONG_WINDOW = timedelta(minutes=2)  # the others are a minute long
SOON_OVER = timedelta(minutes=10)


@dataclass(frozen=True)
class ChatPage:
    """One conversation, opened on a site by whoever asks."""

    request: HttpRequest
    site: ChatSite
    conversation: Conversation

    @property
    def may_answer(self) -> bool:
        return self.site.may_answer(self.request)

    def reload(self) -> "ChatPage":
        """The page of the conversation as it is now."""
        row = Conversation.objects.select_related("authorizer").get(pk=self.conversation.pk)
        return replace(self, conversation=row)

    def url(self, name: str, *args: object) -> str:
        return self.site.url(name, self.conversation, *args)

    def older_url(self, entries: list[Entry]) -> str:
        """The address of what is older than ENTRIES."""
        return f"{self.url('chat-older')}?{urlencode({'before': entries[0].at.isoformat()})}"

    def render(self, name: str, **context: Any) -> str:
        context = {"conversation": self.conversation, **context}
        return render_to_string(f"chat/{name}.html", context, request=self.request)

    def render_entry(self, entry: Entry, *, is_change: bool = False) -> str:
        description, reply = entry.description, entry.reply
        context: dict[str, Any] = {}
        if reply:
            context = {
                "reason": _reason_unsent(reply),
                "author": self.site.author(self.request, reply),
                "is_being_sent": _is_being_sent(reply),
                "resend_url": self._resend_url(reply),
            }
        return self.render(
            "entry",
            entry=entry,
            description=description,
            file=self.url("chat-file", entry.key) if description.media_id else "",
            is_today=is_today(entry.at),
            is_change=is_change,
            **context,
        )

    def _resend_url(self, reply: Reply) -> str:
        """Where REPLY is sent again; "" if it may not be, or cannot be any more."""
        if self.conversation.authorizer.state == Authorizer.State.UNBOUND:
            return ""
        is_resendable = reply.state in Reply.RESENDABLE and not _is_being_sent(reply)
        return self.url("chat-again", reply.pk) if is_resendable and self.may_answer else ""

    def render_window(self) -> str:
        """How long, and how often, the user may still be answered."""
        row = self.conversation
        now, until = timezone.now(), row.window_until
        count = WINDOWS.get((row.authorizer.kind, MESSAGE), (0, 0))[1]
        is_long = until is not None and until - now > LONG_WINDOW
        return self.render(
            "window",
            is_bound=row.authorizer.state != Authorizer.State.UNBOUND,
            is_in_time=until is not None and until > now,
            is_soon_over=until is not None and until - now < SOON_OVER,
            most=count if is_long and row.left <= count else 0,
        )

    def render_others(self) -> str:
        """The conversations beside this one: the last of all, of its account, or not yet read."""
        rows = self.site.conversations(self.request).select_related("authorizer")
        only_unread = self.parameter("show") == "unread"
        if account := self.parameter("account"):
            rows = rows.filter(authorizer__appid=account)
        if only_unread:
            rows = rows.filter(unread__gt=0)
        shown = list(rows.order_by("-touched_at")[:MAX_LISTED])
        items = [
            item | {"is_current": item["row"].pk == self.conversation.pk}
            for item in self.site.list_items(self.request, shown, self.query())
        ]
        return self.render(
            "others",
            items=items,
            only_unread=only_unread,
            recent=self.url("chat") + self.query(show=""),
            unread=self.url("chat") + self.query(show="unread"),
            scopes=self._scopes(account),
            everything=self.site.list_url(self.conversation),
        )

    def _scopes(self, account: str) -> list[tuple[str, str, bool]]:
        """Of which accounts conversations may be listed: name, address, and whether it is so."""
        if not self.site.has_many_accounts:
            return []
        url, row = self.url("chat"), self.conversation.authorizer
        return [
            (_("All accounts"), url + self.query(account=""), not account),
            (str(row), url + self.query(account=row.appid), account == row.appid),
        ]

    def composer(self) -> dict[str, Any] | None:
        """The forms by which the user is answered; None where that may not be."""
        account = self.conversation.authorizer
        if not self.may_answer or account.state == Authorizer.State.UNBOUND:
            return None
        ways = [
            {
                "form": form_class(account.kind, auto_id=f"chat-{name}-%s"),
                "url": self.url("chat-say", name),
            }
            for name, form_class in forms_for(account.kind).items()
            if name != "text"
        ]
        canned = CannedReply.objects.filter(Q(authorizer=account) | Q(authorizer=None))
        canned = canned.order_by("position", "id")[:MAX_CANNED]
        return {"text_url": self.url("chat-say", "text"), "ways": ways, "canned": canned}

    def parameter(self, name: str) -> str:
        """What the address, or the form, says of what the page shows."""
        return self.request.POST.get(name) or self.request.GET.get(name, "")

    def query(self, **changes: str) -> str:
        """The choice of conversations, but for CHANGES, for another address."""
        names = ("account", "show")
        values = {**{name: self.parameter(name) for name in names}, **changes}
        query = urlencode({name: value for name, value in values.items() if value})
        return f"?{query}" if query else ""


def open_page(
    request: HttpRequest, site: ChatSite, pk: int, *, answering: bool = False
) -> ChatPage:
    """
    The conversation PK; one that whoever asks may not read is not found, one that they may not
    answer forbidden, if ANSWERING is what they do.
    """
    rows = site.conversations(request).select_related("authorizer")
    page = ChatPage(request, site, get_object_or_404(rows, pk=pk))
    if answering and not page.may_answer:
        raise PermissionDenied
    return page


def _is_being_sent(reply: Reply) -> bool:
    """Whether WeChat is being asked just now: until it answers, nobody knows."""
    until = reply.lease_until
    return reply.state == Reply.State.UNKNOWN and until is not None and until > timezone.now()


def _reason_unsent(reply: Reply) -> str:
    """Why REPLY was not sent, or not yet, in plain words."""
    match reply.state:
        case Reply.State.UNKNOWN if not _is_being_sent(reply):
            return _("WeChat's answer was lost: the user may have got it, or not.")
        case Reply.State.DUE if reply.last_error:
            return _("WeChat could not be asked; it is tried again by itself.")
        case Reply.State.FAILED:
            return explain_errcode(reply.errcode) or reply.last_error
    return ""


def page_state(entries: Iterable[Entry], window: str, others: str) -> str:
    """What a page shows, in few words: a digest of its frame, and each entry with its state."""
    frame = sha256(f"{window}\0{others}".encode()).hexdigest()[:12]
    return " ".join([frame, *(f"{entry.key}:{entry_state(entry)}" for entry in entries)])


def entry_state(entry: Entry) -> str:
    """What of an entry may change."""
    if entry.reply is None:
        return ""
    state = "sending" if _is_being_sent(entry.reply) else entry.reply.state
    return f"{state}.{entry.reply.errcode or 0}"
