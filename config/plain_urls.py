"""What is answered in front of all middleware: WeChat's pushes and the operators' probes."""

from django.urls import include, path

from config import health

urlpatterns = [
    path("", include("webhooks.urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
