"""The application server's door: ``granian --interface wsgi config.wsgi:application``."""

import os
from contextlib import suppress

# Threads that wake up wait for Python's lock: they need not interrupt whoever holds it. Measured by
# `python -m benchmarks push`: an eighth of a push's CPU, and a quarter more of them. It is of this
# thread, and of those that it will start.
with suppress(AttributeError, OSError):  # of Linux, and where it is allowed
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

# Before the settings are read, and whatever server this is.
os.environ.setdefault("PROCESS_ROLE", "web")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from platform_auth.logs import last_words

with last_words():
    django = get_wsgi_application()

from config.admission import admission
from config.checks import warn_of_disagreement
from platform_auth.clocks import watch_clock
from webhooks.counts import SHED
from webhooks.fast_door import fast_door

watch_clock()
warn_of_disagreement()
application = admission(fast_door(django), settings.WEB_THREADS, SHED.add)
