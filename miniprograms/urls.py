"""The merchants' portal."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from audits import views as code
from messaging.views import PORTAL as messages
from miniprograms import views

app_name = "portal"

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", views.PasswordChange.as_view(), name="password"),
    path("bind/", views.bind, name="bind"),
    path("bind/link/<str:signed>/", views.bind_link, name="bind-link"),
    path("bind/<str:state>/", views.bind_outcome, name="bind-outcome"),
    path("bind/<str:state>/go/", views.bind_go, name="bind-go"),
    path("bind/<str:state>/return/", views.bind_return, name="bind-return"),
    # Last: an appid could be any of the words above.
    path("<slug:appid>/", code.program, name="program"),
    path("<slug:appid>/trial/", code.trial_code, name="trial-code"),
    path("<slug:appid>/screenshots/<int:pk>/", code.screenshot, name="screenshot"),
    *messages,
]
