"""
Names of WeChat's permission sets (权限集), by id. The ids are the contract; names are display text.

Sources: "小程序权限集" and "公众号权限集", later ids from public SDKs.
"""

from wechat.component import MINI_PROGRAM, OFFICIAL_ACCOUNT

_OFFICIAL_ACCOUNT_SETS = {
    1: "消息管理", 2: "用户管理", 3: "账号服务", 4: "网页服务", 5: "微信小店", 6: "微信多客服",
    7: "群发与通知", 8: "微信卡券", 9: "微信扫一扫", 10: "微信连WIFI", 11: "素材管理",
    12: "摇周边", 13: "微信门店", 14: "微信支付", 15: "菜单管理", 16: "获取认证状态及信息",
    22: "城市服务接口", 23: "广告管理", 24: "开放平台账号管理", 26: "微信电子发票",
    27: "快速注册小程序", 33: "小程序关联管理", 34: "微信商品库管理", 35: "卡路里", 44: "好物圈",
    46: "微信一物一码", 47: "财政电子票据", 54: "服务号对话管理", 66: "微信服务市场管理",
    89: "服务号订阅通知", 113: "就医助手", 121: "购物订单", 172: "消息推送调试",
}  # fmt: skip

_MINI_PROGRAM_SETS = {
    17: "获取小程序码", 18: "小程序开发与数据分析", 19: "小程序客服管理", 20: "微信登录",
    21: "数据分析", 25: "开放平台账号管理", 30: "基本信息管理", 31: "认证名称检测", 36: "卡路里",
    37: "附近的小程序管理", 40: "插件管理", 41: "好物圈管理", 45: "微信物流服务",
    48: "财政电子票据管理", 49: "云开发管理", 51: "即时配送", 52: "直播管理", 57: "页面推送",
    65: "广告管理", 67: "微信服务市场管理", 70: "标准版交易组件商品管理",
    71: "标准版交易组件订单物流与售后管理", 73: "标准版交易组件接入", 76: "违规与交易投诉管理",
    81: "试用小程序快速认证", 84: "标准版交易组件优惠券管理", 85: "自定义版交易组件",
    86: "小商店装修", 88: "获取小程序链接", 93: "小程序联盟", 99: "云开发短信服务",
    102: "云开发微信支付", 104: "标准版组件资金链路", 105: "城市服务",
    116: "获取自定义版交易组件数据", 117: "小程序图像处理", 118: "硬件服务",
    119: "小程序支付管理服务", 120: "购物订单",
    139: "运费险", 140: "推广员", 142: "小程序发货管理服务", 151: "小程序交易保障",
    153: "微短剧小程序资源管理", 156: "小程序备案服务", 157: "小程序虚拟支付管理",
    171: "消息推送调试", 173: "小游戏消息推送调试",
}  # fmt: skip

_OTHER_SETS = {
    107: "连接器电商场景接入", 112: "红包封面管理", 129: "视频号小店商品管理",
    130: "视频号小店物流管理", 131: "视频号小店订单与售后管理", 132: "视频号小店优惠券管理",
    133: "视频号小店橱窗管理", 135: "流量主代运营", 138: "视频号小店资金管理",
    141: "视频号小店优选联盟", 144: "微信学生身份验证", 159: "视频号电子面单管理",
    161: "微信客服管理", 174: "视频号消息推送调试",
}  # fmt: skip

NAMES = _OFFICIAL_ACCOUNT_SETS | _MINI_PROGRAM_SETS | _OTHER_SETS


def named(ids: list[int]) -> list[dict[str, object]]:
    """IDS with their names; one that WeChat has added since is named by its number."""
    return [{"id": number, "name": NAMES.get(number, f"权限集 {number}")} for number in ids]


def kind_by_sets(ids: list[int]) -> int | None:
    """Which kind of account grants the sets IDS, as an auth_type, or None if they do not tell."""
    if any(number in _MINI_PROGRAM_SETS for number in ids):
        return MINI_PROGRAM
    return OFFICIAL_ACCOUNT if any(number in _OFFICIAL_ACCOUNT_SETS for number in ids) else None
