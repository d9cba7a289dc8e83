"""Attempts to bind; unclaimed accounts are assigned to a merchant or refused here."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldForeignKeyRawIdWidget

from miniprograms.models import Authorizer, Binding
from miniprograms.services.attempts import (
    DROPPABLE,
    ENDED,
    STAGE_TITLES,
    CannotDrop,
    Stage,
    drop_attempt,
    stage_of,
)
from miniprograms.services.bind_links import make_bind_link
from miniprograms.services.unclaimed import NotUnclaimed, assign_unclaimed, refuse_unclaimed
from platform_auth.admin.acts import ask_about_chosen, ask_about_one, button, holding, saying
from platform_auth.admin.columns import (
    account_column,
    column,
    named_account_column,
    time_column,
)
from platform_auth.admin.filters import choice_filter
from platform_auth.admin.pages import StaffAdmin, label
from platform_auth.errcodes import explain_kept
from platform_auth.fields import Unreadable
from platform_auth.listing import with_detail
from platform_auth.operations import Actor
from platform_auth.person_names import name_person
from wechat.errors import WeChatError

STAGE_COLOURS = {
    Stage.FINISHING: "info",
    Stage.HELD_UP: "danger",
    Stage.BOUND: "success",
    Stage.NEEDS_OWNER: "danger",
    Stage.PARKED: "warning",
    Stage.SPENT: "danger",
    Stage.FAILED: "danger",
}

_ENDING = choice_filter(
    _("ending"),
    "ending",
    {
        "late": (
            _("not confirmed in time"),
            lambda: Q(status=Binding.Status.OPEN, expires_at__lte=Now(), dropped_at=None),
        ),
        "dropped": (_("dropped"), lambda: Q(dropped_at__isnull=False)),
    },
)
_ACCOUNT = (
    "status_label",
    "reason",
    "account_appid",
    "name",
    "principal",
    "merchant",
    "account",
)
_REQUEST = ("component", "auth_type", "expected_appid", "on_device")
_COURSE = ("started_at", "expires_at", "finished_at", "dropped_at", "failures", "problem")


class AssignForm(forms.Form):
    """To whom an unclaimed account goes."""

    user = forms.ModelChoiceField(
        User.objects.filter(is_active=True),
        label=_("merchant"),
        help_text=_("The magnifying glass opens the list of users."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        relation = Binding._meta.get_field("user").remote_field
        self.fields["user"].widget = UnfoldForeignKeyRawIdWidget(relation, admin.site)


DROP_QUESTION = _(
    "The merchant is not asked to go on with it any more. An account whose owner confirms all the "
    "same waits for staff, unless it is or was this merchant's: that is authorised again."
)
_drop = saying(_("dropped."), drop_attempt)
REFUSE_QUESTION = _(
    "The account stays as it is: nobody's, or with the merchant who had it. Its owner can cancel "
    "the authorisation in WeChat."
)
_refuse = saying(_("refused."), refuse_unclaimed)


def _known_of(row: Binding, field: str) -> str:
    """What the account of ROW has in FIELD: as it is now, or as it was when it was parked."""
    account = row.authorizer
    return (getattr(account, field) if account else "") or getattr(row, field)


def _assign(row: Binding, user: User, by: Actor) -> object:
    authorizer = assign_unclaimed(row, user=user, by=by)
    if authorizer.last_error:
        text = _("now belongs to %(user)s; its token comes later: %(problem)s")
        return text % {"user": name_person(user), "problem": explain_kept(authorizer.last_error)}
    return _("now belongs to %(user)s.") % {"user": name_person(user)}


def _describe_change(row: Binding, chosen: User | None) -> list[str]:
    """Whose the account of ROW is, why it waits, and whose it would be."""
    account = Authorizer.objects.filter(appid=row.appid).select_related("owner").first()
    owner = account.owner if account else None
    now = _("Until now it belongs to %(merchant)s.")
    owned = now % {"merchant": name_person(owner)} if owner else _("Until now it is nobody's here.")
    lines = [str(row.get_parked_because_display()), str(owned)]
    if row.principal_name:
        lines.insert(0, with_detail(_("principal"), row.principal_name))
    if row.user is not None:
        asked = _("The binding was begun for %(merchant)s.")
        lines.append(asked % {"merchant": name_person(row.user)})
    if chosen is not None:
        after = _("From now on it belongs to %(merchant)s.")
        lines.append(after % {"merchant": name_person(chosen)})
    return lines


@admin.register(Binding)
class BindingAdmin(StaffAdmin):
    account_tab = "people"
    live_columns = ("status_label", "reason")
    list_display = ("status_label", "account_appid", "name", "merchant", "reason", "started")
    list_display_links = ("status_label",)
    list_filter = ("status", _ENDING, "parked_because")
    list_select_related = ("user", "authorizer")
    ordering = ("-id",)
    search_fields = ("appid", "user__username")
    search_help_text = _("An appid or a merchant")
    fields = (*_ACCOUNT, *_REQUEST, *_COURSE)
    readonly_fields = fields
    actions = ("refuse",)
    actions_detail = ("assign_one", "refuse_one", "continue_one", "drop_one")
    troubles = (WeChatError, Unreadable, NotUnclaimed, CannotDrop)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        return rows.select_related("user", "authorizer", "component")

    def title_of(self, row: Any) -> str:
        return f"{STAGE_TITLES[stage_of(row)]} {row.appid}".strip()

    def find_rows(self, queryset: Any, term: str) -> Any:
        merchant = User.objects.filter(username=term).first()
        return queryset.filter(user=merchant) if merchant else queryset.filter(appid=term)

    has_resolve_permission = holding("miniprograms.resolve_binding")

    has_invite_permission = holding("miniprograms.invite_merchant")

    def unfit_acts(self, object_id: Any) -> set[str]:
        """Only an unclaimed account is decided on, and only what has no account is begun anew."""
        row = Binding.objects.select_related("user", "authorizer").filter(pk=object_id).first()
        if row is None:
            return set(self.actions_detail)
        stage = stage_of(row)
        unfit = set() if stage == Stage.PARKED else {"assign_one", "refuse_one"}
        if stage not in DROPPABLE or stage == Stage.DECLINED:
            unfit.add("drop_one")
        if row.user is None or stage not in (*ENDED, Stage.WAITING, Stage.DECLINED):
            unfit.add("continue_one")
        return unfit

    drop_one = ask_about_one(
        _drop, _("Drop"), DROP_QUESTION, "resolve", path="drop", icon="delete_sweep"
    )

    @button(_("Send a link to go on"), "invite", path="continue", icon="add_link")
    def continue_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The same binding by a link, whatever became of the merchant's own browser."""
        row = self.visible_or_404(request, object_id)
        title = _("Send a link to go on")
        if row.user is None or not row.user.is_active:
            self.message_user(request, _("This account is switched off."), "ERROR")
            return HttpResponseRedirect(self.url_of(row))
        if request.method == "POST":
            link = make_bind_link(
                row.user,
                by=request.user,
                appid=row.biz_appid,
                auth_type=row.auth_type,
                component=row.component,
            )
            context = {"title": title, "back": self.url_of(row)}
            return self.page(
                request,
                "admin/bind_links.html",
                links=[(row.user, link.url)],
                **context,
            )
        return self.ask(
            request,
            row,
            title,
            _("Whoever opens the link within three days can bind for this merchant."),
        )

    refuse = ask_about_chosen(_refuse, _("Refuse"), REFUSE_QUESTION, "resolve", name="refuse")
    refuse_one = ask_about_one(
        _refuse,
        _("Refuse"),
        REFUSE_QUESTION,
        "resolve",
        path="refuse",
        icon="block",
        variant=ActionVariant.DANGER,
    )

    @button(
        _("Assign to a merchant"),
        "resolve",
        path="assign",
        icon="person_check",
        variant=ActionVariant.PRIMARY,
    )
    def assign_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Done only where the page has named the merchant who is to have it."""
        row = self.visible_or_404(request, object_id)
        is_sent = request.method == "POST"
        form = AssignForm(request.POST if is_sent else None, initial={"user": row.user_id})
        chosen: User | None = None if is_sent else row.user
        if form.is_valid():
            chosen = form.cleaned_data["user"]
        if is_sent and chosen is not None and request.POST.get("named") == str(chosen.pk):
            self.carry_out(request, row, partial(_assign, user=chosen, by=request.user))
            return HttpResponseRedirect(self.url_of(row))
        return self.page(
            request,
            "admin/ask.html",
            rows=[row],
            title=_("Assign to a merchant"),
            question=_("The account becomes this merchant's, whoever it belonged to before."),
            about=_describe_change(row, chosen),
            hidden=[("named", chosen.pk)] if chosen else [],
            form=form,
            back=self.url_of(row),
        )

    @admin.display(description=_("status"), ordering="status")
    def status_label(self, row: Binding) -> SafeString:
        stage = stage_of(row)
        return label(STAGE_TITLES[stage], STAGE_COLOURS.get(stage, ""))

    name = column(_("name"), lambda row: _known_of(row, "nick_name") or "–")
    principal = column(_("principal"), lambda row: _known_of(row, "principal_name") or "–")
    merchant = column(_("merchant"), lambda row: name_person(row.user) if row.user else "–")
    reason = column(_("parked because"), lambda row: row.get_parked_because_display() or "–")
    account_appid = account_column(_("appid"), ordering="appid")
    expected_appid = account_column(_("expected appid"), lambda row: row.biz_appid)
    account = named_account_column(_("account"), lambda row: row.authorizer)
    on_device = column(_("device"), lambda row: row.get_device_display())
    problem = column(_("last error"), lambda row: explain_kept(row.last_error) or "–")
    started = time_column("started_at", _("started"), "started_at")
