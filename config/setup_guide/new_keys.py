"""New keys, made to be shown once: what each kind holds, and what is to be done with it."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from deploy.secrets import RANDOM


@dataclass(frozen=True, slots=True)
class KeyKind:
    """SETTINGS are made together, called TITLE; STEPS say what is done with them, in this order."""

    name: str
    title: StrOrPromise
    settings: tuple[str, ...]
    steps: tuple[StrOrPromise, ...]


_RESTART = _("Restart every process.")

KEY_KINDS = {
    kind.name: kind
    for kind in (
        KeyKind(
            "all",
            _("All keys of a new platform"),
            ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "WECHAT_TOKEN", "WECHAT_AES_KEY"),
            (
                _(
                    "Put them into the .env of the new platform, or each into its file in "
                    "secrets/. Not into one that has a database already: what its field keys "
                    "have encrypted could not be read any more."
                ),
                _(
                    "Enter WECHAT_TOKEN (消息校验Token) and WECHAT_AES_KEY (消息加解密Key) in "
                    "WeChat's console."
                ),
                _("Keep a copy of FIELD_ENCRYPTION_KEYS apart from the database's backups."),
                _("Run manage.py migrate and manage.py register_component, and start."),
            ),
        ),
        KeyKind(
            "message",
            _("Another message token and EncodingAESKey"),
            ("WECHAT_TOKEN", "WECHAT_AES_KEY"),
            (
                _(
                    "Put them into .env (or secrets/) and run manage.py register_component; where "
                    "the settings have none, enter them on the component's page. From then on the "
                    "new ones are believed, and the old ones too."
                ),
                _("Only then enter them in WeChat's console: 消息校验Token and 消息加解密Key."),
                _(
                    "The component's page counts the pushes that still need the old ones, and "
                    "drops them when you say so."
                ),
            ),
        ),
        KeyKind(
            "field",
            _("Another field key"),
            ("FIELD_ENCRYPTION_KEYS",),
            (
                _(
                    "Put it first in FIELD_ENCRYPTION_KEYS, before the old one and a comma: the "
                    "first encrypts, all decrypt."
                ),
                _RESTART,
                _("Keep a copy of it, and confirm that in the set-up guide."),
                _("Run manage.py rotate_field_keys, which encrypts everything anew."),
                _(
                    "Take the old one away once the set-up guide says that it is not needed any "
                    "more, and no backup from before is kept (BACKUP_KEEP_DAYS: 14 unless it is "
                    "set): such a backup cannot be read without it."
                ),
            ),
        ),
        KeyKind(
            "secret",
            _("Another SECRET_KEY"),
            ("SECRET_KEY",),
            (
                _(
                    "Put the old one into SECRET_KEY_FALLBACKS and this into SECRET_KEY: what "
                    "the old one has signed, sessions and links, stays good."
                ),
                _RESTART,
                _("Empty SECRET_KEY_FALLBACKS once those have ended, and restart again."),
            ),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class NewKeys:
    """Fresh keys of a KIND: lines for .env."""

    kind: KeyKind
    lines: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"NewKeys({self.kind.name})"

    @property
    def text(self) -> str:
        return "\n".join(f"{name}={value}" for name, value in self.lines)


def make_keys(kind: str) -> NewKeys:
    names = KEY_KINDS[kind].settings
    return NewKeys(KEY_KINDS[kind], tuple((name, RANDOM[name.lower()]()) for name in names))
