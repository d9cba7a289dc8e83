"""The merchants' pages of what users write to their accounts, where they were given that."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from messaging.chat.site import ChatSite
from messaging.chat.urls import chat_urlpatterns, on_site
from messaging.chat.views import open_chat
from messaging.models import Conversation, ConversationQuerySet, Reply
from miniprograms.account_events import OUT_OF_REACH
from miniprograms.models import Authorizer
from portal.conditions import condition_of, lacking_needs

CHATS_PER_PAGE = 30


class PortalChatSite(ChatSite):
    """A merchant who was given that, and the users of one account of theirs."""

    template = "portal/chat.html"
    url_prefix = "portal:"

    def __init__(self, appid: str) -> None:
        self.appid = appid

    def conversations(self, request: HttpRequest) -> ConversationQuerySet:
        """Also of staff only their own accounts': this is the merchants' page."""
        rows = Conversation.objects.visible_to(request.user)
        return rows.filter(authorizer__owner_id=request.user.pk, authorizer__appid=self.appid)

    def may_answer(self, request: HttpRequest) -> bool:
        return may_answer_own(request)

    def author(self, request: HttpRequest, reply: Reply) -> str:
        """Members of staff are not named to merchants."""
        if reply.by is None:
            return super().author(request, reply)
        if reply.by == request.user:
            return _("You")
        return _("the platform's staff")

    def list_url(self, conversation: Conversation) -> str:
        return reverse("portal:messages", args=[self.appid])

    def url_args(self, conversation: Conversation) -> list[object]:
        return [self.appid, conversation.pk]


def may_answer_own(request: HttpRequest) -> bool:
    """Whether this merchant was given the conversations of their accounts."""
    return bool(request.user.has_perm("messaging.own_conversations"))


def count_unread(request: HttpRequest, rows: Iterable[Any]) -> None:
    """Tell each of ROWS, accounts of the merchant's, how many conversations nobody has read."""
    if not may_answer_own(request):
        return
    unread = Conversation.objects.filter(authorizer__in=rows, unread__gt=0)
    counts = dict(unread.order_by().values_list("authorizer").annotate(number=Count("pk")))
    for row in rows:
        row.unread = counts.get(row.pk, 0)


@never_cache
@require_safe
@login_required
def account_messages(request: HttpRequest, appid: str) -> HttpResponse:
    """Who has written to an account of the merchant's, the last first."""
    own = Authorizer.objects.filter(owner_id=request.user.pk)
    row: Authorizer = get_object_or_404(own, appid=appid)
    if not may_answer_own(request):
        raise Http404
    site = PortalChatSite(appid)
    conversations = site.conversations(request).select_related("authorizer")
    pages = Paginator(conversations.order_by("-touched_at"), CHATS_PER_PAGE)
    page = pages.get_page(request.GET.get("page"))
    rows = site.list_items(request, list(page))
    context = {
        "account": row,
        "page": page,
        "rows": rows,
        "is_ended": row.state in OUT_OF_REACH,
        "needs": lacking_needs(row, "messages", "answers"),
        "condition": condition_of(row),
    }
    return render(request, "portal/messages.html", context)


_AT = "<slug:appid>/messages/"
urlpatterns = [
    path(_AT, account_messages, name="messages"),
    path(
        f"{_AT}<int:pk>/",
        never_cache(login_required(on_site(PortalChatSite, open_chat))),
        name="chat",
    ),
    *chat_urlpatterns(PortalChatSite, login_required, f"{_AT}<int:pk>/"),
]
