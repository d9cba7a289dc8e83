"""The two doors for WeChat's pushes and the doors for operators. `middleware.doors` uses them."""

from django.urls import path, re_path

from platform_auth import views

urlpatterns = [
    path("wechat/component/push/", views.component_push),
    re_path(r"^wechat/(?P<appid>wx[0-9a-zA-Z]{8,30})/push/\Z", views.message_push),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.metrics),
]
