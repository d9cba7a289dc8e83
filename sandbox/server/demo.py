"""Accounts to click on in the demo."""

from sandbox.world import WeChat
from sandbox.world.permissions import MINI_PROGRAM, OFFICIAL_ACCOUNT

ACCOUNTS = (
    ("wx5a0d1e2f3b4c5d60", MINI_PROGRAM, "山茶书店", "杭州山茶图书有限公司", "陈山"),
    ("wx5a0d1e2f3b4c5d61", MINI_PROGRAM, "山茶书店会员", "杭州山茶图书有限公司", "陈山"),
    ("wx5a0d1e2f3b4c5d62", OFFICIAL_ACCOUNT, "山茶读书会", "杭州山茶图书有限公司", "陈山"),
    ("wx5a0d1e2f3b4c5d63", MINI_PROGRAM, "老街面馆", "成都老街餐饮有限公司", "李老街"),
    ("wx5a0d1e2f3b4c5d64", MINI_PROGRAM, "青禾鲜果", "个人", "周青禾"),
)


def create_accounts(wechat: WeChat) -> None:
    """Three owners with their mini programs and an official account."""
    for number, (appid, kind, nick_name, principal_name, owner) in enumerate(ACCOUNTS):
        wechat.create_account(
            appid=appid,
            kind=kind,
            nick_name=nick_name,
            user_name=f"gh_5a0d1e2f3b{number:02d}",
            principal_name=principal_name,
            owner=owner,
            signature=f"{nick_name}欢迎您",
            service_type=2 if kind == OFFICIAL_ACCOUNT else 0,
            verify_type=-1 if principal_name == "个人" else 0,
        )


def upload_code(wechat: WeChat) -> None:
    """Two templates, and a draft that may become one."""
    for version, about in (("1.0.0", "商品浏览与下单"), ("1.1.0", "新增会员中心")):
        draft = wechat.upload_draft(user_version=version, user_desc=about)
        with wechat.lock:
            wechat.component.library.keep(draft.draft_id, 0, int(wechat.clock()))
    wechat.upload_draft(user_version="1.2.0", user_desc="新增优惠券")


def let_a_certificate_expire(wechat: WeChat) -> None:
    """So that there is something that WeChat would refuse to review."""
    account = wechat.accounts[ACCOUNTS[1][0]]
    account.categories = [{**category, "state": "expired"} for category in account.categories]
