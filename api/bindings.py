"""REST: links with which merchants of another back end bind their accounts."""

from http import HTTPStatus
from typing import Any, cast

import django_filters
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from api.binding_fields import BindingRequestSerializer, BindingSerializer, BoundSerializer
from api.clients import client_of
from api.errors import (
    LIST_ERRORS,
    READ_ERRORS,
    ConflictSerializer,
    ErrorSerializer,
    InvalidSerializer,
)
from api.fields import LARGEST
from api.idempotency import KEY_HEADER, idempotent
from api.views import CodeView
from miniprograms.models import BindLink
from miniprograms.services.bind_links import bind_links, make_bind_link, revoke_bind_link
from miniprograms.services.return_urls import BadReturnUrl, check_return_url
from platform_auth.acting_component import (
    SeveralComponents,
    UnknownComponent,
    acting_component,
)
from platform_auth.models import Component

ID = OpenApiParameter(
    "id",
    {"type": "integer", "minimum": 1, "maximum": LARGEST},
    OpenApiParameter.PATH,
    description=gettext_lazy("Of a binding, as it was answered when it was begun."),
)
MAKE_ERRORS: dict[int, Any] = {
    **READ_ERRORS,
    400: InvalidSerializer,
    409: ConflictSerializer,
    503: ErrorSerializer,
}


class BindLinkFilter(django_filters.FilterSet):
    user_ref = django_filters.CharFilter(
        max_length=128, strip=False, label=gettext_lazy("Those with this reference of yours.")
    )


class BindingView(CodeView):
    read_scope = act_scope = "bindings:write"
    to_read = "miniprograms.view_bindlink"
    to_act = "miniprograms.invite_merchant"
    merchants_may_read = merchants_may_act = True
    queryset = BindLink.objects.none()
    serializer_class: type[BoundSerializer] = BindingSerializer

    def get_queryset(self) -> QuerySet[BindLink]:
        """A merchant's, or for staff all; a client of some accounts has those about them."""
        user, client = self.request.user, client_of(self.request)
        rows = bind_links()
        if not user.is_staff:
            rows = rows.filter(user=user.pk)
        if client is not None and client.appids:
            rows = rows.filter(Q(client=client) | Q(biz_appid__in=client.appids))
        return rows


@extend_schema_view(
    get=extend_schema(
        summary=gettext_lazy("The bindings that were begun by links, newest first"),
        description=gettext_lazy(
            "Those whose account becomes yours, whoever made the link; for staff's keys all. A "
            "link that staff made without saying what for may bind several accounts until it "
            "expires."
        ),
        responses={200: BoundSerializer(many=True), 400: InvalidSerializer, **LIST_ERRORS},
    )
)
class BindingList(BindingView, ListAPIView[BindLink]):
    serializer_class = BoundSerializer
    filterset_class = BindLinkFilter

    @extend_schema(
        summary=gettext_lazy("Begin a binding: a link and a code to scan"),
        description=gettext_lazy(
            "Send the merchant's browser to `url`, or show `qr`. Our page has one button, which "
            "leads to WeChat, where the account's administrator confirms; once something has come "
            "of that, the browser goes to `return_url` with `binding`, `status` and `user_ref`. "
            "The link is good for three days and for one account; it ends with the password of "
            "the merchant whose account it becomes. A key that is held to some accounts binds "
            "none but those."
        ),
        parameters=[KEY_HEADER],
        request=BindingRequestSerializer,
        responses={201: BindingSerializer, **MAKE_ERRORS},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        fields = self.read_body(BindingRequestSerializer)
        self._check_account(fields["biz_appid"])
        self._check_return(fields["return_url"])
        user = self._find_merchant(fields.pop("merchant"))
        component = _find_component(fields.pop("component"))
        link = make_bind_link(
            user,
            by=request.user,
            appid=fields.pop("biz_appid"),
            component=component,
            client=client_of(request),
            is_single=True,
            **fields,
        )
        return Response(BindingSerializer(link).data, HTTPStatus.CREATED)

    def _check_account(self, appid: str) -> None:
        """Raises NotFound for an account that is none of the client's."""
        client = client_of(self.request)
        if appid and client is not None and client.appids and appid not in client.appids:
            raise NotFound

    def _check_return(self, url: str) -> None:
        """Raises ValidationError for an address that the browser may not be sent to."""
        client = client_of(self.request)
        if not url:
            return
        try:
            check_return_url(url, client.return_hosts if client else [])
        except BadReturnUrl as error:
            raise ValidationError({"return_url": [str(error)]}) from None

    def _find_merchant(self, username: str) -> User:
        """Whose account it becomes: the merchant of USERNAME, which staff may say, or the asker."""
        asker = cast(User, self.request.user)
        if username in ("", asker.get_username()):
            return asker
        if not asker.is_staff:
            raise PermissionDenied
        user = User.objects.filter(username=username, is_active=True, is_staff=False).first()
        if user is None:
            raise ValidationError({"merchant": [_("There is no such merchant.")]})
        return user


def _find_component(appid: str) -> Component:
    """The one that APPID chooses, or that acts. Raises ValidationError, NoComponent."""
    try:
        return acting_component(appid)
    except (SeveralComponents, UnknownComponent) as error:
        raise ValidationError({"component": [str(error)]}) from None


class BindingDetail(BindingView):
    @extend_schema(
        summary=gettext_lazy("What has come of a binding"),
        description=gettext_lazy(
            "`open`, `started` and `unclaimed` may still change, the others do not. Another "
            "merchant's is 404."
        ),
        parameters=[ID],
        responses={200: BindingSerializer, **READ_ERRORS},
    )
    def get(self, request: Request, pk: int) -> Response:
        return Response(BindingSerializer(self._link(pk)).data)

    @extend_schema(
        summary=gettext_lazy("Revoke the link of a binding"),
        description=gettext_lazy(
            "Nobody can use it from then on. An account that is just being bound with it waits "
            "for staff; one that is bound stays so."
        ),
        parameters=[ID],
        request=None,
        responses={204: None, **READ_ERRORS},
    )
    def delete(self, request: Request, pk: int) -> Response:
        revoke_bind_link(self._link(pk), by=request.user)
        return Response(status=HTTPStatus.NO_CONTENT)

    def _link(self, pk: int) -> BindLink:
        link: BindLink = get_object_or_404(self.get_queryset(), pk=pk)
        return link
