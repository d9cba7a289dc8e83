import os
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

ACCOUNTS = {
    "staff": {"is_staff": True, "is_superuser": True},
    "merchant": {"is_staff": False, "is_superuser": False},
}


class Command(BaseCommand):
    help = (
        "Make the accounts of the local demo, or give them the passwords of DEMO_STAFF_PASSWORD "
        "and DEMO_MERCHANT_PASSWORD again. There are no default passwords."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        passwords = {name: _password(name) for name in ACCOUNTS}
        for name, rights in ACCOUNTS.items():
            user, _created = get_user_model().objects.get_or_create(username=name, defaults=rights)
            # Setting the same password again would log that person out everywhere.
            if not user.check_password(passwords[name]):
                user.set_password(passwords[name])
                user.save(update_fields=["password"])


def _password(name: str) -> str:
    variable = f"DEMO_{name.upper()}_PASSWORD"
    password = os.environ.get(variable, "")
    if not password:
        raise CommandError(f"{variable} is not set; `python3 dev.py run` writes one to .env.")
    return password
