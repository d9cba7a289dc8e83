"""The control API: what the console does by hand, for scripts, as JSON under /sandbox/api/."""

import json
from collections.abc import Callable
from dataclasses import asdict

from sandbox.server.control_receiver import change_receiver, clear_receiver, read_receiver
from sandbox.server.descriptions import (
    Data,
    describe_account,
    describe_audit,
    describe_delivery,
    describe_line,
    describe_release_test,
    describe_version,
)
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat, settings
from sandbox.world.chats import Allowance
from sandbox.world.errors import BadRequest, PageRefusal, Refusal
from sandbox.world.faults import check_details

PREFIX = "/sandbox/api/"
PROGRAM_MEMBERS = (
    "is_complete",
    "without_auth",
    "without_conf",
    "without_icp",
    "without_file",
    "found_privacy",
    "icp_status",
)
MOST_ACCOUNTS = 100_000


def push_ticket(wechat: WeChat, data: Data) -> Data:
    wechat.push_ticket()
    return {"ticket_at": wechat.component.ticket_at}


def create_accounts(wechat: WeChat, data: Data) -> Data:
    """One account, or COUNT of them, AUTHORIZED from the start if so wished."""
    number, authorized = int(data.pop("count", 1)), data.pop("authorized", False)
    if not 1 <= number <= MOST_ACCOUNTS:
        raise BadRequest(f"count goes from 1 to {MOST_ACCOUNTS}")
    accounts = [wechat.create_account(**data) for _ in range(number)]
    if authorized:
        for account in accounts:
            wechat.grant(account.appid)
    return {"appids": [account.appid for account in accounts]}


def change_account(wechat: WeChat, data: Data) -> Data:
    """A new NICK_NAME, another ACCOUNT_STATUS (1, 14, 16, 18, 19), or both, with a REASON."""
    appid, about = data["appid"], {"reason": data["reason"]} if "reason" in data else {}
    if "nick_name" in data:
        wechat.rename(appid, data["nick_name"], **about)
    if "account_status" in data:
        wechat.set_status(appid, int(data["account_status"]), **about)
    return describe_account(wechat.component, wechat.accounts[appid])


def register_quickly(wechat: WeChat, data: Data) -> Data:
    """A company NAME is given a mini program, or STATUS says why not."""
    account = wechat.register_quickly(data["name"], int(data.get("status", 0)))
    return {"appid": account.appid if account else ""}


def authorize(wechat: WeChat, data: Data) -> Data:
    """What the owner's confirmation does; without a pre_auth_code WeChat makes one."""
    code = data.pop("pre_auth_code", None) or wechat.new_pre_auth_code(wechat.component).value
    return {"auth_code": wechat.authorize(code, **data), "expires_in": wechat.code_life}


def cancel(wechat: WeChat, data: Data) -> Data:
    wechat.cancel(data["appid"])
    return {}


def update(wechat: WeChat, data: Data) -> Data:
    return {"auth_code": wechat.update_authorization(data["appid"], data["func_ids"])}


def upload_draft(wechat: WeChat, data: Data) -> Data:
    """A developer's upload; with KEEP it is made a template at once."""
    keep = data.pop("keep", False)
    draft = wechat.upload_draft(**data)
    if not keep:
        return {"draft_id": draft.draft_id}
    with wechat.lock:
        template = wechat.component.library.keep(draft.draft_id, 0, int(wechat.clock()))
    return {"draft_id": draft.draft_id, "template_id": template.template_id}


def judge(wechat: WeChat, data: Data) -> Data:
    """A reviewer's verdict: OUTCOME is pass, reject or delay."""
    return {"auditid": wechat.judge(**data).auditid}


def judge_application(wechat: WeChat, data: Data) -> Data:
    """A verdict, pass or reject, on the application of APPID for an INTERFACE, or for its path."""
    account, about = wechat.accounts[data["appid"]], (data["outcome"], data.get("reason"))
    if "interface" in data:
        application = wechat.applications.judge_interface(account, data["interface"], *about)
    else:
        application = wechat.applications.judge_path(account, *about)
    return {"audit_id": application.audit_id}


def change_program(wechat: WeChat, data: Data) -> Data:
    """
    What review finds in a mini program's code, or misses in its profile; its CATEGORIES, each
    `first` and `second`, and a `state` where it is not in force; and GRANTED INTERFACES.
    """
    account = wechat.accounts[data.pop("appid")]
    if "categories" in data:
        account.categories = data.pop("categories")
    for name in data.pop("granted_interfaces", ()):
        wechat.applications.grant_interface(account, name)
    program = account.program
    if unknown := set(data) - set(PROGRAM_MEMBERS):
        raise BadRequest(f"a mini program has no {', '.join(sorted(unknown))}")
    for name, value in data.items():
        setattr(program, name, value)
    return {}


def read_program(wechat: WeChat, data: Data) -> Data:
    """The versions and reviews of one mini program."""
    with wechat.lock:
        program = wechat.accounts[data["appid"]].program
        return {
            "trial": program.trial and describe_version(program.trial),
            "approved": program.approved and program.approved.auditid,
            "online": program.online and describe_version(program.online.version),
            "past": [one.version.user_version for one in program.past],
            "released": program.released,
            "gray_percentage": program.gray.percentage if program.gray.is_running else None,
            "is_open": program.is_open,
            "audits": [describe_audit(audit) for audit in program.audits],
        }


def push(wechat: WeChat, data: Data) -> Data:
    """Any push: a component push, or with an APPID a message push of that authorizer."""
    if "appid" in data:
        return {"number": wechat.push_message(**data).number}
    return {"number": wechat.push(**data).number}


def say(wechat: WeChat, data: Data) -> Data:
    """A user's message: APPID, OPENID, CONTENT, and what else `say` takes."""
    return {"number": wechat.say(**data).number}


def happen(wechat: WeChat, data: Data) -> Data:
    """An event of a user's: APPID, OPENID, EVENT, FIELDS."""
    return {"number": wechat.happen(**data).number}


def visit(wechat: WeChat, data: Data) -> Data:
    """A user, OPENID, comes to APPID and says nothing."""
    with wechat.lock:
        wechat.chats.visit(wechat.accounts[data["appid"]], data["openid"])
    return {}


def subscribe(wechat: WeChat, data: Data) -> Data:
    """A user's ANSWERS, accept or reject by template, to what a mini program asks."""
    wechat.subscriptions.answer(data["appid"], data["openid"], data["answers"])
    return {}


def read_transcript(wechat: WeChat, data: Data) -> Data:
    """The lines of one chat, and how many messages the account may still send."""
    with wechat.lock:
        chat = wechat.chats.find(data["appid"], data["openid"])
        windows = chat.open_windows(wechat.clock()) if chat else []
        return {
            "lines": [describe_line(line) for line in chat.lines] if chat else [],
            "left": sum(window.left for window in windows),
            "window_ends": max((window.ends for window in windows), default=None),
            "typing": bool(chat and wechat.clock() < chat.typing_until),
        }


def change_allowance(wechat: WeChat, data: Data) -> Data:
    """How many MESSAGES within how many SECONDS a TRIGGER allows accounts of a KIND."""
    allowance = Allowance(int(data["messages"]), int(data["seconds"]))
    with wechat.lock:
        allowances = wechat.chats.allowances[data["kind"]]
        allowances[data["trigger"]] = allowance
        return {trigger: one._asdict() for trigger, one in allowances.items()}


def user_code(wechat: WeChat, data: Data) -> Data:
    """What a front end of APPID gives for OPENID: by WAY login (wx.login) or phone (NUMBER)."""
    way, users = data.pop("way", "login"), wechat.users
    if way not in ("login", "phone"):
        raise BadRequest("way is login or phone")
    wechat.accounts[data["appid"]]
    code = users.log_in(**data) if way == "login" else users.press_phone_button(**data)
    return {"code": code, "expires_in": wechat.user_code_life}


def encrypt(wechat: WeChat, data: Data) -> Data:
    """What the front end of APPID is given encrypted for OPENID, once logged in: CONTENT."""
    return wechat.users.encrypt(**data)


def web_login(wechat: WeChat, data: Data) -> Data:
    """OPENID opens URL, the page of a web login, and agrees, or with REFUSE does not."""
    page = wechat.users.open_page(data["url"])
    if data.get("refuse", False):
        return {"location": wechat.users.refuse(page)}
    return {"location": wechat.users.agree(page, data["openid"])}


def start_release_test(wechat: WeChat, data: Data) -> Data:
    """全网发布: GROUPS (all five), PATIENCE in seconds; GET release_test?id=… shows how it went."""
    test = wechat.start_release_test(**data)
    return describe_release_test(wechat.release_tests.runs.index(test) + 1, test)


def read_release_test(wechat: WeChat, data: Data) -> Data:
    """The run of that ID, or the newest."""
    runs = wechat.release_tests.runs
    if not runs:
        raise BadRequest("no release test was started")
    number = int(data.get("id", len(runs)))
    if not 1 <= number <= len(runs):
        raise BadRequest(f"no release test {number}")
    return describe_release_test(number, runs[number - 1])


def lend_release_code(wechat: WeChat, data: Data) -> Data:
    """For a tester of the platform's own: a code of one of WeChat's test accounts, APPID.

    OPENID is the user whom the message by the API is for; without it, it may be for anybody.
    """
    return {"code": wechat.lend_release_code(**data), "expires_in": wechat.code_life}


def add_fault(wechat: WeChat, data: Data) -> Data:
    path = data.pop("path")
    wechat.fault(path, **check_details(data))
    return faults(wechat, {})


def clear_faults(wechat: WeChat, data: Data) -> Data:
    wechat.clear_faults(data.get("path"))
    return faults(wechat, {})


def faults(wechat: WeChat, data: Data) -> Data:
    with wechat.lock:
        return {"faults": [fault.describe() for fault in wechat.faults.pending()]}


def change_settings(wechat: WeChat, data: Data) -> Data:
    settings.change_settings(wechat, data)
    return settings.read_settings(wechat)


def read_ledger(wechat: WeChat, data: Data) -> Data:
    """The newest entries, oldest first, and how often each path was called in all."""
    path, appid, limit = data.get("path"), data.get("appid"), int(data.get("limit", 200))
    with wechat.lock:
        entries = [
            asdict(entry)
            for entry in wechat.ledger
            if path in (None, entry.path) and appid in (None, entry.appid)
        ]
        return {
            "count": wechat.ledger.count(path, appid),
            "by_path": wechat.ledger.by_path(),
            "entries": entries[-limit:],
        }


def clear_ledger(wechat: WeChat, data: Data) -> Data:
    with wechat.lock:
        wechat.ledger.clear()
    return {}


def read_state(wechat: WeChat, data: Data) -> Data:
    """Who there is and who has authorised us; no secret."""
    with wechat.lock:
        component = wechat.component
        return {
            "component": {
                "appid": component.appid,
                "func_ids": component.func_ids,
                "ticket_at": component.ticket_at,
                "outbox": len(wechat.outbox),
                "muted_until": wechat.post.muted_until if wechat.post.is_muted else None,
                "dropped": wechat.post.dropped,
            },
            "settings": settings.read_settings(wechat),
            "accounts": [
                describe_account(component, account) for account in wechat.accounts.values()
            ],
        }


def read_deliveries(wechat: WeChat, data: Data) -> Data:
    """The newest tries, oldest first."""
    tries = wechat.deliveries[-int(data.get("limit", 200)) :]
    return {"deliveries": [describe_delivery(delivery) for delivery in tries]}


ROUTES: dict[tuple[str, str], Callable[[WeChat, Data], Data]] = {
    ("POST", "ticket"): push_ticket,
    ("POST", "accounts"): create_accounts,
    ("POST", "account"): change_account,
    ("POST", "register_quickly"): register_quickly,
    ("POST", "authorize"): authorize,
    ("POST", "cancel"): cancel,
    ("POST", "update"): update,
    ("POST", "drafts"): upload_draft,
    ("POST", "judge"): judge,
    ("POST", "judge_application"): judge_application,
    ("GET", "program"): read_program,
    ("POST", "program"): change_program,
    ("POST", "push"): push,
    ("POST", "say"): say,
    ("POST", "happen"): happen,
    ("POST", "visit"): visit,
    ("POST", "subscribe"): subscribe,
    ("GET", "transcript"): read_transcript,
    ("POST", "transcript"): read_transcript,
    ("POST", "allowances"): change_allowance,
    ("POST", "user_code"): user_code,
    ("POST", "encrypt"): encrypt,
    ("POST", "web_login"): web_login,
    ("POST", "release_test"): start_release_test,
    ("GET", "release_test"): read_release_test,
    ("POST", "release_code"): lend_release_code,
    ("GET", "faults"): faults,
    ("POST", "faults"): add_fault,
    ("POST", "faults/clear"): clear_faults,
    ("POST", "settings"): change_settings,
    ("GET", "ledger"): read_ledger,
    ("POST", "ledger/clear"): clear_ledger,
    ("GET", "state"): read_state,
    ("GET", "deliveries"): read_deliveries,
    ("GET", "receiver"): read_receiver,
    ("POST", "receiver"): change_receiver,
    ("POST", "receiver/clear"): clear_receiver,
}


def answer(wechat: WeChat, request: Request) -> Reply:
    """One request of a script."""
    function = ROUTES.get((request.method, request.path.removeprefix(PREFIX)))
    if function is None:
        return _json({"error": "no such call"}, 404)
    try:
        return _json(function(wechat, _data(request)))
    except (BadRequest, PageRefusal, Refusal, KeyError, TypeError, ValueError) as error:
        return _json({"error": f"{type(error).__name__}: {error}"}, 400)


def _data(request: Request) -> Data:
    if request.method == "GET":
        return dict(request.query)
    # A page of another origin cannot post this type without asking first.
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise BadRequest("send application/json")
    data = json.loads(request.body or b"{}")
    if not isinstance(data, dict):
        raise BadRequest("send a JSON object")
    return data


def _json(data: Data, status: int = 200) -> Reply:
    body = json.dumps(data, ensure_ascii=False).encode()
    return Reply(body, status, {"Content-Type": "application/json; charset=utf-8"})
