"""What the reader may do among the staff pages, in words."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView

from platform_auth.admin.rights import describe_rights


@method_decorator(never_cache, name="dispatch")
class StaffRights(TemplateView):
    template_name = "admin/rights.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = cast(User, self.request.user)
        frame = {**admin.site.each_context(self.request), "title": _("What you may do")}
        own = super().get_context_data(**kwargs)
        return {**frame, **own, "person": user, **describe_rights(user)}
