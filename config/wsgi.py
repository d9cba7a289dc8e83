"""The application server's door: ``granian --interface wsgi config.wsgi:application``."""

import os

# Before the settings are read: a push must be answered 503 at once, so that WeChat sends it again,
# rather than wait for a database that is down until WeChat hangs up after 5 s.
os.environ.setdefault("DATABASE_POOL_TIMEOUT", "1")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.wsgi import get_wsgi_application

django = get_wsgi_application()

from webhooks.fast_door import fast_door  # noqa: E402  (after Django is set up)

application = fast_door(django)
