"""What a request for a binding says, and what is told of one."""

from typing import Any

import segno
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.fields import StrictSerializer, UTCField
from miniprograms.link_models import MAX_USER_REF
from miniprograms.models import Binding, BindLink
from miniprograms.services.bind_links import status_of
from platform_auth.text_rules import is_appid
from wechat.component import EITHER, MINI_PROGRAM, OFFICIAL_ACCOUNT

MOST_SETS = 100
_KINDS = [
    (OFFICIAL_ACCOUNT, "official account"),
    (MINI_PROGRAM, "mini program"),
    (EITHER, "either"),
]


@extend_schema_field(
    {
        "oneOf": [
            {
                "type": "array",
                "items": {"type": "integer", "minimum": 1, "maximum": 9999},
                "maxItems": MOST_SETS,
            },
            {"type": "string", "pattern": r"^[1-9][0-9]{0,3}(\|[1-9][0-9]{0,3})*$"},
        ]
    }
)
class CategoryIdsField(serializers.ListField):
    """category_id_list as numbers, or joined as WeChat writes it."""

    child = serializers.IntegerField(min_value=1, max_value=9999)

    def to_internal_value(self, data: Any) -> list[int]:
        return list(super().to_internal_value(data.split("|") if isinstance(data, str) else data))


class BindingRequestSerializer(StrictSerializer):
    """What may be bound, by whom, and where they go afterwards. All of it may be left out."""

    auth_type = serializers.ChoiceField(
        _KINDS,
        default=EITHER,
        help_text=gettext_lazy("1 official account, 2 mini program, 3 either."),
    )
    biz_appid = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=32,
        validators=[is_appid],
        help_text=gettext_lazy("The only account that may be bound."),
    )
    category_id_list = CategoryIdsField(
        default=list,
        max_length=MOST_SETS,
        help_text=gettext_lazy(
            "Ids of the permission sets to ask for, or `99|31`; left out, all that the platform "
            "has. WeChat has been seen not to keep to it on its page for computers."
        ),
    )
    return_url = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=1000,
        help_text=gettext_lazy(
            "Where the browser goes once something has come of it, with `binding`, `status` and "
            "`user_ref`. https, without a #fragment, on a host of the client's list."
        ),
    )
    user_ref = serializers.CharField(
        default="",
        allow_blank=True,
        trim_whitespace=False,
        max_length=MAX_USER_REF,
        help_text=gettext_lazy("What you call whom you send there; given back as it is."),
    )
    device = serializers.ChoiceField(
        [*Binding.Device.choices, ""],
        default="",
        help_text=gettext_lazy(
            "Where the administrator confirms: by scanning from a `computer`, or on a `phone`. "
            "Left out, whoever opens the page chooses."
        ),
    )
    component = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=32,
        help_text=gettext_lazy(
            "The appid of the platform to authorise, where there are several; left out, the one "
            "that acts for new bindings."
        ),
    )
    merchant = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=150,
        help_text=gettext_lazy(
            "For staff's keys: the username of the merchant whose account it becomes. Left out, "
            "it becomes the key's owner's."
        ),
    )


class BoundSerializer(serializers.Serializer[Any]):
    """A link with which an account is bound, and what has come of it, without its picture."""

    id = serializers.IntegerField(source="pk")
    url = serializers.CharField(help_text=gettext_lazy("Our page with the bind button."))
    status = serializers.SerializerMethodField(
        help_text=gettext_lazy(
            "`open` not used yet, `started` somebody is at it, `bound`, `unclaimed` staff must "
            "say whose the account is, `refused` by staff, `expired`, `revoked`."
        )
    )
    expires_at = UTCField(help_text=gettext_lazy("Until then it can be begun."))
    user_ref = serializers.CharField(allow_blank=True)
    appid = serializers.CharField(
        source="bound_appid", allow_null=True, help_text=gettext_lazy("The account, once bound.")
    )
    component = serializers.SerializerMethodField(
        help_text=gettext_lazy("null: whichever platform acts when it is used.")
    )
    auth_type = serializers.IntegerField(
        allow_null=True, help_text=gettext_lazy("null: whoever opens it chooses.")
    )
    biz_appid = serializers.CharField(allow_blank=True)
    category_id_list = serializers.ListField(child=serializers.IntegerField())
    device = serializers.CharField(allow_blank=True)
    return_url = serializers.CharField(allow_blank=True)
    presses = serializers.IntegerField(help_text=gettext_lazy("How often the button was pressed."))
    created_at = UTCField()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_component(self, link: BindLink) -> str | None:
        return link.component.appid if link.component else None

    @extend_schema_field(serializers.ChoiceField(BindLink.Status.choices))
    def get_status(self, link: BindLink) -> str:
        return status_of(link).value


class BindingSerializer(BoundSerializer):
    """A link with which an account is bound, and what has come of it."""

    qr = serializers.SerializerMethodField(
        help_text=gettext_lazy("A picture of `url` to scan: a data: address of a PNG.")
    )

    def get_qr(self, link: BindLink) -> str:
        picture: str = segno.make(link.url, error="m").png_data_uri(scale=6, border=4)
        return picture
