"""What the pages of one mini program share: whose they are, and that other accounts have none."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from miniprograms.models import Authorizer
from platform_auth.admin.pages import StaffAdmin


class ProgramPages(StaffAdmin):
    """Pages of a mini program beside its own, which other kinds of accounts do not have."""

    def program_or_404(self, request: HttpRequest, object_id: str, permission: str) -> Authorizer:
        """The mini program, if the person may see it and holds PERMISSION."""
        if not request.user.has_perm(permission):
            raise PermissionDenied
        row: Authorizer = self.visible_or_404(request, object_id)
        if row.kind != Authorizer.Kind.MINI_PROGRAM:
            raise Http404
        return row
