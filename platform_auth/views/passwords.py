"""Changing one's own password: it ends what the old one has opened."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.forms import AdminOwnPasswordChangeForm

from platform_auth.events import log_event
from platform_auth.login_models import NewPassword
from platform_auth.logins.languages import note_language
from platform_auth.logins.new_passwords import tell_of_new_password
from platform_auth.logins.passwords import is_password
from platform_auth.logins.sessions import end_access, note_proof
from platform_auth.operations import record_operation
from platform_auth.tasks import send_password_links
from platform_auth.wakeup import enqueue


class CountedPasswordForm(PasswordChangeForm):
    """Whoever found a browser open may not guess the password here at their ease."""

    request: HttpRequest

    def clean_old_password(self) -> str:
        old: str = self.cleaned_data["old_password"]
        if not is_password(self.request, self.user, old):
            message = self.error_messages["password_incorrect"]
            self.add_error("old_password", message)
        return old


class CountedStaffPasswordForm(CountedPasswordForm, AdminOwnPasswordChangeForm):
    """The same in the frame of the staff pages."""


@method_decorator(never_cache, name="dispatch")
class OwnPassword(PasswordChangeView):
    form_class = CountedPasswordForm

    def get_form(self, form_class: Any = None) -> Any:
        form: Any = super().get_form(form_class)
        form.request = self.request
        return form

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            ended = end_access(form.user, keep=self.request.session.session_key)
            note_language(form.user)
            tell_of_new_password(form.user, NewPassword.By.THEMSELVES)
            record_operation("change_password", by=form.user, result=ended)
        enqueue(send_password_links)
        note_proof(self.request)
        log_event("change_password", "done", user=form.user)
        return response


class StaffPassword(OwnPassword):
    form_class = CountedStaffPasswordForm
    template_name = "registration/password_change_form.html"
    success_url = reverse_lazy("admin:password_change_done")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        frame = admin.site.each_context(self.request)
        own = super().get_context_data(**kwargs)
        return {**frame, **own, "title": _("Change password")}
