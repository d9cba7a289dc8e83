"""The REST API: its addresses and its documentation."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from api.audits import AuditList, AuditRefresh, AuditWithdraw
from api.auth import TokenView
from api.authorizers import AuthorizerViewSet
from api.ext import ExtView
from api.messages import MessageView
from api.preflight import PreflightView
from api.releases import ReleaseView, RevertView
from api.settings import SettingCheck, SettingList, SettingView
from api.submissions import ProgramProfileView, SubmissionFileList, TemplateProfileView
from api.templates import TemplateList
from api.versions import VersionList

router = SimpleRouter()
router.register("authorizers", AuthorizerViewSet, basename="authorizer")

_ACCOUNT = "v1/authorizers/<slug:appid>/"

urlpatterns = [
    path("v1/auth/token/", TokenView.as_view(), name="token"),
    path("v1/templates/", TemplateList.as_view(), name="templates"),
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
    path(f"{_ACCOUNT}messages/", MessageView.as_view(), name="messages"),
    path("v1/", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(template_name="api/docs.html"),
        name="docs",
    ),
]
