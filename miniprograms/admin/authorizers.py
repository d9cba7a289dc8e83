"""Mini programs and official accounts: who they are, how their tokens are, what staff may do."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.enums import ActionVariant

from miniprograms.admin.tags import TagFilter, TaggedPages
from miniprograms.models import Authorizer
from miniprograms.services.binding import make_bind_link
from miniprograms.services.profiles import sync_profile
from miniprograms.services.refreshing import refresh_now
from miniprograms.services.unbinding import unbind_locally
from platform_auth.admin.operations import action_name
from platform_auth.admin.pages import ago, label, pretty, table
from platform_auth.fields import Unreadable
from platform_auth.models import Operation

LAST = 10

STATES = {
    Authorizer.State.BOUND: "success",
    Authorizer.State.UNBOUND: "",
    Authorizer.State.NEEDS_RECOVERY: "warning",
    Authorizer.State.NEEDS_REAUTHORIZATION: "danger",
}
ACCOUNT_STATES = {
    Authorizer.AccountStatus.NORMAL: "success",
    Authorizer.AccountStatus.ALERTED: "warning",
}
# Never shown; not fetched for a list.
_HEAVY = ("token", "access_token", "refresh_token", "refresh_token_history", "miniprograminfo",
          "business_info")  # fmt: skip

_PROFILE = ("account", "kind", "nick_name", "appid", "user_name", "alias", "principal_name",
            "signature", "account_label", "verification", "service_type", "is_show", "qrcode",
            "tag_labels", "profile_synced_at")  # fmt: skip
_AUTHORISATION = ("component", "owner", "state_label", "create_time", "told_at", "unauthorized_at")
_TOKENS = ("token_health", "refresh_tokens_held", "due", "refreshes", "failures", "last_error")


class AuthorizerPages(TaggedPages):
    """The list and the page of an account; what apps above know of it is added there."""

    list_display = (
        "account",
        "state_label",
        "tag_labels",
        "token_health",
        "merchant",
        "sets_in_short",
        "account_label",
        "error_in_short",
    )
    list_display_links = ("account",)
    list_filter = ("state", "kind", TagFilter, "account_status", "component")
    list_select_related = ("owner", "component")
    ordering = ("-id",)
    search_fields = ("appid", "user_name", "nick_name", "owner__username")
    search_help_text = _("appid, gh_… id, beginning of the name, or merchant")
    actions: tuple[str, ...] = (
        "set_tags",
        "refresh_tokens",
        "sync_profiles",
        "make_bind_links",
        "unbind",
    )
    actions_detail: tuple[Any, ...] = (
        "conversations",
        "refresh_one",
        "sync_one",
        {"title": _("More"), "items": ["tag_one", "rules", "bind_link", "unbind_one"]},
    )
    readonly_fields = (
        *(*_PROFILE, *_AUTHORISATION, *_TOKENS),
        *("permission_list", "mini_program", "business", "history", "operations"),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("owner", "component").defer(*_HEAVY)
        return rows.prefetch_related("tags")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sections = [
            (_("Profile"), _PROFILE),
            (_("Authorisation"), _AUTHORISATION),
            (_("Tokens"), _TOKENS),
            (_("Permission sets"), ("permission_list",)),
            (_("As WeChat has it"), ("mini_program", "business")),
        ]
        if request.user.has_perm("miniprograms.view_binding"):
            sections.append((_("Bindings"), ("history",)))
        if request.user.has_perm("platform_auth.view_operation"):
            sections.append((_("Last operations"), ("operations",)))
        return [(title, {"fields": fields}) for title, fields in sections]

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Exact, but for the beginning of a name: each of these has an index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        merchant = User.objects.filter(username=term).values_list("pk", flat=True).first()
        wanted = Q(appid=term) | Q(user_name=term) | Q(nick_name__startswith=term)
        if merchant is not None:
            wanted |= Q(owner=merchant)
        return queryset.filter(wanted), False

    def has_talk_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("messaging.view_conversation")

    def has_unbind_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("miniprograms.unbind_authorizer")

    def has_invite_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("miniprograms.invite_merchant")

    # Acts on the rows chosen in the list.

    @admin.action(description=_("Refresh token now"), permissions=["operate"])
    def refresh_tokens(self, request: HttpRequest, queryset: Any) -> None:
        self.tell_each(request, queryset, lambda row: _refresh(row, request.user))

    @admin.action(description=_("Sync profile"), permissions=["operate"])
    def sync_profiles(self, request: HttpRequest, queryset: Any) -> None:
        self.tell_each(request, queryset, lambda row: _sync(row, request.user))

    @admin.action(description=_("Make a bind link"), permissions=["invite"])
    def make_bind_links(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self._links(request, self.few(request, queryset), request.get_full_path())

    @admin.action(description=_("Unbind locally"), permissions=["unbind"])
    def unbind(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self.ask_about(
            request,
            queryset,
            lambda row: _unbind(row, request.user),
            action="unbind",
            title=_("Unbind locally"),
            question=UNBIND_QUESTION,
        )

    # The same on one row's page.

    @action(
        description=_("Conversations"), permissions=["talk"], url_path="conversations", icon="forum"
    )
    def conversations(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.visible_or_404(request, object_id)
        where = reverse("admin:messaging_conversation_changelist")
        return HttpResponseRedirect(f"{where}?q={row.appid}")

    @action(
        description=_("Refresh token now"),
        permissions=["operate"],
        url_path="refresh",
        icon="autorenew",
    )
    def refresh_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask(
            request,
            object_id,
            lambda row, form: _refresh(row, request.user),
            title=_("Refresh token now"),
            question=_(
                "WeChat is asked for a new token; the old one stays valid for five minutes."
            ),
        )

    @action(description=_("Sync profile"), permissions=["operate"], url_path="sync", icon="sync")
    def sync_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask(
            request,
            object_id,
            lambda row, form: _sync(row, request.user),
            title=_("Sync profile"),
            question=_("Name, avatar, status and permission sets are fetched from WeChat."),
        )

    @action(
        description=_("Make a bind link"),
        permissions=["invite"],
        url_path="bind-link",
        icon="add_link",
    )
    def bind_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.visible_or_404(request, object_id)
        if request.method == "POST":
            back = self.url_of(row)
            return self._links(request, [row], back) or HttpResponseRedirect(back)
        return self.page(
            request,
            "admin/ask.html",
            rows=[row],
            title=_("Make a bind link"),
            question=_("Whoever opens the link within three days can bind for its merchant."),
            back=self.url_of(row),
        )

    @action(
        description=_("Unbind locally"),
        permissions=["unbind"],
        url_path="unbind",
        icon="link_off",
        variant=ActionVariant.DANGER,
    )
    def unbind_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask(
            request,
            object_id,
            lambda row, form: _unbind(row, request.user),
            title=_("Unbind locally"),
            question=UNBIND_QUESTION,
        )

    def has_rules_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("messaging.view_rule")

    @action(description=_("Automatic replies"), permissions=["rules"], url_path="rules",
            icon="smart_toy")  # fmt: skip
    def rules(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The rules that speak for this account, and the box in which they are tried."""
        row = self.visible_or_404(request, object_id)
        url = reverse("admin:messaging_rule_changelist")
        return HttpResponseRedirect(f"{url}?q={row.appid}")

    def _links(self, request: HttpRequest, rows: list[Any], back: str) -> HttpResponse | None:
        """A page with one link for each merchant of ROWS; it is not shown again."""
        for row in rows:
            if row.owner is None or not row.owner.is_active:
                text = _("%(row)s has no merchant who could bind.") % {"row": row}
                self.message_user(request, text, "WARNING")
        users = {row.owner_id: row.owner for row in rows if row.owner and row.owner.is_active}
        links = [(user, make_bind_link(user, by=request.user)) for user in users.values()]
        title = _("Make a bind link")
        return (
            self.page(request, "admin/bind_links.html", title=title, links=links, back=back)
            if links
            else None
        )

    # Columns and fields.

    @admin.display(description=_("account"))
    def account(self, row: Authorizer) -> SafeString:
        return render_to_string("admin/parts/account.html", {"row": row})

    @admin.display(description=_("state"), ordering="state")
    def state_label(self, row: Authorizer) -> SafeString:
        return label(row.get_state_display(), STATES.get(Authorizer.State(row.state), ""))

    @admin.display(description=_("account status"), ordering="account_status")
    def account_label(self, row: Authorizer) -> SafeString:
        colour = ACCOUNT_STATES.get(Authorizer.AccountStatus(row.account_status), "danger")
        return label(row.get_account_status_display(), colour)

    @admin.display(description=_("token"), ordering="expires")
    def token_health(self, row: Authorizer) -> SafeString:
        expires_at = row.expires_at
        if expires_at is None:
            return label(_("none"))
        if expires_at > timezone.now():
            return format_html("{} {}", label(_("fresh"), "success"), ago(expires_at))
        return format_html("{} {}", label(_("expired"), "danger"), ago(expires_at))

    @admin.display(description=_("tags"))
    def tag_labels(self, row: Authorizer) -> SafeString | str:
        labels = [label(tag.name) for tag in row.tags.all()]
        return format_html_join(" ", "{}", ((one,) for one in labels)) if labels else "–"

    @admin.display(description=_("merchant"))
    def merchant(self, row: Authorizer) -> str:
        return row.owner.get_username() if row.owner else "–"

    @admin.display(description=_("permission sets"))
    def sets_in_short(self, row: Authorizer) -> SafeString:
        names = [str(one["name"]) for one in row.permission_sets]
        more = f" +{len(names) - 2}" if len(names) > 2 else ""
        return format_html(
            '<span class="staff-sets" title="{}">{}{}</span>',
            "、".join(names),
            "、".join(names[:2]) or "–",
            more,
        )

    @admin.display(description=_("last error"))
    def error_in_short(self, row: Authorizer) -> SafeString | str:
        if not row.last_error:
            return "–"
        short = Truncator(row.last_error).chars(60)
        return format_html('<span class="staff-error" title="{}">{}</span>', row.last_error, short)

    @admin.display(description=_("verification"))
    def verification(self, row: Authorizer) -> str:
        word = _("not verified") if row.verify_type_info < 0 else _("verified")
        return f"{word} ({row.verify_type_info})"

    @admin.display(description=_("QR code"))
    def qrcode(self, row: Authorizer) -> SafeString | str:
        if not row.qrcode_url.startswith(("https://", "http://")):
            return "–"
        return format_html(
            '<img src="{}" alt="" loading="lazy" referrerpolicy="no-referrer" class="staff-qr">',
            row.qrcode_url,
        )

    @admin.display(description=_("authorised, by WeChat's clock"))
    def told_at(self, row: Authorizer) -> SafeString | str:
        return ago(datetime.fromtimestamp(row.auth_time, UTC) if row.auth_time else None)

    @admin.display(description=_("refresh tokens"))
    def refresh_tokens_held(self, row: Authorizer) -> object:
        """How many there are; Unreadable ones are not, since no key of ours opens them."""
        try:
            held = bool(row.refresh_token)
        except Unreadable:
            return label(_("cannot be decrypted"), "danger")
        if not held:
            return label(_("none"))
        return _("one, and %(older)d older ones") % {"older": len(row.older_refresh_tokens)}

    @admin.display(description=_("WeChat is asked again"))
    def due(self, row: Authorizer) -> SafeString | str:
        return ago(row.due_at)

    @admin.display(description=_("permission sets"))
    def permission_list(self, row: Authorizer) -> SafeString | str:
        return table(
            [_("id"), _("name")], [(one["id"], one["name"]) for one in row.permission_sets]
        )

    @admin.display(description="MiniProgramInfo")
    def mini_program(self, row: Authorizer) -> SafeString | str:
        return pretty(row.miniprograminfo)

    @admin.display(description="business_info")
    def business(self, row: Authorizer) -> SafeString | str:
        return pretty(row.business_info)

    @admin.display(description=_("bindings"))
    def history(self, row: Authorizer) -> SafeString | str:
        rows = row.bindings.select_related("user").order_by("-id")[:LAST]
        headers = [_("started"), _("status"), _("merchant"), _("finished")]
        return table(
            headers,
            [
                (
                    ago(one.started_at),
                    one.get_status_display(),
                    one.user or "–",
                    ago(one.finished_at),
                )
                for one in rows
            ],
        )

    @admin.display(description=_("operations"))
    def operations(self, row: Authorizer) -> SafeString | str:
        rows = Operation.objects.filter(appid=row.appid).order_by("-id")[:LAST]
        headers = [_("time"), _("actor"), _("action"), _("result")]
        return table(
            headers, [(ago(one.at), one.actor_name, action_name(one), one.result) for one in rows]
        )


UNBIND_QUESTION = _(
    "Our tokens are forgotten. In WeChat the account stays authorised: only its owner can cancel "
    "there, and authorising again binds it again."
)


def _refresh(row: Authorizer, by: Any) -> object:
    refresh_now(row, by=by)
    return _("the token is fresh.")


def _sync(row: Authorizer, by: Any) -> object:
    sync_profile(row, by=by)
    return _("the profile is up to date.")


def _unbind(row: Authorizer, by: Any) -> object:
    unbind_locally(row, by=by)
    return _("unbound locally.")
