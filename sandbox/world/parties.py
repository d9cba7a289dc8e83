"""Who there is on WeChat's side: components, accounts, and what binds them."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sandbox.world.permissions import KINDS, MINI_PROGRAM, OFFICIAL_ACCOUNT, is_exclusive
from sandbox.world.program import Library, Program

NETWORK = (
    "RequestDomain",
    "WsRequestDomain",
    "UploadDomain",
    "DownloadDomain",
    "BizDomain",
    "UDPDomain",
    "TCPDomain",
    "PrefetchDNSDomain",
    "NewRequestDomain",
    "NewWsRequestDomain",
    "NewUploadDomain",
    "NewDownloadDomain",
    "NewBizDomain",
    "NewUDPDomain",
    "NewTCPDomain",
    "NewPrefetchDNSDomain",
)
LISTED_STATUSES = (1, 18)  # normal, alerted; WeChat does not offer the others for authorisation


@dataclass(eq=False)
class Token:
    """An access token of a component or of an authorisation."""

    value: str = field(repr=False)
    owner: "Component | Authorization"
    expires_at: float
    dies_at: float = float("inf")  # when a newer one takes its place


@dataclass(eq=False)
class Component:
    """A third-party platform, as registered in WeChat's console. Everything may be changed."""

    appid: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    push_url: str
    message_url: str
    redirect_domain: str | None
    func_ids: list[int]
    pushing: bool = True
    ticket: str = field(default="", repr=False)
    ticket_at: float = 0
    tickets: dict[str, float] = field(default_factory=dict, repr=False)
    tokens: list[Token] = field(default_factory=list, repr=False)
    authorizations: "dict[str, Authorization]" = field(default_factory=dict, repr=False)
    library: Library = field(default_factory=Library, repr=False)
    # The platform's own lists, by the name of the kind: under test, and published.
    testing_domains: dict[str, list[str]] = field(default_factory=dict)
    published_domains: dict[str, list[str]] = field(default_factory=dict)


@dataclass(eq=False)
class Account:
    """A mini program, an official account, or one of the kinds that WeChat has added since."""

    appid: str
    kind: str
    nick_name: str
    user_name: str
    principal_name: str
    owner: str
    head_img: str = ""
    alias: str = ""
    signature: str = ""
    qrcode_url: str = ""
    service_type: int = 0
    verify_type: int = 0
    account_status: int = 1
    is_linked: bool = False  # to an Open Platform account: users have a unionid
    register_type: int = 0
    business_info: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("open_pay", "open_shake", "open_scan", "open_card", "open_store"), 0
        )
    )
    network: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in NETWORK})
    categories: list[dict[str, str]] = field(
        default_factory=lambda: [{"first": "工具", "second": "效率"}]
    )
    options: dict[str, str] = field(
        default_factory=lambda: {
            "location_report": "0",
            "voice_recognize": "0",
            "customer_service": "0",
        }
    )

    @cached_property
    def program(self) -> Program:
        """Its code and settings, made when first asked for: few of many accounts need them."""
        return Program()

    @property
    def is_mini_program(self) -> bool:
        return self.kind == MINI_PROGRAM

    @property
    def is_listed(self) -> bool:
        """Whether the authorisation page offers it."""
        return self.account_status in LISTED_STATUSES

    def profile(self) -> dict[str, Any]:
        """authorizer_info as captured live, undocumented members included."""
        is_complete = not self.is_mini_program or self.program.is_complete
        info: dict[str, Any] = {
            "nick_name": self.nick_name,
            "head_img": self.head_img if is_complete else "",
            "service_type_info": {"id": self.service_type},
            "verify_type_info": {"id": self.verify_type},
            "user_name": self.user_name,
            "alias": self.alias,
            "qrcode_url": self.qrcode_url,
            "business_info": self.business_info,
            "idc": 1,
            "principal_name": self.principal_name,
            "signature": self.signature if is_complete else "",
        }
        if self.is_mini_program:
            info["MiniProgramInfo"] = {
                "network": self.network,
                "categories": [_names(category) for category in self.categories],
                "visit_status": 0,
            }
            info["register_type"] = self.register_type
        elif self.kind != OFFICIAL_ACCOUNT:
            info[f"{self.kind}_info"] = {"id": 0}
        return info | {
            "account_status": self.account_status,
            "basic_config": {"is_phone_configured": True, "is_email_configured": True},
        }

    def basic_info(self) -> dict[str, Any]:
        """What getaccountbasicinfo answers."""
        return {
            "appid": self.appid,
            "account_type": 3 if self.is_mini_program else 2 if self.service_type == 2 else 1,
            "principal_type": 1,
            "principal_name": self.principal_name,
            "realname_status": 1,
            "wx_verify_info": {
                "qualification_verify": self.verify_type >= 0,
                "naming_verify": self.verify_type == 0,
                "annual_review": False,
            },
            "signature_info": {
                "signature": self.signature,
                "modify_used_count": 0,
                "modify_quota": 5,
            },
            "head_image_info": {
                "head_image_url": self.head_img,
                "modify_used_count": 0,
                "modify_quota": 5,
            },
            "nickname_info": {
                "nickname": self.nick_name,
                "modify_used_count": 0,
                "modify_quota": 2,
            },
            "registered_country": 1017,
            "customer_type": 1,
        }

    def review_categories(self) -> list[dict[str, Any]]:
        """The categories that are in force, as review wants them; ids follow from the names."""
        entries = []
        for category in self.categories:
            if "state" in category:
                continue
            entry: dict[str, Any] = {}
            for level in ("first", "second", "third"):
                if name := category.get(level):
                    entry[f"{level}_class"] = name
                    entry[f"{level}_id"] = category_id(name)
            entries.append(entry)
        return entries

    def fits(self, auth_type: str, biz_appid: str = "") -> bool:
        """Whether the page opened with these parameters offers it; biz_appid wins."""
        if biz_appid:
            return self.appid == biz_appid
        kinds = {"1": (OFFICIAL_ACCOUNT,), "2": (MINI_PROGRAM,)}
        return self.kind in kinds.get(auth_type, KINDS)


@dataclass(eq=False)
class Authorization:
    """What an account has granted a component. No refresh token until a code of it was traded."""

    component: Component
    account: Account
    func_ids: list[int]
    auth_time: int
    refresh_token: str = field(default="", repr=False)
    tokens: list[Token] = field(default_factory=list, repr=False)
    cancelled: bool = False

    def func_info(self) -> list[dict[str, Any]]:
        """The sets; confirm_info comes with some of them, as in live answers."""
        return [_func_info(number) for number in self.func_ids]

    def info(self) -> dict[str, Any]:
        """authorization_info; the refresh token is absent while there is none."""
        members: dict[str, Any] = {"authorizer_appid": self.account.appid}
        if self.refresh_token:
            members["authorizer_refresh_token"] = self.refresh_token
        return members | {"func_info": self.func_info()}


def category_id(name: str) -> int:
    """The number of the category NAME."""
    return sum(name.encode())


def _names(category: dict[str, str]) -> dict[str, str]:
    """The levels of CATEGORY; its "state" says why it is not in force."""
    return {level: name for level, name in category.items() if level != "state"}


def _func_info(number: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"funcscope_category": {"id": number}}
    if is_exclusive(number):
        entry["confirm_info"] = {"need_confirm": 0, "already_confirm": 0, "can_confirm": 0}
    return entry


@dataclass(eq=False)
class PreAuthCode:
    """Opens the authorisation page, for one completed authorisation."""

    value: str = field(repr=False)
    component: Component
    expires_at: float
    used: bool = False


@dataclass(eq=False)
class Grant:
    """One confirmation by an owner; any of its codes trades it, once."""

    authorization: Authorization
    expires_at: float
    traded: bool = False
