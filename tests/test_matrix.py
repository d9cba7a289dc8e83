"""
Every page and endpoint, asked for by everybody: the right status each, and nothing of others.

The table is checked against the URL configuration, so a new address without a line here fails.
"""

import json
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone
from django_celery_beat import models as beat
from knox.models import AuthToken

from api.preset_table import PRESETS
from audits.admin.code_page import ACTS
from audits.admin.live import PIECES
from audits.models import (
    Campaign,
    CampaignItem,
    CodeAudit,
    CodeTemplate,
    CodeVersion,
    QuotaEntry,
    Release,
    ReviewOutcome,
    Screenshot,
    SpeedUpRule,
    SubmissionFile,
)
from audits.services import committing, submission_files, templates
from messaging.models import (
    CannedReply,
    Conversation,
    ConversationLabel,
    Delivery,
    ReleaseTest,
    Reply,
    Rule,
    Target,
)
from miniprograms.models import (
    Authorizer,
    Binding,
    BindLink,
    PermissionRequest,
    SettingProfile,
    Tag,
)
from miniprograms.services import bind_links
from notices.models import Channel, Message, Notice
from platform_auth.logins.api_clients import create_client
from platform_auth.models import ApiClient, Component, Operation, Push, WeChatCall
from platform_auth.operations import record_operation
from platform_auth.roles import ANSWERERS
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_api_schema import fetch

pytestmark = pytest.mark.any_database

OK, FOUND, MISSING = HTTPStatus.OK, HTTPStatus.FOUND, HTTPStatus.NOT_FOUND
REFUSED, UNKNOWN, NO_METHOD = (
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.METHOD_NOT_ALLOWED,
)

CLASH, NO = HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY

ACTORS = ["anonymous", "owner", "other", "staff without", "staff with"]
SECRET_NAME, SECRET_APPID, SECRET_PRINCIPAL = "Zanzibar Tea", "wxfeedfacefeedface", "Zanzibar Ltd"


# Whoever is no staff is shown the login; staff without the permission are refused.
PAGE = [FOUND, FOUND, FOUND, REFUSED, OK]
ACT = [FOUND, FOUND, FOUND, REFUSED, FOUND]
NEVER = [FOUND, FOUND, FOUND, REFUSED, REFUSED]
STAFF = [FOUND, FOUND, FOUND, OK, OK]
ALIKE = [OK] * 5
MEMBERS = [FOUND, OK, OK, OK, OK]
GOES = [FOUND] * 5
GONE = [MISSING] * 5
# The portal shows everybody their own only, staff too.
OWNED = [FOUND, OK, MISSING, MISSING, MISSING]
OWNED_ACT = [FOUND, FOUND, MISSING, MISSING, MISSING]


def by_key(status: HTTPStatus) -> list[HTTPStatus]:
    """An act by REST: STATUS is what comes of it for staff who may, with the rows there are."""
    return [UNKNOWN, REFUSED, REFUSED, REFUSED, status]


# Nothing is needed to ask for these, and WeChat refuses: nothing of the mini program is online.
PRESET_STATUSES = {"scheme": NO, "url-link": NO}

# Address as configured → method, and the statuses in the order of ACTORS.
ADDRESSES: dict[str, tuple[str, list[HTTPStatus]]] = {
    "": ("GET", GOES),
    "favicon.ico": ("GET", GOES),
    "logo/<slug:digest>/": ("GET", GONE),
    "i18n/setlang/": ("POST", GOES),
    "review-pictures/<slug:key>.<slug:ending>": ("GET", GONE),
    "oauth/return/<str:signed>/": ("GET", GONE),
    "portal/": ("GET", MEMBERS),
    "portal/login/": ("GET", ALIKE),
    "portal/login/code/": ("GET", GOES),
    "portal/logout/": ("POST", GOES),
    "portal/sessions/": ("GET", MEMBERS),
    "portal/keys/": ("GET", MEMBERS),
    "portal/password/": ("GET", MEMBERS),
    "portal/password/forgotten/": ("GET", ALIKE),
    "portal/invitation/<str:uidb64>/": ("GET", ALIKE),
    "portal/password/forgotten/sent/": ("GET", ALIKE),
    "portal/password/new/<str:uidb64>/": ("GET", ALIKE),  # a link that is not valid
    "portal/history/": ("GET", MEMBERS),
    "portal/notices/": ("GET", MEMBERS),
    "portal/notices/add/": ("POST", MEMBERS),  # what is wrong is on the page
    "portal/notices/email/": ("POST", MEMBERS),
    "portal/notices/<int:pk>/": ("POST", OWNED),
    "portal/notices/<int:pk>/test/": ("POST", OWNED_ACT),
    "portal/notices/<int:pk>/remove/": ("POST", OWNED_ACT),
    "portal/notices/<int:pk>/resend/": ("POST", OWNED_ACT),
    "portal/bind/": ("POST", MEMBERS),
    "portal/bind/link/<str:signed>/": ("GET", ALIKE),
    "portal/bind/drop/<int:pk>/": ("POST", OWNED_ACT),
    # The state of another session: nobody here began it in this browser.
    "portal/bind/<str:state>/": ("GET", GONE),
    "portal/bind/<str:state>/go/": ("GET", GONE),
    "portal/bind/<str:state>/return/": ("GET", GONE),
    "portal/<slug:appid>/": ("GET", OWNED),
    "portal/<slug:appid>/history/": ("GET", OWNED),
    "portal/<slug:appid>/testers/": ("GET", OWNED),
    "portal/<slug:appid>/testers/remove/": ("POST", OWNED_ACT),
    "portal/<slug:appid>/trial/": ("GET", OWNED),
    "portal/<slug:appid>/screenshots/<int:pk>/": ("GET", OWNED),
    "portal/<slug:appid>/messages/": ("GET", OWNED),
    "portal/<slug:appid>/messages/<int:pk>/": ("GET", OWNED),
    "api/v1/auth/token/": ("DELETE", [UNKNOWN, *[HTTPStatus.NO_CONTENT] * 4]),
    "api/v1/authorizers/": ("GET", [UNKNOWN, OK, OK, REFUSED, OK]),
    "api/v1/authorizers/<appid>/": ("GET", [UNKNOWN, OK, MISSING, REFUSED, OK]),
    "api/v1/me/": ("GET", [UNKNOWN, OK, OK, OK, OK]),
    "api/v1/event-types/": ("GET", [UNKNOWN, OK, OK, OK, OK]),
    "api/v1/event-types/<str:name>/": ("GET", [UNKNOWN, OK, OK, OK, OK]),
    "api/v1/component/": ("GET", [UNKNOWN, OK, OK, REFUSED, OK]),
    "api/v1/authorizers/<slug:appid>/access-token/": ("GET", by_key(OK)),
    "api/v1/authorizers/<slug:appid>/wechat/<path:path>": ("GET", by_key(OK)),
    **{
        f"api/v1/authorizers/<slug:appid>/presets/{preset.name}/": (
            preset.method,
            by_key(
                PRESET_STATUSES.get(preset.name, HTTPStatus.BAD_REQUEST if preset.asked else OK)
            ),
        )
        for preset in PRESETS
        if preset.name != "subscribe-send"
    },
    "api/v1/authorizers/<slug:appid>/presets/subscribe-send/": (
        "POST",
        [UNKNOWN, HTTPStatus.BAD_REQUEST, MISSING, REFUSED, HTTPStatus.BAD_REQUEST],
    ),
    "api/v1/bindings/": (
        "POST",
        [UNKNOWN, HTTPStatus.CREATED, HTTPStatus.CREATED, REFUSED, HTTPStatus.CREATED],
    ),
    "api/v1/bindings/<int:pk>/": ("GET", [UNKNOWN, OK, MISSING, REFUSED, OK]),
    "api/v1/templates/": ("GET", by_key(OK)),
    "api/v1/drafts/": ("GET", by_key(OK)),
    "api/v1/drafts/promote/": ("POST", by_key(HTTPStatus.BAD_REQUEST)),
    "api/v1/campaigns/": ("POST", by_key(HTTPStatus.BAD_REQUEST)),
    "api/v1/authorizers/<slug:appid>/ext/": ("PUT", by_key(HTTPStatus.BAD_REQUEST)),
    "api/v1/templates/<int:template_id>/submission-profile/": ("GET", by_key(OK)),
    "api/v1/submission-files/": ("POST", by_key(HTTPStatus.BAD_REQUEST)),
    "api/v1/authorizers/<slug:appid>/submission-profile/": ("PUT", by_key(OK)),
    "api/v1/authorizers/<slug:appid>/preflight/": ("GET", [UNKNOWN, OK, MISSING, REFUSED, OK]),
    "api/v1/authorizers/<slug:appid>/versions/": ("POST", by_key(HTTPStatus.BAD_REQUEST)),
    "api/v1/authorizers/<slug:appid>/audits/": ("POST", by_key(HTTPStatus.CREATED)),
    "api/v1/authorizers/<slug:appid>/audits/<slug:auditid>/refresh/": ("POST", by_key(NO)),
    "api/v1/authorizers/<slug:appid>/audits/<slug:auditid>/withdraw/": ("POST", by_key(CLASH)),
    "api/v1/authorizers/<slug:appid>/release/": ("POST", by_key(CLASH)),
    "api/v1/authorizers/<slug:appid>/revert/": ("POST", by_key(NO)),
    "api/v1/authorizers/<slug:appid>/testers/": (
        "POST",
        [UNKNOWN, HTTPStatus.BAD_REQUEST, MISSING, REFUSED, HTTPStatus.BAD_REQUEST],
    ),
    "api/v1/authorizers/<slug:appid>/testers/<path:userstr>/": (
        "DELETE",
        [UNKNOWN, MISSING, MISSING, REFUSED, MISSING],
    ),
    "api/v1/authorizers/<slug:appid>/settings/privacy-guideline/file/": (
        "POST",
        by_key(HTTPStatus.BAD_REQUEST),
    ),
    "api/v1/authorizers/<slug:appid>/review-pictures/": (
        "POST",
        by_key(HTTPStatus.BAD_REQUEST),
    ),
    "api/v1/authorizers/<slug:appid>/private-interfaces/": (
        "POST",
        by_key(HTTPStatus.BAD_REQUEST),
    ),
    "api/v1/authorizers/<slug:appid>/settings/": ("GET", by_key(OK)),
    "api/v1/authorizers/<slug:appid>/settings/<slug:kind>/": ("GET", by_key(OK)),
    "api/v1/authorizers/<slug:appid>/settings/<slug:kind>/check/": ("POST", by_key(OK)),
    "api/v1/authorizers/<slug:appid>/options/<slug:name>/": ("GET", by_key(OK)),
    "api/v1/authorizers/<slug:appid>/quota/": ("GET", by_key(HTTPStatus.BAD_REQUEST)),
    "api/v1/authorizers/<slug:appid>/quota/clear/": ("POST", by_key(HTTPStatus.BAD_REQUEST)),
    "api/v1/rids/<slug:rid>/": ("GET", by_key(HTTPStatus.BAD_REQUEST)),
    # The account of this table is a mini program, which has no pages.
    "api/v1/authorizers/<slug:appid>/oauth/url/": (
        "GET",
        [UNKNOWN, CLASH, MISSING, REFUSED, CLASH],
    ),
    "api/v1/authorizers/<slug:appid>/oauth/user/": (
        "POST",
        [UNKNOWN, CLASH, MISSING, REFUSED, CLASH],
    ),
    "api/v1/authorizers/<slug:appid>/jssdk/": ("GET", [UNKNOWN, CLASH, MISSING, REFUSED, CLASH]),
    "api/v1/authorizers/<slug:appid>/jssdk/card/": (
        "GET",
        [UNKNOWN, CLASH, MISSING, REFUSED, CLASH],
    ),
    **{
        f"api/v1/authorizers/<slug:appid>/{noun}/": (
            "POST",
            [UNKNOWN, HTTPStatus.BAD_REQUEST, MISSING, REFUSED, HTTPStatus.BAD_REQUEST],
        )
        for noun in ("login", "decrypt", "phone-number")
    },
    "api/v1/authorizers/<slug:appid>/messages/": (
        "POST",
        [UNKNOWN, HTTPStatus.BAD_REQUEST, MISSING, REFUSED, HTTPStatus.BAD_REQUEST],
    ),
    "api/schema/": ("GET", ALIKE),
    "api/docs/": ("GET", ALIKE),
    "admin/": ("GET", STAFF),
    "admin/<app_label>/": ("GET", [FOUND, FOUND, FOUND, MISSING, OK]),
    "admin/search/": ("GET", STAFF),
    "admin/login/": ("GET", [OK, OK, OK, FOUND, FOUND]),
    "admin/login/code/": ("GET", GOES),
    "admin/logout/": ("POST", GOES),
    "admin/password_reset/": ("GET", GOES),
    "admin/account/two-steps/": ("GET", STAFF),
    "admin/account/proof/": ("GET", STAFF),
    "admin/account/sessions/": ("GET", STAFF),
    "admin/account/keys/": ("GET", STAFF),
    "admin/account/rights/": ("GET", STAFF),
    "admin/password_change/": ("GET", STAFF),
    "admin/set-up/": ("GET", PAGE),
    "admin/set-up/keys/": ("GET", PAGE),
    "admin/set-up/check/": ("POST", ACT),
    "admin/set-up/backup/": ("POST", ACT),
    "admin/password_change/done/": ("GET", STAFF),
    "admin/autocomplete/": ("GET", [FOUND, FOUND, FOUND, REFUSED, REFUSED]),
    "admin/jsi18n/": ("GET", STAFF),
    "admin/r/<path:content_type_id>/<path:object_id>/": ("GET", [FOUND, FOUND, FOUND, *GONE[:2]]),
    "admin/auth/user/<id>/password/": ("GET", PAGE),
    "admin/auth/user/new-merchant/": ("GET", PAGE),
    "admin/auth/user/new-staff/": ("GET", PAGE),
    "admin/auth/user/<path:object_id>/rights/": ("GET", PAGE),
    "admin/auth/user/<path:object_id>/invite/": ("POST", ACT),
    "admin/auth/user/<path:object_id>/bind-link/": ("POST", PAGE),
    "admin/miniprograms/bindlink/<path:object_id>/revoke/": ("POST", ACT),
    "admin/miniprograms/bindlink/<path:object_id>/renew/": ("GET", ACT),  # it is still good
    "admin/auth/user/<path:object_id>/let-answer/": ("POST", ACT),
    "admin/auth/user/<path:object_id>/stop-answering/": ("POST", ACT),
    "admin/auth/user/<path:object_id>/revoke-keys/": ("POST", ACT),
    "admin/auth/user/<path:object_id>/remove-factor/": ("POST", ACT),
    "admin/platform_auth/component/<path:object_id>/ask-for-tickets/": ("POST", ACT),
    "admin/platform_auth/component/<path:object_id>/refresh-token/": ("POST", ACT),
    "admin/platform_auth/component/<path:object_id>/drop-previous-keys/": ("POST", ACT),
    "admin/platform_auth/apiclient/<path:object_id>/call-log/": ("GET", ACT),
    "admin/platform_auth/apiclient/<path:object_id>/rotate/": ("POST", PAGE),
    "admin/platform_auth/apiclient/<path:object_id>/revoke-older/": ("POST", ACT),
    "admin/platform_auth/apiclient/<path:object_id>/revoke-all/": ("POST", ACT),
    "admin/platform_auth/push/<path:object_id>/replay/": ("POST", ACT),
    "admin/platform_auth/push/export/": ("GET", PAGE),
    "admin/messaging/target/<path:object_id>/test/": ("POST", ACT),
    "admin/messaging/target/<path:object_id>/switch-on/": ("POST", ACT),
    "admin/messaging/target/<path:object_id>/switch-off/": ("POST", ACT),
    "admin/messaging/target/<path:object_id>/resend-all/": ("POST", ACT),
    "admin/messaging/target/<path:object_id>/example/": ("POST", PAGE),
    "admin/messaging/target/<path:object_id>/resend-since/": ("POST", PAGE),
    "admin/messaging/target/<path:object_id>/rotate-secret/": ("POST", PAGE),
    "admin/messaging/target/<path:object_id>/guide/": ("GET", PAGE),
    "admin/notices/channel/<path:object_id>/test/": ("POST", ACT),
    "admin/notices/channel/<path:object_id>/resend-all/": ("POST", ACT),
    "admin/notices/channel/<path:object_id>/rotate-secret/": ("POST", PAGE),
    "admin/notices/message/<path:object_id>/resend/": ("POST", ACT),
    "admin/messaging/delivery/<path:object_id>/resend/": ("POST", ACT),
    "admin/messaging/delivery/<path:object_id>/give-up/": ("POST", ACT),
    "admin/messaging/rule/try/": ("GET", PAGE),
    "admin/messaging/rule/<path:object_id>/copy/": ("POST", ACT),
    "admin/audits/campaignitem/cells/": ("GET", PAGE),
    "admin/audits/codeaudit/cells/": ("GET", PAGE),
    "admin/audits/codeversion/cells/": ("GET", PAGE),
    "admin/audits/release/cells/": ("GET", PAGE),
    "admin/messaging/conversation/cells/": ("GET", PAGE),
    "admin/messaging/delivery/cells/": ("GET", PAGE),
    "admin/miniprograms/authorizer/cells/": ("GET", PAGE),
    "admin/miniprograms/binding/cells/": ("GET", PAGE),
    "admin/platform_auth/push/cells/": ("GET", PAGE),
    "admin/miniprograms/authorizer/of/<str:appid>/": ("GET", ACT),
    "admin/miniprograms/authorizer/<int:object_id>/header/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/messages/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/people/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/log/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/refresh/": ("POST", ACT),
    "admin/miniprograms/authorizer/<path:object_id>/sync/": ("POST", ACT),
    "admin/miniprograms/authorizer/<path:object_id>/tags/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/rules/": ("GET", ACT),
    "admin/miniprograms/authorizer/<path:object_id>/bind-link/": ("POST", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/ask-again/": ("POST", ACT),
    "admin/miniprograms/authorizer/<path:object_id>/unbind/": ("POST", ACT),
    "admin/miniprograms/authorizer/<path:object_id>/conversations/": ("GET", ACT),
    "admin/miniprograms/authorizer/<path:object_id>/call-log/": ("GET", ACT),
    "admin/miniprograms/authorizer/<path:object_id>/call/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/code/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/code/trial-qrcode/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/code/ext/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/code/now/standing/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/code/sync-templates/": ("POST", ACT),
    "admin/miniprograms/authorizer/<path:object_id>/code/submission/": ("GET", PAGE),
    "admin/miniprograms/authorizer/submission-files/<int:file>/": ("GET", PAGE),
    "admin/audits/codetemplate/<path:object_id>/submission/": ("GET", PAGE),
    "admin/miniprograms/authorizer/import-ext/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/settings/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/settings/<slug:kind>/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/settings/<slug:kind>/now/": ("GET", PAGE),
    "admin/miniprograms/settingprofile/<path:object_id>/values/<slug:kind>/": ("GET", PAGE),
    "admin/miniprograms/settingprofile/<path:object_id>/apply/": ("GET", PAGE),
    "admin/platform_auth/component/<path:object_id>/domains/": ("GET", PAGE),
    "admin/platform_auth/component/<path:object_id>/calls/": ("GET", PAGE),
    "admin/miniprograms/authorizer/<path:object_id>/calls/": ("GET", PAGE),
    "admin/platform_auth/component/<path:object_id>/domains/<slug:which>/": ("GET", PAGE),
    "admin/miniprograms/authorizer/export/": ("GET", PAGE),
    "admin/miniprograms/tag/<path:object_id>/ext/": ("GET", PAGE),
    "admin/audits/codetemplate/<path:object_id>/ext/": ("GET", PAGE),
    "admin/audits/codeaudit/<int:audit>/screenshots/<int:number>/": ("GET", PAGE),
    "admin/audits/codetemplate/sync/": ("GET", PAGE),
    "admin/audits/codetemplate/drafts/": ("GET", PAGE),
    "admin/audits/codetemplate/use/": ("GET", PAGE),
    "admin/audits/codetemplate/drafts/<int:component>/": ("GET", PAGE),
    "admin/audits/codetemplate/drafts/<int:component>/<int:draft>/": ("GET", PAGE),
    "admin/audits/codetemplate/<path:object_id>/delete-template/": ("GET", PAGE),
    "admin/messaging/releasetest/rehearse/": ("GET", PAGE),
    "admin/miniprograms/binding/<path:object_id>/assign/": ("GET", PAGE),
    "admin/miniprograms/binding/<path:object_id>/refuse/": ("POST", ACT),
    "admin/miniprograms/binding/<path:object_id>/drop/": ("POST", ACT),
    "admin/miniprograms/binding/<path:object_id>/continue/": ("GET", ACT),
}
# Who may try a mini program, and what its code may use.
PROGRAM = "admin/miniprograms/authorizer/<path:object_id>/"
ADDRESSES |= {
    f"{PROGRAM}testers/": ("GET", PAGE),
    f"{PROGRAM}testers/<path:userstr>/remove/": ("GET", PAGE),
    f"{PROGRAM}private-interfaces/": ("GET", PAGE),
    f"{PROGRAM}private-interfaces/<slug:group>.<slug:name>/apply/": ("GET", PAGE),
}
# The acts on a mini program's code and the pieces of its page: a GET asks only.
CODE = "admin/miniprograms/authorizer/<path:object_id>/code/"
ADDRESSES |= {f"{CODE}{act.name}/": ("GET", PAGE) for act in ACTS}
ADDRESSES |= {f"{CODE}now/{name}/": ("GET", PAGE) for name in PIECES}
# What a step of a campaign led to, or why it did not fit, is told on its page.
CAMPAIGN = "admin/audits/campaign/<path:object_id>/"
CAMPAIGN_ACTS = ["start", "pause", "resume", "stop", "go-on", "release", "retry-failed"]
ADDRESSES |= {f"{CAMPAIGN}{act}/": ("POST", ACT) for act in CAMPAIGN_ACTS}
ADDRESSES |= {
    **{f"{CAMPAIGN}{end}/": ("GET", PAGE) for end in ("export", "plan", "dry-run")},
    "admin/audits/campaign/<int:pk>/forecast/": ("GET", PAGE),
    "admin/audits/campaign/<int:pk>/plan/<int:item>/preflight/": ("GET", PAGE),
    "admin/audits/campaign/<int:pk>/progress/": ("GET", PAGE),
    "admin/audits/campaignitem/<path:object_id>/retry/": ("POST", ACT),
    "admin/audits/campaignitem/<path:object_id>/skip/": ("POST", ACT),
}
# A campaign by REST: one that is prepared can only be started, or ended.
REST_CAMPAIGN = "api/v1/campaigns/<int:pk>/"
ADDRESSES |= {f"{REST_CAMPAIGN}{end}": ("GET", by_key(OK)) for end in ("", "items/", "plan/")} | {
    f"{REST_CAMPAIGN}plan/<slug:appid>/preflight/": ("GET", by_key(MISSING)),
    f"{REST_CAMPAIGN}forecast/": ("GET", by_key(HTTPStatus.SERVICE_UNAVAILABLE)),
    f"{REST_CAMPAIGN}start/": ("POST", by_key(OK)),
    f"{REST_CAMPAIGN}cancel/": ("POST", by_key(OK)),
    f"{REST_CAMPAIGN}retry/": ("POST", by_key(OK)),
    f"{REST_CAMPAIGN}pause/": ("POST", by_key(CLASH)),
    f"{REST_CAMPAIGN}resume/": ("POST", by_key(CLASH)),
    f"{REST_CAMPAIGN}go-on/": ("POST", by_key(CLASH)),
    f"{REST_CAMPAIGN}release/": ("POST", by_key(CLASH)),
}
# What the addresses of the API do by a further method.
ACCOUNT = "api/v1/authorizers/<slug:appid>/"
READ_BY_OWNERS = [UNKNOWN, OK, MISSING, REFUSED, OK]
FURTHER_METHODS: dict[tuple[str, str], list[HTTPStatus]] = {
    ("POST", "api/v1/auth/token/"): [HTTPStatus.BAD_REQUEST] * 5,
    ("GET", f"{ACCOUNT}audits/"): READ_BY_OWNERS,
    ("GET", f"{ACCOUNT}ext/"): READ_BY_OWNERS,
    ("PUT", f"{ACCOUNT}options/<slug:name>/"): by_key(HTTPStatus.BAD_REQUEST),
    ("GET", f"{ACCOUNT}private-interfaces/"): READ_BY_OWNERS,
    ("PUT", f"{ACCOUNT}settings/<slug:kind>/"): by_key(HTTPStatus.BAD_REQUEST),
    ("GET", f"{ACCOUNT}submission-profile/"): by_key(OK),
    ("GET", f"{ACCOUNT}testers/"): READ_BY_OWNERS,
    ("GET", f"{ACCOUNT}versions/"): by_key(OK),
    ("POST", f"{ACCOUNT}wechat/<path:path>"): by_key(OK),
    ("GET", "api/v1/bindings/"): [UNKNOWN, OK, OK, REFUSED, OK],
    ("DELETE", "api/v1/bindings/<int:pk>/"): [
        *(UNKNOWN, HTTPStatus.NO_CONTENT, MISSING, REFUSED),
        HTTPStatus.NO_CONTENT,
    ],
    ("GET", "api/v1/campaigns/"): by_key(OK),
    ("PUT", "api/v1/templates/<int:template_id>/submission-profile/"): by_key(OK),
}
# The pages of a conversation: for merchants who were given their own, and for staff.
CHAT = [
    ("news/", "GET", OK),
    ("older/", "GET", MISSING),  # without a time there is nothing before it
    ("say/<slug:way>/", "POST", FOUND),
    ("again/<int:reply>/", "POST", FOUND),
    ("typing/", "POST", HTTPStatus.NO_CONTENT),
    ("file/<slug:key>/", "GET", MISSING),  # it is a text
]
for _end, _method, _status in CHAT:
    ADDRESSES |= {
        f"portal/<slug:appid>/messages/<int:pk>/{_end}": (
            _method,
            [FOUND, _status, MISSING, MISSING, MISSING],
        ),
        f"admin/messaging/conversation/<int:pk>/{_end}": (
            _method,
            [FOUND, FOUND, FOUND, REFUSED, _status],
        ),
    }
# What nobody may do by hand, whatever their permissions: rows of these are made by WeChat or by us.
NEVER_ADDED = {"operation", "push", "authorizer", "binding", "codetemplate", "codeversion",
               "codeaudit", "release", "campaignitem", "conversation", "releasetest",
               "delivery", "codesummary", "permissionrequest", "reviewoutcome",
               "quotaentry", "bindlink", "wechatcall", "notice", "message"}  # fmt: skip
NEVER_DELETED = NEVER_ADDED | {"component", "campaign"}

ADDRESSES["admin/messaging/conversation/<int:pk>/notes/"] = ("POST", ACT)
for _model in admin.site._registry:
    _name = _model._meta.model_name
    _base = f"admin/{_model._meta.app_label}/{_name}/"
    ADDRESSES |= {
        _base: ("GET", PAGE),
        f"{_base}add/": ("GET", NEVER if _name in NEVER_ADDED else PAGE),
        f"{_base}<path:object_id>/change/": ("GET", PAGE),
        f"{_base}<path:object_id>/history/": ("GET", PAGE),
        f"{_base}<path:object_id>/delete/": ("GET", NEVER if _name in NEVER_DELETED else PAGE),
    }


def configured() -> Iterator[str]:
    """The addresses of the URL configuration, with names for what regular expressions match."""
    for pattern in _walk(get_resolver()):
        plain = re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", pattern).replace("^", "").replace("$", "")
        # Django's old address of a change page and the site's own "not found".
        if not plain.endswith(("<path:object_id>/", "<url>")) or plain in ADDRESSES:
            yield plain


def _walk(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern, before + str(pattern.pattern))
        else:
            yield before + str(pattern.pattern)


def test_every_address_has_a_line_in_the_table() -> None:
    assert set(configured()) == set(ADDRESSES)


@pytest.fixture
def account(bound: Bound, merchant: User) -> Authorizer:
    return bound(SECRET_APPID, nick_name=SECRET_NAME, principal_name=SECRET_PRINCIPAL)


@pytest.fixture
def browsers(merchant: User, other_merchant: User, db: None) -> dict[str, Client]:
    """A browser for each actor; its key to the API is sent where it is not a browser that asks."""
    plain = User.objects.create_user("plain-staff", is_staff=True)
    boss = User.objects.create_superuser("boss")
    people = [None, merchant, other_merchant, plain, boss]
    made = {}
    for actor, person in zip(ACTORS, people, strict=True):
        made[actor] = Client(headers={"accept-language": "en"})
        if person is not None:
            made[actor].force_login(person)
            _row, key = AuthToken.objects.create(person)
            made[actor].defaults["HTTP_AUTHORIZATION"] = f"Token {key}"
    return made


def path_of(address: str, account: Authorizer, merchant: User) -> str:
    """ADDRESS with the ids of rows that exist and are about ACCOUNT."""
    model = next(
        (model for model in admin.site._registry if address.startswith(_base_of(model))), None
    )
    model = Campaign if address.startswith(REST_CAMPAIGN) else model
    model = BindLink if address.startswith("api/v1/bindings/") else model
    row = _row(model, account, merchant) if model else None
    reply = Reply.objects.get()
    fillings = {
        "<path:object_id>": str(row),
        "<int:object_id>": str(row),
        "<str:appid>": account.appid,
        "<id>": str(merchant.pk),
        "<str:signed>": bind_links.make_bind_link(merchant, by=merchant).url.split("/")[-2],
        "<str:name>": "audit.passed",
        "<str:state>": "a-state-of-another-session",
        "<appid>": account.appid,
        "<slug:appid>": account.appid,
        "<slug:auditid>": "7",
        "<int:audit>": str(CodeAudit.objects.get(auditid="7").pk),
        "<int:number>": str(Screenshot.objects.get().pk),
        "<int:component>": str(account.component_id),
        "<int:template_id>": str(CodeVersion.objects.get().template.template_id),
        "<int:file>": str(SubmissionFile.objects.get().pk),
        "<int:draft>": "1",
        "<int:item>": str(_item(address, account)),
        "<int:pk>": str(_number(address, row, merchant)),
        "<int:reply>": str(reply.pk),
        "<slug:way>": "text",
        "<path:userstr>": "nobody",
        "<path:path>": "wxa/get_page",
        "<slug:group>.<slug:name>": "wx.getLocation",
        "<slug:kind>": "server-domains",
        "<slug:which>": "server",
        "<slug:name>": "voice_recognize",
        "<slug:rid>": "6b0c4130-7ec6c39d-a2fd114b",
        "<str:uidb64>": "MQ",
        "<slug:digest>": "0123456789abcdef",
        "<slug:key>": f"r{reply.pk}",
        "<slug:ending>": "png",
        "<app_label>": "miniprograms",
        "<path:content_type_id>": "1",
    }
    for mark, filling in fillings.items():
        address = address.replace(mark, filling)
    return "/" + address


def _item(address: str, account: Authorizer) -> object:
    """A mini program in the newest campaign."""
    if "<int:item>" not in address:
        return 0
    campaign = Campaign.objects.order_by("-pk")[0]
    item, _made = CampaignItem.objects.get_or_create(
        campaign=campaign, authorizer=account, state="waiting"
    )
    return item.pk


def _number(address: str, row: object, merchant: User) -> object:
    """What ADDRESS calls by its number: of a page of ROW's admin ROW itself."""
    if address.startswith("portal/notices/"):
        bot, _made = Channel.objects.get_or_create(owner=merchant, type="wecom", name="group")
        return bot.pk
    if address.startswith("portal/bind/drop/"):
        attempt, _made = Binding.objects.get_or_create(
            component=Component.objects.get(), user=merchant, status=Binding.Status.FAILED
        )
        return attempt.pk
    if "screenshots" in address:
        return Screenshot.objects.get().pk
    return row or Conversation.objects.get().pk


def _base_of(model: Any) -> str:
    return f"admin/{model._meta.app_label}/{model._meta.model_name}/"


def _row(model: type, account: Authorizer, merchant: User) -> object:
    """A row of MODEL, made if there is none."""
    if model is User:
        return merchant.pk
    rows = model._default_manager.order_by("-pk")  # type: ignore[attr-defined]
    if not rows.exists():
        _make(model, account, merchant)
    return rows[0].pk


def _make(model: type, account: Authorizer, merchant: User) -> None:
    interval, _made = beat.IntervalSchedule.objects.get_or_create(every=1, period="hours")
    makers: dict[type, Callable[[], object]] = {
        Release: lambda: Release.objects.create(authorizer=account, kind="release", state="done"),
        Campaign: lambda: _campaign(account),
        CampaignItem: lambda: CampaignItem.objects.create(
            campaign=_campaign(account), authorizer=account, state="waiting"
        ),
        ApiClient: lambda: create_client(
            by=None, name="shop", owner=merchant, scopes=["code:read"]
        ),
        SettingProfile: lambda: SettingProfile.objects.create(name="tea"),
        Operation: lambda: record_operation("test", by=merchant, appid=account.appid),
        ReleaseTest: lambda: ReleaseTest.objects.create(
            component=account.component, push=Push.objects.all()[0], appid=account.appid
        ),
        Rule: lambda: Rule.objects.create(name="hello", trigger="default", content={}),
        BindLink: lambda: bind_links.make_bind_link(merchant, by=merchant),
        Tag: lambda: Tag.objects.create(name="tea"),
        ConversationLabel: lambda: ConversationLabel.objects.create(name="wholesale"),
        PermissionRequest: lambda: PermissionRequest.objects.create(
            authorizer=account, need="code"
        ),
        QuotaEntry: lambda: QuotaEntry.objects.create(
            component=account.component, kind="submitted", authorizer=account
        ),
        WeChatCall: lambda: WeChatCall.objects.create(
            at=timezone.now(), appid=account.appid, outcome="0", milliseconds=1, attempt=1
        ),
        ReviewOutcome: lambda: ReviewOutcome.objects.create(
            audit=CodeAudit.objects.all()[0],
            authorizer=account,
            has_passed=True,
            is_first=True,
            submitted_at=timezone.now(),
            decided_at=timezone.now(),
        ),
        SpeedUpRule: lambda: SpeedUpRule.objects.create(after_hours=24, most_a_month=1),
        Target: _target,
        Channel: lambda: Channel.objects.create(type="webhook", name="hook"),
        Notice: lambda: Notice.objects.create(kind="ticket.late"),
        Message: lambda: Message.objects.create(
            channel=Channel.objects.create(type="webhook", name="hook")
        ),
        Delivery: lambda: Delivery.objects.create(
            push=Push.objects.all()[0], target=_target(), appid=account.appid
        ),
        CannedReply: lambda: CannedReply.objects.create(title="hours", text="9 to 5"),
        beat.PeriodicTask: lambda: beat.PeriodicTask.objects.create(
            name="job", task="miniprograms.tasks.reconcile", interval=interval
        ),
        beat.ClockedSchedule: lambda: beat.ClockedSchedule.objects.create(
            clocked_time=timezone.now()
        ),
        beat.CrontabSchedule: lambda: beat.CrontabSchedule.objects.create(),
        beat.SolarSchedule: lambda: beat.SolarSchedule.objects.create(
            event="sunrise", latitude=1, longitude=1
        ),
        beat.IntervalSchedule: lambda: interval,
    }
    makers[model]()


def _target() -> Target:
    target, _made = Target.objects.get_or_create(name="hook", url="https://127.0.0.1/")
    return target


def _campaign(account: Authorizer) -> Campaign:
    template, _made = CodeTemplate.objects.get_or_create(
        component=account.component, template_id=77
    )
    campaign: Campaign = Campaign.objects.create(
        template=template, user_version="2", state=Campaign.State.PREPARED
    )
    return campaign


@pytest.fixture
def parked(account: Authorizer, wechat: WeChat) -> Binding:
    """A binding of the same account that waits for staff."""
    binding: Binding = Binding.objects.create(
        component=account.component,
        status=Binding.Status.UNCLAIMED,
        parked_because=Binding.UnclaimedReason.OTHER_MERCHANT,
        appid=account.appid,
        nick_name=account.nick_name,
        authorizer=account,
    )
    return binding


@pytest.fixture
def code(account: Authorizer, wechat: WeChat) -> None:
    """A version of the account's, and an audit that WeChat has long forgotten, with a picture."""
    draft = wechat.upload_draft()
    templates.add_template(account.component, draft.draft_id, by=None)
    committing.commit_template(
        account, CodeTemplate.objects.get(), user_version="1", user_desc="x", by=None
    )
    audit = CodeAudit.objects.create(
        authorizer=account, appid=account.appid, auditid="7", status=CodeAudit.Status.REJECTED
    )
    Screenshot.objects.create(audit=audit, media_id="m", content_type="image/png", content=b"x")
    submission_files.keep_file(b"\x89PNG", "shop.png", by=None)


@pytest.fixture
def talk(account: Authorizer, merchant: User, other_merchant: User) -> None:
    """A conversation of the same account, and an answer; both merchants may answer their own."""
    conversation = Conversation.objects.create(authorizer=account, openid="o-user")
    said = json.dumps({"msgtype": "text", "text": {"content": "hello"}})
    Reply.objects.create(conversation=conversation, state=Reply.State.SENT, content=said)
    for person in (merchant, other_merchant):
        person.groups.add(Group.objects.get(name=ANSWERERS))


def test_every_method_of_the_api_has_a_line() -> None:
    lines = {*FURTHER_METHODS, *((method, address) for address, (method, _) in ADDRESSES.items())}
    marks = re.compile(r"<(?:\w+:)?(\w+)>")
    inside = {
        (method, marks.sub(r"{\1}", address).replace("{pk}", "{id}")) for method, address in lines
    }
    paths = fetch("en")["paths"]
    operations = {(way.upper(), path[1:]) for path, ways in paths.items() for way in ways}
    assert {line for line in inside if line[1].startswith("api/v1/")} == operations


@pytest.mark.parametrize(
    ("method", "address", "wanted"),
    [
        *((method, address, wanted) for address, (method, wanted) in sorted(ADDRESSES.items())),
        *((*line, wanted) for line, wanted in FURTHER_METHODS.items()),
    ],
)
@pytest.mark.usefixtures("parked", "code", "talk")
def test_everybody_gets_the_right_status_and_sees_nothing_of_others(
    method: str,
    address: str,
    wanted: list[HTTPStatus],
    browsers: dict[str, Client],
    account: Authorizer,
    merchant: User,
) -> None:
    got = []
    for actor in ACTORS:
        path = path_of(address, account, merchant)
        answer = browsers[actor].generic(method, path)
        got.append(answer.status_code)
        if actor not in ("owner", "staff with"):
            shown = answer.content.decode() if not answer.streaming else ""
            for secret in (SECRET_NAME, SECRET_APPID, SECRET_PRINCIPAL):
                assert secret not in shown.replace(path, ""), (actor, path)
    assert got == wanted, dict(zip(ACTORS, got, strict=True))
