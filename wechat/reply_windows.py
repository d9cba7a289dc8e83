"""
For how long, and with how many messages, an account may answer a user (客服消息的下发条件).

Pages: developers.weixin.qq.com, "客服消息" of service and of subscription accounts, "发送客服消息"
of mini programs.
"""

from wechat.messages import Message, TextMessage

MINI_PROGRAM, OFFICIAL_ACCOUNT = "mini_program", "official_account"
MESSAGE, ENTER, MENU, FOLLOW, SCANNED = "message", "enter", "menu", "follow", "scan"

# What may be sent after what: for how many seconds, and how many messages. Sources: "客服消息介绍"
# of service and of subscription accounts, with the rules of June 2023 (20 messages before), and
# "发送客服消息" of mini programs. A payment opens 48 hours too, but is not pushed to this door.
WINDOWS: dict[tuple[str, str], tuple[int, int]] = {
    (OFFICIAL_ACCOUNT, MESSAGE): (48 * 3600, 5),
    (OFFICIAL_ACCOUNT, MENU): (60, 3),
    (OFFICIAL_ACCOUNT, FOLLOW): (60, 3),
    (OFFICIAL_ACCOUNT, SCANNED): (60, 3),
    (MINI_PROGRAM, MESSAGE): (48 * 3600, 5),
    (MINI_PROGRAM, ENTER): (60, 2),
}
_TRIGGERS = {
    "user_enter_tempsession": ENTER,
    "subscribe": FOLLOW,
    "SCAN": SCANNED,
    # Of the menu's items only these three, says the page.
    "CLICK": MENU,
    "scancode_push": MENU,
    "scancode_waitmsg": MENU,
}


def window_of(account_kind: str, message: Message) -> tuple[int, int] | None:
    """The seconds and the count of messages that MESSAGE allows; None if it allows none."""
    if isinstance(message, TextMessage) and message.menu_id and account_kind == OFFICIAL_ACCOUNT:
        trigger = MENU  # WeChat counts a choice of a `msgmenu` as a click, not as a message
    else:
        trigger = _TRIGGERS.get(message.kind, "") if message.is_event else MESSAGE
    return WINDOWS.get((account_kind, trigger))
