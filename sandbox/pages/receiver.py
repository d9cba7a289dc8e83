"""The receiver's page: what the platform posted, whether it was signed rightly, how we answer."""

import json
from collections.abc import Callable, Mapping
from itertools import islice

from sandbox.pages.html import (
    HEADERS,
    Child,
    Html,
    badge,
    choice,
    field,
    form,
    hidden,
    join,
    not_done,
    page,
    section,
    table,
    tag,
)
from sandbox.pages.words import Words
from sandbox.wire.exchange import Reply, Request
from sandbox.wire.webhooks import Proof
from sandbox.world import WeChat
from sandbox.world.days import written
from sandbox.world.errors import BadRequest
from sandbox.world.receiver import (
    ADDRESSES,
    FORWARDS,
    LONGEST_DELAY,
    WECOM,
    Arrival,
    Behaviour,
    Inbox,
)

FOLDER = "/sandbox/receiver/"
ROWS = 100  # on the page
LABELS = {
    "forwards": ("Forward target", "messages and events, at Messages → Forward targets"),
    "notices": ("Signed webhook", "notices, at Notices → Notice channels"),
    "wecom": ("Group bot of 企业微信", "notices, at Notices → Notice channels"),
    "dingtalk": ("Group bot of 钉钉", "notices, at Notices → Notice channels"),
    "feishu": ("Group bot of 飞书", "notices, at Notices → Notice channels"),
}

# Why a signature is right or wrong.
REASONS = {
    "right": "Signed with secret {number}.",
    "unchecked": "Not checked: the receiver does not have the secret.",
    "unsigned": "企业微信's bots sign nothing: whoever has the address may write.",
    "no_header": "The header {name} is missing.",
    "not_in_address": "{name} is missing in the address.",
    "not_in_body": "timestamp and sign are missing in the body.",
    "none_fits": (
        "None of its {count} signatures fits: it was signed with another secret, or changed on"
        " its way."
    ),
    "does_not_fit": "The signature does not fit: it was signed with another secret.",
    "no_number": "The time it was signed at is no number: {timestamp}",
    "late": "The time it was signed at is {away} s from now; {tolerance} s are allowed.",
}


def answer(wechat: WeChat, request: Request) -> Reply:
    """The page, what is new on it, or what a button of it does."""
    action = request.path.removeprefix(FOLDER)
    if request.method == "POST":
        return _do(wechat, request, action)
    return _news(wechat, request) if action == "news" else _show(wechat, request)


def _show(wechat: WeChat, request: Request) -> Reply:
    words = Words.of(request)
    with wechat.lock:
        inboxes = [_inbox(wechat, words, inbox) for inbox in wechat.receiver.inboxes.values()]
        newest = islice(reversed(wechat.receiver.arrivals), ROWS)
        arrivals = [_arrival(words, arrival) for arrival in newest]
        count = wechat.receiver.count
    clear = form(f"{FOLDER}clear", wechat.form_key, tag("button", words("Clear the list")))
    return page(
        request,
        words,
        words("Receiver"),
        tag(
            "p",
            tag("a", words("Console"), href="/"),
            " · ",
            tag("a", words("Addresses and answers"), href="#inboxes"),
        ),
        tag("h1", words("Receiver")),
        tag(
            "p",
            words(
                "It stands in for your other systems and for the groups of your colleagues: what"
                " the platform forwards and the notices it sends arrive here. The signature of each"
                " is checked, and you say what is answered."
            ),
        ),
        section(
            "arrivals",
            words("What came"),
            clear,
            tag("p", words("Nothing came yet."), class_="quiet", hidden=bool(arrivals)),
            tag("div", arrivals, data_feed=f"{FOLDER}news", data_last=count, data_rows=ROWS),
        ),
        section(
            "inboxes", words("Addresses and answers"), tag("div", inboxes, class_="cards inboxes")
        ),
        script="/sandbox/receiver.js",
    )


def _news(wechat: WeChat, request: Request) -> Reply:
    """What came after one, the newest first, for the page's script."""
    words, after = Words.of(request), int(request.query.get("after", 0))
    with wechat.lock:
        newest = islice(reversed(wechat.receiver.arrivals), ROWS)
        html = join([_arrival(words, arrival) for arrival in newest if arrival.number > after])
        news = {"html": html, "last": wechat.receiver.count}
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    return Reply(json.dumps(news, ensure_ascii=False).encode(), headers=headers)


def _arrival(words: Words, arrival: Arrival) -> Html:
    label, _purpose = LABELS[arrival.inbox]
    repeated = tag("em", words("again")) if arrival.is_repeated else None
    rows = [(tag("code", name), tag("code", value)) for name, value in arrival.headers.items()]
    return tag(
        "article",
        tag(
            "p",
            tag("small", written(arrival.at, "%H:%M:%S")),
            tag("b", words(label)),
            tag("code", arrival.title),
            repeated,
            _signature(words, arrival.proof),
            tag("small", words(REASONS[arrival.proof.why], **arrival.proof.values)),
            tag("small", _outcome(words, arrival)),
        ),
        tag(
            "details",
            tag("summary", words("Look inside")),
            tag("pre", _pretty(arrival.body), tabindex=0),
            table((words("Header"), words("Value")), rows) if rows else None,
            tag("p", words("Answered"), ": ", tag("code", arrival.answer or words("nothing"))),
        ),
        class_="arrival",
    )


def _signature(words: Words, proof: Proof) -> Html:
    if proof.is_right is None:
        return tag("em", words("signature not checked"))
    right, wrong = words("signature right"), words("signature wrong")
    return badge(right if proof.is_right else wrong, good=proof.is_right)


def _outcome(words: Words, arrival: Arrival) -> str:
    if arrival.dropped:
        return words("hung up after {seconds} s", seconds=f"{arrival.delay:g}")
    if not arrival.delay:
        return words("answered {status}", status=arrival.status)
    return words(
        "answered {status} after {seconds} s", status=arrival.status, seconds=f"{arrival.delay:g}"
    )


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return body


def _inbox(wechat: WeChat, words: Words, inbox: Inbox) -> Html:
    label, purpose = LABELS[inbox.name]
    return tag(
        "article",
        tag("b", words(label)),
        tag("small", words(purpose)),
        tag("code", f"{wechat.base_url}{ADDRESSES[inbox.name]}"),
        _behaviour(wechat, words, inbox),
        None if inbox.name == WECOM else _secrets(wechat, words, inbox),
        class_="inbox",
    )


def _secrets(wechat: WeChat, words: Words, inbox: Inbox) -> Html:
    box = tag("input", name="secret", required=True, autocomplete="off", spellcheck="false")
    forget = form(
        f"{FOLDER}forget",
        wechat.form_key,
        hidden(inbox=inbox.name),
        tag("button", words("Forget the secrets"), class_="danger"),
    )
    return tag(
        "details",
        tag("summary", words("Signing secrets: {count}", count=len(inbox.secrets))),
        form(
            f"{FOLDER}secret",
            wechat.form_key,
            hidden(inbox=inbox.name),
            field(words("Another secret"), box, words("as the admin shows it once")),
            tag("button", words("Add"), class_="primary"),
            class_="fields",
        ),
        forget if inbox.secrets else None,
    )


def _behaviour(wechat: WeChat, words: Words, inbox: Inbox) -> Html:
    behaviour = inbox.behaviour
    status = "" if behaviour.status is None else behaviour.status
    delay = f"{behaviour.delay:g}" if behaviour.delay else ""
    times = "" if behaviour.times is None else behaviour.times
    drops = [("", words("no")), ("yes", words("yes"))]
    number = {"type": "number", "min": 0}
    reply: Child = None
    if inbox.name == FORWARDS:
        reply = field(
            words("Reply to the user"),
            tag("input", name="reply", value=behaviour.reply, maxlength=600, autocomplete="off"),
            words("if the target answers"),
        )
    fields = [
        reply,
        field(
            words("Delay"),
            _box("delay", delay, **number, max=LONGEST_DELAY, step="any"),
            words("seconds"),
        ),
        field(words("HTTP status"), _box("status", status, **number, max=599, placeholder="200")),
        field(words("Hang up"), choice("drop", drops, "yes" if behaviour.drop else "")),
        field(words("Body instead"), _box("body", behaviour.body, maxlength=4000)),
        field(words("Times"), _box("times", times, **number), words("empty: always")),
    ]
    is_usual = behaviour == Behaviour()
    current = words("Answers as it should") if is_usual else words("Behaves as you have set it")
    reset = form(
        f"{FOLDER}behaviour",
        wechat.form_key,
        hidden(inbox=inbox.name),
        tag("button", words("Answer as it should again")),
    )
    return tag(
        "details",
        tag("summary", current),
        None if is_usual else reset,
        form(
            f"{FOLDER}behaviour",
            wechat.form_key,
            hidden(inbox=inbox.name),
            fields,
            tag("button", words("Save"), class_="primary"),
            class_="fields",
        ),
        open=not is_usual,
    )


def _box(name: str, value: object, **attributes: object) -> Html:
    return tag("input", name=name, value=value, **attributes)


# What the buttons do


def _do(wechat: WeChat, request: Request, action: str) -> Reply:
    fields = {name: values[-1].strip() for name, values in request.form.items()}
    try:
        with wechat.lock:
            ACTIONS[action](wechat, fields)
    except (BadRequest, KeyError, ValueError) as problem:
        return not_done(request, problem, back=FOLDER)
    anchor = "arrivals" if action == "clear" else "inboxes"
    return Reply(b"", 303, {**HEADERS, "Location": f"{FOLDER}#{anchor}"})


def _add_secret(wechat: WeChat, fields: Mapping[str, str]) -> None:
    wechat.receiver.trust(fields["inbox"], fields["secret"])


def _forget_secrets(wechat: WeChat, fields: Mapping[str, str]) -> None:
    wechat.receiver.forget_secrets(fields["inbox"])


def _set_behaviour(wechat: WeChat, fields: Mapping[str, str]) -> None:
    behaviour = {
        "reply": fields.get("reply", ""),
        "status": int(fields["status"]) if fields.get("status") else None,
        "delay": float(fields.get("delay") or 0),
        "drop": bool(fields.get("drop")),
        "body": fields.get("body", ""),
        "times": int(fields["times"]) if fields.get("times") else None,
    }
    wechat.receiver.behave(fields["inbox"], Behaviour.read(behaviour))


def _clear(wechat: WeChat, fields: Mapping[str, str]) -> None:
    wechat.receiver.clear()


ACTIONS: dict[str, Callable[[WeChat, Mapping[str, str]], None]] = {
    "secret": _add_secret,
    "forget": _forget_secrets,
    "behaviour": _set_behaviour,
    "clear": _clear,
}
