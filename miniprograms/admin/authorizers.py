"""Mini programs and official accounts: who they are, how their tokens are, what staff may do."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise
from unfold.decorators import action
from unfold.enums import ActionVariant

from miniprograms.admin.account_list import ListedAccounts
from miniprograms.admin.account_page import AccountPages
from miniprograms.admin.authorizer_columns import AuthorizerColumns
from miniprograms.admin.call_quotas import CallPages
from miniprograms.admin.calling import CallingPages
from miniprograms.admin.link_pages import LinkForm
from miniprograms.admin.permission_pages import AskingPages, LacksFilter
from miniprograms.admin.private_interfaces import InterfacePages
from miniprograms.admin.settings_pages import SettingsPages
from miniprograms.admin.tags import TagFilter, TaggedPages
from miniprograms.admin.testers import TesterPages
from miniprograms.services.bind_links import make_bind_link
from miniprograms.services.profiles import sync_profile
from miniprograms.services.refreshing import refresh_now
from miniprograms.services.showing import hide_from_merchant, show_to_merchant
from miniprograms.services.unbinding import unbind_locally
from platform_auth.acting_component import NoComponent, SeveralComponents, acting_component
from platform_auth.admin.acts import (
    ask_about_chosen,
    ask_about_one,
    button,
    do_to_chosen,
    holding,
    saying,
)
from platform_auth.admin.pages import StaffAdmin
from platform_auth.models import Component

_IDENTITY = ("account", "kind", "nick_name", "appid", "user_name", "alias", "principal_name")
_APPEARANCE = ("signature", "account_label", "verification", "service_type", "is_show", "qrcode")
_PROFILE = (*_IDENTITY, *_APPEARANCE, "tag_labels", "profile_synced_at")
_AUTHORISATION = ("component", "owner", "state_label", "create_time", "told_at", "unauthorized_at")
_TOKENS = ("token_health", "refresh_tokens_held", "due", "refreshes", "failures", "problem")
_DETAILS = ("permission_list", "lacking", "mini_program", "business")

UNBIND_QUESTION = _(
    "Our tokens are forgotten. In WeChat the account stays authorised: only its owner can cancel "
    "there, and authorising again binds it again."
)
_refresh_token = saying(_("the token is fresh."), refresh_now)
_sync_profile = saying(_("the profile is up to date."), sync_profile)
HIDE_QUESTION = _(
    "Its merchant does not find it in the portal's list any more. Tokens, messages and code go on."
)
_hide = saying(_("hidden from its merchant."), hide_from_merchant)
_show = saying(_("shown to its merchant."), show_to_merchant)
_unbind_locally = saying(_("unbound locally."), unbind_locally)


def _open_list(model: str, title: StrOrPromise, permission: str, *, path: str, icon: str) -> Any:
    """A button that opens the list of MODEL, of an app above, with what is the account's."""

    @action(description=title, permissions=[permission], url_path=path, icon=icon)
    def open_list(model_admin: StaffAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
        row = model_admin.visible_or_404(request, object_id)
        return HttpResponseRedirect(f"{reverse(f'admin:{model}_changelist')}?q={row.appid}")

    return open_list


class AuthorizerPages(
    AccountPages,
    AuthorizerColumns,
    SettingsPages,
    TesterPages,
    InterfacePages,
    CallPages,
    CallingPages,
    AskingPages,
    ListedAccounts,
    TaggedPages,
):
    """The list and the page of an account; what apps above know of it is added there."""

    list_display = (
        "account",
        "standing",
        "tag_labels",
        "token_health",
        "merchant",
        "sets_in_short",
        "error_in_short",
    )
    list_display_links = ("account",)
    list_filter = ("state", "kind", TagFilter, "account_status", LacksFilter, "component")
    list_select_related = ("owner", "component")
    ordering = ("-id",)
    search_fields = ("appid", "user_name", "nick_name", "owner__username")
    search_help_text = _("appid, gh_… id, any part of the name, or merchant")
    actions: tuple[str, ...] = (
        "set_tags",
        "refresh_tokens",
        "sync_profiles",
        "make_bind_links",
        "ask_again",
        "hide",
        "show",
        "unbind",
    )
    actions_detail: tuple[Any, ...] = (
        "conversations",
        {
            "title": _("At WeChat"),
            "items": [
                *("settings_page", "testers_page", "interfaces_page"),
                *("calls_page", "call_list", "calling_page"),
            ],
        },
        "refresh_one",
        {
            "title": _("More"),
            "items": ["sync_one", "tag_one", "rules", "bind_link", "ask_one_again", "unbind_one"],
        },
    )
    readonly_fields = (*_PROFILE, *_AUTHORISATION, *_TOKENS, *_DETAILS)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("owner", "component")
        return rows.prefetch_related("tags")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sections = [
            (_("Profile"), _PROFILE),
            (_("Authorisation"), _AUTHORISATION),
            (_("Tokens"), _TOKENS),
            (_("Permission sets"), ("lacking", "permission_list")),
            (_("As WeChat has it"), ("mini_program", "business")),
        ]
        return [(title, {"fields": fields}) for title, fields in sections]

    def find_rows(self, queryset: Any, term: str) -> Any:
        """By an id, a part of the name, or the merchant: each of these has an index."""
        found: Any = queryset.found_by(term)
        merchant = User.objects.filter(username=term).values_list("pk", flat=True).first()
        return found if merchant is None else found | queryset.filter(owner=merchant)

    has_call_log_permission = holding("platform_auth.view_wechatcall")
    has_rules_permission = holding("messaging.view_rule")
    has_talk_permission = holding("messaging.view_conversation")
    has_unbind_permission = holding("miniprograms.unbind_authorizer")

    # Acts on the rows chosen in the list.

    refresh_tokens = do_to_chosen(_refresh_token, _("Refresh token now"), "operate")
    sync_profiles = do_to_chosen(_sync_profile, _("Sync profile"), "operate")
    unbind = ask_about_chosen(
        _unbind_locally, _("Unbind locally"), UNBIND_QUESTION, "unbind", name="unbind"
    )

    hide = ask_about_chosen(
        _hide, _("Hide from the merchant"), HIDE_QUESTION, "operate", name="hide"
    )
    show = do_to_chosen(_show, _("Show to the merchant"), "operate")

    @admin.action(description=_("Make a bind link"), permissions=["invite"])
    def make_bind_links(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        rows = self.limit_chosen(request, queryset)
        try:
            acting_component()
        except SeveralComponents:
            text = _("There are several platforms: make the links one by one, and choose.")
            self.message_user(request, text, "ERROR")
            return None
        except NoComponent as problem:
            self.message_user(request, str(problem), "ERROR")
            return None
        return self._make_links(request, rows, request.get_full_path(), None)

    # Acts on the one row of a page.

    conversations = _open_list(
        "messaging_conversation", _("Conversations"), "talk", path="conversations", icon="forum"
    )
    call_list = _open_list(
        "platform_auth_wechatcall",
        _("Calls to WeChat"),
        "call_log",
        path="call-log",
        icon="swap_calls",
    )
    # The rules that speak for this account, and the box in which they are tried.
    rules = _open_list(
        "messaging_rule", _("Automatic replies"), "rules", path="rules", icon="smart_toy"
    )

    refresh_one = ask_about_one(
        _refresh_token,
        _("Refresh token now"),
        _("WeChat is asked for a new token; the old one stays valid for five minutes."),
        "operate",
        path="refresh",
        icon="autorenew",
    )
    sync_one = ask_about_one(
        _sync_profile,
        _("Sync profile"),
        _("Name, avatar, status and permission sets are fetched from WeChat."),
        "operate",
        path="sync",
        icon="sync",
    )
    unbind_one = ask_about_one(
        _unbind_locally,
        _("Unbind locally"),
        UNBIND_QUESTION,
        "unbind",
        path="unbind",
        icon="link_off",
        variant=ActionVariant.DANGER,
    )

    @button(_("Make a bind link"), "invite", path="bind-link", icon="add_link")
    def bind_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.visible_or_404(request, object_id)
        form, back = LinkForm(request), self.url_of(row)
        if form.is_valid():
            page = self._make_links(request, [row], back, form.chosen)
            return page or HttpResponseRedirect(back)
        question = _("Whoever opens the link within three days can bind for its merchant.")
        context = {"title": _("Make a bind link"), "question": question, "form": form}
        return self.page(request, "admin/ask.html", rows=[row], back=back, **context)

    def _make_links(
        self, request: HttpRequest, rows: list[Any], back: str, component: Component | None
    ) -> HttpResponse | None:
        """A page with one link for each merchant of ROWS; it is not shown again."""
        for row in rows:
            if row.owner is None or not row.owner.is_active:
                text = _("%(row)s has no merchant who could bind.") % {"row": row}
                self.message_user(request, text, "WARNING")
        users = {row.owner_id: row.owner for row in rows if row.owner and row.owner.is_active}
        links = [
            (user, make_bind_link(user, by=request.user, component=component).url)
            for user in users.values()
        ]
        if not links:
            return None
        title = _("Make a bind link")
        return self.page(request, "admin/bind_links.html", title=title, links=links, back=back)
