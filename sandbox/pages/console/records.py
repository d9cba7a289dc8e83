"""The console's parts on what has happened: deliveries to the platform, calls of the API."""

from itertools import islice

from sandbox.pages.console import ROWS
from sandbox.pages.html import Html, badge, choice, field, section, table, tag
from sandbox.pages.words import Words
from sandbox.wire.exchange import Request
from sandbox.world import WeChat
from sandbox.world.days import written
from sandbox.world.ledger import Entry


def deliveries_section(wechat: WeChat, words: Words, request: Request) -> Html:
    rows = [
        (
            _clock(delivery.at),
            delivery.push.kind,
            badge(
                f"{delivery.status or words('no answer')} "
                + delivery.answer[:80].decode("utf-8", "replace"),
                good=delivery.accepted,
            ),
            delivery.push.appid,
            str(delivery.attempt or ""),
        )
        for delivery in islice(reversed(wechat.deliveries), ROWS)
    ]
    heads = (words("Time"), words("Push"), words("Answer"), words("About"), words("Try"))
    return section(
        "deliveries",
        words("Deliveries"),
        _silence(wechat, words),
        table(heads, rows) if rows else tag("p", words("Nothing was pushed yet."), class_="quiet"),
    )


def _silence(wechat: WeChat, words: Words) -> Html | None:
    """That WeChat pushes nothing for a while, after so many failures."""
    post = wechat.post
    if not post.dropped and not post.is_muted:
        return None
    lost = words("Pushes lost by silence: {count}.", count=post.dropped)
    if not post.is_muted:
        return tag("p", lost, class_="quiet")
    seconds = int(post.muted_until - wechat.clock()) + 1
    silent = words("Silent for {seconds} s: too many failures.", seconds=seconds)
    return tag("p", silent, " ", lost, class_="problem", role="alert")


def ledger_section(wechat: WeChat, words: Words, request: Request) -> Html:
    path, appid = request.query.get("path", ""), request.query.get("appid", "")
    entries = (
        entry
        for entry in reversed(list(wechat.ledger))
        if path in ("", entry.path) and appid in ("", entry.appid, entry.token_owner)
    )
    rows = [
        (
            str(entry.seq),
            _clock(entry.at),
            entry.path,
            _outcome(words, entry),
            entry.token_owner,
            entry.appid,
        )
        for entry in islice(entries, ROWS)
    ]
    heads = ("#", words("Time"), words("Path"), words("Result"), words("Caller"), words("About"))
    paths = [("", words("every path"))] + [(name, name) for name in wechat.ledger.by_path()]
    return section(
        "ledger",
        words("Ledger"),
        tag(
            "form",
            field(words("Path"), choice("path", paths, path)),
            field("AppID", tag("input", name="appid", value=appid)),
            tag("button", words("Filter")),
            class_="fields",
            action="/#ledger",
        ),
        tag(
            "p",
            words("Newest first; {count} calls in all.", count=wechat.ledger.count()),
            class_="quiet",
        ),
        table(heads, rows) if rows else tag("p", words("Nobody has called yet."), class_="quiet"),
    )


def _outcome(words: Words, entry: Entry) -> Html:
    parts = ["" if entry.errcode is None else str(entry.errcode)]
    parts += [words("dropped")] if entry.dropped else []
    parts += [words("no such path")] if entry.unknown else []
    parts += [words("no effect")] if not entry.effect and not entry.errcode else []
    outcome = " · ".join(part for part in parts if part)
    return badge(outcome, good=entry.effect and not entry.dropped)


def _clock(at: float) -> str:
    return written(at, "%H:%M:%S")
