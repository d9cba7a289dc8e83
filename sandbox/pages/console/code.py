"""The console's parts on templates and on how reviews go."""

from sandbox.pages.console import DO
from sandbox.pages.html import Html, choice, field, form, section, table, tag
from sandbox.pages.words import Words
from sandbox.wire.exchange import Request
from sandbox.world import WeChat
from sandbox.world.settings import read_settings

REVIEWS = {
    "check_seconds": ("Code check after a commit", "seconds"),
    "review_seconds": ("Verdict by itself after", "seconds; empty: by hand"),
    "audit_limit": ("Submissions a month", "in all"),
    "speedup_limit": ("Speed-ups a month", "in all"),
}
# Of an upload: where it came from and who made it, which the upload tool says by itself.
UPLOAD_FIELDS = {
    "source_appid": ("Development program's appid", "wx5a0d1e2f3b4c5dff"),
    "developer": ("Uploaded by", "ci机器人1"),
}
OUTCOMES = {"pass": "pass", "reject": "reject", "delay": "delay, then pass"}


def templates_section(wechat: WeChat, words: Words, request: Request) -> Html:
    library = wechat.component.library
    uploads = [("Draft", draft.draft_id, draft) for draft in library.drafts.values()]
    uploads += [("Template", one.template_id, one.draft) for one in library.templates.values()]
    rows = [
        (
            words(kind),
            str(number),
            draft.user_version,
            draft.user_desc,
            f"{draft.source_name} {draft.source_appid}",
            draft.developer,
        )
        for kind, number, draft in uploads
    ]
    heads = (
        words("Kind"),
        "ID",
        words("Version"),
        words("Description"),
        words("Development program"),
        words("Uploaded by"),
    )
    return section(
        "templates",
        words("Drafts and templates"),
        table(heads, rows)
        if rows
        else tag("p", words("Nothing was uploaded yet."), class_="quiet"),
        form(
            f"{DO}drafts",
            wechat.form_key,
            field(words("Version"), tag("input", name="user_version", required=True)),
            field(words("Description"), tag("input", name="user_desc", required=True)),
            [
                field(words(label), tag("input", name=name, placeholder=example))
                for name, (label, example) in UPLOAD_FIELDS.items()
            ],
            tag("button", words("Upload a draft"), class_="primary"),
            class_="fields",
        ),
    )


def reviews_section(wechat: WeChat, words: Words, request: Request) -> Html:
    settings = read_settings(wechat)
    outcomes = [(name, words(text)) for name, text in OUTCOMES.items()]
    return section(
        "reviews",
        words("Reviews"),
        form(
            f"{DO}reviews",
            wechat.form_key,
            [
                field(
                    words(label),
                    tag("input", name=name, type="number", min=0, value=_shown(settings[name])),
                    words(unit),
                )
                for name, (label, unit) in REVIEWS.items()
            ],
            field(words("Verdict"), choice("review_outcome", outcomes, settings["review_outcome"])),
            tag("button", words("Save"), class_="primary"),
            class_="fields",
        ),
    )


def _shown(value: int | None) -> str:
    return "" if value is None else str(value)
