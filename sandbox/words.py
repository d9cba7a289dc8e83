"""The sandbox's pages in Chinese and English. The English text is the key."""

from sandbox.exchange import Request

LANGUAGES = {"zh": "中文", "en": "English"}

CHINESE = {
    # every page
    "WeChat sandbox": "微信沙箱",
    "Sandbox": "沙箱",
    "This is not the real WeChat": "不是真实的微信",
    # the authorisation page
    "Authorise an account": "账号授权",
    "The platform {appid} asks to manage your account": "第三方平台 {appid} 申请管理你的账号",
    "Scanning is skipped here: you are the owner of every account below.": (
        "这里不必扫码：下列账号的管理员都是你。"
    ),
    "Choose the account": "选择要授权的账号",
    "Permission sets": "权限集",
    "What you leave out, the platform cannot do for you.": "取消勾选的权限，平台将不能代你使用。",
    "Confirm": "授权",
    "Refuse": "拒绝",
    "Mini program": "小程序",
    "Official account": "公众号",
    "Authorised": "已授权",
    "Owner: {name}": "管理员：{name}",
    "No account fits this link.": "没有符合此链接要求的账号。",
    "Choose an account and at least one permission set.": "请选择账号，并至少保留一个权限集。",
    "You refused": "你已拒绝授权",
    "Nothing was granted. You may close this page.": "没有授予任何权限，可以关闭本页。",
    "Cannot authorise": "无法授权",
    "PreAuthCode is invalid": "PreAuthCode无效",
    "The link was used already or has expired. Open a new one from the platform.": (
        "链接已经使用过或已过期，请回到平台重新发起授权。"
    ),
    "Parameter error: {name}": "参数错误：{name}",
    "The account cannot be authorised through this link.": "该账号不能通过此链接授权。",
    "Please make sure that the domain of the page the authorisation starts from, the domain of"
    " the page it returns to and the domain registered for the platform are the same.": (
        "请确认授权入口页所在域名，与授权后回调页所在域名相同，并与平台登记的授权发起页域名一致。"
    ),
    "Domain it starts from: {domain}": "授权入口页所在域名：{domain}",
    "Domain it returns to: {domain}": "授权后回调页所在域名：{domain}",
    "Registered domain: {domain}": "授权发起页域名：{domain}",
    "empty": "空",
    # the console
    "Console": "控制台",
    "Component": "第三方平台",
    "Ticket": "票据",
    "never pushed": "还没有推送过",
    "pushed {seconds} s ago": "{seconds} 秒前推送",
    "Push a ticket now": "立即推送票据",
    "Push URL": "授权事件接收 URL",
    "Message URL": "消息与事件接收 URL",
    "Start page domain": "授权发起页域名",
    "any": "不限",
    "Accounts": "账号",
    "Not authorised": "未授权",
    "{count} permission sets": "{count} 个权限集",
    "code not traded yet": "授权码尚未兑换",
    "Cancel the authorisation": "取消授权",
    "Change the permission sets": "修改权限集",
    "Save": "保存",
    "Create an account": "新建账号",
    "Kind": "类型",
    "Name": "名称",
    "Principal": "主体",
    "Owner": "管理员",
    "Create": "新建",
    # code and reviews
    "Code and reviews": "代码与审核",
    "Drafts and templates": "草稿与模板",
    "Draft": "草稿",
    "Template": "模板",
    "Version": "版本",
    "Description": "描述",
    "Development program": "开发小程序",
    "Nothing was uploaded yet.": "还没有上传过。",
    "Upload a draft": "上传草稿",
    "Reviews": "审核",
    "Code check after a commit": "上传后代码检测时长",
    "Verdict by itself after": "自动审核时长",
    "seconds; empty: by hand": "秒；留空：手动审核",
    "Submissions a month": "每月提审额度",
    "Speed-ups a month": "每月加急额度",
    "in all": "次",
    "Verdict": "审核结果",
    "pass": "通过",
    "reject": "拒绝",
    "delay, then pass": "先延后，再通过",
    "Versions": "版本",
    "On trial": "体验版",
    "Code check": "代码检测",
    "{seconds} s left": "剩余 {seconds} 秒",
    "done": "已完成",
    "Waiting for release": "待发布",
    "Released in steps": "分阶段发布",
    "{percentage} % of users": "{percentage}% 的用户",
    "Online": "线上版",
    "Visitors": "访问",
    "welcome": "正常",
    "shut out": "已暂停服务",
    "none": "无",
    "Review": "本次审核",
    "Nothing is in review.": "没有正在审核的版本。",
    "Pass": "通过",
    "Delay the verdict": "延后",
    "Reject": "拒绝",
    "Reason": "原因",
    "Pictures": "截图数量",
    "Status": "状态",
    "Submitted": "提审时间",
    "Nothing was submitted yet.": "还没有提审过。",
    "passed": "已通过",
    "rejected": "已拒绝",
    "in review": "审核中",
    "withdrawn": "已撤回",
    "delayed": "已延后",
    "sped up": "已加急",
    "Past versions": "历史版本",
    "Released": "发布时间",
    "There is nothing to roll back to.": "没有可以回退的版本。",
    "Settings": "设置",
    "Refresh token rotation": "刷新令牌轮换",
    "never": "从不",
    "on re-authorisation": "重新授权时",
    "at every refresh": "每次刷新",
    "Life of access tokens": "访问令牌有效期",
    "Life of the next authorizer token": "下一个授权方令牌有效期",
    "Life of component tokens": "平台令牌有效期",
    "Old token works on for": "旧令牌继续可用",
    "Life of a ticket": "票据有效期",
    "Life of a pre_auth_code": "预授权码有效期",
    "Life of an authorization code": "授权码有效期",
    "Calls a day and path": "每日每接口调用上限",
    "seconds": "秒",
    "calls": "次",
    "as set above": "同上",
    "Push tickets every ten minutes": "每十分钟推送票据",
    "yes": "是",
    "no": "否",
    "Faults": "故障",
    "Path": "接口",
    "every path": "所有接口",
    "Times": "次数",
    "empty: always": "留空：一直",
    "AppID": "AppID",
    "Error code": "错误码",
    "Delay": "延迟",
    "Drop the answer": "丢弃应答",
    "before the effect": "生效之前",
    "after the effect": "生效之后",
    "HTTP status": "HTTP 状态码",
    "Body instead": "替换应答正文",
    "Cut after": "截断于",
    "bytes": "字节",
    "bytes per second": "字节/秒",
    "Trickle": "缓慢发送",
    "expires_in instead": "替换 expires_in",
    "Add the fault": "添加故障",
    "Clear all faults": "清除所有故障",
    "No fault is waiting.": "没有待发生的故障。",
    "What happens": "内容",
    "Left": "剩余",
    "always": "一直",
    "Deliveries": "推送记录",
    "Nothing was pushed yet.": "还没有推送。",
    "Time": "时间",
    "Push": "推送",
    "Try": "第几次",
    "Answer": "应答",
    "no answer": "无应答",
    "Ledger": "调用记录",
    "Nobody has called yet.": "还没有调用。",
    "Newest first; {count} calls in all.": "最新在前，共 {count} 次调用。",
    "Filter": "筛选",
    "Caller": "调用者",
    "About": "对象",
    "Result": "结果",
    "dropped": "已丢弃",
    "no such path": "无此接口",
    "no effect": "未生效",
    "Not done: {problem}": "未执行：{problem}",
    "Back": "返回",
}


class Words:
    """Says a text in one language; Chinese unless asked otherwise."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, text: str, **values: object) -> str:
        said = CHINESE[text] if self.language == "zh" else text
        return said.format(**values) if values else said

    @classmethod
    def of(cls, request: Request) -> "Words":
        """The language the address, else the cookie, asks for."""
        asked = request.query.get("lang") or _cookie(request)
        return cls(asked if asked in LANGUAGES else "zh")


def _cookie(request: Request) -> str:
    for pair in request.headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == "sandbox_lang":
            return value
    return ""
