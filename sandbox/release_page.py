"""The page of the 全网发布 test: a button, and how the last run went."""

from sandbox.authorization import KINDS
from sandbox.exchange import Reply, Request
from sandbox.html import HEADERS, Child, Html, badge, choice, field, form, page, section, table, tag
from sandbox.release_test import FAILED, GROUPS, WAITING, ReleaseTest, Step
from sandbox.words import Words
from sandbox.world import WeChat

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
    """The newest run, again and again until it is done."""
    say = Words.of(request)
    test = wechat.release_tests[-1] if wechat.release_tests else None
    title = say("Release test")
    parts = [_start(wechat, say), _results(say, test) if test else None]
    back = tag("p", tag("a", say("Console"), href="/"))
    shown = page(request, say, title, back, tag("h1", title), parts)
    waits = test is not None and not test.is_done
    return Reply(shown.body, headers={**shown.headers, **(LOOK_AGAIN if waits else {})})


def start(wechat: WeChat, request: Request) -> Reply:
    """The button."""
    chosen = request.form.get("group", [""])[-1]
    groups = [int(chosen)] if chosen.isdigit() and int(chosen) in GROUPS else list(GROUPS)
    wechat.start_release_test(groups=groups)
    return Reply(b"", 303, {**HEADERS, "Location": PATH})


def _start(wechat: WeChat, say: Words) -> Html:
    groups = [("", say("all five")), *((str(number), str(number)) for number in GROUPS)]
    return section(
        "start",
        say("Start"),
        tag(
            "p",
            say(
                "WeChat's own test accounts authorise the platform and write to it, as before it"
                " may be published to everybody."
            ),
            class_="quiet",
        ),
        form(
            PATH,
            wechat.form_key,
            field(say("Group of accounts"), choice("group", groups)),
            tag("button", say("Start the test"), class_="primary"),
            class_="fields",
        ),
    )


def _results(say: Words, test: ReleaseTest) -> Html:
    heads = (
        say("Result"),
        say("Step"),
        say("Group"),
        say("Account"),
        say("Duration"),
        say("Expected"),
        say("Answer"),
    )
    if not test.is_done:
        verdict: Child = tag("em", say("waiting"))
    else:
        verdict = badge(say("passed") if test.has_passed else say("failed"), good=test.has_passed)
    rows = [_row(say, step) for step in test.results]
    return section("results", say("Result"), tag("p", verdict), table(heads, rows))


def _row(say: Words, step: Step) -> tuple[Child, ...]:
    if step.verdict == WAITING:
        verdict = tag("em", say("waiting"))
    else:
        failed = step.verdict == FAILED
        verdict = badge(say("failed") if failed else say("passed"), good=not failed)
    return (
        verdict,
        say(STEPS[step.name]),
        str(step.group or ""),
        [say(KINDS[step.kind]), " ", tag("code", step.appid)] if step.kind else None,
        "" if step.seconds is None else f"{step.seconds * 1000:.0f} ms",
        tag("code", _short(step.expected) or say("empty")),
        tag("code", _short(step.got) or say("empty")) if step.verdict != WAITING else None,
    )


def _short(text: str) -> str:
    """The ends of a long text: in the middle of a code there is nothing to read."""
    return text if len(text) <= 36 else f"{text[:17]}…{text[-17:]}"
