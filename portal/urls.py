"""The merchants' portal."""

from django.urls import path

from platform_auth.views import forgotten
from platform_auth.views.doors import LoggedLogout
from platform_auth.views.invitations import AcceptInvitation
from platform_auth.views.keys import OwnKeys
from platform_auth.views.second_factor import LoginCode
from platform_auth.views.sessions import OwnSessions
from portal import account, attempts, binding, code, history, home, messages, notices, testers

app_name = "portal"

urlpatterns = [
    path("", home.home, name="home"),
    path("login/", account.Login.as_view(), name="login"),
    path("login/code/", LoginCode.as_view(), name="login-code"),
    path("logout/", LoggedLogout.as_view(), name="logout"),
    path("sessions/", OwnSessions.as_view(), name="sessions"),
    path("keys/", OwnKeys.as_view(), name="keys"),
    path("history/", history.history_page, name="history"),
    path("notices/", notices.notices_page, name="notices"),
    path("notices/add/", notices.add_bot_view, name="add-bot"),
    path("notices/email/", notices.save_email_view, name="save-email"),
    path("notices/<int:pk>/", notices.save_channel_view, name="save-channel"),
    path("notices/<int:pk>/test/", notices.test_channel_view, name="test-channel"),
    path("notices/<int:pk>/remove/", notices.remove_bot_view, name="remove-bot"),
    path("notices/<int:pk>/resend/", notices.resend_view, name="resend-notices"),
    path("password/", account.PasswordChange.as_view(), name="password"),
    path("password/forgotten/", forgotten.ForgottenPassword.as_view(), name="forgotten-password"),
    path("password/forgotten/sent/", forgotten.LinkSent.as_view(), name="link-sent"),
    path("password/new/<str:uidb64>/", forgotten.ResetPassword.as_view(), name="reset-password"),
    path("invitation/<str:uidb64>/", AcceptInvitation.as_view(), name="accept-invitation"),
    path("bind/", binding.bind, name="bind"),
    path("bind/link/<str:signed>/", binding.bind_link, name="bind-link"),
    path("bind/drop/<int:pk>/", attempts.drop, name="bind-drop"),
    path("bind/<str:state>/", binding.bind_outcome, name="bind-outcome"),
    path("bind/<str:state>/go/", binding.bind_go, name="bind-go"),
    path("bind/<str:state>/return/", binding.bind_return, name="bind-return"),
    # Last: an appid could be any of the words above.
    path("<slug:appid>/", code.program, name="program"),
    path("<slug:appid>/history/", history.history_page, name="account-history"),
    path("<slug:appid>/testers/", testers.testers_page, name="testers"),
    path("<slug:appid>/testers/remove/", testers.remove_tester_view, name="remove-tester"),
    path("<slug:appid>/trial/", code.trial_code, name="trial-code"),
    path("<slug:appid>/screenshots/<int:pk>/", code.screenshot, name="screenshot"),
    *messages.urlpatterns,
]
