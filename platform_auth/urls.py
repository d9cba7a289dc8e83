"""The two doors for WeChat's pushes and the doors for operators. `middleware.doors` uses them."""

from django.urls import path

from platform_auth import views

urlpatterns = [
    path("wechat/component/push/", views.component_push),
    path("wechat/<str:appid>/push/", views.message_push),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.metrics),
]
