"""The little HTML the sandbox needs: what is not Html is escaped, so nothing slips through."""

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

from sandbox.pages.words import LANGUAGES, Words
from sandbox.wire.exchange import Reply, Request

Child: TypeAlias = str | None | Iterable["Child"]

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "Referrer-Policy": "strict-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
WITH_SCRIPT = {
    "Content-Security-Policy": (
        f"{HEADERS['Content-Security-Policy']}; script-src 'self'; connect-src 'self'"
    )
}
EMPTY = {"input", "img", "meta", "link", "br"}


class Html(str):
    """Text that is HTML already."""


def tag(element: str, /, *children: Child, **attributes: object) -> Html:
    """An element. `class_` is class, `data_kind` data-kind; True is a bare attribute."""
    start = f"<{element}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Html(start if element in EMPTY else f"{start}{join(children)}</{element}>")


def join(children: Iterable[Child]) -> Html:
    """The children one after the other."""
    return Html("".join(_child(child) for child in children))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    return escape(child) if isinstance(child, str) else join(child)


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def page(
    request: Request,
    words: Words,
    title: str,
    *content: Child,
    status: int = 200,
    layout: str = "wide",
    script: str = "",
) -> Reply:
    """A whole page under the banner that says what this is; SCRIPT is the address of its own."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · {words('WeChat sandbox')}"),
        tag("link", rel="stylesheet", href="/sandbox/style.css"),
        tag("link", rel="icon", href="/avatar/sandbox.svg"),
        tag("script", src=script, defer=True) if script else None,
    )
    banner = tag(
        "header",
        tag("strong", words("Sandbox")),
        tag("span", words("This is not the real WeChat")),
        tag("nav", [_language_link(request, words, code) for code in LANGUAGES]),
        class_="banner",
    )
    body = tag("body", banner, tag("main", *content, class_=layout))
    html = f"<!doctype html>{tag('html', head, body, lang=words.language)}"
    headers = HEADERS | (WITH_SCRIPT if script else {}) | _remember(request)
    return Reply(html.encode(), status, headers)


def not_done(request: Request, problem: Exception, *, back: str) -> Reply:
    """What a button answers that could not do its work."""
    words = Words.of(request)
    description = f"{type(problem).__name__} {problem}"
    return page(
        request,
        words,
        words("Console"),
        tag("p", words("Not done: {problem}", problem=description), class_="problem", role="alert"),
        tag("p", tag("a", words("Back"), href=back)),
        status=400,
        layout="narrow",
    )


def _language_link(request: Request, words: Words, code: str) -> Html:
    name = LANGUAGES[code]
    if code == words.language:
        return tag("b", name)
    pairs = [pair for pair in request.query_string.split("&") if pair and pair[:5] != "lang="]
    href = f"{request.path}?{'&'.join([*pairs, f'lang={code}'])}"
    return tag("a", name, href=href, hreflang=code, lang=code)


def _remember(request: Request) -> dict[str, str]:
    chosen = request.query.get("lang")
    if chosen not in LANGUAGES:
        return {}
    return {"Set-Cookie": f"sandbox_lang={chosen}; Path=/; SameSite=Lax; HttpOnly"}


def section(anchor: str, title: str, *content: Child) -> Html:
    """A titled part of a page."""
    return tag("section", tag("h2", title), *content, id=anchor)


def table(heads: Iterable[str], rows: Iterable[Iterable[Child]]) -> Html:
    """A table that scrolls where it is too wide."""
    head = tag("thead", tag("tr", [tag("th", text, scope="col") for text in heads]))
    body = tag("tbody", [tag("tr", [tag("td", cell) for cell in row]) for row in rows])
    return tag("div", tag("table", head, body), class_="scroll", tabindex=0)


def badge(text: str, *, good: bool) -> Html:
    """A word that says how something went."""
    return tag("em", text, class_="good" if good else "bad")


def field(label: str, control: Html, hint: str = "") -> Html:
    """A labelled form control."""
    return tag("label", tag("span", label, " ", tag("small", hint) if hint else None), control)


def choice(name: str, options: Iterable[tuple[str, str]], chosen: str = "") -> Html:
    """A drop-down list of (value, text)."""
    return tag(
        "select",
        [tag("option", text, value=value, selected=value == chosen) for value, text in options],
        name=name,
    )


def hidden(**values: str) -> list[Html]:
    return [tag("input", type="hidden", name=name, value=value) for name, value in values.items()]


def form(action: str, key: str, *content: Child, **attributes: object) -> Html:
    """A form that proves it came from our own page."""
    return tag("form", hidden(form_key=key), *content, method="post", action=action, **attributes)
