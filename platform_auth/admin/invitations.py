"""New merchants and new staff, each in one short form; they set their password themselves."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from platform_auth.admin.acts import button, holding
from platform_auth.admin.pages import StaffAdmin
from platform_auth.forms import TextField
from platform_auth.listing import with_detail
from platform_auth.logins.invitations import (
    Invitation,
    TooManyInvitations,
    create_person,
    invite,
    is_invited,
)
from platform_auth.logins.proof import require_proof
from platform_auth.mail import has_mail_server
from platform_auth.roles import (
    ADMINISTRATOR,
    ADMINISTRATOR_SENTENCE,
    OPERATORS,
    STAFF_ROLES,
    describe_role,
)
from wechat.bulkhead import take_place

SUPERUSER = "administrator"


def _offer_roles() -> list[tuple[str, str]]:
    roles = [(name, describe_role(name)) for name in STAFF_ROLES]
    return [*roles, (SUPERUSER, with_detail(ADMINISTRATOR, ADMINISTRATOR_SENTENCE))]


class LanguageForm(forms.Form):
    language = forms.ChoiceField(
        label=_("Language of the invitation"),
        choices=settings.LANGUAGES,
        initial=settings.LANGUAGE_CODE,
        widget=UnfoldAdminSelectWidget,
    )


class PersonForm(LanguageForm):
    """Who is invited."""

    name = TextField(_("Company name"), 150, required=True)
    login = TextField(
        _("E-mail address or user name"),
        150,
        required=True,
        help_text=_("They log in with it. Only to an e-mail address can the invitation be sent."),
    )
    field_order = ("name", "login", "roles", "language")

    def clean_login(self) -> str:
        login: str = self.cleaned_data["login"].strip().lower()
        if "@" in login:
            validate_email(login)
        UnicodeUsernameValidator()(login)
        if User.objects.filter(Q(username__iexact=login) | Q(email__iexact=login)).exists():
            raise ValidationError(_("Somebody has this name or address already."))
        return login


class StaffForm(PersonForm):
    """A colleague, and what they are for."""

    name = TextField(_("Name"), 150, required=True)
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=_offer_roles,
        initial=[OPERATORS],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


class InvitingAdmin(StaffAdmin):
    """Buttons to invite people, for the list of people and the page of one."""

    has_add_merchant_permission = holding("auth.add_user")

    def has_add_staff_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_invite_again_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("auth.change_user")

    add_form_template = "admin/people/add.html"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's own form, which leads to those that invite people."""
        people = reverse("admin:auth_user_changelist")
        doors = [(f"{people}new-merchant/", _("New merchant"))]
        if self.has_add_staff_permission(request):
            doors.append((f"{people}new-staff/", _("New colleague")))
        context = {**(extra_context or {}), "doors": doors}
        answer: HttpResponse = super().add_view(request, form_url, context)
        return answer

    @button(_("New merchant"), "add_merchant", path="new-merchant", icon="person_add")
    def new_merchant(self, request: HttpRequest) -> HttpResponse:
        form = PersonForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            values = form.cleaned_data
            take_place()
            user = create_person(values["login"], values["name"], by=request.user)
            return self._invite(request, user, values["language"])
        return self._ask(request, form, _("New merchant"))

    @button(_("New colleague"), "add_staff", path="new-staff", icon="badge")
    def new_staff(self, request: HttpRequest) -> HttpResponse:
        require_proof(request)
        form = StaffForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            values = form.cleaned_data
            take_place()
            user = create_person(
                values["login"],
                values["name"],
                groups=list(Group.objects.filter(name__in=values["roles"])),
                is_staff=True,
                is_superuser=SUPERUSER in values["roles"],
                by=request.user,
            )
            return self._invite(request, user, values["language"])
        return self._ask(request, form, _("New colleague"))

    @button(_("Invite again"), "invite_again", path="invite", icon="forward_to_inbox")
    def invite_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.visible_or_404(request, object_id)
        if not self.has_change_permission(request, user) or not is_invited(user):
            self.message_user(request, _("They have a password already."), messages.ERROR)
            return HttpResponseRedirect(self.url_of(user))
        form = LanguageForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            take_place()
            return self._invite(request, user, form.cleaned_data["language"])
        return self._ask(request, form, _("Invite again"), rows=[user], back=self.url_of(user))

    def _ask(
        self, request: HttpRequest, form: forms.Form, title: object, **context: Any
    ) -> HttpResponse:
        sentences = [
            _("They get a link to set their own password; it works once, and for three days."),
            _("It is sent by e-mail, if an address is given.")
            if has_mail_server()
            else _("No mail server is set (EMAIL_URL), so the link is shown to you, once."),
        ]
        context = {"back": reverse("admin:auth_user_changelist"), **context}
        question = " ".join(map(str, sentences))
        return self.page(
            request, "admin/ask.html", title=title, question=question, form=form, **context
        )

    def _invite(self, request: HttpRequest, user: User, language: str) -> HttpResponse:
        try:
            invitation = invite(user, language, by=request.user)
        except TooManyInvitations:
            text = _("You have invited many people within the hour: invite %(user)s again later.")
            self.message_user(request, text % {"user": user}, messages.ERROR)
            return HttpResponseRedirect(self.url_of(user))
        if invitation.mailed_to:
            text = _("%(user)s is invited: the link was sent to %(address)s.")
            words = {"user": user, "address": invitation.mailed_to}
            self.message_user(request, text % words, messages.SUCCESS)
            return HttpResponseRedirect(self.url_of(user))
        return self._show_link(request, invitation)

    def _show_link(self, request: HttpRequest, invitation: Invitation) -> HttpResponse:
        context = {"title": _("Invitation"), "invitation": invitation}
        context["back"] = self.url_of(invitation.user)
        return self.page(request, "admin/invitation.html", **context)
