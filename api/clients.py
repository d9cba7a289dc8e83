"""
Other back ends: known by `Authorization: Bearer …`, held to the scopes and accounts of theirs.

Every view names in `read_scope` and `act_scope` what it asks of a client; one that names nothing
is closed to them. A person's key has no scopes: what its person may do is all there is.
"""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from structlog.contextvars import bind_contextvars

from miniprograms.models import Authorizer, AuthorizerQuerySet
from platform_auth.client_models import GRAVE_SCOPES, ApiClient
from platform_auth.events import current_origin
from platform_auth.logins.api_clients import find_client
from platform_auth.logins.keys import is_of_this_password, note_use

ANY_SCOPE = "any"  # whoever has a key at all


class MissingScope(PermissionDenied):
    default_code = "missing_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(_("The client of this key was not given the scope %s.") % scope)


class InvalidClientKey(AuthenticationFailed):
    """One and the same answer, whatever is wrong with the key, its client, owner or address."""

    default_code = "invalid_client_key"
    default_detail = gettext_lazy("Invalid token.")


class PersonAuthentication(TokenAuthentication):
    """knox's, for a person's key; one of other bytes than a key has is as wrong as another."""

    scheme = "Token"

    def authenticate_header(self, request: Any) -> str:
        return self.scheme

    def _cleanup_token(self, auth_token: AuthToken) -> bool:
        """Whether it has expired. knox would read all keys of its person each time, who has ten."""
        return auth_token.expiry is not None and auth_token.expiry < timezone.now()

    def authenticate_credentials(self, token: bytes) -> tuple[Any, AuthToken]:
        if not token.isascii():
            raise AuthenticationFailed(_("Invalid token."))
        user, key = super().authenticate_credentials(token)
        if not is_of_this_password(key):
            raise AuthenticationFailed(_("Invalid token."))
        note_use(key)
        return user, key


class ClientAuthentication(TokenAuthentication):
    """knox's reading of the header, for a client's key: the request is its owner's, by it."""

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"

    def authenticate(self, request: Any) -> tuple[Any, ApiClient] | None:
        try:
            proof: tuple[Any, ApiClient] | None = super().authenticate(request)
        except AuthenticationFailed:
            raise InvalidClientKey from None
        return proof

    def authenticate_credentials(self, token: bytes) -> tuple[Any, ApiClient]:
        address = current_origin().address
        client = find_client(token.decode("ascii"), address) if token.isascii() else None
        if client is None:
            raise InvalidClientKey
        bind_contextvars(client=client.name)
        return client.owner, client


def challenge(request: Request) -> str:
    """WWW-Authenticate where REQUEST has no good key: the scheme that it tried, or both."""
    schemes = {"token": "Token", "bearer": 'Bearer error="invalid_token"'}
    words = get_authorization_header(request).lower().split()
    tried = words[0].decode("latin-1") if words else ""
    return schemes.get(tried, "Token, Bearer")


class ClientScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema calls a client's key."""

    target_class = ClientAuthentication
    name = "clientKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": str(
                _(
                    "The key of another back end's, which staff make. What it may do is bounded by "
                    "its scopes and accounts."
                )
            ),
        }


class PersonScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema calls a person's key."""

    target_class = PersonAuthentication
    name = "personKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": str(
                _("`Token …`: a person's key, from `auth/token/`, good for ten hours.")
            ),
        }


def client_of(request: Request) -> ApiClient | None:
    """The client whose key came with REQUEST; None where it is a person's."""
    return request.auth if isinstance(request.auth, ApiClient) else None


def scope_of(view: Any, request: Request) -> str:
    """What VIEW asks of a client for REQUEST; "" where it is closed to them."""
    is_reading = request.method in SAFE_METHODS
    return str(getattr(view, "read_scope" if is_reading else "act_scope", ""))


def check_scope(request: Request, scope: str) -> None:
    """
    Raise MissingScope where REQUEST lacks SCOPE. Of the grave ones the person must have the right
    too, or as a merchant have got the client from somebody who does.
    """
    client, user = client_of(request), request.user
    if client is not None and scope != ANY_SCOPE and scope not in client.scopes:
        raise MissingScope(scope)
    right = GRAVE_SCOPES.get(scope)
    if right and not user.has_perm(right) and (client is None or user.is_staff):
        raise MissingScope(scope)


def has_scope(request: Request, scope: str) -> bool:
    try:
        check_scope(request, scope)
    except MissingScope:
        return False
    return True


def accounts_of(request: Request) -> AuthorizerQuerySet:
    """The accounts that REQUEST may be about: those its person sees, narrowed to its client's."""
    rows: AuthorizerQuerySet = narrow(Authorizer.objects.visible_to(request.user), request)
    return rows


def narrow(rows: Any, request: Request, column: str = "appid") -> Any:
    """Those of ROWS whose COLUMN is an account of the client's, if it has only some."""
    client = client_of(request)
    if client is None or not client.appids:
        return rows
    return rows.filter(**{f"{column}__in": client.appids})
