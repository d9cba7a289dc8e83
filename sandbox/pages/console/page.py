"""The whole console on one page."""

from sandbox.pages.console.accounts import accounts_section, component_section
from sandbox.pages.console.code import reviews_section, templates_section
from sandbox.pages.console.faults import faults_section
from sandbox.pages.console.records import deliveries_section, ledger_section
from sandbox.pages.console.settings import settings_section
from sandbox.pages.html import page, tag
from sandbox.pages.words import Words
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat

SECTIONS = (
    component_section,
    accounts_section,
    templates_section,
    reviews_section,
    settings_section,
    faults_section,
    deliveries_section,
    ledger_section,
)


def show(wechat: WeChat, request: Request) -> Reply:
    """Its parts as they are at one moment."""
    words = Words.of(request)
    with wechat.lock:
        sections = [section(wechat, words, request) for section in SECTIONS]
    return page(request, words, words("Console"), tag("h1", words("Console")), sections)
