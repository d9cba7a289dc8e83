from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, no_translations
from django.utils import timezone

from platform_auth.client_models import GRAVE_SCOPES
from platform_auth.logins.api_clients import create_client

MOST_DAYS = 3660


class Command(BaseCommand):
    help = (
        "Make an API client, which acts for OWNER as far as its scopes go. Its key is printed "
        "once, alone on the last line of the output."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, help="a username")
        parser.add_argument("--scopes", required=True, help="with commas between them")
        parser.add_argument("--appids", default="", help="with commas; else all its owner sees")
        parser.add_argument(
            "--redirect-hosts", default="", help="with commas: of its pages, for logins and JS-SDK"
        )
        parser.add_argument(
            "--return-hosts", default="", help="with commas; where browsers go after a binding"
        )
        parser.add_argument("--days", type=int, help="after which it expires; else never")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.objects.filter(username=options["owner"], is_active=True).first()
        if owner is None:
            raise CommandError(f"There is no active user {options['owner']}.")
        days = options["days"]
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise CommandError(f"--days is 1 to {MOST_DAYS}.")
        try:
            client, key = create_client(
                by=None,
                name=options["name"],
                owner=owner,
                scopes=_split(options["scopes"]),
                appids=_split(options["appids"]),
                redirect_hosts=_split(options["redirect_hosts"]),
                return_hosts=_split(options["return_hosts"]),
                expires_at=timezone.now() + timedelta(days=days) if days else None,
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        for scope, right in GRAVE_SCOPES.items():
            if scope in client.scopes and owner.is_staff and not owner.has_perm(right):
                self.stderr.write(f"{scope} has no effect until {owner} holds {right}.")
        self.stdout.write(f"The API client {client} acts for {owner}. Its key, shown once:")
        self.stdout.write(key)


def _split(text: str) -> list[str]:
    return list(dict.fromkeys(filter(None, (word.strip() for word in text.split(",")))))
