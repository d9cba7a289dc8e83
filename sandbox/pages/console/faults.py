"""The console's part on faults: those that wait, and a form for another."""

from sandbox.endpoints.api import ENDPOINTS
from sandbox.pages.console import DO
from sandbox.pages.html import Html, choice, field, form, section, table, tag
from sandbox.pages.words import Words
from sandbox.wire.exchange import Request
from sandbox.world import WeChat
from sandbox.world.faults import ANY_PATH


def faults_section(wechat: WeChat, words: Words, request: Request) -> Html:
    waiting = [fault.describe() for fault in wechat.faults.pending()]
    rows = [
        (
            fault.pop("path"),
            _left(words, fault.pop("times"), fault.pop("taken")),
            ", ".join(f"{name}: {value}" for name, value in fault.items()),
        )
        for fault in waiting
    ]
    clear = form(
        f"{DO}faults/clear",
        wechat.form_key,
        tag("button", words("Clear all faults"), class_="danger"),
    )
    return section(
        "faults",
        words("Faults"),
        table((words("Path"), words("Left"), words("What happens")), rows)
        if rows
        else tag("p", words("No fault is waiting."), class_="quiet"),
        clear if rows else None,
        _new_fault(wechat, words),
    )


def _left(words: Words, times: int | None, taken: int) -> str:
    return words("always") if times is None else str(times - taken)


def _new_fault(wechat: WeChat, words: Words) -> Html:
    paths = [(ANY_PATH, words("every path"))] + [(path, path) for path in ENDPOINTS]
    drops = [
        ("", words("no")),
        ("before", words("before the effect")),
        ("after", words("after the effect")),
    ]
    number = {"type": "number", "min": 0}
    return form(
        f"{DO}faults",
        wechat.form_key,
        field(words("Path"), choice("path", paths)),
        field(
            words("Times"), tag("input", name="times", value=1, **number), words("empty: always")
        ),
        field("AppID", tag("input", name="appid")),
        field(words("Error code"), tag("input", name="errcode", type="number")),
        field(words("Delay"), tag("input", name="delay", step="any", **number), words("seconds")),
        field(words("Drop the answer"), choice("drop", drops)),
        field(words("HTTP status"), tag("input", name="status", **number)),
        field(words("expires_in instead"), tag("input", name="expires_in", type="number")),
        field(words("Cut after"), tag("input", name="truncate", **number), words("bytes")),
        field(
            words("Trickle"),
            tag("input", name="slow", step="any", **number),
            words("bytes per second"),
        ),
        field(words("Body instead"), tag("input", name="body")),
        field(words("Content-Type instead"), tag("input", name="content_type")),
        field(
            words("Texts"),
            choice("garble", [("", words("as they are")), ("1", words("with odd characters"))]),
        ),
        tag("button", words("Add the fault"), class_="primary"),
        class_="fields",
    )
