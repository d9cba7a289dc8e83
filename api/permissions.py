"""Who may do what over REST."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from api.clients import check_scope, scope_of


def is_act(request: Request) -> bool:
    """Whether REQUEST is to change something, by its method."""
    return request.method not in SAFE_METHODS


class MayAsk(IsAuthenticated):
    """Anybody with a key; a client with the scope that the view names."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        is_known = super().has_permission(request, view)
        if is_known and request.method in view.allowed_methods:  # where it is not, none would help
            check_scope(request, scope_of(view, request))
        return is_known


class MayLook(MayAsk):
    """Merchants may look at their own; staff only with the permission to look at authorizers."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        is_known = super().has_permission(request, view)
        return is_known and (not user.is_staff or user.has_perm("miniprograms.view_authorizer"))


class MayAct(MayLook):
    """Staff with the permissions that the view names; merchants where it lets them."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        if not request.user.is_staff:
            return bool(view.merchants_may_act if is_act(request) else view.merchants_may_read)
        needed = view.to_act if is_act(request) else view.to_read
        return request.user.has_perms([needed] if isinstance(needed, str) else needed)


class MayAnswer(MayLook):
    """Staff who may answer users; merchants who were given that, for their own accounts."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed = "answer_conversation" if request.user.is_staff else "own_conversations"
        is_known = super().has_permission(request, view)
        return is_known and request.user.has_perm(f"messaging.{needed}")
