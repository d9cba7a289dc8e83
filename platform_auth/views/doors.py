"""Logging in and out: the parts that the portal and the staff pages share."""

from typing import Any

import django_otp
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from platform_auth.events import log_event
from platform_auth.login_models import SecondFactor
from platform_auth.logins.devices import remember_device
from platform_auth.logins.languages import note_language
from platform_auth.logins.pending import await_code
from platform_auth.logins.second_factor import factor_of
from platform_auth.logins.sessions import begin_session


class CountedLogin(LoginView):
    """Django's login; every attempt goes by the one policy, and is logged."""

    code_page: str

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if factor_of(user) is None:
            return enter(self.request, user, redirect(self.get_success_url()))
        await_code(self.request, user, self.get_success_url())
        return redirect(self.code_page)

    def form_invalid(self, form: Any) -> HttpResponse:
        """The password may have been right, and the person of no use at this door."""
        if form.get_user() is not None:
            log_event("login", "refused", user=form.get_user())
        return super().form_invalid(form)


def enter(
    request: HttpRequest,
    user: User,
    response: HttpResponse,
    factor: SecondFactor | None = None,
) -> HttpResponse:
    """USER is who they say: the session is theirs, and RESPONSE makes their browser known."""
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    if factor:
        django_otp.login(request, factor)
    begin_session(request)
    note_language(user)
    log_event("login", "done", user=user, second_factor=factor is not None)
    remember_device(request, response, user.get_username())
    return response


def safe_next(request: HttpRequest, default: str) -> str:
    """Where the request wants to go on to, if that is within our pages."""
    target = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if is_ours else default


class LoggedLogout(LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated:
            log_event("logout", "done", user=request.user)
        return super().post(request, *args, **kwargs)


class StaffLogin(CountedLogin):
    """In place of the admin's own view, with its page and its form."""

    template_name = "admin/login.html"
    code_page = "staff-login-code"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.current_app = admin.site.name
        if request.method == "GET" and admin.site.has_permission(request):
            return HttpResponseRedirect(self.get_default_redirect_url())
        return super().dispatch(request, *args, **kwargs)

    def get_form_class(self) -> Any:
        return admin.site.login_form

    def get_default_redirect_url(self) -> str:
        return reverse("admin:index")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **admin.site.each_context(self.request),
            **super().get_context_data(**kwargs),
            "title": _("Log in"),
            "app_path": self.request.get_full_path(),
            "username": self.request.user.get_username(),
        }
