"""The presets: calls of WeChat's that other back ends make so often that their fields are typed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from api import preset_fields as fields
from api.permissions import MayAnswer, MayLook
from platform_auth.client_models import WECHAT_CALL

Form = type[serializers.Serializer[Any]]
Body = dict[str, Any]


def as_it_is(body: Body) -> Body:
    return body


def in_version_two(body: Body) -> Body:
    return body | {"version": 2}


def with_end(body: Body) -> Body:
    """BODY, its end said in the three fields that WeChat has for it."""
    if "expire_time" in body:
        return body | {"is_expire": True, "expire_type": 0}
    return {"expire_interval": fields.MOST_DAYS} | body | {"is_expire": True, "expire_type": 1}


@dataclass(frozen=True)
class Preset:
    """
    One call: NAME in our address, METHOD and PATH of WeChat's. ANSWER None: an image. CHANGES: what
    it does is not to be done twice.
    """

    name: str
    path: str
    summary: str | Promise
    form: Form
    answer: Form | None
    asked: Body
    answered: Body = field(default_factory=dict)
    method: str = "POST"
    needs: str | Promise = ""
    scope: str = WECHAT_CALL
    permission: type[MayLook] = MayLook
    changes: bool = False
    prepare: Callable[[Body], Body] = as_it_is


LINK_NEEDS = _("Permission set 88; not for accounts of people.")
TEMPLATE_NEEDS = _("Permission set 18 or 19, of an official account 89.")
VISIT = {"scene": 2, "openid": "oZ0kS5V1fS3HqyTDxV1q7pJbGx2s"}
PAGE = "pages/goods/detail"
LINK_INFO = {
    "appid": "wx0123456789abcdef",
    "path": PAGE,
    "query": "id=7",
    "create_time": 1_796_000_000,
    "expire_time": 1_798_592_000,
    "env_version": "release",
}
QUOTA = {"remain_visit_quota": 3_000_000}
SCHEME, URL_LINK = "weixin://dl/business/?t=XTSkBZlzqmn", "https://wxaurl.cn/FfTYcmjD3Pe"
TEMPLATE_ID = "9Aw5ZV1j9xdWTFEkqCpZ7mIBbSC34khK55OtzUPl0rU"
KEYWORD = {"kid": 2, "name": "商品名称", "example": "山茶花茶", "rule": "thing"}
TITLE = {"tid": "3721", "title": "订单状态通知", "type": 2, "categoryId": "616"}

PRESETS = (
    Preset(
        "check-text",
        "/wxa/msg_sec_check",
        _("Have WeChat look at what a user wrote"),
        fields.CheckTextSerializer,
        fields.TextVerdictSerializer,
        {"content": "这家的茶不错", **VISIT},
        {
            "result": {"suggest": "pass", "label": 100},
            "detail": [{"strategy": "content_model", "errcode": 0, "suggest": "pass", "prob": 90}],
            "trace_id": "60ae120f-371d5872-7941a05b",
        },
        needs=_("Permission set 18. 4000 a minute, 2,000,000 a day. `result` counts."),
        prepare=in_version_two,
    ),
    Preset(
        "check-media",
        "/wxa/media_check_async",
        _("Have WeChat look at a picture or listen to a sound"),
        fields.CheckMediaSerializer,
        fields.TraceSerializer,
        {"media_url": "https://shop.example.com/tea.png", "media_type": 2, **VISIT},
        {"trace_id": "967e945cd8a3e458f3c74dcb886068e9"},
        needs=_(
            "Permission set 18. The verdict comes within half an hour, as the event "
            "`wxa_media_check` with the same trace_id."
        ),
        prepare=in_version_two,
    ),
    Preset(
        "code-unlimited",
        "/wxa/getwxacodeunlimit",
        _("Make a mini program code with a scene, as many as are wanted"),
        fields.UnlimitedCodeSerializer,
        None,
        {"scene": "id=7", "page": PAGE, "width": 430},
        needs=_("Permission set 17. 5000 a minute; 60,000 to pages that are not checked."),
    ),
    Preset(
        "code",
        "/wxa/getwxacode",
        _("Make a mini program code of a path"),
        fields.PathCodeSerializer,
        None,
        {"path": f"{PAGE}?id=7"},
        needs=_("Permission set 17. 100,000 for good, together with `qrcode`."),
    ),
    Preset(
        "qrcode",
        "/cgi-bin/wxaapp/createwxaqrcode",
        _("Make a square QR code of a path"),
        fields.QrCodeSerializer,
        None,
        {"path": f"{PAGE}?id=7", "width": 430},
        needs=_("Permission set 17. 100,000 for good, together with `code`."),
    ),
    Preset(
        "scheme",
        "/wxa/generatescheme",
        _("Make a scheme, which opens the mini program from a text message or an app"),
        fields.SchemeSerializer,
        fields.OpenLinkSerializer,
        {"jump_wxa": {"path": PAGE, "query": "id=7"}, "expire_interval": 7},
        {"openlink": SCHEME},
        needs=LINK_NEEDS,
        prepare=with_end,
    ),
    Preset(
        "scheme-query",
        "/wxa/queryscheme",
        _("Where a scheme leads, and until when"),
        fields.SchemeQuerySerializer,
        fields.AboutSchemeSerializer,
        {"scheme": SCHEME},
        {"scheme_info": LINK_INFO, "quota_info": QUOTA},
        needs=LINK_NEEDS,
    ),
    Preset(
        "url-link",
        "/wxa/generate_urllink",
        _("Make a URL link, which opens the mini program from a browser"),
        fields.UrlLinkSerializer,
        fields.MadeUrlLinkSerializer,
        {"path": PAGE, "query": "id=7", "expire_interval": 7},
        {"url_link": URL_LINK},
        needs=LINK_NEEDS,
        prepare=with_end,
    ),
    Preset(
        "url-link-query",
        "/wxa/query_urllink",
        _("Where a URL link leads, and until when"),
        fields.UrlLinkQuerySerializer,
        fields.AboutUrlLinkSerializer,
        {"url_link": URL_LINK},
        {"url_link_info": LINK_INFO, "quota_info": QUOTA},
        needs=LINK_NEEDS,
    ),
    Preset(
        "short-link",
        "/wxa/genwxashortlink",
        _("Make a short link, which opens the mini program from within WeChat"),
        fields.ShortLinkSerializer,
        fields.MadeShortLinkSerializer,
        {"page_url": f"{PAGE}?id=7", "page_title": "山茶花茶"},
        {"link": "#小程序://山茶书店/山茶花茶/tPTbGqw8MbDx"},
        needs=LINK_NEEDS,
    ),
    Preset(
        "subscribe-send",
        "/cgi-bin/message/subscribe/send",
        _("Send a subscribe message to a user who has allowed it"),
        fields.SubscribeSendSerializer,
        fields.SentMessageSerializer,
        {
            "touser": VISIT["openid"],
            "template_id": TEMPLATE_ID,
            "page": PAGE,
            "data": {"thing2": {"value": "山茶花茶"}, "amount3": {"value": "￥68.00"}},
        },
        {"msgid": "1234567890123456789"},
        needs=_(
            "Permission set 18 or 19. Errcode 43101: the user has not allowed it, or it is used up."
        ),
        scope="messages:send",
        permission=MayAnswer,
        changes=True,
    ),
    Preset(
        "subscribe-categories",
        "/wxaapi/newtmpl/getcategory",
        _("The categories whose library of subscribe messages the account sees"),
        fields.NoFieldsSerializer,
        fields.CategoriesSerializer,
        {},
        {"data": [{"id": 616, "name": "公交"}]},
        "GET",
        needs=TEMPLATE_NEEDS,
    ),
    Preset(
        "subscribe-titles",
        "/wxaapi/newtmpl/getpubtemplatetitles",
        _("Titles of the library of subscribe messages"),
        fields.TitlesSerializer,
        fields.LibraryTitlesSerializer,
        {"ids": "616", "start": 0, "limit": 30},
        {"count": 1, "data": [TITLE]},
        "GET",
        needs=TEMPLATE_NEEDS,
    ),
    Preset(
        "subscribe-keywords",
        "/wxaapi/newtmpl/getpubtemplatekeywords",
        _("The keywords of a title of the library"),
        fields.TitleSerializer,
        fields.KeywordsSerializer,
        {"tid": "3721"},
        {"count": 1, "data": [KEYWORD]},
        "GET",
        needs=TEMPLATE_NEEDS,
    ),
    Preset(
        "subscribe-templates",
        "/wxaapi/newtmpl/gettemplate",
        _("The account's own templates of subscribe messages"),
        fields.NoFieldsSerializer,
        fields.SubscribeTemplatesSerializer,
        {},
        {
            "data": [
                {
                    "priTmplId": TEMPLATE_ID,
                    "title": TITLE["title"],
                    "content": "商品名称:{{thing2.DATA}}\n",
                    "example": "商品名称:山茶花茶\n",
                    "type": 2,
                }
            ]
        },
        "GET",
        needs=TEMPLATE_NEEDS,
    ),
    Preset(
        "subscribe-template-add",
        "/wxaapi/newtmpl/addtemplate",
        _("Make a template of a title of the library"),
        fields.NewTemplateSerializer,
        fields.OwnTemplateSerializer,
        {"tid": "3721", "kidList": [2, 3], "sceneDesc": "下单之后"},
        {"priTmplId": TEMPLATE_ID},
        needs=_(
            "Permission set 18 or 19, of an official account 89. At most 25. A tid belongs to a "
            "category: 200014 where the account has not got that."
        ),
        changes=True,
    ),
    Preset(
        "subscribe-template-remove",
        "/wxaapi/newtmpl/deltemplate",
        _("Delete a template of the account's"),
        fields.OwnTemplateSerializer,
        fields.NothingSerializer,
        {"priTmplId": TEMPLATE_ID},
        needs=TEMPLATE_NEEDS,
        changes=True,
    ),
)
