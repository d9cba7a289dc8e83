"""
What is answered in front of all middleware: WeChat's pushes, the operators' probes, and the files
that WeChat looks for at web-view domains.
"""

from django.urls import include, path, re_path

from config import health
from miniprograms.views import confirm_file

urlpatterns = [
    path("", include("webhooks.urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    re_path(r"^(?P<file_name>[0-9A-Za-z_-]{1,64}\.txt)\Z", confirm_file),
]
