"""
The push doors by themselves: ``granian --interface wsgi config.push_wsgi:application``.

The whole application stands behind it, so that a push is answered as anywhere; but no login, page
or API call comes in here, and nothing that waits for WeChat or for a password's hash takes one of
its threads. `config.wsgi` serves everything, these doors among it.
"""

import os

os.environ.setdefault("PROCESS_ROLE", "push")

from config import wsgi  # first: it sets Django up
from config.push_door import doors_only

application = doors_only(wsgi.application)
