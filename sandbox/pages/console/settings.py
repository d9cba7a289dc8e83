"""The console's part on lifetimes, limits and the rotation of tokens."""

from sandbox.pages.console import DO
from sandbox.pages.html import Html, choice, field, form, section, tag
from sandbox.pages.words import Words
from sandbox.wire.exchange import Request
from sandbox.world import WeChat
from sandbox.world.settings import read_settings

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


def settings_section(wechat: WeChat, words: Words, request: Request) -> Html:
    settings = read_settings(wechat)
    rotations = [(name, words(text)) for name, text in ROTATIONS.items()]
    pushing = [("yes", words("yes")), ("no", words("no"))]
    return section(
        "settings",
        words("Settings"),
        form(
            f"{DO}settings",
            wechat.form_key,
            field(words("Refresh token rotation"), choice("rotate", rotations, settings["rotate"])),
            field(
                words("Push tickets every ten minutes"),
                choice("pushing", pushing, "yes" if settings["pushing"] else "no"),
            ),
            [_lifetime(words, name, settings[name]) for name in LIFETIMES],
            tag("button", words("Save"), class_="primary"),
            class_="fields",
        ),
    )


def _lifetime(words: Words, name: str, value: int | None) -> Html:
    box = tag(
        "input",
        name=name,
        type="number",
        min=0,
        value="" if value is None else value,
        placeholder=words(NOT_SET.get(name, "as set above")) if value is None else None,
    )
    return field(words(LIFETIMES[name]), box, words(UNITS.get(name, "seconds")))
