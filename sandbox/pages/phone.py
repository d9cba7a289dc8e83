"""A phone on a page: somebody chats with a mini program or an official account."""

import hashlib
import json
import math
from collections.abc import Callable
from urllib.parse import urlencode

from sandbox.pages.bubbles import EVENTS, Phone
from sandbox.pages.html import HEADERS, Html, choice, form, hidden, join, not_done, page, tag
from sandbox.pages.labels import KINDS
from sandbox.pages.words import Words
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat
from sandbox.world.chats import Chat, message_sets
from sandbox.world.errors import PageRefusal
from sandbox.world.parties import Account
from sandbox.world.permissions import MINI_PROGRAM, OFFICIAL_ACCOUNT

FOLDER = "/sandbox/phone/"
PERSONS = ("Lin", "Chen", "Ming")
KINDS_SENT = {
    "image": "Picture",
    "voice": "Voice",
    "video": "Film",
    "shortvideo": "Short film",
    "location": "Place",
    "link": "Link",
    "miniprogrampage": "Mini program card",
}
EVENTS_OF = {
    MINI_PROGRAM: ("user_enter_tempsession",),
    OFFICIAL_ACCOUNT: ("subscribe", "unsubscribe", "CLICK", "VIEW", "SCAN", "LOCATION"),
}
# Official accounts are not sent cards of mini programs, nor mini programs these.
NOT_SENT = {
    MINI_PROGRAM: ("voice", "video", "shortvideo", "location", "link"),
    OFFICIAL_ACCOUNT: ("miniprogrampage",),
}


def answer(wechat: WeChat, request: Request) -> Reply:
    """The page, what is new on it, or what a button of it does."""
    appid, _, action = request.path.removeprefix(FOLDER).partition("/")
    account = wechat.accounts.get(appid)
    if account is None:
        return not_done(request, PageRefusal("no such account"), back="/")
    if request.method == "POST":
        return _do(wechat, request, account, action)
    openid = request.query.get("openid") or openid_of(account, PERSONS[0])
    return (_news if action == "lines" else _show)(wechat, request, account, openid)


def openid_of(account: Account, person: str) -> str:
    """Whom the account knows this person as."""
    digest = hashlib.sha256(f"{account.appid} {person}".encode()).hexdigest()
    return f"o{digest[:27]}"


def people_of(wechat: WeChat, words: Words, account: Account) -> dict[str, str]:
    """Whom one can be, by openid: three persons, and everybody a script has spoken for."""
    people = {openid_of(account, person): words(person) for person in PERSONS}
    openids = [chat.openid for chat in wechat.chats.of(account.appid)]
    return people | {openid: openid for openid in openids if openid not in people}


def _address(account: Account, openid: str, action: str = "") -> str:
    return f"{FOLDER}{account.appid}{action}?{urlencode({'openid': openid})}"


def _phone(wechat: WeChat, words: Words, account: Account, openid: str) -> Phone:
    chat = wechat.chats.find(account.appid, openid) or Chat(account, openid)
    name = people_of(wechat, words, account).get(openid, openid)
    action = _address(account, openid, "/say")
    return Phone(words, chat, name, action, wechat.form_key, wechat.base_url)


def _show(wechat: WeChat, request: Request, account: Account, openid: str) -> Reply:
    words = Words.of(request)
    with wechat.lock:
        phone = _phone(wechat, words, account, openid)
        last = phone.chat.lines[-1].number if phone.chat.lines else 0
        device = tag(
            "section",
            _top(words, account),
            _person(wechat, words, account, openid),
            tag("div", phone.lines(), role="log", tabindex=0, aria_label=words("Messages")),
            tag("p", _window(wechat, words, phone.chat), class_="window"),
            tag("p", _no_recipient(wechat, words, account), class_="problem", role="alert"),
            _composer(wechat, words, account, openid),
            _more(wechat, words, account, openid),
            class_="device",
            data_feed=_address(account, openid, "/lines"),
            data_last=last,
        )
    title = f"{account.nick_name} · {words('Phone')}"
    return page(request, words, title, device, layout="handset", script="/sandbox/phone.js")


def _top(words: Words, account: Account) -> Html:
    typing = tag("small", words("Typing…"), class_="typing", hidden=True)
    kind = tag("small", words(KINDS[account.kind]), class_="kind")
    back = tag("a", "‹", href="/#accounts", aria_label=words("Console"))
    return tag("div", back, tag("h1", account.nick_name), kind, typing, class_="top")


def _person(wechat: WeChat, words: Words, account: Account, openid: str) -> Html:
    people = people_of(wechat, words, account)
    options = {openid: people.get(openid, openid)} | people
    return tag(
        "form",
        tag("label", words("You are"), " ", choice("openid", options.items(), openid)),
        tag("button", words("Change")),
        action=f"{FOLDER}{account.appid}",
        class_="person",
    )


def _no_recipient(wechat: WeChat, words: Words, account: Account) -> str | None:
    if wechat.chats.recipient(account, message_sets(account)):
        return None
    return words("No platform was granted the messages of this account: nobody hears you.")


def _window(wechat: WeChat, words: Words, chat: Chat) -> str:
    now = wechat.clock()
    windows = chat.open_windows(now)
    if not windows:
        return words("The account cannot write to you now.")
    left, seconds = sum(one.left for one in windows), windows[-1].ends - now
    if seconds <= 90:
        return words(
            "Messages left: {left}, for {seconds} s", left=left, seconds=math.ceil(seconds)
        )
    return words("Messages left: {left}, for {hours} h", left=left, hours=math.ceil(seconds / 3600))


def _composer(wechat: WeChat, words: Words, account: Account, openid: str) -> Html:
    box = tag(
        "input", name="content", required=True, autocomplete="off", aria_label=words("Message")
    )
    return form(
        _address(account, openid, "/say"),
        wechat.form_key,
        hidden(kind="text"),
        box,
        tag("button", words("Send"), class_="primary"),
        class_="composer",
        data_send=True,
    )


def _more(wechat: WeChat, words: Words, account: Account, openid: str) -> Html:
    kinds = [kind for kind in KINDS_SENT if kind not in NOT_SENT.get(account.kind, ())]
    messages = [tag("button", words(KINDS_SENT[kind]), name="kind", value=kind) for kind in kinds]
    events = [
        tag("button", words(EVENTS[event]), name="event", value=event)
        for event in EVENTS_OF.get(account.kind, ())
    ]
    key = tag("input", name="key", placeholder="EventKey", aria_label="EventKey")
    is_official = not account.is_mini_program
    return tag(
        "details",
        tag("summary", words("More")),
        form(
            _address(account, openid, "/say"),
            wechat.form_key,
            tag("small", words("Messages")),
            messages,
            data_send=True,
        ),
        form(
            _address(account, openid, "/happen"),
            wechat.form_key,
            tag("small", words("Events")),
            key if is_official else None,
            events,
            data_send=True,
        ),
        class_="more",
    )


def _news(wechat: WeChat, request: Request, account: Account, openid: str) -> Reply:
    """The lines after one, for the page's script."""
    after, words = int(request.query.get("after", 0)), Words.of(request)
    with wechat.lock:
        phone = _phone(wechat, words, account, openid)
        news = {
            "html": join(phone.lines(after)),
            "last": phone.chat.lines[-1].number if phone.chat.lines else 0,
            "typing": wechat.clock() < phone.chat.typing_until,
            "window": _window(wechat, words, phone.chat),
        }
    return _json(news)


def _json(members: dict[str, object]) -> Reply:
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    return Reply(json.dumps(members, ensure_ascii=False).encode(), headers=headers)


# What the buttons do


def _do(wechat: WeChat, request: Request, account: Account, action: str) -> Reply:
    openid = request.query.get("openid", "")
    fields = {name: values[-1] for name, values in request.form.items()}
    by_script = "application/json" in request.headers.get("accept", "")
    try:
        ACTIONS[action](wechat, account, openid, fields)
    except (KeyError, ValueError) as problem:
        if by_script:
            words = Words.of(request)
            return _json({"problem": words("Not done: {problem}", problem=problem)})
        return not_done(request, problem, back=_address(account, openid))
    if by_script:
        return _json({})
    return Reply(b"", 303, {**HEADERS, "Location": _address(account, openid)})


def _say(wechat: WeChat, account: Account, openid: str, fields: dict[str, str]) -> None:
    menu = {"bizmsgmenuid": fields["bizmsgmenuid"]} if fields.get("bizmsgmenuid") else {}
    content = fields.get("content", "")
    wechat.say(account.appid, openid, content, kind=fields["kind"], fields=menu)


def _happen(wechat: WeChat, account: Account, openid: str, fields: dict[str, str]) -> None:
    key = {"EventKey": fields["key"]} if fields.get("key") else {}
    wechat.happen(account.appid, openid, fields["event"], key)


ACTIONS: dict[str, Callable[[WeChat, Account, str, dict[str, str]], None]] = {
    "say": _say,
    "happen": _happen,
}
