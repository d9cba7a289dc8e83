"""What the list of accounts tells of their conversations: how many nobody has read."""

from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from messaging.admin.console import VIEW_PERMISSION
from messaging.models import Conversation
from miniprograms.admin.facts import Fact, add_facts, count_few, say_few
from miniprograms.models import Authorizer
from platform_auth.admin.columns import link
from platform_auth.admin.filters import choice_filter


def _count_unread(rows: Any) -> Any:
    """Each of ROWS with the number of its conversations that are not read."""
    unread = Conversation.objects.filter(authorizer=OuterRef("pk"), unread__gt=0)
    return rows.annotate(unread=count_few(unread))


def _unread_text(account: Authorizer) -> str:
    number: int = account.unread  # type: ignore[attr-defined]
    return say_few(number)


def _unread_link(account: Authorizer) -> SafeString | str:
    text = _unread_text(account)
    if text == "0":
        return "–"
    url = reverse("admin:messaging_conversation_changelist")
    return link(f"{url}?q={account.appid}&read=no", text)


def _has_unread() -> Exists:
    return Exists(Conversation.objects.filter(authorizer=OuterRef("pk"), unread__gt=0))


add_facts(
    Fact(
        name="unread",
        title=_("unread"),
        permission=VIEW_PERMISSION,
        show=_unread_link,
        text=_unread_text,
        extend=_count_unread,
        is_in_header=True,
        filter=choice_filter(
            _("unread"),
            "unread",
            {
                "yes": (_("not yet read"), lambda: Q(_has_unread())),
                "no": (_("all read"), lambda: ~Q(_has_unread())),
            },
        ),
    )
)
