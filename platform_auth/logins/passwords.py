"""Asking somebody who is logged in for their password."""

from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from platform_auth.operations import Actor


@sensitive_variables("password")
def is_password(request: HttpRequest, user: Actor, password: str) -> bool:
    """Whether it is USER's own; counted as at a login. Raises what that raises."""
    return authenticate(request, username=user.get_username(), password=password) == user
