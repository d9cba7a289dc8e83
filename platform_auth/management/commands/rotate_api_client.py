from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from platform_auth.client_models import ApiClient
from platform_auth.logins.api_clients import rotate_key


class Command(BaseCommand):
    help = (
        "Make a new key for an API client, printed once, alone on the last line of the output. "
        "The one before stays good; one before that ends."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, help="a username")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        clients = ApiClient.objects.filter(name=options["name"], owner__username=options["owner"])
        if len(clients) != 1:
            text = "There are several API clients" if clients else "There is no API client"
            raise CommandError(f"{text} {options['name']} of {options['owner']}.")
        self.stdout.write("The new key, shown once:")
        self.stdout.write(rotate_key(clients[0], by=None))
