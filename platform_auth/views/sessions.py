"""A person's own sessions: where they are logged in, and ending that."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView

from platform_auth.logins import sessions


@method_decorator(never_cache, name="dispatch")
class OwnSessions(LoginRequiredMixin, TemplateView):
    template_name = "portal/sessions.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = sessions.list_sessions(self.request.user, self.key)
        return {**super().get_context_data(**kwargs), "sessions": rows}

    def post(self, request: HttpRequest) -> HttpResponse:
        """End one of them, or all others."""
        handle = request.POST.get("session", "")
        if not handle:
            number = sessions.end_other_sessions(request.user, self.key)
            text = _("%(number)d other sessions were ended.") % {"number": number}
            messages.success(request, text)
            return redirect(request.path)
        is_this = any(
            row.is_this and row.handle == handle
            for row in sessions.list_sessions(request.user, self.key)
        )
        sessions.end_session(request.user, handle)
        if is_this:
            logout(request)
        else:
            messages.success(request, _("The session was ended."))
        return redirect(request.path)

    @property
    def key(self) -> str:
        return self.request.session.session_key or ""


class StaffSessions(OwnSessions):
    template_name = "admin/sessions.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        frame = admin.site.each_context(self.request)
        own = super().get_context_data(**kwargs)
        return {**frame, **own, "title": gettext_lazy("Sessions")}
