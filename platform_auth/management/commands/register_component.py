from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, no_translations

from platform_auth.fields import Unreadable
from platform_auth.installation import describe_misuse
from platform_auth.registration import register_component

SETTINGS = {
    "WECHAT_COMPONENT_APPID": "appid",
    "WECHAT_COMPONENT_SECRET": "app_secret",
    "WECHAT_TOKEN": "message_token",
    "WECHAT_AES_KEY": "aes_key",
}


class Command(BaseCommand):
    help = (
        "Make or update our component from the settings WECHAT_COMPONENT_APPID, "
        "WECHAT_COMPONENT_SECRET, WECHAT_TOKEN and WECHAT_AES_KEY. Safe to repeat: a changed token "
        "or AES key keeps the old one as the previous one. It never prints a secret."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--replace-unreadable",
            action="store_true",
            help="give up secrets whose field key is lost for good; put the key back otherwise",
        )

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        if misuse := describe_misuse():
            raise CommandError(misuse)
        values = {name: getattr(settings, name) for name in SETTINGS}
        if missing := [name for name, value in values.items() if not value]:
            raise CommandError(f"Not set: {', '.join(missing)}.")
        try:
            component = register_component(
                appid=values["WECHAT_COMPONENT_APPID"],
                secret=values["WECHAT_COMPONENT_SECRET"],
                token=values["WECHAT_TOKEN"],
                aes_key=values["WECHAT_AES_KEY"],
                replaces_unreadable=options["replace_unreadable"],
            )
        except Unreadable as problem:
            raise CommandError(str(problem)) from None
        except ValidationError as error:
            raise CommandError(_explain(error)) from None
        self.stdout.write(f"Component {component.appid} is registered.")


def _explain(error: ValidationError) -> str:
    """Which setting is wrong and why, without what it says."""
    problems = error.message_dict
    return " ".join(
        f"{name}: {' '.join(problems[field])}"
        for name, field in SETTINGS.items()
        if field in problems
    )
