"""Whether a user has had an answer, beside what they said last, where staff have a list of them."""

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from messaging.chat.site import preview_of
from messaging.models import Reply
from platform_auth.admin.pages import label

_STATES = {
    Reply.State.FAILED: (_("our answer was not sent"), "danger"),
    Reply.State.UNKNOWN: (_("our answer was perhaps sent"), "warning"),
    Reply.State.DUE: (_("our answer waits to be sent"), "info"),
}


def show_last_words(row: Any, length: int = 200) -> SafeString:
    """What the user of ROW, one of `with_replies`, said last; and what became of our answer."""
    words = Truncator(preview_of(row)).chars(length) or "–"
    if row.replied_at is None or row.replied_at.timestamp() < row.written:
        return format_html("{}", words)
    state = _STATES.get(Reply.State(row.reply_state), (_("we have answered"), "success"))
    return format_html("{} {}", words, label(*state))
