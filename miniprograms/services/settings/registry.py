"""The kinds of settings there are. A new one gets its line here, and its form in the admin."""

from miniprograms.services.settings.domains import (
    PREFETCH_DOMAINS,
    SERVER_DOMAINS,
    SERVER_DOMAINS_DIRECT,
    WEBVIEW_DOMAINS,
    WEBVIEW_DOMAINS_DIRECT,
)

KINDS = {
    kind.name: kind
    for kind in (
        SERVER_DOMAINS,
        SERVER_DOMAINS_DIRECT,
        WEBVIEW_DOMAINS,
        WEBVIEW_DOMAINS_DIRECT,
        PREFETCH_DOMAINS,
    )
}
