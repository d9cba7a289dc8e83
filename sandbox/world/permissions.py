"""WeChat's permission sets (权限集): what a merchant grants, by id."""

from typing import NamedTuple

OFFICIAL_ACCOUNT = "official_account"
MINI_PROGRAM = "mini_program"
CHANNELS, STORE, TALENT, SUPPLIER = "channels", "store", "talent", "supplier"
KINDS = (OFFICIAL_ACCOUNT, MINI_PROGRAM, CHANNELS, STORE, TALENT, SUPPLIER)


class PermissionSet(NamedTuple):
    """KIND "" is for both; an EXCLUSIVE set can be held by one platform at a time."""

    zh: str
    en: str
    kind: str
    exclusive: bool = False

    def fits(self, kind: str) -> bool:
        return self.kind in ("", kind)


_OA, _MP = OFFICIAL_ACCOUNT, MINI_PROGRAM

SETS = {
    1: PermissionSet("消息管理", "Messages", _OA),
    2: PermissionSet("用户管理", "Users", _OA),
    3: PermissionSet("账号服务", "Account services", _OA),
    4: PermissionSet("网页服务", "Web pages", _OA, exclusive=True),
    6: PermissionSet("微信多客服", "Multiple agents", _OA),
    7: PermissionSet("群发与通知", "Broadcasts and notices", _OA),
    8: PermissionSet("微信卡券", "Cards and coupons", _OA),
    11: PermissionSet("素材管理", "Media", _OA),
    13: PermissionSet("微信门店", "Stores", _OA),
    15: PermissionSet("菜单管理", "Menu", _OA),
    22: PermissionSet("城市服务接口", "City services", _OA),
    23: PermissionSet("广告管理", "Advertising", _OA),
    24: PermissionSet("开放平台账号管理", "Open Platform account", _OA, exclusive=True),
    26: PermissionSet("微信电子发票", "Electronic invoices", _OA),
    27: PermissionSet("快速注册小程序", "Quick registration of mini programs", _OA),
    33: PermissionSet("小程序关联管理", "Linked mini programs", _OA),
    54: PermissionSet("服务号对话管理", "Service account dialogues", _OA, exclusive=True),
    66: PermissionSet("微信服务市场管理", "Service market", _OA),
    89: PermissionSet("服务号订阅通知", "Subscription notices", _OA),
    172: PermissionSet("消息推送调试", "Push debugging", _OA),
    17: PermissionSet("获取小程序码", "Mini program codes", _MP),
    18: PermissionSet("小程序开发与数据分析", "Development and data analysis", _MP, exclusive=True),
    19: PermissionSet("小程序客服管理", "Customer service", _MP),
    25: PermissionSet("开放平台账号管理", "Open Platform account", _MP, exclusive=True),
    30: PermissionSet("基本信息管理", "Basic information", _MP),
    31: PermissionSet("认证名称检测", "Verified name check", _MP),
    37: PermissionSet("附近的小程序管理", "Nearby mini programs", _MP),
    40: PermissionSet("插件管理", "Plug-ins", _MP, exclusive=True),
    45: PermissionSet("微信物流服务", "Logistics", _MP, exclusive=True),
    49: PermissionSet("云开发管理", "Cloud development", _MP, exclusive=True),
    51: PermissionSet("即时配送", "Instant delivery", _MP, exclusive=True),
    52: PermissionSet("直播管理", "Live streams", _MP),
    65: PermissionSet("广告管理", "Advertising", _MP),
    67: PermissionSet("微信服务市场管理", "Service market", _MP),
    76: PermissionSet("违规与交易投诉管理", "Violations and complaints", _MP, exclusive=True),
    81: PermissionSet("试用小程序快速认证", "Trial mini programs", _MP, exclusive=True),
    86: PermissionSet("小商店装修", "Shop decoration", _MP),
    88: PermissionSet("获取小程序链接", "Mini program links", _MP),
    142: PermissionSet("小程序发货管理服务", "Shipping", _MP),
    156: PermissionSet("小程序备案服务", "Filing", _MP),
    171: PermissionSet("消息推送调试", "Push debugging", _MP),
}

# What a platform of our kind publishes network-wide.
USUAL_SETS = (1, 2, 3, 4, 7, 11, 15, 24, 33, 17, 18, 19, 25, 30, 31, 37, 40, 49, 52, 76, 88)


def fitting(func_ids: list[int], kind: str) -> list[int]:
    """Those of the ids that an account of this kind can grant; an unknown id fits any."""
    return [number for number in func_ids if number not in SETS or SETS[number].fits(kind)]


def is_exclusive(number: int) -> bool:
    return number in SETS and SETS[number].exclusive
