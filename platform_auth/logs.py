"""The last thing that happens to every log line: it is scrubbed."""

from collections.abc import Callable
from typing import Any

from platform_auth.wechat.errors import scrub


def scrubbing(render: Callable[..., Any]) -> Callable[..., str]:
    """A structlog renderer that blanks what RENDER leaves of anything shaped like a credential."""

    def rendered(logger: Any, name: str, event: Any) -> str:
        return scrub(str(render(logger, name, event)))

    return rendered
