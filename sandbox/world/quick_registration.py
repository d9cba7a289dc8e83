"""快速注册企业小程序: a merchant confirms that a mini program is made for their company."""

from typing import Any

from sandbox.world.authorizations import Authorizations
from sandbox.world.errors import BadRequest
from sandbox.world.outgoing import Outgoing
from sandbox.world.parties import Account, Component
from sandbox.world.register import Register

DONE = 0
# What `status` says else: the merchant did not answer in time, or the company's papers do not fit.
PROBLEMS = {
    100001: "管理员24小时内未确认",
    100002: "管理员24小时内未完成人脸识别",
    100003: "管理员24小时内未确认",
    101: "企业已注销",
    102: "企业不存在或企业信息未更新",
    103: "法人姓名不一致",
    104: "法人身份证号码不一致",
    105: "法人身份证号码未更新，5-15个工作日后重试",
    1000: "企业或法人信息不一致",
    -1: "企业与法人姓名不一致",
}


class QuickRegistration:
    """Its world's lock guards the accounts."""

    def __init__(
        self, register: Register, authorizations: Authorizations, outgoing: Outgoing
    ) -> None:
        self.register = register
        self.authorizations = authorizations
        self.outgoing = outgoing

    def finish(self, component: Component, name: str, status: int = DONE) -> Account | None:
        """
        The company NAME has answered, or not: `notify_third_fasteregister` tells. A mini program
        that was made authorises COMPONENT from the start, which learns of it by the code.
        """
        if status != DONE and status not in PROBLEMS:
            raise BadRequest(f"no such status: {status}")
        info = {
            "name": name,
            "code": "91440300708461136T",
            "code_type": 1,
            "legal_persona_wechat": "boss-wechat",
            "legal_persona_name": "张三",
            "component_phone": "020-12345678",
        }
        fields: dict[str, Any] = {"status": status, "msg": PROBLEMS.get(status, "OK")}
        account = None
        if status == DONE:
            account = self.register.create_account(nick_name=name, principal_name=name)
            code = self.authorizations.lend_code(component, account)
            fields |= {"appid": account.appid, "auth_code": code}
        fields["info"] = info
        self.outgoing.queue_push(component, "notify_third_fasteregister", fields)
        return account
