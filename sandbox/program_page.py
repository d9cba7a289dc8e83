"""The page of one mini program: its versions, its reviews, and the reviewer's buttons."""

from collections.abc import Callable

from sandbox.days import written
from sandbox.errors import PageRefusal
from sandbox.exchange import Reply, Request
from sandbox.html import (
    HEADERS,
    Child,
    Html,
    badge,
    choice,
    field,
    form,
    not_done,
    page,
    section,
    table,
    tag,
)
from sandbox.parties import Account
from sandbox.program import PASSED, REJECTED, Audit, Version
from sandbox.review import REASONS
from sandbox.words import Words
from sandbox.world import WeChat

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
    say = Words.of(request)
    with wechat.lock:
        parts = [_versions(wechat, say, account), _review(wechat, say, account)]
        parts += [_audits(say, account), _past(say, account)]
    title = f"{account.nick_name} · {say('Code and reviews')}"
    back = tag("p", tag("a", say("Console"), href="/"))
    return page(request, say, title, back, tag("h1", title), parts)


def _versions(wechat: WeChat, say: Words, account: Account) -> Html:
    program = account.program
    left = int(program.check_ends - wechat.clock())
    gray = say("{percentage} % of users", percentage=program.gray.percentage)
    facts: dict[str, Child] = {
        say("On trial"): _version(say, program.trial),
        say("Code check"): say("{seconds} s left", seconds=left) if left > 0 else say("done"),
        say("Waiting for release"): _version(
            say, program.approved.version if program.approved else None
        ),
        say("Released in steps"): gray if program.gray.is_running else say("no"),
        say("Online"): _version(say, program.online.version if program.online else None),
        say("Visitors"): say("welcome") if program.is_open else say("shut out"),
    }
    code = tag("img", src=f"/qrcode/{account.appid}.svg", alt="", width=120, height=120)
    rows = [[tag("dt", name), tag("dd", value)] for name, value in facts.items()]
    return section("versions", say("Versions"), tag("dl", rows), code if program.trial else None)


def _version(say: Words, version: Version | None) -> Child:
    if version is None:
        return tag("small", say("none"))
    return [tag("b", version.user_version), " ", tag("small", version.user_desc)]


def _review(wechat: WeChat, say: Words, account: Account) -> Html:
    audit = account.program.open_audit
    if audit is None:
        quiet = tag("p", say("Nothing is in review."), class_="quiet")
        return section("review", say("Review"), quiet)
    numbers = [(str(number), str(number)) for number in range(MOST_PICTURES + 1)]
    return section(
        "review",
        say("Review"),
        tag("p", f"{audit.auditid} · {audit.version.user_version} · ", _status(say, audit)),
        _verdict(wechat, say, account, "pass"),
        _verdict(wechat, say, account, "delay", _reason(say, "delay")),
        _verdict(
            wechat,
            say,
            account,
            "reject",
            _reason(say, "reject"),
            field(say("Pictures"), choice("pictures", numbers, "1")),
        ),
    )


def _verdict(wechat: WeChat, say: Words, account: Account, outcome: str, *fields: Html) -> Html:
    names = {"pass": "Pass", "delay": "Delay the verdict", "reject": "Reject"}
    styles = {"pass": "primary", "reject": "danger"}
    return form(
        f"{FOLDER}{account.appid}/{outcome}",
        wechat.form_key,
        *fields,
        tag("button", say(names[outcome]), class_=styles.get(outcome)),
        class_="fields",
    )


def _reason(say: Words, outcome: str) -> Html:
    return field(say("Reason"), tag("textarea", REASONS[outcome], name="reason", rows=3))


def _audits(say: Words, account: Account) -> Html:
    rows = [
        (
            str(audit.auditid),
            audit.version.user_version,
            _status(say, audit),
            _clock(audit.submitted_at),
            tag("div", audit.reason, _pictures(audit), class_="reason"),
        )
        for audit in reversed(account.program.audits)
    ]
    heads = ("auditid", say("Version"), say("Status"), say("Submitted"), say("Reason"))
    none = tag("p", say("Nothing was submitted yet."), class_="quiet")
    return section("audits", say("Reviews"), table(heads, rows) if rows else none)


def _status(say: Words, audit: Audit) -> Child:
    sped_up = [" ", tag("em", say("sped up"))] if audit.sped_up else None
    told = say(STATUSES[audit.status])
    if audit.status in (PASSED, REJECTED):
        return [badge(told, good=audit.status == PASSED), sped_up]
    return [tag("em", told), sped_up]


def _pictures(audit: Audit) -> Child:
    pictures = [
        tag("img", src=f"/sandbox/media/{media_id}", alt="", width=96, height=96)
        for media_id in audit.screenshots
    ]
    return tag("p", pictures) if pictures else None


def _past(say: Words, account: Account) -> Html:
    rows = [
        (str(one.app_version), one.version.user_version, one.version.user_desc, _clock(one.at))
        for one in reversed(account.program.past)
    ]
    heads = ("app_version", say("Version"), say("Description"), say("Released"))
    none = tag("p", say("There is nothing to roll back to."), class_="quiet")
    return section("past", say("Past versions"), table(heads, rows) if rows else none)


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


ACTIONS: dict[str, Callable[[WeChat, Account, dict[str, list[str]]], None]] = {
    "pass": _pass,
    "delay": _delay,
    "reject": _reject,
}
