"""What the push service lets in: WeChat's pushes and the operators' probes."""

from collections.abc import Iterable
from typing import Any

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
