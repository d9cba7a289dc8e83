import os
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from messaging.models import CannedReply, Rule
from wechat.replies import Text, as_data

ACCOUNTS = {
    "staff": {"is_staff": True, "is_superuser": True},
    "merchant": {"is_staff": False, "is_superuser": False},
}


class Command(BaseCommand):
    help = (
        "Make the accounts of the local demo, or give them the passwords of DEMO_STAFF_PASSWORD "
        "and DEMO_MERCHANT_PASSWORD again. There are no default passwords. The first time there is "
        "an automatic reply and a canned one, too."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        passwords = {name: _password(name) for name in ACCOUNTS}
        for name, rights in ACCOUNTS.items():
            user, _created = get_user_model().objects.get_or_create(username=name, defaults=rights)
            # Setting the same password again would log that person out everywhere.
            if not user.check_password(passwords[name]):
                user.set_password(passwords[name])
                user.save(update_fields=["password"])
        _say_something()


def _say_something() -> None:
    if not Rule.objects.exists():
        hello = _("Hello! This is an automatic reply. Staff see what you write in Conversations.")
        Rule.objects.create(
            name=_("Greeting (demo)"),
            trigger=Rule.Trigger.KEYWORD,
            pattern=_("hello"),
            content=as_data(Text(hello)),
        )
    if not CannedReply.objects.exists():
        CannedReply.objects.create(title=_("Thanks"), text=_("You are welcome, see you soon!"))


def _password(name: str) -> str:
    variable = f"DEMO_{name.upper()}_PASSWORD"
    password = os.environ.get(variable, "")
    if not password:
        raise CommandError(f"{variable} is not set; `python3 dev.py run` writes one to .env.")
    return password
