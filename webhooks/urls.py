"""The two URLs that WeChat pushes to. `config.middleware.bypass` uses them."""

from django.urls import re_path

from webhooks import views

urlpatterns = [
    re_path(r"^wechat/component/push/?\Z", views.component_push),
    re_path(r"^wechat/(?P<appid>wx[0-9a-zA-Z]{8,30})/push/?\Z", views.message_push),
]
