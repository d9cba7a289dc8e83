"""The page of the 全网发布 test: a button, and how the last run went."""

from sandbox.pages.html import (
    HEADERS,
    Child,
    Html,
    badge,
    choice,
    field,
    form,
    page,
    section,
    table,
    tag,
)
from sandbox.pages.labels import KINDS
from sandbox.pages.words import Words
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat
from sandbox.world.release_test import FAILED, GROUPS, WAITING, ReleaseTest, Step

PATH = "/sandbox/release_test"
STEPS = {
    "ticket": "The ticket is taken",
    "authorized": "The authorisation is taken",
    "event": "An event is answered",
    "text": "A text is answered",
    "empty": "The code is answered with nothing",
    "message": "The message by the API arrives",
}
LOOK_AGAIN = {"Refresh": "1"}  # seconds


def show(wechat: WeChat, request: Request) -> Reply:
    """The newest run, loaded again and again until it is done."""
    words = Words.of(request)
    test = wechat.release_tests.runs[-1] if wechat.release_tests.runs else None
    title = words("Release test")
    parts = [_start(wechat, words), _results(words, test) if test else None]
    back = tag("p", tag("a", words("Console"), href="/"))
    reply = page(request, words, title, back, tag("h1", title), parts)
    waits = test is not None and not test.is_done
    headers = {**reply.headers, **LOOK_AGAIN} if waits else reply.headers
    return Reply(reply.body, headers=headers)


def start(wechat: WeChat, request: Request) -> Reply:
    """The button."""
    chosen = request.form.get("group", [""])[-1]
    groups = [int(chosen)] if chosen.isdigit() and int(chosen) in GROUPS else list(GROUPS)
    wechat.start_release_test(groups=groups)
    return Reply(b"", 303, {**HEADERS, "Location": PATH})


def _start(wechat: WeChat, words: Words) -> Html:
    groups = [("", words("all five"))] + [(str(number), str(number)) for number in GROUPS]
    return section(
        "start",
        words("Start"),
        tag(
            "p",
            words(
                "WeChat's own test accounts authorise the platform and write to it, as before it"
                " may be published to everybody."
            ),
            class_="quiet",
        ),
        form(
            PATH,
            wechat.form_key,
            field(words("Group of accounts"), choice("group", groups)),
            tag("button", words("Start the test"), class_="primary"),
            class_="fields",
        ),
    )


def _results(words: Words, test: ReleaseTest) -> Html:
    heads = (
        words("Result"),
        words("Step"),
        words("Group"),
        words("Account"),
        words("Duration"),
        words("Expected"),
        words("Answer"),
    )
    if not test.is_done:
        verdict: Child = tag("em", words("waiting"))
    else:
        verdict = badge(
            words("passed") if test.has_passed else words("failed"), good=test.has_passed
        )
    rows = [_row(words, step) for step in test.results]
    return section("results", words("Result"), tag("p", verdict), table(heads, rows))


def _row(words: Words, step: Step) -> tuple[Child, ...]:
    if step.verdict == WAITING:
        verdict = tag("em", words("waiting"))
    else:
        failed = step.verdict == FAILED
        verdict = badge(words("failed") if failed else words("passed"), good=not failed)
    return (
        verdict,
        words(STEPS[step.name]),
        str(step.group or ""),
        [words(KINDS[step.kind]), " ", tag("code", step.appid)] if step.kind else None,
        "" if step.seconds is None else f"{step.seconds * 1000:.0f} ms",
        tag("code", _short(step.expected) or words("empty")),
        tag("code", _short(step.got) or words("empty")) if step.verdict != WAITING else None,
    )


def _short(text: str) -> str:
    """The ends of a long text: in the middle of a code there is nothing to read."""
    return text if len(text) <= 36 else f"{text[:17]}…{text[-17:]}"
