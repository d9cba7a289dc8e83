"""The REST API: its addresses and its documentation."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from api import code
from api.auth import TokenView
from api.authorizers import AuthorizerViewSet
from api.messages import MessageView

router = SimpleRouter()
router.register("authorizers", AuthorizerViewSet, basename="authorizer")

_ONE = "v1/authorizers/<slug:appid>/"

urlpatterns = [
    path("v1/auth/token/", TokenView.as_view(), name="token"),
    path("v1/templates/", code.TemplateList.as_view(), name="templates"),
    path(f"{_ONE}versions/", code.VersionList.as_view(), name="versions"),
    path(f"{_ONE}audits/", code.AuditList.as_view(), name="audits"),
    path(f"{_ONE}audits/<slug:auditid>/refresh/", code.AuditRefresh.as_view(), name="refresh"),
    path(f"{_ONE}audits/<slug:auditid>/withdraw/", code.AuditWithdraw.as_view(), name="withdraw"),
    path(f"{_ONE}release/", code.ReleaseView.as_view(), name="release"),
    path(f"{_ONE}revert/", code.RevertView.as_view(), name="revert"),
    path(f"{_ONE}messages/", MessageView.as_view(), name="messages"),
    path("v1/", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(template_name="api/docs.html"),
        name="docs",
    ),
]
