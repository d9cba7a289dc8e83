"""Logging in and out: the parts that the portal and the staff pages share."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from platform_auth.events import log_event
from platform_auth.logins.devices import remember_device
from platform_auth.logins.sessions import begin_session


class CountedLogin(LoginView):
    """Django's login; every attempt goes by the one policy, and is logged."""

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        response = super().form_valid(form)
        begin_session(self.request)
        log_event("login", "done", user=user)
        remember_device(self.request, response, user.get_username())
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        """The password may have been right, and the person of no use at this door."""
        if form.get_user() is not None:
            log_event("login", "refused", user=form.get_user())
        return super().form_invalid(form)


class LoggedLogout(LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated:
            log_event("logout", "done", user=request.user)
        return super().post(request, *args, **kwargs)


class StaffLogin(CountedLogin):
    """In place of the admin's own view, with its page and its form."""

    template_name = "admin/login.html"

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
