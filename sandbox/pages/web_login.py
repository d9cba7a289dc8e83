"""The page on which a user of an official account logs in (网页授权), and agrees or refuses."""

from dataclasses import replace
from urllib.parse import urlencode

from sandbox.pages.html import HEADERS, Html, choice, form, hidden, page, tag
from sandbox.pages.phone import people_of
from sandbox.pages.words import Words
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat
from sandbox.world.errors import PageRefusal
from sandbox.world.users import AUTHORIZE, LoginPage

PARAMETERS = (*("appid", "redirect_uri", "response_type", "scope", "state", "component_appid"),)


def show(wechat: WeChat, request: Request) -> Reply:
    """Who the user is, and what they are asked."""
    words = Words.of(request)
    try:
        with wechat.lock:
            login = wechat.users.open_page(f"?{request.query_string}")
    except PageRefusal as problem:
        return _error(request, words, problem)
    return page(
        request,
        words,
        words("Log in with WeChat"),
        tag("h1", words("Log in with WeChat")),
        tag("p", _question(words, login)),
        _form(wechat, request, words, login),
        layout="phone",
    )


def decide(wechat: WeChat, request: Request) -> Reply:
    """The user agrees or refuses, and goes back."""
    fields = {name: values[-1] for name, values in request.form.items()}
    query = urlencode({name: fields[name] for name in PARAMETERS if name in fields})
    # The language links of the next page lead to the page this form came from.
    request = replace(request, query_string=query)
    try:
        with wechat.lock:
            login = wechat.users.open_page(f"?{query}")
            is_agreed = fields.get("decision") == "agree" and fields.get("openid")
            location = (
                wechat.users.agree(login, fields["openid"])
                if is_agreed
                else wechat.users.refuse(login)
            )
    except PageRefusal as problem:
        return _error(request, Words.of(request), problem)
    return Reply(b"", 302, {**HEADERS, "Location": location})


def _question(words: Words, login: LoginPage) -> str:
    name = login.account.nick_name
    if login.is_silent:
        return words("{name} is told who you are; WeChat would not ask", name=name)
    return words("{name} asks for your nickname and avatar", name=name)


def _form(wechat: WeChat, request: Request, words: Words, login: LoginPage) -> Html:
    people = people_of(wechat, words, login.account)
    agree = words("Go on") if login.is_silent else words("Agree")
    refuse = tag("button", words("Refuse"), name="decision", value="refuse")
    sent = {name: value for name, value in request.query.items() if name in PARAMETERS}
    return form(
        AUTHORIZE,
        wechat.form_key,
        hidden(**sent),
        tag("label", words("You are"), " ", choice("openid", list(people.items()))),
        tag(
            "div",
            tag("button", agree, name="decision", value="agree", class_="primary"),
            None if login.is_silent else refuse,
            class_="buttons",
        ),
        class_="choice",
    )


def _error(request: Request, words: Words, problem: PageRefusal) -> Reply:
    return page(
        request,
        words,
        words("Cannot log in"),
        tag("h1", words("Cannot log in")),
        tag("p", str(problem), class_="problem", role="alert"),
        layout="phone",
    )
