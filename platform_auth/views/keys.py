"""A person's own keys to the API, and the API clients that act for them: seen and revoked."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView

from platform_auth.client_models import SCOPES, ApiClient
from platform_auth.logins.api_clients import revoke_all_keys
from platform_auth.logins.keys import list_keys, revoke_own_key


@method_decorator(never_cache, name="dispatch")
class OwnKeys(LoginRequiredMixin, TemplateView):
    template_name = "portal/keys.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        own = {"keys": list_keys(self.request.user), "clients": self._describe_clients()}
        return {**super().get_context_data(**kwargs), **own}

    def _clients(self) -> Any:
        return ApiClient.objects.filter(owner=self.request.user.pk).order_by("name", "pk")

    def _describe_clients(self) -> list[dict[str, Any]]:
        return [
            {
                "row": row,
                "scopes": [SCOPES[scope] for scope in SCOPES if scope in row.scopes],
                "keys": [str(key) for key in row.keys.all()],
            }
            for row in self._clients().prefetch_related("keys")
        ]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Revoke one key, or those of one client."""
        if handle := request.POST.get("key", ""):
            revoke_own_key(request.user, handle)
            messages.success(request, _("The key was revoked."))
            return redirect(request.path)
        chosen = request.POST.get("client", "")
        is_number = chosen.isascii() and chosen.isdigit() and len(chosen) < 19
        client = self._clients().filter(pk=int(chosen)).first() if is_number else None
        if client is not None:
            revoke_all_keys(client, by=request.user)
            messages.success(request, _("The keys of the client were revoked."))
        return redirect(request.path)


class StaffKeys(OwnKeys):
    template_name = "admin/keys.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        frame = admin.site.each_context(self.request)
        own = super().get_context_data(**kwargs)
        return {**frame, **own, "title": gettext_lazy("API keys")}
