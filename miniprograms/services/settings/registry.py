"""The kinds of settings there are. A new one gets its line here, and its form in the admin."""

from miniprograms.services.settings.base_library import BASE_LIBRARY
from miniprograms.services.settings.domains import (
    PREFETCH_DOMAINS,
    SERVER_DOMAINS,
    SERVER_DOMAINS_DIRECT,
    WEBVIEW_DOMAINS,
    WEBVIEW_DOMAINS_DIRECT,
)
from miniprograms.services.settings.order_path import ORDER_PATH
from miniprograms.services.settings.privacy import PRIVACY_GUIDELINE, PRIVACY_OWNER_ONLINE

KINDS = {
    kind.name: kind
    for kind in (
        SERVER_DOMAINS,
        SERVER_DOMAINS_DIRECT,
        WEBVIEW_DOMAINS,
        WEBVIEW_DOMAINS_DIRECT,
        PREFETCH_DOMAINS,
        PRIVACY_GUIDELINE,
        PRIVACY_OWNER_ONLINE,
        ORDER_PATH,
        BASE_LIBRARY,
    )
}
