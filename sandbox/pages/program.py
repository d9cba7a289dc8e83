"""The page of one mini program: its versions, its reviews, and the reviewer's buttons."""

from collections.abc import Callable

from sandbox.pages.html import (
    HEADERS,
    Child,
    Html,
    badge,
    choice,
    field,
    form,
    hidden,
    not_done,
    page,
    section,
    table,
    tag,
)
from sandbox.pages.words import Words
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat, applications
from sandbox.world.days import written
from sandbox.world.errors import PageRefusal
from sandbox.world.parties import Account
from sandbox.world.program import PASSED, REJECTED, Audit, Version
from sandbox.world.reviews import REASONS

FOLDER = "/sandbox/program/"
STATUSES = ("passed", "rejected", "in review", "withdrawn", "delayed")
MOST_PICTURES = 3


def answer(wechat: WeChat, request: Request) -> Reply:
    """The page, or what a button of it does; then the page again."""
    appid, _, action = request.path.removeprefix(FOLDER).partition("/")
    account = wechat.accounts.get(appid)
    if account is None or not account.is_mini_program:
        return not_done(request, PageRefusal("no such mini program"), back="/")
    if request.method != "POST":
        return _show(wechat, request, account)
    try:
        ACTIONS[action](wechat, account, request.form)
    except (KeyError, ValueError) as problem:
        return not_done(request, problem, back=f"{FOLDER}{appid}")
    return Reply(b"", 303, {**HEADERS, "Location": f"{FOLDER}{appid}"})


def _show(wechat: WeChat, request: Request, account: Account) -> Reply:
    words = Words.of(request)
    with wechat.lock:
        parts = [_versions(wechat, words, account), _review(wechat, words, account)]
        parts += [_applications(wechat, words, account)]
        parts += [_audits(words, account), _past(words, account)]
    title = f"{account.nick_name} · {words('Code and reviews')}"
    back = tag("p", tag("a", words("Console"), href="/"))
    return page(request, words, title, back, tag("h1", title), parts)


def _versions(wechat: WeChat, words: Words, account: Account) -> Html:
    program = account.program
    left = int(program.check_ends - wechat.clock())
    gray = words("{percentage} % of users", percentage=program.gray.percentage)
    facts: dict[str, Child] = {
        words("On trial"): _version(words, program.trial),
        words("Code check"): words("{seconds} s left", seconds=left) if left > 0 else words("done"),
        words("Waiting for release"): _version(
            words, program.approved.version if program.approved else None
        ),
        words("Released in steps"): gray if program.gray.is_running else words("no"),
        words("Online"): _version(words, program.online.version if program.online else None),
        words("Visitors"): words("welcome") if program.is_open else words("shut out"),
    }
    code = tag("img", src=f"/qrcode/{account.appid}.svg", alt="", width=120, height=120)
    rows = [[tag("dt", name), tag("dd", value)] for name, value in facts.items()]
    return section("versions", words("Versions"), tag("dl", rows), code if program.trial else None)


def _version(words: Words, version: Version | None) -> Child:
    if version is None:
        return tag("small", words("none"))
    return [tag("b", version.user_version), " ", tag("small", version.user_desc)]


def _review(wechat: WeChat, words: Words, account: Account) -> Html:
    audit = account.program.open_audit
    if audit is None:
        quiet = tag("p", words("Nothing is in review."), class_="quiet")
        return section("review", words("Review"), quiet)
    numbers = [(str(number), str(number)) for number in range(MOST_PICTURES + 1)]
    return section(
        "review",
        words("Review"),
        tag("p", f"{audit.auditid} · {audit.version.user_version} · ", _status(words, audit)),
        _verdict(wechat, words, account, "pass"),
        _verdict(wechat, words, account, "delay", _reason(words, "delay")),
        _verdict(
            wechat,
            words,
            account,
            "reject",
            _reason(words, "reject"),
            field(words("Pictures"), choice("pictures", numbers, "1")),
        ),
    )


def _verdict(wechat: WeChat, words: Words, account: Account, outcome: str, *fields: Html) -> Html:
    names = {"pass": "Pass", "delay": "Delay the verdict", "reject": "Reject"}
    styles = {"pass": "primary", "reject": "danger"}
    return form(
        f"{FOLDER}{account.appid}/{outcome}",
        wechat.form_key,
        *fields,
        tag("button", words(names[outcome]), class_=styles.get(outcome)),
        class_="fields",
    )


def _reason(words: Words, outcome: str) -> Html:
    return field(words("Reason"), tag("textarea", REASONS[outcome], name="reason", rows=3))


def _applications(wechat: WeChat, words: Words, account: Account) -> Html:
    """What the platform has asked for besides a review: each open one with the two verdicts."""
    program = account.program
    waiting = [
        (name, one.subject, {"interface": name})
        for name, one in program.interfaces.items()
        if one.status == applications.IN_REVIEW
    ]
    path = program.order_application
    if path is not None and path.status == applications.PATH_IN_REVIEW:
        waiting.append((words("Page with orders"), path.subject, {}))
    rows = [
        (title, subject, _verdict_buttons(wechat, words, account, about))
        for title, subject, about in waiting
    ]
    quiet = tag("p", words("Nothing was applied for."), class_="quiet")
    heads = (words("For"), "", "")
    shown = table(heads, rows) if rows else quiet
    return section("applications", words("Applications"), shown)


def _verdict_buttons(
    wechat: WeChat, words: Words, account: Account, about: dict[str, str]
) -> Child:
    reason = field(words("Reason"), tag("input", name="reason", value=applications.NO_USE))
    grant, refuse = (f"{FOLDER}{account.appid}/{end}" for end in ("grant", "refuse"))
    return [
        form(
            grant, wechat.form_key, hidden(**about), tag("button", words("Pass"), class_="primary")
        ),
        form(
            refuse,
            wechat.form_key,
            hidden(**about),
            reason,
            tag("button", words("Reject"), class_="danger"),
            class_="fields",
        ),
    ]


def _audits(words: Words, account: Account) -> Html:
    rows = [
        (
            str(audit.auditid),
            audit.version.user_version,
            _status(words, audit),
            _clock(audit.submitted_at),
            tag("div", audit.reason, _pictures(audit), class_="reason"),
        )
        for audit in reversed(account.program.audits)
    ]
    heads = ("auditid", words("Version"), words("Status"), words("Submitted"), words("Reason"))
    none = tag("p", words("Nothing was submitted yet."), class_="quiet")
    return section("audits", words("Reviews"), table(heads, rows) if rows else none)


def _status(words: Words, audit: Audit) -> Child:
    sped_up = [" ", tag("em", words("sped up"))] if audit.sped_up else None
    status = words(STATUSES[audit.status])
    if audit.status in (PASSED, REJECTED):
        return [badge(status, good=audit.status == PASSED), sped_up]
    return [tag("em", status), sped_up]


def _pictures(audit: Audit) -> Child:
    pictures = [
        tag("img", src=f"/sandbox/media/{media_id}", alt="", width=96, height=96)
        for media_id in audit.screenshots
    ]
    return tag("p", pictures) if pictures else None


def _past(words: Words, account: Account) -> Html:
    rows = [
        (str(one.app_version), one.version.user_version, one.version.user_desc, _clock(one.at))
        for one in reversed(account.program.past)
    ]
    heads = ("app_version", words("Version"), words("Description"), words("Released"))
    none = tag("p", words("There is nothing to roll back to."), class_="quiet")
    return section("past", words("Past versions"), table(heads, rows) if rows else none)


def _clock(at: float) -> str:
    return written(at, "%Y-%m-%d %H:%M:%S")


# What the buttons do


def _pass(wechat: WeChat, account: Account, fields: dict[str, list[str]]) -> None:
    wechat.judge(account.appid, "pass")


def _delay(wechat: WeChat, account: Account, fields: dict[str, list[str]]) -> None:
    wechat.judge(account.appid, "delay", fields["reason"][0])


def _reject(wechat: WeChat, account: Account, fields: dict[str, list[str]]) -> None:
    pictures = min(int(fields["pictures"][0]), MOST_PICTURES)
    wechat.judge(account.appid, "reject", fields["reason"][0], pictures)


def _grant(wechat: WeChat, account: Account, fields: dict[str, list[str]]) -> None:
    _judge_application(wechat, account, fields, "pass", None)


def _refuse(wechat: WeChat, account: Account, fields: dict[str, list[str]]) -> None:
    _judge_application(wechat, account, fields, "reject", fields["reason"][0])


def _judge_application(
    wechat: WeChat,
    account: Account,
    fields: dict[str, list[str]],
    outcome: str,
    reason: str | None,
) -> None:
    if "interface" in fields:
        name = fields["interface"][0]
        wechat.applications.judge_interface(account, name, outcome, reason)
    else:
        wechat.applications.judge_path(account, outcome, reason)


ACTIONS: dict[str, Callable[[WeChat, Account, dict[str, list[str]]], None]] = {
    "pass": _pass,
    "delay": _delay,
    "reject": _reject,
    "grant": _grant,
    "refuse": _refuse,
}
