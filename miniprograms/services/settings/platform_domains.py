"""
The platform's own domains, of which those of mini programs are chosen: server domains and web-view
domains, each in use and under test.
"""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from miniprograms.services.confirm_files import fetch_platform_confirm_file
from miniprograms.services.settings.domains import read_url
from miniprograms.services.settings.kinds import BadSetting
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import Actor, recorded_call
from platform_auth.tokens import with_component_token
from wechat import domains
from wechat.domains import Action, PlatformDomains

SERVER, WEBVIEW = "server", "webview"
CALLS = {
    SERVER: domains.modify_platform_domain,
    WEBVIEW: domains.modify_platform_jump_domain,
}
MAX_NAMES = {SERVER: 1_000, WEBVIEW: 200}
MAX_LOGGED = 300  # characters of names, in the operation log


def check_names(texts: Sequence[str], which: str) -> list[str]:
    """TEXTS as WeChat takes the platform's domains: without a scheme. Raises BadSetting."""
    names, problems = [], []
    for text in texts:
        try:
            names.append(read_url(text, "https", allows_port=False).removeprefix("https://"))
        except BadSetting as problem:
            problems += problem.problems
    if len(names) > MAX_NAMES[which]:
        sentence = _("WeChat takes at most %(most)d domains.")
        problems.append(sentence % {"most": MAX_NAMES[which]})
    if problems:
        raise BadSetting(*problems)
    return list(dict.fromkeys(names))


def read_platform_domains(component: Component, which: str) -> PlatformDomains:
    """The platform's domains as WeChat has them now."""
    release_db_connection()
    return with_component_token(component, CALLS[which], "get", [])


def change_platform_domains(
    component: Component,
    which: str,
    action: Action,
    names: Sequence[str],
    *,
    published_too: bool,
    by: Actor,
) -> PlatformDomains:
    """
    Add, delete or set NAMES; PUBLISHED_TOO: at once, not only in the version under test. The file
    that WeChat looks for at a web-view domain is served before it is asked.
    """
    checked = check_names(names, which)
    if which == WEBVIEW and action != "delete":
        fetch_platform_confirm_file(component)
    result = f"{which} {action} {' '.join(checked)}"[:MAX_LOGGED]
    with recorded_call("change_platform_domains", by=by, result=result):
        return with_component_token(
            component, CALLS[which], action, checked, published_too=published_too
        )
