"""The customer-service console: who has written, and the page on which they are answered."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from messaging.admin.last_words import show_last_words
from messaging.admin.notes import InChargeFilter, LabelFilter, NotesForm, show_labels
from messaging.chat.page import open_page
from messaging.chat.site import ChatSite, user_label
from messaging.chat.urls import chat_urlpatterns, on_site
from messaging.chat.views import open_chat, show_chat
from messaging.models import Conversation, ConversationQuerySet
from messaging.services.history import with_replies
from messaging.services.notes import put_in_charge, save_notes
from miniprograms.models import Authorizer
from platform_auth.admin.account_links import account_header
from platform_auth.admin.acts import do_to_chosen, holding
from platform_auth.admin.columns import column, named_account_column, time_column
from platform_auth.admin.filters import choice_filter
from platform_auth.admin.pages import StaffAdmin, label

VIEW_PERMISSION, ANSWER_PERMISSION = "messaging.view_conversation", "messaging.answer_conversation"
MAX_ACCOUNTS = 50  # of those whose name begins alike
MAX_REMARKED = 500  # users whose remarks have the same words


class AdminChatSite(ChatSite):
    """Staff, and the users of all accounts."""

    template = "admin/chat/page.html"
    url_prefix = "admin:"
    has_many_accounts = True

    def __init__(self, model_admin: "ConversationAdmin") -> None:
        self.model_admin = model_admin

    def conversations(self, request: HttpRequest) -> ConversationQuerySet:
        if not request.user.has_perm(VIEW_PERMISSION):
            raise PermissionDenied
        rows: ConversationQuerySet = Conversation.objects.visible_to(request.user)
        return rows

    def may_answer(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(ANSWER_PERMISSION))

    def page(self, request: HttpRequest, **context: Any) -> HttpResponse:
        row = context["conversation"]
        refused_form = context.pop("notes_form", None)
        form = refused_form or NotesForm(row)
        notes = {
            "conversation": row,
            "labels": form.set_labels,
            "is_open": refused_form is not None,
            "form": form if self.may_answer(request) else None,
            "url": self.url("messaging_conversation_notes", row) + context["choice"],
        }
        context["notes"] = render_to_string("admin/chat/notes.html", notes, request=request)
        header = account_header(request.user, row.authorizer.appid, self.model_admin.account_tab)
        return self.model_admin.page(request, self.template, account_header=header, **context)

    def user_name(self, row: Conversation) -> str:
        return row.remark or user_label(row)

    def list_url(self, conversation: Conversation) -> str:
        return reverse("admin:messaging_conversation_changelist")

    def url(self, name: str, conversation: Conversation, *args: object) -> str:
        if name == "chat":
            return self.model_admin.url_of(conversation)
        return super().url(name, conversation, *args)


UnreadFilter = choice_filter(
    _("read"), "read", {"no": (_("not yet read"), lambda: Q(unread__gt=0))}
)


def _can_be_answered() -> Q:
    return Q(window_until__gt=timezone.now(), left__gt=0)


WindowFilter = choice_filter(
    _("window"),
    "window",
    {
        "open": (_("can be answered"), _can_be_answered),
        "closed": (_("cannot be answered"), lambda: ~_can_be_answered()),
    },
)


@admin.register(Conversation)
class ConversationAdmin(StaffAdmin):
    """The list; and the change page, which is the console."""

    account_tab = "messages"
    live_columns = ("unread_label", "last_words", "window", "touched")

    list_display = (
        *("user", "account", "unread_label", "last_words", "labels_of", "in_charge"),
        *("window", "touched"),
    )
    list_display_links = ("user",)
    list_filter = (UnreadFilter, InChargeFilter, LabelFilter, WindowFilter)
    sortable_by = ("touched",)
    list_select_related = ("authorizer", "in_charge")
    actions = ("take_charge", "leave_charge")
    ordering = ("-touched_at",)
    search_fields = ("openid", "authorizer__appid", "authorizer__nick_name")
    search_help_text = _(
        "A user's openid or remark; or an account's appid, gh_… id, or beginning of a name"
    )

    class Media:
        css = {"all": ("chat.css",)}
        js = ("chat.js",)

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        save = guard(on_site(self._chat_site, save_notes_view))
        return [
            path("<int:pk>/notes/", save, name="messaging_conversation_notes"),
            *chat_urlpatterns(self._chat_site, guard, "<int:pk>/"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_replies(super().get_queryset(request)).prefetch_related("labels")

    has_answer_permission = holding(ANSWER_PERMISSION)

    take_charge = do_to_chosen(
        lambda row, by: _put_in_charge(row, by, by), _("I am in charge"), "answer"
    )
    leave_charge = do_to_chosen(
        lambda row, by: _put_in_charge(row, None, by), _("Nobody is in charge"), "answer"
    )

    def _chat_site(self, appid: str) -> AdminChatSite:
        return AdminChatSite(self)

    def find_rows(self, queryset: Any, term: str) -> Any:
        """Accounts first, so that both halves of the question have an index."""
        named = Q(appid=term) | Q(user_name=term) | Q(nick_name__startswith=term)
        accounts = Authorizer.objects.filter(named).values_list("pk", flat=True)[:MAX_ACCOUNTS]
        remarked = Conversation.objects.exclude(remark="").filter(remark__icontains=term)
        users = list(remarked.values_list("pk", flat=True)[:MAX_REMARKED])
        return queryset.filter(Q(openid=term) | Q(authorizer__in=list(accounts)) | Q(pk__in=users))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        """The conversation itself: there is no form of its columns."""
        if not (object_id.isascii() and object_id.isdigit() and len(object_id) < 19):
            raise Http404
        return on_site(self._chat_site, open_chat)(request, int(object_id))

    user = column(_("user"), lambda row: row.remark or user_label(row))
    labels_of = column(_("labels"), lambda row: show_labels(row) or "–")
    account = named_account_column(_("account"), lambda row: row.authorizer, tab="messages")
    unread_label = column(
        _("unread"), lambda row: label(row.unread, "warning") if row.unread else "–"
    )
    last_words = column(_("last message"), show_last_words)

    @admin.display(description=_("window"))
    def window(self, row: Conversation) -> SafeString:
        if row.is_open:
            return label(_("%(left)d messages left") % {"left": row.left}, "success")
        return label(_("closed"))

    touched = time_column("touched_at", _("last activity"), "touched_at")


def _put_in_charge(row: Conversation, person: Any, by: Any) -> object:
    put_in_charge(row, person, by=by)
    return _("done.")


@require_POST
def save_notes_view(request: HttpRequest, site: AdminChatSite, pk: int) -> HttpResponse:
    page = open_page(request, site, pk, answering=True)
    form = NotesForm(page.conversation, request.POST)
    if not form.is_valid():
        return show_chat(request, site, pk, notes_form=form)
    save_notes(page.conversation, **form.cleaned_data, by=request.user)
    messages.success(request, _("The notes are saved."))
    return HttpResponseRedirect(page.url("chat") + page.query())
