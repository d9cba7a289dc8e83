"""
What the presets of the gateway ask and answer: WeChat's own names, with the limits that WeChat is
known to hold, so that a mistake costs no call.
"""

import re
import time
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from api.fields import LARGEST, StrictSerializer
from platform_auth.text_rules import (
    ASCII_PAGE_RULES,
    PAGE_RULES,
    RuledText,
    TextRule,
    as_long_as,
    made_of,
)

MOST_DAYS = 30  # that a link leads on
DAY = 86_400
ENVIRONMENTS = ["release", "trial", "develop"]
STATES = ["formal", "trial", "developer"]
LANGUAGES = ["zh_CN", "en_US", "zh_HK", "zh_TW"]
OPENID = gettext_lazy("The user's openid.")
VISITOR = gettext_lazy("The openid of a user who was in the mini program within two hours.")


class _SceneText(RuledText):
    regex = r"\A[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}\Z"
    message = gettext_lazy("1 to 32 of digits, letters and !#$&'()*+,/:;=?@-._~")
    rules = (
        made_of(
            r"0-9A-Za-z!#$&'()*+,/:;=?@\-._~",
            gettext_lazy(
                "A scene has digits, letters and !#$&'()*+,/:;=?@-._~ only; here is: %(odd)s"
            ),
        ),
        as_long_as(1, 32, gettext_lazy("A scene has 1 to 32 characters; this has %(length)d.")),
    )


class _PageText(RuledText):
    regex = r"\A[^/?][^?]*\Z"
    message = gettext_lazy("No slash before it, and no query.")
    rules = (
        TextRule(
            gettext_lazy("There is no slash before it."), lambda text: not text.startswith("/")
        ),
        TextRule(gettext_lazy("There is no query behind it."), lambda text: "?" not in text),
    )


class _AddressText(RuledText):
    regex = r"\Ahttps?://[\x21-\x7e]+\Z"
    message = gettext_lazy("A whole address is needed.")
    rules = (PAGE_RULES[0], ASCII_PAGE_RULES[1], ASCII_PAGE_RULES[-1])


_KEYWORD = re.compile(r"([a-z_]+?)[0-9]{1,4}", re.ASCII)
# How many characters a value may have, by what its keyword is of.
_LONGEST = {
    "thing": 20,
    "number": 32,
    "letter": 32,
    "symbol": 5,
    "character_string": 32,
    "phone_number": 17,
    "car_number": 8,
    "name": 20,
    "phrase": 5,
}


# Content checks


class VisitSerializer(StrictSerializer):
    scene = serializers.IntegerField(
        min_value=1,
        max_value=4,
        help_text=gettext_lazy("1 a profile, 2 a comment, 3 a forum, 4 a social log."),
    )
    openid = serializers.CharField(max_length=64, help_text=VISITOR)


class CheckTextSerializer(VisitSerializer):
    content = serializers.CharField(max_length=2500, trim_whitespace=False)
    title = serializers.CharField(max_length=2500, required=False)
    nickname = serializers.CharField(max_length=2500, required=False)
    signature = serializers.CharField(
        max_length=2500, required=False, help_text=gettext_lazy("With scene 1 only.")
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "signature" in attrs and attrs["scene"] != 1:
            raise ValidationError({"signature": [_("With scene 1 only.")]})
        return attrs


class CheckMediaSerializer(VisitSerializer):
    media_url = serializers.CharField(max_length=2048, validators=[_AddressText()])
    media_type = serializers.IntegerField(
        min_value=1, max_value=2, help_text=gettext_lazy("1 sound, 2 a picture.")
    )


class VerdictSerializer(serializers.Serializer[Any]):
    suggest = serializers.CharField(help_text=gettext_lazy("pass, review or risky."))
    label = serializers.IntegerField(  # type: ignore[assignment]  # leaves the class
        help_text=gettext_lazy("100 is fine.")
    )


class StrategySerializer(serializers.Serializer[Any]):
    strategy = serializers.CharField()
    errcode = serializers.IntegerField(required=False)
    suggest = serializers.CharField(required=False)
    label = serializers.IntegerField(required=False)  # type: ignore[assignment]  # leaves the class
    prob = serializers.FloatField(required=False)
    level = serializers.IntegerField(required=False)
    keyword = serializers.CharField(required=False)


class TextVerdictSerializer(serializers.Serializer[Any]):
    """`result` is what counts; `detail` says how it came about."""

    result = VerdictSerializer()
    detail = StrategySerializer(many=True)
    trace_id = serializers.CharField(required=False)


class TraceSerializer(serializers.Serializer[Any]):
    trace_id = serializers.CharField()


# Codes


class ShadeSerializer(StrictSerializer):
    r = serializers.IntegerField(min_value=0, max_value=255)
    g = serializers.IntegerField(min_value=0, max_value=255)
    b = serializers.IntegerField(min_value=0, max_value=255)


class LookSerializer(StrictSerializer):
    width = serializers.IntegerField(
        min_value=280, max_value=1280, required=False, help_text=gettext_lazy("In pixels; 430.")
    )
    auto_color = serializers.BooleanField(required=False)
    line_color = ShadeSerializer(required=False)
    is_hyaline = serializers.BooleanField(
        required=False, help_text=gettext_lazy("Without a background.")
    )
    env_version = serializers.ChoiceField(ENVIRONMENTS, required=False)


class UnlimitedCodeSerializer(LookSerializer):
    scene = serializers.CharField(max_length=32, validators=[_SceneText()])
    page = serializers.CharField(max_length=1024, required=False, validators=[_PageText()])
    check_path = serializers.BooleanField(
        required=False,
        help_text=gettext_lazy("Whether the page must be one of the released version; true."),
    )


class PathCodeSerializer(LookSerializer):
    path = serializers.CharField(max_length=1024)


class QrCodeSerializer(StrictSerializer):
    path = serializers.CharField(max_length=1024)
    width = serializers.IntegerField(min_value=280, max_value=1280, required=False)


# Links


class JumpSerializer(StrictSerializer):
    path = serializers.CharField(
        max_length=1024,
        required=False,
        allow_blank=True,
        help_text=gettext_lazy("A page of the released version; the first, if left out."),
    )
    query = serializers.CharField(max_length=1024, required=False, allow_blank=True)
    env_version = serializers.ChoiceField(ENVIRONMENTS, required=False)


class UntilSerializer(StrictSerializer):
    """Until when a link leads on; thirty days if nothing is said."""

    expire_time = serializers.IntegerField(
        required=False, help_text=gettext_lazy("In seconds since 1970, within thirty days.")
    )
    expire_interval = serializers.IntegerField(
        min_value=1, max_value=MOST_DAYS, required=False, help_text=gettext_lazy("In days.")
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "expire_time" in attrs and "expire_interval" in attrs:
            raise ValidationError({"expire_interval": [_("Not with expire_time.")]})
        ends, now = attrs.get("expire_time"), time.time()
        if ends is not None and not now < ends <= now + MOST_DAYS * DAY:
            raise ValidationError({"expire_time": [_("Within thirty days from now.")]})
        return attrs


class SchemeSerializer(UntilSerializer):
    jump_wxa = JumpSerializer(required=False)


class CloudSerializer(StrictSerializer):
    env = serializers.CharField(max_length=128)
    domain = serializers.CharField(max_length=253, required=False)
    path = serializers.CharField(max_length=1024, required=False)
    query = serializers.CharField(max_length=1024, required=False)


class UrlLinkSerializer(UntilSerializer, JumpSerializer):
    cloud_base = CloudSerializer(required=False)


class ShortLinkSerializer(StrictSerializer):
    page_url = serializers.CharField(max_length=1024)
    page_title = serializers.CharField(max_length=20, required=False)
    is_permanent = serializers.BooleanField(required=False)


class QuerySerializer(StrictSerializer):
    query_type = serializers.IntegerField(
        min_value=0,
        max_value=1,
        required=False,
        help_text=gettext_lazy("0 the link, 1 only the quota."),
    )


class SchemeQuerySerializer(QuerySerializer):
    scheme = serializers.CharField(max_length=512)


class UrlLinkQuerySerializer(QuerySerializer):
    url_link = serializers.CharField(max_length=512)


class OpenLinkSerializer(serializers.Serializer[Any]):
    openlink = serializers.CharField()


class MadeUrlLinkSerializer(serializers.Serializer[Any]):
    url_link = serializers.CharField()


class MadeShortLinkSerializer(serializers.Serializer[Any]):
    link = serializers.CharField()


class LinkInfoSerializer(serializers.Serializer[Any]):
    appid = serializers.CharField(required=False)
    path = serializers.CharField(required=False)
    query = serializers.CharField(required=False)
    create_time = serializers.IntegerField(required=False)
    expire_time = serializers.IntegerField(required=False)
    env_version = serializers.CharField(required=False)


class LinkQuotaSerializer(serializers.Serializer[Any]):
    remain_visit_quota = serializers.IntegerField(required=False)


class AboutSchemeSerializer(serializers.Serializer[Any]):
    scheme_info = LinkInfoSerializer(required=False)
    quota_info = LinkQuotaSerializer(required=False)


class AboutUrlLinkSerializer(serializers.Serializer[Any]):
    url_link_info = LinkInfoSerializer(required=False)
    quota_info = LinkQuotaSerializer(required=False)


# Subscribe messages


class FilledSerializer(StrictSerializer):
    value = serializers.CharField(max_length=200)


class SubscribeSendSerializer(StrictSerializer):
    touser = serializers.CharField(max_length=64, help_text=OPENID)
    template_id = serializers.CharField(max_length=128)
    page = serializers.CharField(max_length=1024, required=False)
    miniprogram_state = serializers.ChoiceField(STATES, required=False)
    lang = serializers.ChoiceField(LANGUAGES, required=False)
    data = serializers.DictField(  # type: ignore[assignment]  # leaves the class
        child=FilledSerializer(),
        allow_empty=False,
        help_text=gettext_lazy("By the names of the template's keywords, such as thing1."),
    )

    def validate_data(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        problems: dict[str, list[str]] = {}
        for name, filled in data.items():
            keyword = _KEYWORD.fullmatch(name)
            longest = _LONGEST.get(keyword[1], LARGEST) if keyword else LARGEST
            if not keyword:
                problems[name[:64]] = [_("It is no keyword.")]
            elif len(filled["value"]) > longest:
                problems[name] = [_("At most %(most)d characters.") % {"most": longest}]
        if problems:
            raise ValidationError(problems)
        return data


class SentMessageSerializer(serializers.Serializer[Any]):
    msgid = serializers.CharField(required=False)


class TitlesSerializer(StrictSerializer):
    ids = serializers.RegexField(
        r"\A[0-9]{1,9}(,[0-9]{1,9}){0,49}\Z", help_text=gettext_lazy("Categories, by commas.")
    )
    start = serializers.IntegerField(min_value=0, max_value=100_000, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=30, default=30)


class TitleSerializer(StrictSerializer):
    tid = serializers.RegexField(r"\A[0-9]{1,12}\Z", help_text=gettext_lazy("Of the library."))


class NewTemplateSerializer(TitleSerializer):
    kidList = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=10_000),
        min_length=2,
        max_length=5,
        help_text=gettext_lazy("The keywords, in the order in which users see them."),
    )
    sceneDesc = serializers.CharField(max_length=15)

    def validate_kidList(self, kids: list[int]) -> list[int]:
        if len(set(kids)) < len(kids):
            raise ValidationError(_("Each once."))
        return kids


class OwnTemplateSerializer(StrictSerializer):
    priTmplId = serializers.CharField(max_length=128)


class NoFieldsSerializer(StrictSerializer):
    """Nothing is asked."""


class NothingSerializer(serializers.Serializer[Any]):
    """Nothing is to be said but that it is done."""

    ok = serializers.BooleanField(default=True)


class CategorySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class CategoriesSerializer(serializers.Serializer[Any]):
    data = CategorySerializer(many=True)  # type: ignore[assignment]  # leaves the class


class LibraryTitleSerializer(serializers.Serializer[Any]):
    tid = serializers.CharField()
    title = serializers.CharField()
    type = serializers.IntegerField(help_text=gettext_lazy("2 for once, 3 for long."))
    categoryId = serializers.CharField(required=False)


class LibraryTitlesSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    data = LibraryTitleSerializer(many=True)  # type: ignore[assignment]  # leaves the class


class KeywordSerializer(serializers.Serializer[Any]):
    kid = serializers.IntegerField()
    name = serializers.CharField()
    example = serializers.CharField(required=False)
    rule = serializers.CharField()


class KeywordsSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(required=False)
    data = KeywordSerializer(many=True)  # type: ignore[assignment]  # leaves the class


class SubscribeTemplateSerializer(serializers.Serializer[Any]):
    priTmplId = serializers.CharField()
    title = serializers.CharField()
    content = serializers.CharField()
    example = serializers.CharField(required=False)
    type = serializers.IntegerField()


class SubscribeTemplatesSerializer(serializers.Serializer[Any]):
    data = SubscribeTemplateSerializer(many=True)  # type: ignore[assignment]  # leaves the class
