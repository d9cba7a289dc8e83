"""
What the pictures of the documentation show: a demo in which something has happened. Everything is
done as people and programs do it, by REST and at the sandbox.
"""

import re
import time
from typing import Any

from devtools.browser import Browser
from devtools.demo import MEMBERS, SHOP, fill
from devtools.stack import Stack
from devtools.walk import Merchant, RestClient, Sandbox, wait_until

READERS, NOODLES, FRUIT = (f"wx5a0d1e2f3b4c5d6{number}" for number in (2, 3, 4))
REASON = "首页轮播图模糊，且“关于我们”页缺少客服联系方式，请修改后重新提交。"
REPLY = "您好，订单已发货，预计明天送达。"


class Scenery:
    """The stack's demo, and who acts in it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.sandbox = Sandbox(stack)
        passwords = stack.environment
        self.staff = RestClient(stack, "staff", passwords["DEMO_STAFF_PASSWORD"])
        self.merchant = Merchant(stack)
        self.campaign = 0

    def build(self) -> None:
        """In the order in which it would happen."""
        self._bind()
        fill(self.staff)
        self._release_and_submit()
        self._have_one_rejected()
        self._write_as_users()
        self._plan_a_campaign()
        wait_until("a notice of the rejected review", self._has_notice)

    def openid_of(self, appid: str) -> str:
        """The first of the persons on the sandbox's phone, as the account APPID knows them."""
        page = Browser().get(f"{self.stack.sandbox_url}/sandbox/phone/{appid}")
        openids = re.findall(r'<option value="(o[^"]+)"', page.text)
        return str(openids[0])

    def _bind(self) -> None:
        sandbox = self.sandbox
        wait_until("a ticket", lambda: sandbox.has_delivered("component_verify_ticket"))
        self.merchant.log_in("merchant", self.stack.environment["DEMO_MERCHANT_PASSWORD"])
        for appid in (SHOP, MEMBERS, READERS, NOODLES):
            self.merchant.bind(appid)
        # Nobody has clicked here for this one: it waits for staff.
        sandbox.tell("authorize", appid=FRUIT)

    def _release_and_submit(self) -> None:
        """老街面馆 has a version online, and a newer one that has passed."""
        template = self.staff.get("templates/")["results"][0]["template_id"]
        for version in ("1.1.0", "1.2.0"):
            body = {"template_id": template, "user_version": version, "user_desc": "外卖自提"}
            self.staff.post(f"authorizers/{NOODLES}/versions/", body, 201)
            self._submit(NOODLES)
            time.sleep(1)  # verdicts of one second, alike in all they say, would be one push
            self.sandbox.tell("judge", appid=NOODLES, outcome="pass")
            wait_until("a verdict", lambda: self._audit(NOODLES)["status"] == "passed")
            if version == "1.1.0":
                self.staff.post(f"authorizers/{NOODLES}/release/", {})

    def _have_one_rejected(self) -> None:
        self._submit(SHOP)
        self.sandbox.tell("judge", appid=SHOP, outcome="reject", reason=REASON, pictures=2)
        wait_until("a verdict", lambda: self._audit(SHOP)["status"] == "rejected")

    def _write_as_users(self) -> None:
        """One is answered by a rule, one by another system, one waits for a person."""
        readers, shop = self.openid_of(READERS), self.openid_of(SHOP)
        self.sandbox.tell("happen", appid=READERS, openid=readers, event="subscribe")
        self._say(READERS, readers, "你好")
        self.sandbox.tell("receiver", inbox="forwards", reply=REPLY)
        self._say(READERS, readers, "我的订单到哪里了？")
        wait_until("the other system's answer", lambda: self._has_line(READERS, readers, REPLY))
        self.sandbox.tell("receiver", inbox="forwards")
        self._say(SHOP, shop, "请问《山茶》什么时候到货？")
        self._say(SHOP, shop, "可以预订吗？")

    def _say(self, appid: str, openid: str, content: str) -> None:
        self.sandbox.tell("say", appid=appid, openid=openid, content=content)
        time.sleep(1)

    def _plan_a_campaign(self) -> None:
        template = self.staff.get("templates/")["results"][0]["template_id"]
        choice = {"appids": [SHOP, MEMBERS, NOODLES], "canary": 1, "daily_limit": 50}
        words = {"user_version": "1.3.0", "user_desc": "会员中心改版", "release": "manual"}
        body = {"template_id": template, **choice, **words}
        self.campaign = int(self.staff.post("campaigns/", body, 201)["id"])

    def _submit(self, appid: str) -> None:
        self.staff.post(f"authorizers/{appid}/audits/", {}, 201)

    def _audit(self, appid: str) -> dict[str, Any]:
        audit: dict[str, Any] = self.staff.authorizer(appid)["audit"]
        return audit

    def _has_line(self, appid: str, openid: str, text: str) -> bool:
        lines = self.sandbox.ask("transcript", appid=appid, openid=openid)["lines"]
        return any(line["text"] == text for line in lines)

    def _has_notice(self) -> bool:
        return self.sandbox.has_received("notice.audit.rejected")
