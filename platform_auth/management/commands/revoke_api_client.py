from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from platform_auth.client_models import ApiClient
from platform_auth.logins.api_clients import revoke_all_keys, revoke_older_keys


class Command(BaseCommand):
    help = "Revoke the keys of an API client, or with --older all but the newest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, help="a username")
        parser.add_argument("--older", action="store_true", help="keep the newest")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        clients = ApiClient.objects.filter(name=options["name"], owner__username=options["owner"])
        if not clients:
            raise CommandError(f"There is no API client {options['name']} of {options['owner']}.")
        revoke = revoke_older_keys if options["older"] else revoke_all_keys
        number = sum(revoke(client, by=None) for client in clients)
        self.stdout.write(f"Keys revoked: {number}.")
