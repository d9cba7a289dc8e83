"""
The pictures of the documentation: which page each shows, to whom, and how large. The script that
takes them is devtools/take_pictures.py.
"""

from dataclasses import dataclass

from devtools.install import ROOT

PICTURES = ROOT / "docs" / "pictures"
LANGUAGES = {"zh": "zh-hans", "en": "en"}  # the folder, and Django's name
WALK = "walk:"
WIDE, PHONE = (1280, 800), (390, 800)


@dataclass(frozen=True)
class Shot:
    """
    The picture NAME: what PERSON sees at the page of the URL name, with arguments that may name
    keys of the scene; at a path of the sandbox's, which begins with a slash; or at the end of a
    walk by clicks, which begins with WALK.
    """

    name: str
    person: str
    url: str
    arguments: tuple[str, ...] = ()
    size: tuple[int, int] = WIDE
    scheme: str = "light"


ACCOUNT = "admin:miniprograms_authorizer"
SHOTS = (
    Shot("home", "staff", "admin:index"),
    Shot("home-phone", "staff", "admin:index", size=PHONE),
    Shot("accounts", "staff", f"{ACCOUNT}_changelist"),
    Shot("account", "staff", f"{ACCOUNT}_change", ("shop",)),
    Shot("code-rejected", "staff", f"{ACCOUNT}_code_page", ("shop",)),
    Shot("code-passed", "staff", f"{ACCOUNT}_code_page", ("noodles",)),
    Shot("upload", "staff", "admin:code-commit", ("shop",)),
    Shot("submit", "staff", "admin:code-submit", ("members",)),
    Shot("release", "staff", "admin:code-release", ("noodles",)),
    Shot("settings", "staff", f"{ACCOUNT}_settings_page", ("shop",)),
    Shot("campaign", "staff", "admin:audits_campaign_plan", ("campaign",)),
    Shot("conversation", "staff", "admin:messaging_conversation_change", ("talk",)),
    Shot("bindings", "staff", "admin:miniprograms_binding_changelist"),
    Shot("bind-link", "staff", f"{ACCOUNT}_bind_link", ("shop",)),
    Shot("operations", "staff", "admin:platform_auth_operation_changelist"),
    Shot("channels", "staff", "admin:notices_channel_changelist"),
    Shot("targets", "staff", "admin:messaging_target_changelist"),
    Shot("portal", "merchant", "portal:home"),
    Shot("portal-phone", "merchant", "portal:home", size=PHONE),
    Shot("portal-dark", "merchant", "portal:home", size=PHONE, scheme="dark"),
    Shot("portal-rejected", "merchant", "portal:program", ("SHOP",)),
    Shot("portal-passed", "merchant", "portal:program", ("NOODLES",)),
    Shot("portal-notices", "merchant", "portal:notices"),
    Shot("portal-login", "nobody", "portal:login"),
    Shot("wechat-authorise", "merchant", f"{WALK}wechat"),
    Shot("wechat-console", "nobody", "/"),
    Shot("wechat-phone", "nobody", "/sandbox/phone/{READERS}", size=PHONE),
    Shot("receiver", "nobody", "/sandbox/receiver/"),
    Shot("api", "staff", "docs"),
)
