"""
Addresses. WeChat's own and the operators' are in `config.plain_urls`, in front of all this.
"""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from config.company import company_logo
from config.menu_search import menu_search
from config.setup_guide import pages as setup_guide
from miniprograms.views import review_picture, web_login_return
from platform_auth.views.doors import LoggedLogout, StaffLogin
from platform_auth.views.keys import StaffKeys
from platform_auth.views.passwords import StaffPassword
from platform_auth.views.rights import StaffRights
from platform_auth.views.second_factor import Proof, StaffLoginCode, TwoSteps
from platform_auth.views.sessions import StaffSessions


def favicon(request: HttpRequest) -> HttpResponse:
    """For whoever asks without having read a page of ours."""
    return redirect(static("icon.svg"))


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="portal:home")),
    path("favicon.ico", favicon),
    path("logo/<slug:digest>/", company_logo, name="company-logo"),
    path("review-pictures/<slug:key>.<slug:ending>", review_picture, name="review-picture"),
    path("oauth/return/<str:signed>/", web_login_return, name="web-login-return"),
    path("portal/", include("portal.urls")),
    path("api/", include("api.urls")),
    # In the place of the admin's own.
    path("admin/search/", admin.site.admin_view(menu_search)),
    path("admin/login/", StaffLogin.as_view()),
    path("admin/login/code/", StaffLoginCode.as_view(), name="staff-login-code"),
    # By this name the page of the login finds it.
    path(
        "admin/password_reset/",
        RedirectView.as_view(pattern_name="portal:forgotten-password"),
        name="admin_password_reset",
    ),
    path("admin/logout/", LoggedLogout.as_view()),
    path("admin/password_change/", admin.site.admin_view(StaffPassword.as_view())),
    path(
        "admin/account/sessions/",
        admin.site.admin_view(StaffSessions.as_view()),
        name="staff-sessions",
    ),
    path("admin/account/keys/", admin.site.admin_view(StaffKeys.as_view()), name="staff-keys"),
    path(
        "admin/account/rights/",
        admin.site.admin_view(StaffRights.as_view()),
        name="staff-rights",
    ),
    path("admin/account/two-steps/", admin.site.admin_view(TwoSteps.as_view()), name="two-steps"),
    path("admin/account/proof/", admin.site.admin_view(Proof.as_view()), name="proof"),
    path("admin/set-up/", setup_guide.guide, name="setup-guide"),
    path("admin/set-up/keys/", setup_guide.new_keys, name="setup-keys"),
    path("admin/set-up/check/", setup_guide.check, name="setup-check"),
    path("admin/set-up/backup/", setup_guide.backup, name="setup-backup"),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.page_not_found"
handler500 = "config.errors.server_error"
