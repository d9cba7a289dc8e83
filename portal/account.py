"""How merchants log in to the portal, and change their password."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext as _

from platform_auth.views.doors import CountedLogin
from platform_auth.views.passwords import OwnPassword


class Login(CountedLogin):
    template_name = "portal/login.html"
    code_page = "portal:login-code"


class PasswordChange(OwnPassword):
    template_name = "portal/password.html"
    success_url = reverse_lazy("portal:home")

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        text = _("Your password has been changed. You are logged out everywhere else.")
        messages.success(self.request, text)
        return response
