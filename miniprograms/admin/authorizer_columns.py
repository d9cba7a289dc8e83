"""What is shown of a mini program or official account, in the list and on its page."""

from datetime import UTC, datetime

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from platform_auth.admin.columns import choice_column, column, time_column
from platform_auth.admin.pages import ago, label, pretty, table
from platform_auth.errcodes import explain_kept
from platform_auth.fields import Unreadable
from platform_auth.person_names import name_person

ACCOUNT_STATE_COLOURS = {
    Authorizer.State.BOUND: "success",
    Authorizer.State.NEEDS_RECOVERY: "warning",
    Authorizer.State.NEEDS_REAUTHORIZATION: "danger",
}
ACCOUNT_STATUS_COLOURS = {
    Authorizer.AccountStatus.NORMAL: "success",
    Authorizer.AccountStatus.ALERTED: "warning",
}


class AuthorizerColumns:
    """Columns of the list, and fields of the page."""

    account = column(
        _("account"), lambda row: render_to_string("admin/parts/account.html", {"row": row})
    )
    state_label = choice_column("state", _("state"), ACCOUNT_STATE_COLOURS, "state")

    @admin.display(description=_("account status"), ordering="account_status")
    def account_label(self, row: Authorizer) -> SafeString:
        colour = ACCOUNT_STATUS_COLOURS.get(Authorizer.AccountStatus(row.account_status), "danger")
        return label(row.get_account_status_display(), colour)

    @admin.display(description=_("state"), ordering="state")
    def standing(self, row: Authorizer) -> SafeString:
        """The state, and what WeChat has against the account, if anything."""
        colour = ACCOUNT_STATE_COLOURS.get(Authorizer.State(row.state), "")
        state = label(row.get_state_display(), colour)
        is_normal = row.account_status == Authorizer.AccountStatus.NORMAL
        return state if is_normal else format_html("{} {}", state, self.account_label(row))

    # Not to be sorted by: an index of it would be written with each refresh.
    @admin.display(description=_("token"))
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
        return format_html_join(" ", "{}", ((item,) for item in labels)) if labels else "–"

    merchant = column(_("merchant"), lambda row: name_person(row.owner) if row.owner else "–")

    @admin.display(description=_("permission sets"))
    def sets_in_short(self, row: Authorizer) -> SafeString:
        """How many, their names as its title, and how many functions lack theirs."""
        names = [str(item["name"]) for item in row.permission_sets]
        lacking = row.lacking_needs
        return format_html(
            '<span class="staff-sets" title="{}">{} {}</span>',
            "、".join(names),
            len(names) or "–",
            label(_("%(number)d lacking") % {"number": len(lacking)}, "warning") if lacking else "",
        )

    @admin.display(description=_("last error"))
    def error_in_short(self, row: Authorizer) -> SafeString | str:
        if not row.last_error:
            return "–"
        explained = explain_kept(row.last_error)
        short = Truncator(explained).chars(60)
        return format_html('<span class="staff-error" title="{}">{}</span>', explained, short)

    @admin.display(description=_("last error"))
    def problem(self, row: Authorizer) -> str:
        return explain_kept(row.last_error) or "–"

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
            has_token = bool(row.refresh_token)
        except Unreadable:
            return label(_("cannot be decrypted"), "danger")
        if not has_token:
            return label(_("none"))
        return _("one, and %(older)d older ones") % {"older": len(row.older_refresh_tokens)}

    due = time_column("due_at", _("WeChat is asked again"))

    @admin.display(description=_("permission sets"))
    def permission_list(self, row: Authorizer) -> SafeString | str:
        cells = [(item["id"], item["name"]) for item in row.permission_sets]
        return table([_("id"), _("name")], cells)

    mini_program = column("MiniProgramInfo", lambda row: pretty(row.miniprograminfo))
    business = column("business_info", lambda row: pretty(row.business_info))
