"""
What WeChat grants a mini program on application: interfaces of the front end (申请地理位置接口),
and the page that its order centre opens (订单页path). Reviewers judge when somebody clicks, or by
themselves after the time that a review of code takes.
"""

import heapq
from collections.abc import Iterable
from itertools import count
from typing import Any

from sandbox.world.errors import Refusal
from sandbox.world.outgoing import Outgoing
from sandbox.world.parties import Account, Component
from sandbox.world.program import INTERFACE_GRANTED, Application
from sandbox.world.register import Register
from sandbox.world.reviews import CODE_SET, SYSTEM_USER, Reviews
from sandbox.world.surroundings import Surroundings

TO_APPLY, NO_RIGHT, IN_REVIEW, REFUSED, GRANTED = range(1, INTERFACE_GRANTED + 1)
PUSHED = {REFUSED: 2, GRANTED: 3}  # in wxa_privacy_apply
PATH_IN_REVIEW, PATH_REFUSED, PATH_APPROVED = 2, 3, 4
APPLIED, BUSY, NO_SUCH_APPID, REPEATED, NOT_OURS = 0, -1, -2, 1, 30001  # ret_code
NO_CATEGORY = "类目未符合开通条件，请确保小程序具备与实时地理位置强相关的使用场景。"
NO_USE = "小程序内未含有相应使用场景"
LOCATION_APIS = {
    "wx.getLocation": "获取当前的地理位置",
    "wx.getFuzzyLocation": "获取模糊地理位置",
    "wx.onLocationChange": "监听实时地理位置变化事件",
    "wx.startLocationUpdate": "开启小程序进入前台时接收位置消息",
    "wx.startLocationUpdateBackground": "开启小程序进入前后台时均接收位置消息",
    "wx.chooseLocation": "打开地图选择位置",
    "wx.choosePoi": "打开POI列表选择位置",
    "wx.chooseAddress": "获取用户收货地址",
}
FIRST_AUDIT_ID = 4_211_202_000


class Applications:
    """All of a world's. Its lock guards them."""

    def __init__(
        self, world: Surroundings, register: Register, outgoing: Outgoing, reviews: Reviews
    ) -> None:
        self.world = world
        self.register = register
        self.outgoing = outgoing
        self.reviews = reviews
        self._numbers = count(FIRST_AUDIT_ID)
        self._due: list[tuple[float, int, Account, Application]] = []

    # Interfaces

    def describe_interfaces(self, account: Account) -> list[dict[str, Any]]:
        """interface_list, as WeChat shows it to this account."""
        return [self._describe_interface(account, name) for name in LOCATION_APIS]

    def _describe_interface(self, account: Account, name: str) -> dict[str, Any]:
        link = f"https://developers.weixin.qq.com/miniprogram/dev/api/location/{name}.html"
        row: dict[str, Any] = {
            "api_name": name,
            "api_ch_name": name,
            "api_desc": LOCATION_APIS[name],
            "api_link": link,
            "group_name": "地理位置",
        }
        application = account.program.interfaces.get(name)
        if application is None:
            may_apply = bool(account.categories)
            reason = {} if may_apply else {"fail_reason": NO_CATEGORY}
            return row | {"status": TO_APPLY if may_apply else NO_RIGHT} | reason
        row |= {
            "status": application.status,
            "apply_time": application.apply_time,
            "audit_id": application.audit_id,
        }
        return row | ({"fail_reason": application.reason} if application.reason else {})

    def apply_for_interface(
        self, account: Account, name: str, material: dict[str, Any]
    ) -> Application:
        before = account.program.interfaces.get(name)
        if name not in LOCATION_APIS or (before and before.status == GRANTED):
            raise Refusal(61035)
        if before and before.status == IN_REVIEW:
            raise Refusal(61031)
        if not account.categories:
            raise Refusal(61036)
        application = self._new(name, material, IN_REVIEW)
        account.program.interfaces[name] = application
        self._judge_later(account, application)
        return application

    def grant_interface(self, account: Account, name: str) -> None:
        """NAME may be used, as if somebody had applied for it long ago."""
        account.program.interfaces[f"wx.{name}"] = self._new(f"wx.{name}", {}, GRANTED)

    def judge_interface(
        self, account: Account, name: str, outcome: str, reason: str | None = None
    ) -> Application:
        """The verdict on the open application for NAME, pushed to the platform."""
        with self.world.changing():
            application = account.program.interfaces.get(name)
            if application is None or application.status != IN_REVIEW:
                raise ValueError(f"no application of {account.appid} for {name} is in review")
            is_granted = outcome == "pass"
            application.status = GRANTED if is_granted else REFUSED
            application.reason = "" if is_granted else NO_USE if reason is None else reason
            self._push_interface(account, application)
        return application

    def _push_interface(self, account: Account, application: Application) -> None:
        result = {  # the quotes are WeChat's
            "api_name": f'"{application.subject}"',
            "apply_time": f'"{application.apply_time}"',
            "audit_id": f'"{application.audit_id}"',
            "audit_time": f'"{int(self.world.clock())}"',
            "reason": f'"{application.reason}"',
            "status": PUSHED[application.status],
        }
        fields = {"Event": "wxa_privacy_apply", "result_info": result}
        for component in self.register.granted_components(account, (CODE_SET,)):
            self.outgoing.queue_message(component, account, fields, from_user=SYSTEM_USER)

    # The page with orders

    def apply_for_path(
        self, component: Component, appids: Iterable[str], path: str, material: dict[str, Any]
    ) -> None:
        """For each of APPIDS; a push tells what became of each application."""
        for appid in appids:
            audit_id, ret_code = self._apply_for_path(component, appid, path, material)
            row = {"appid": appid, "audit_id": audit_id, "ret_code": ret_code}
            self.outgoing.queue_push(component, "order_path_apply_result_notify", {"list": row})

    def _apply_for_path(
        self, component: Component, appid: str, path: str, material: dict[str, Any]
    ) -> tuple[int, int]:
        account = self.register.accounts.get(appid)
        if account is None or not account.is_mini_program:
            return 0, NO_SUCH_APPID
        if component not in self.register.granted_components(account, (CODE_SET,)):
            return 0, NOT_OURS
        before = account.program.order_application
        if before and before.status == PATH_IN_REVIEW:
            return before.audit_id, REPEATED
        application = self._new(path, material, PATH_IN_REVIEW)
        account.program.order_application = application
        self._judge_later(account, application)
        return application.audit_id, APPLIED

    def judge_path(self, account: Account, outcome: str, reason: str | None = None) -> Application:
        """The verdict on the path that is in review, pushed to the platform."""
        with self.world.changing():
            application = account.program.order_application
            if application is None or application.status != PATH_IN_REVIEW:
                raise ValueError(f"no path of {account.appid} is in review")
            is_approved = outcome == "pass"
            application.status = PATH_APPROVED if is_approved else PATH_REFUSED
            application.reason = "" if is_approved else NO_USE if reason is None else reason
            if is_approved:
                account.program.order_path = application
            self._push_path(account, application)
        return application

    def _push_path(self, account: Account, application: Application) -> None:
        row = {
            "appid": account.appid,
            "audit_id": application.audit_id,
            "status": application.status,
            "apply_time": application.apply_time,
            "audit_time": int(self.world.clock()),
            "reason": application.reason,
        }
        for component in self.register.granted_components(account, (CODE_SET,)):
            self.outgoing.queue_push(component, "order_path_audit_result_notify", {"list": row})

    # Both

    def _new(self, subject: str, material: dict[str, Any], status: int) -> Application:
        now = int(self.world.clock())
        return Application(next(self._numbers), subject, now, material, status)

    def _judge_later(self, account: Account, application: Application) -> None:
        seconds = self.reviews.review_seconds
        if seconds is not None:
            at = self.world.clock() + seconds
            heapq.heappush(self._due, (at, application.audit_id, account, application))

    def judge_due(self) -> None:
        """The verdicts whose time has come."""
        while self._due and self._due[0][0] <= self.world.clock():
            _, _, account, application = heapq.heappop(self._due)
            outcome = "reject" if self.reviews.outcome == "reject" else "pass"
            program, name = account.program, application.subject
            if program.interfaces.get(name) is application and application.status == IN_REVIEW:
                self.judge_interface(account, name, outcome)
            if program.order_application is application and application.status == PATH_IN_REVIEW:
                self.judge_path(account, outcome)
