"""Staff pages whose acts may fail for what WeChat says, which is put into plain words."""

from platform_auth.admin.pages import StaffAdmin
from platform_auth.errcodes import explain_error
from platform_auth.fields import Unreadable
from platform_auth.problems import CannotAct
from wechat.errors import Refused, WeChatError


class ExplainedAdmin(StaffAdmin):
    troubles = (WeChatError, Unreadable, CannotAct)

    def describe_problem(self, problem: Exception) -> object:
        if not isinstance(problem, Refused):
            return problem
        rid = f" rid {problem.rid}" if problem.rid else ""
        return f"{explain_error(problem)}{rid}"
