"""The console: everything that happens at WeChat by somebody's hand."""

from collections.abc import Callable
from itertools import islice

from sandbox import control, phone, program_page, release_page
from sandbox.api import ENDPOINTS
from sandbox.authorization import KINDS, set_box
from sandbox.days import written
from sandbox.errors import PageRefusal
from sandbox.exchange import Reply, Request
from sandbox.faults import ANY_PATH
from sandbox.html import (
    HEADERS,
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
from sandbox.ledger import Entry
from sandbox.parties import Account, Component
from sandbox.words import Words
from sandbox.world import WeChat

DO = "/sandbox/do/"
ROTATIONS = {
    "never": "never",
    "on_reauth": "on re-authorisation",
    "always": "at every refresh",
}
LIFETIMES = {
    "token_life": "Life of access tokens",
    "next_token_life": "Life of the next authorizer token",
    "component_token_life": "Life of component tokens",
    "overlap": "Old token works on for",
    "ticket_life": "Life of a ticket",
    "preauth_life": "Life of a pre_auth_code",
    "code_life": "Life of an authorization code",
    "daily_limit": "Calls a day and path",
    "timeout": "Patience with an answer",
    "mute_after": "Failures until it falls silent",
    "mute_seconds": "Silence lasts",
}
UNITS = {"daily_limit": "calls", "mute_after": "in five minutes"}
NOT_SET = {"mute_after": "never"}
REVIEWS = {
    "check_seconds": ("Code check after a commit", "seconds"),
    "review_seconds": ("Verdict by itself after", "seconds; empty: by hand"),
    "audit_limit": ("Submissions a month", "in all"),
    "speedup_limit": ("Speed-ups a month", "in all"),
}
OUTCOMES = {"pass": "pass", "reject": "reject", "delay": "delay, then pass"}
ROWS = 100


def show(wechat: WeChat, request: Request) -> Reply:
    """The whole console on one page."""
    say = Words.of(request)
    parts = (
        _component,
        _accounts,
        _templates,
        _reviews,
        _settings,
        _faults,
        _deliveries,
        _ledger,
    )
    with wechat.lock:
        sections = [part(wechat, say, request) for part in parts]
    return page(request, say, say("Console"), tag("h1", say("Console")), sections)


def _component(wechat: WeChat, say: Words, request: Request) -> Html:
    component = wechat.component
    age = int(wechat.clock() - component.ticket_at)
    told = say("pushed {seconds} s ago", seconds=age) if component.ticket else say("never pushed")
    facts = {
        "AppID": component.appid,
        say("Ticket"): told,
        say("Push URL"): component.push_url,
        say("Message URL"): component.message_url,
        say("Start page domain"): component.redirect_domain or say("any"),
    }
    return section(
        "component",
        say("Component"),
        tag("dl", [[tag("dt", name), tag("dd", value)] for name, value in facts.items()]),
        form(f"{DO}ticket", wechat.form_key, tag("button", say("Push a ticket now"))),
        tag("p", tag("a", say("Release test"), href=release_page.PATH)),
    )


def _accounts(wechat: WeChat, say: Words, request: Request) -> Html:
    cards = [_card(wechat, say, account) for account in islice(wechat.accounts.values(), ROWS)]
    return section(
        "accounts",
        f"{say('Accounts')} ({len(wechat.accounts)})",
        tag("div", cards, class_="cards"),
        tag("details", tag("summary", say("Create an account")), _new_account(wechat, say)),
    )


def _card(wechat: WeChat, say: Words, account: Account) -> Html:
    component = wechat.component
    return tag(
        "article",
        tag("img", src=f"/avatar/{account.appid}.svg", alt="", width=44, height=44),
        tag(
            "div",
            tag("b", account.nick_name),
            tag("small", f"{say(KINDS[account.kind])} · {account.principal_name}"),
            tag("small", say("Owner: {name}", name=account.owner)),
            tag("code", account.appid),
            tag("a", say("Phone"), href=f"{phone.FOLDER}{account.appid}"),
            tag("a", say("Code and reviews"), href=f"{program_page.FOLDER}{account.appid}")
            if account.is_mini_program
            else None,
        ),
        _authorization(wechat, say, account, component),
        class_="card",
    )


def _authorization(wechat: WeChat, say: Words, account: Account, component: Component) -> Html:
    authorization = component.authorizations.get(account.appid)
    if authorization is None:
        return tag("p", tag("em", say("Not authorised")))
    boxes = [
        set_box(say, number, chosen=number in authorization.func_ids)
        for number in wechat.offered_sets(component, account)
    ]
    appid = tag("input", type="hidden", name="appid", value=account.appid)
    sets = say("{count} permission sets", count=len(authorization.func_ids))
    untraded = None if authorization.refresh_token else tag("em", say("code not traded yet"))
    return tag(
        "div",
        tag("p", tag("em", say("Authorised"), class_="good"), " ", sets, " ", untraded),
        tag(
            "details",
            tag("summary", say("Change the permission sets")),
            form(
                f"{DO}update",
                wechat.form_key,
                appid,
                tag("div", boxes, class_="sets"),
                tag("button", say("Save")),
            ),
        ),
        form(
            f"{DO}cancel",
            wechat.form_key,
            appid,
            tag("button", say("Cancel the authorisation"), class_="danger"),
        ),
    )


def _new_account(wechat: WeChat, say: Words) -> Html:
    kinds = [(kind, say(name)) for kind, name in KINDS.items()]
    return form(
        f"{DO}accounts",
        wechat.form_key,
        field(say("Kind"), choice("kind", kinds)),
        field(say("Name"), tag("input", name="nick_name", required=True)),
        field(say("Principal"), tag("input", name="principal_name", required=True)),
        field(say("Owner"), tag("input", name="owner", required=True)),
        tag("button", say("Create"), class_="primary"),
        class_="fields",
    )


def _templates(wechat: WeChat, say: Words, request: Request) -> Html:
    library = wechat.component.library
    rows = [
        (say(kind), str(number), draft.user_version, draft.user_desc, draft.source_name)
        for kind, number, draft in (
            *(("Draft", one.draft_id, one) for one in library.drafts.values()),
            *(("Template", one.template_id, one.draft) for one in library.templates.values()),
        )
    ]
    heads = (say("Kind"), "ID", say("Version"), say("Description"), say("Development program"))
    return section(
        "templates",
        say("Drafts and templates"),
        table(heads, rows) if rows else tag("p", say("Nothing was uploaded yet."), class_="quiet"),
        form(
            f"{DO}drafts",
            wechat.form_key,
            field(say("Version"), tag("input", name="user_version", required=True)),
            field(say("Description"), tag("input", name="user_desc", required=True)),
            tag("button", say("Upload a draft"), class_="primary"),
            class_="fields",
        ),
    )


def _reviews(wechat: WeChat, say: Words, request: Request) -> Html:
    now = control.settings(wechat)
    outcomes = [(name, say(text)) for name, text in OUTCOMES.items()]
    return section(
        "reviews",
        say("Reviews"),
        form(
            f"{DO}reviews",
            wechat.form_key,
            [
                field(
                    say(label),
                    tag("input", name=name, type="number", min=0, value=_shown(now[name])),
                    say(unit),
                )
                for name, (label, unit) in REVIEWS.items()
            ],
            field(say("Verdict"), choice("review_outcome", outcomes, now["review_outcome"])),
            tag("button", say("Save"), class_="primary"),
            class_="fields",
        ),
    )


def _shown(value: int | None) -> str:
    return "" if value is None else str(value)


def _settings(wechat: WeChat, say: Words, request: Request) -> Html:
    now = control.settings(wechat)
    rotations = [(name, say(text)) for name, text in ROTATIONS.items()]
    pushing = [("yes", say("yes")), ("no", say("no"))]
    return section(
        "settings",
        say("Settings"),
        form(
            f"{DO}settings",
            wechat.form_key,
            field(say("Refresh token rotation"), choice("rotate", rotations, now["rotate"])),
            field(
                say("Push tickets every ten minutes"),
                choice("pushing", pushing, "yes" if now["pushing"] else "no"),
            ),
            [_lifetime(say, name, now[name]) for name in LIFETIMES],
            tag("button", say("Save"), class_="primary"),
            class_="fields",
        ),
    )


def _lifetime(say: Words, name: str, value: int | None) -> Html:
    box = tag(
        "input",
        name=name,
        type="number",
        min=0,
        value="" if value is None else value,
        placeholder=say(NOT_SET.get(name, "as set above")) if value is None else None,
    )
    return field(say(LIFETIMES[name]), box, say(UNITS.get(name, "seconds")))


def _faults(wechat: WeChat, say: Words, request: Request) -> Html:
    waiting = [control.describe_fault(fault) for fault in wechat.faults.pending()]
    rows = [
        (
            fault.pop("path"),
            _left(say, fault.pop("times"), fault.pop("taken")),
            ", ".join(f"{name}: {value}" for name, value in fault.items()),
        )
        for fault in waiting
    ]
    clear = form(
        f"{DO}faults/clear",
        wechat.form_key,
        tag("button", say("Clear all faults"), class_="danger"),
    )
    return section(
        "faults",
        say("Faults"),
        table((say("Path"), say("Left"), say("What happens")), rows)
        if rows
        else tag("p", say("No fault is waiting."), class_="quiet"),
        clear if rows else None,
        _new_fault(wechat, say),
    )


def _left(say: Words, times: int | None, taken: int) -> str:
    return say("always") if times is None else str(times - taken)


def _new_fault(wechat: WeChat, say: Words) -> Html:
    paths = [(ANY_PATH, say("every path")), *((path, path) for path in ENDPOINTS)]
    drops = [
        ("", say("no")),
        ("before", say("before the effect")),
        ("after", say("after the effect")),
    ]
    number = {"type": "number", "min": 0}
    return form(
        f"{DO}faults",
        wechat.form_key,
        field(say("Path"), choice("path", paths)),
        field(say("Times"), tag("input", name="times", value=1, **number), say("empty: always")),
        field("AppID", tag("input", name="appid")),
        field(say("Error code"), tag("input", name="errcode", type="number")),
        field(say("Delay"), tag("input", name="delay", step="any", **number), say("seconds")),
        field(say("Drop the answer"), choice("drop", drops)),
        field(say("HTTP status"), tag("input", name="status", **number)),
        field(say("expires_in instead"), tag("input", name="expires_in", type="number")),
        field(say("Cut after"), tag("input", name="truncate", **number), say("bytes")),
        field(
            say("Trickle"), tag("input", name="slow", step="any", **number), say("bytes per second")
        ),
        field(say("Body instead"), tag("input", name="body")),
        tag("button", say("Add the fault"), class_="primary"),
        class_="fields",
    )


def _deliveries(wechat: WeChat, say: Words, request: Request) -> Html:
    rows = [
        (
            _clock(delivery.at),
            delivery.push.kind,
            badge(
                f"{delivery.status or say('no answer')} "
                + delivery.answer[:80].decode("utf-8", "replace"),
                good=delivery.accepted,
            ),
            delivery.push.appid,
            str(delivery.attempt or ""),
        )
        for delivery in islice(reversed(wechat.deliveries), ROWS)
    ]
    heads = (say("Time"), say("Push"), say("Answer"), say("About"), say("Try"))
    return section(
        "deliveries",
        say("Deliveries"),
        _silence(wechat, say),
        table(heads, rows) if rows else tag("p", say("Nothing was pushed yet."), class_="quiet"),
    )


def _silence(wechat: WeChat, say: Words) -> Html | None:
    """That WeChat tells us nothing after so many failures."""
    post = wechat.post
    if not post.dropped and not post.is_muted:
        return None
    lost = say("Pushes lost by silence: {count}.", count=post.dropped)
    if not post.is_muted:
        return tag("p", lost, class_="quiet")
    seconds = int(post.muted_until - wechat.clock()) + 1
    told = say("Silent for {seconds} s: too many failures.", seconds=seconds)
    return tag("p", told, " ", lost, class_="problem", role="alert")


def _ledger(wechat: WeChat, say: Words, request: Request) -> Html:
    path, appid = request.query.get("path", ""), request.query.get("appid", "")
    found = (
        entry
        for entry in reversed(list(wechat.ledger))
        if path in ("", entry.path) and appid in ("", entry.appid, entry.token_owner)
    )
    rows = [
        (
            str(entry.seq),
            _clock(entry.at),
            entry.path,
            _outcome(say, entry),
            entry.token_owner,
            entry.appid,
        )
        for entry in islice(found, ROWS)
    ]
    heads = ("#", say("Time"), say("Path"), say("Result"), say("Caller"), say("About"))
    paths = [("", say("every path")), *((known, known) for known in wechat.ledger.by_path())]
    return section(
        "ledger",
        say("Ledger"),
        tag(
            "form",
            field(say("Path"), choice("path", paths, path)),
            field("AppID", tag("input", name="appid", value=appid)),
            tag("button", say("Filter")),
            class_="fields",
            action="/#ledger",
        ),
        tag(
            "p",
            say("Newest first; {count} calls in all.", count=wechat.ledger.count()),
            class_="quiet",
        ),
        table(heads, rows) if rows else tag("p", say("Nobody has called yet."), class_="quiet"),
    )


def _outcome(say: Words, entry: Entry) -> Html:
    words = ["" if entry.errcode is None else str(entry.errcode)]
    words += [say("dropped")] if entry.dropped else []
    words += [say("no such path")] if entry.unknown else []
    words += [say("no effect")] if not entry.effect and not entry.errcode else []
    told = " · ".join(word for word in words if word)
    return badge(told, good=entry.effect and not entry.dropped)


def _clock(at: float) -> str:
    return written(at, "%H:%M:%S")


# What the buttons do


def _ticket(wechat: WeChat, fields: dict[str, list[str]]) -> None:
    wechat.push_ticket()


def _create(wechat: WeChat, fields: dict[str, list[str]]) -> None:
    names = ("kind", "nick_name", "principal_name", "owner")
    wechat.create_account(**{name: fields[name][0] for name in names})


def _cancel(wechat: WeChat, fields: dict[str, list[str]]) -> None:
    wechat.cancel(fields["appid"][0])


def _update(wechat: WeChat, fields: dict[str, list[str]]) -> None:
    chosen = [int(number) for number in fields.get("func_id", [])]
    wechat.update_authorization(fields["appid"][0], chosen)


def _set(wechat: WeChat, fields: dict[str, list[str]]) -> None:
    lifetimes = {name: _number(fields, name) for name in LIFETIMES}
    pushing = fields["pushing"] == ["yes"]
    control.change_settings(
        wechat, {**lifetimes, "rotate": fields["rotate"][0], "pushing": pushing}
    )


def _upload(wechat: WeChat, fields: dict[str, list[str]]) -> None:
    wechat.upload_draft(user_version=fields["user_version"][0], user_desc=fields["user_desc"][0])


def _set_reviews(wechat: WeChat, fields: dict[str, list[str]]) -> None:
    numbers = {name: _number(fields, name) for name in REVIEWS}
    control.change_settings(wechat, {**numbers, "review_outcome": fields["review_outcome"][0]})


def _add_fault(wechat: WeChat, fields: dict[str, list[str]]) -> None:
    words: control.Data = {"path": fields["path"][0], "times": _number(fields, "times")}
    for name in ("errcode", "status", "expires_in", "truncate"):
        words[name] = _number(fields, name)
    words["delay"] = float(_text(fields, "delay") or 0)
    words["slow"] = float(_text(fields, "slow") or 0) or None
    for name in ("appid", "drop", "body"):
        words[name] = _text(fields, name) or None
    control.add_fault(wechat, words)


def _clear_faults(wechat: WeChat, fields: dict[str, list[str]]) -> None:
    wechat.clear_faults()


def _number(fields: dict[str, list[str]], name: str) -> int | None:
    text = _text(fields, name)
    return int(text) if text else None


def _text(fields: dict[str, list[str]], name: str) -> str:
    return fields.get(name, [""])[0].strip()


ACTIONS: dict[str, tuple[Callable[[WeChat, dict[str, list[str]]], None], str]] = {
    "ticket": (_ticket, "component"),
    "accounts": (_create, "accounts"),
    "cancel": (_cancel, "accounts"),
    "update": (_update, "accounts"),
    "drafts": (_upload, "templates"),
    "reviews": (_set_reviews, "reviews"),
    "settings": (_set, "settings"),
    "faults": (_add_fault, "faults"),
    "faults/clear": (_clear_faults, "faults"),
}


def do(wechat: WeChat, request: Request) -> Reply:
    """A button of the console; then the console again, where the button was."""
    action, anchor = ACTIONS[request.path.removeprefix(DO)]
    try:
        action(wechat, request.form)
    except (control.BadRequest, PageRefusal, KeyError, ValueError) as problem:
        return not_done(request, problem, back="/")
    return Reply(b"", 303, {**HEADERS, "Location": f"/#{anchor}"})
