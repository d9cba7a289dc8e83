"""
The push doors by themselves: ``granian --interface wsgi config.push_wsgi:application``.

The whole application stands behind it, so that a push is answered as anywhere; but no login, page
or API call comes in here, and nothing that waits for WeChat or for a password's hash takes one of
its threads. `config.wsgi` serves everything, these doors among it.
"""

import os
from collections.abc import Iterable
from typing import Any

os.environ.setdefault("PROCESS_ROLE", "push")

from config import wsgi  # first: it sets Django up
from config.admission import Application
from config.middleware import is_plain

NOT_FOUND = b"not found"


def doors_only(application: Application) -> Application:
    """APPLICATION for WeChat's pushes and for the operators' probes; 404 to all else."""

    def door(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if is_plain(environ["PATH_INFO"]):
            return application(environ, start_response)
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(NOT_FOUND)))]
        start_response("404 Not Found", headers)
        return [NOT_FOUND]

    return door


application = doors_only(wsgi.application)
