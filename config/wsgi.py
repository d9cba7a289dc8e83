"""The application server's door: ``granian --interface wsgi config.wsgi:application``."""

import os

# Before the settings are read, and whatever server this is.
os.environ.setdefault("PROCESS_ROLE", "web")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

django = get_wsgi_application()

from config.admission import admission  # noqa: E402  (after Django is set up)
from platform_auth.clocks import watch_clock  # noqa: E402
from webhooks.fast_door import fast_door  # noqa: E402

watch_clock()
application = admission(fast_door(django), settings.WEB_THREADS)
