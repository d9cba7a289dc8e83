"""Where a user is answered from: the admin, or the portal."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from messaging.models import Conversation, ConversationQuerySet, Reply
from messaging.services.descriptions import describe_preview
from messaging.services.history import describe_reply, newest_replies
from platform_auth.fields import read_or_empty


class ChatSite:
    """Who may read and answer, what the page looks like, and its addresses."""

    template: str
    url_prefix: str
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

    def list_url(self, conversation: Conversation) -> str:
        """The address of the whole list that CONVERSATION is in."""
        raise NotImplementedError

    def url_args(self, conversation: Conversation) -> list[object]:
        """What the addresses of a conversation's pages are made of."""
        return [conversation.pk]

    def url(self, name: str, conversation: Conversation, *args: object) -> str:
        return reverse(f"{self.url_prefix}{name}", args=[*self.url_args(conversation), *args])

    def user_name(self, row: Conversation) -> str:
        return user_label(row)

    def list_items(
        self, request: HttpRequest, rows: Sequence[Conversation], query: str = ""
    ) -> list[dict[str, Any]]:
        """ROWS as a list of conversations shows them."""
        replies = newest_replies(rows)
        return [
            {
                "row": row,
                "url": self.url("chat", row) + query,
                "name": self.user_name(row),
                **self._last_words(request, row, replies.get(row.pk)),
            }
            for row in rows
        ]

    def _last_words(
        self, request: HttpRequest, row: Conversation, reply: Reply | None
    ) -> dict[str, Any]:
        """What was said last in ROW, by whom and when: REPLY, our last, or what its user wrote."""
        if reply and reply.at.timestamp() >= row.written:
            at, preview = reply.at, describe_reply(reply).line
            is_automatic = reply.rule_id or reply.reply_to_id
            who = _("Automatic reply") if is_automatic else self.author(request, reply)
            if reply.state in Reply.RESENDABLE:
                who = f"{who} ({reply.get_state_display()})".lstrip()
        else:
            at = datetime.fromtimestamp(row.written, UTC) if row.written else row.touched_at
            preview = preview_of(row)
            who = _("User") if preview else ""
        return {"who": who, "preview": preview, "at": at, "is_today": is_today(at)}


def is_today(at: datetime) -> bool:
    """Whether a clock's time is enough to tell AT."""
    return timezone.localdate(at) == timezone.localdate()


def preview_of(row: Conversation) -> str:
    """The last that the user of ROW wrote, as far as a list has room for it."""
    return describe_preview(read_or_empty(row, "preview"))


def user_label(row: Conversation) -> str:
    """What the user of ROW is called: WeChat tells us no names."""
    return _("User %(end)s") % {"end": row.openid[-6:]}
