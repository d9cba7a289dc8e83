"""The REST API: its addresses and its documentation."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from api.access_tokens import AccessTokenView
from api.audits import AuditList, AuditRefresh, AuditWithdraw
from api.auth import TokenView
from api.authorizers import AuthorizerViewSet
from api.bindings import BindingDetail, BindingList
from api.campaign_acts import (
    CampaignCancel,
    CampaignGoOn,
    CampaignPause,
    CampaignRelease,
    CampaignResume,
    CampaignRetry,
    CampaignStart,
)
from api.campaigns import (
    CampaignDetail,
    CampaignForecast,
    CampaignItems,
    CampaignList,
    CampaignPlan,
    CampaignPreflight,
)
from api.component import ComponentView
from api.drafts import DraftList, PromoteView
from api.event_types import EventTypeDetail, EventTypeList
from api.ext import ExtView
from api.gateway import GatewayView
from api.guideline_file import GuidelineFileView
from api.jssdk import CardView, JssdkView
from api.me import MeView
from api.messages import MessageView
from api.options import OptionView
from api.preflight import PreflightView
from api.presets import preset_urls
from api.private_interfaces import InterfaceList
from api.quotas import CallView, QuotaClear, QuotaView
from api.releases import ReleaseView, RevertView
from api.review_pictures import ReviewPictureView
from api.settings import SettingCheck, SettingList, SettingView
from api.submissions import ProgramProfileView, SubmissionFileList, TemplateProfileView
from api.templates import TemplateList
from api.testers import TesterDetail, TesterList
from api.users import DecryptView, LoginView, PhoneNumberView
from api.versions import VersionList
from api.web_logins import OAuthUrlView, OAuthUserView

router = SimpleRouter()
router.register("authorizers", AuthorizerViewSet, basename="authorizer")

_ACCOUNT = "v1/authorizers/<slug:appid>/"
_CAMPAIGN = "v1/campaigns/<int:pk>/"
_CAMPAIGN_VIEWS = {
    "": CampaignDetail,
    "items/": CampaignItems,
    "plan/": CampaignPlan,
    "plan/<slug:appid>/preflight/": CampaignPreflight,
    "forecast/": CampaignForecast,
    "start/": CampaignStart,
    "pause/": CampaignPause,
    "resume/": CampaignResume,
    "cancel/": CampaignCancel,
    "go-on/": CampaignGoOn,
    "retry/": CampaignRetry,
    "release/": CampaignRelease,
}

urlpatterns = [
    path("v1/auth/token/", TokenView.as_view(), name="token"),
    path("v1/me/", MeView.as_view(), name="me"),
    path("v1/component/", ComponentView.as_view(), name="component"),
    path("v1/event-types/", EventTypeList.as_view(), name="event-types"),
    path("v1/event-types/<str:name>/", EventTypeDetail.as_view(), name="event-type"),
    path("v1/bindings/", BindingList.as_view(), name="bindings"),
    path("v1/bindings/<int:pk>/", BindingDetail.as_view(), name="binding"),
    path("v1/templates/", TemplateList.as_view(), name="templates"),
    path("v1/drafts/", DraftList.as_view(), name="drafts"),
    path("v1/drafts/promote/", PromoteView.as_view(), name="promote"),
    path("v1/campaigns/", CampaignList.as_view(), name="campaigns"),
    *(path(_CAMPAIGN + end, view.as_view()) for end, view in _CAMPAIGN_VIEWS.items()),
    path(f"{_ACCOUNT}access-token/", AccessTokenView.as_view(), name="access-token"),
    path(f"{_ACCOUNT}wechat/<path:path>", GatewayView.as_view(), name="wechat"),
    *preset_urls(_ACCOUNT),
    path(
        "v1/templates/<int:template_id>/submission-profile/",
        TemplateProfileView.as_view(),
        name="template-submission-profile",
    ),
    path("v1/submission-files/", SubmissionFileList.as_view(), name="submission-files"),
    path(f"{_ACCOUNT}submission-profile/", ProgramProfileView.as_view(), name="submission-profile"),
    path(f"{_ACCOUNT}ext/", ExtView.as_view(), name="ext"),
    path(f"{_ACCOUNT}preflight/", PreflightView.as_view(), name="preflight"),
    path(f"{_ACCOUNT}versions/", VersionList.as_view(), name="versions"),
    path(f"{_ACCOUNT}audits/", AuditList.as_view(), name="audits"),
    path(f"{_ACCOUNT}audits/<slug:auditid>/refresh/", AuditRefresh.as_view(), name="refresh"),
    path(f"{_ACCOUNT}audits/<slug:auditid>/withdraw/", AuditWithdraw.as_view(), name="withdraw"),
    path(f"{_ACCOUNT}release/", ReleaseView.as_view(), name="release"),
    path(f"{_ACCOUNT}revert/", RevertView.as_view(), name="revert"),
    path(f"{_ACCOUNT}settings/", SettingList.as_view(), name="settings"),
    path(f"{_ACCOUNT}settings/<slug:kind>/", SettingView.as_view(), name="setting"),
    path(f"{_ACCOUNT}settings/<slug:kind>/check/", SettingCheck.as_view(), name="setting-check"),
    path(
        f"{_ACCOUNT}settings/privacy-guideline/file/",
        GuidelineFileView.as_view(),
        name="guideline-file",
    ),
    path(f"{_ACCOUNT}review-pictures/", ReviewPictureView.as_view(), name="review-pictures"),
    path(f"{_ACCOUNT}testers/", TesterList.as_view(), name="testers"),
    path(f"{_ACCOUNT}testers/<path:userstr>/", TesterDetail.as_view(), name="tester"),
    path(f"{_ACCOUNT}private-interfaces/", InterfaceList.as_view(), name="private-interfaces"),
    path(f"{_ACCOUNT}options/<slug:name>/", OptionView.as_view(), name="option"),
    path(f"{_ACCOUNT}quota/", QuotaView.as_view(), name="quota"),
    path(f"{_ACCOUNT}quota/clear/", QuotaClear.as_view(), name="quota-clear"),
    path("v1/rids/<slug:rid>/", CallView.as_view(), name="rid"),
    path(f"{_ACCOUNT}login/", LoginView.as_view(), name="login"),
    path(f"{_ACCOUNT}decrypt/", DecryptView.as_view(), name="decrypt"),
    path(f"{_ACCOUNT}phone-number/", PhoneNumberView.as_view(), name="phone-number"),
    path(f"{_ACCOUNT}oauth/url/", OAuthUrlView.as_view(), name="oauth-url"),
    path(f"{_ACCOUNT}oauth/user/", OAuthUserView.as_view(), name="oauth-user"),
    path(f"{_ACCOUNT}jssdk/", JssdkView.as_view(), name="jssdk"),
    path(f"{_ACCOUNT}jssdk/card/", CardView.as_view(), name="jssdk-card"),
    path(f"{_ACCOUNT}messages/", MessageView.as_view(), name="messages"),
    path("v1/", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(template_name="api/docs.html"),
        name="docs",
    ),
]
