"""The last thing that happens to every log line: it is scrubbed."""

import re
from collections.abc import Callable
from typing import Any

from wechat.errors import scrub

# Whoever holds a binding's state, or a bind link, may use it: they are parts of an address.
_BIND_ADDRESS = re.compile(r"(/portal/bind/(?:link/)?)[\w\-:.%]{20,}", re.ASCII)


def scrubbing(render: Callable[..., Any]) -> Callable[..., str]:
    """A structlog renderer that blanks what RENDER leaves of anything shaped like a credential."""

    def rendered(logger: Any, name: str, event: Any) -> str:
        return _BIND_ADDRESS.sub(r"\1***", scrub(str(render(logger, name, event))))

    return rendered
