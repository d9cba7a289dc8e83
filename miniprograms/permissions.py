"""
Names of WeChat's permission sets (权限集), by id, and which of our functions need which of them.
The ids are the contract; names are display text.

Sources: "小程序权限集" and "公众号权限集", later ids from public SDKs.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from wechat.component import MINI_PROGRAM, OFFICIAL_ACCOUNT


def _read_sets(text: str) -> dict[int, str]:
    pairs = (pair.split("=") for pair in text.split())
    return {int(number): name for number, name in pairs}


_OFFICIAL_ACCOUNT_SETS = _read_sets("""
    1=消息管理 2=用户管理 3=账号服务 4=网页服务 5=微信小店 6=微信多客服 7=群发与通知 8=微信卡券
    9=微信扫一扫 10=微信连WIFI 11=素材管理 12=摇周边 13=微信门店 14=微信支付 15=菜单管理
    16=获取认证状态及信息 22=城市服务接口 23=广告管理 24=开放平台账号管理 26=微信电子发票
    27=快速注册小程序 33=小程序关联管理 34=微信商品库管理 35=卡路里 44=好物圈 46=微信一物一码
    47=财政电子票据 54=服务号对话管理 66=微信服务市场管理 89=服务号订阅通知 113=就医助手
    121=购物订单 172=消息推送调试
""")

_MINI_PROGRAM_SETS = _read_sets("""
    17=获取小程序码 18=小程序开发与数据分析 19=小程序客服管理 20=微信登录 21=数据分析
    25=开放平台账号管理 30=基本信息管理 31=认证名称检测 36=卡路里 37=附近的小程序管理 40=插件管理
    41=好物圈管理 45=微信物流服务 48=财政电子票据管理 49=云开发管理 51=即时配送 52=直播管理
    57=页面推送 65=广告管理 67=微信服务市场管理 70=标准版交易组件商品管理
    71=标准版交易组件订单物流与售后管理 73=标准版交易组件接入 76=违规与交易投诉管理
    81=试用小程序快速认证 84=标准版交易组件优惠券管理 85=自定义版交易组件 86=小商店装修
    88=获取小程序链接 93=小程序联盟 99=云开发短信服务 102=云开发微信支付 104=标准版组件资金链路
    105=城市服务 116=获取自定义版交易组件数据 117=小程序图像处理 118=硬件服务
    119=小程序支付管理服务 120=购物订单 139=运费险 140=推广员 142=小程序发货管理服务
    151=小程序交易保障 153=微短剧小程序资源管理 156=小程序备案服务 157=小程序虚拟支付管理
    171=消息推送调试 173=小游戏消息推送调试
""")

_OTHER_SETS = _read_sets("""
    107=连接器电商场景接入 112=红包封面管理 129=视频号小店商品管理 130=视频号小店物流管理
    131=视频号小店订单与售后管理 132=视频号小店优惠券管理 133=视频号小店橱窗管理 135=流量主代运营
    138=视频号小店资金管理 141=视频号小店优选联盟 144=微信学生身份验证 159=视频号电子面单管理
    161=微信客服管理 174=视频号消息推送调试
""")

PERMISSION_SETS = _OFFICIAL_ACCOUNT_SETS | _MINI_PROGRAM_SETS | _OTHER_SETS


def name_permission_sets(ids: list[int]) -> list[dict[str, object]]:
    """IDS with their names; one that WeChat has added since is named by its number."""
    return [
        {"id": number, "name": PERMISSION_SETS.get(number, f"权限集 {number}")} for number in ids
    ]


def kind_by_sets(ids: list[int]) -> int | None:
    """Which kind of account grants the sets IDS, as an auth_type, or None if they do not tell."""
    if any(number in _MINI_PROGRAM_SETS for number in ids):
        return MINI_PROGRAM
    return OFFICIAL_ACCOUNT if any(number in _OFFICIAL_ACCOUNT_SETS for number in ids) else None


# WeChat's page is Chinese, so that readers of English need both.
_BOXES: dict[int, StrOrPromise] = {
    1: _("Message management (消息管理)"),
    3: _("Account services (账号服务)"),
    18: _("Development and data analysis (小程序开发与数据分析)"),
    19: _("Customer service (小程序客服管理)"),
    30: _("Basic information (基本信息管理)"),
    156: _("ICP filing (小程序备案服务)"),
}


@dataclass(frozen=True, slots=True)
class Need:
    """
    A function of ours that accounts of KIND let us do by granting one of SETS. CALLS are the
    modules and functions of the client whose docstrings say so. AIM is what a merchant is told:
    "authorise again to let us …".
    """

    code: str
    kind: str
    sets: tuple[int, ...]
    calls: tuple[str, ...]
    name: StrOrPromise
    aim: StrOrPromise

    @property
    def set_list(self) -> list[dict[str, object]]:
        return name_permission_sets(list(self.sets))

    @property
    def set_names(self) -> str:
        return " / ".join(f"{number} {PERMISSION_SETS[number]}" for number in self.sets)

    @property
    def box(self) -> StrOrPromise:
        """The set to tick, as WeChat's page calls it: the first of those that our platform has."""
        ours = settings.PERMISSION_SETS
        number = next((one for one in self.sets if not ours or one in ours), self.sets[0])
        return _BOXES[number]


NEEDS = (
    Need(
        "code",
        "mini_program",
        (18,),
        (
            *("code", "code_release", "code_review", "domains"),
            *("order_path.get_order_path", "privacy", "testers", "users.get_phone_number"),
        ),
        _("upload, review and release of code; domains, testers and the privacy guide"),
        _("bring new versions of your mini program online"),
    ),
    Need(
        "messages",
        "mini_program",
        (19,),
        ("custom_message",),
        _("messages of users, and answers"),
        _("answer your users"),
    ),
    Need(
        "answers",
        "official_account",
        (1,),
        ("custom_message",),
        _("messages of users, and answers"),
        _("answer your users"),
    ),
    Need(
        "program_info",
        "mini_program",
        (30,),
        ("account.get_account_basic_info", "registration.list_registered_categories"),
        _("name, avatar, introduction, categories and verification"),
        _("see whether WeChat wants something of your account"),
    ),
    Need(
        "filing",
        "mini_program",
        (18, 156),
        ("registration.get_filing_status",),
        _("whether it is filed with the authorities"),
        _("see whether your mini program is filed"),
    ),
    Need(
        "account_info",
        "official_account",
        (3,),
        ("account.get_account_basic_info",),
        _("name, avatar, introduction and verification"),
        _("see whether WeChat wants something of your account"),
    ),
)


def active_needs() -> list[Need]:
    """Those that our platform has sets for: nobody can grant what it does not ask for."""
    ours = settings.PERMISSION_SETS
    return [need for need in NEEDS if not ours or set(ours) & set(need.sets)]


def lacking_needs(kind: str, func_info: Collection[int]) -> list[Need]:
    """
    What an account of KIND that has granted FUNC_INFO does not let us do; nothing while it is not
    known what it has granted.
    """
    granted = set(func_info)
    needs = [need for need in active_needs() if need.kind == kind] if granted else []
    return [need for need in needs if not granted & set(need.sets)]


def lacking_codes(kind: str, func_info: Collection[int]) -> str:
    """The same as a column keeps it: codes with a blank at each side, or ""."""
    codes = [need.code for need in lacking_needs(kind, func_info)]
    return f" {' '.join(codes)} " if codes else ""
