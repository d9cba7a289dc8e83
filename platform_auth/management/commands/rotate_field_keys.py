from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from platform_auth import old_keys
from platform_auth.fields import SecretModel, secret_fields
from platform_auth.old_keys import record_rotation
from platform_auth.rotation import rotate_secrets


class Command(BaseCommand):
    help = (
        "Encrypt every secret in the database with the first key of FIELD_ENCRYPTION_KEYS. Safe "
        "while the system runs, and to repeat. Once it succeeds, the other keys may go as soon as "
        "no backup from before is kept. It names what no key opens, and never a value."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable = sealed = 0
        for model in apps.get_models():
            if not issubclass(model, SecretModel) or not secret_fields(model):
                continue
            outcome = rotate_secrets(model)
            for problem in outcome.unreadable:
                self.stderr.write(problem)
            unreadable += len(outcome.unreadable)
            sealed += outcome.sealed
            self.stdout.write(
                f"{model._meta.label}: {outcome.rows} rows, "
                f"{outcome.sealed} secrets encrypted anew, {len(outcome.unreadable)} unreadable"
            )
        if unreadable:
            raise CommandError(f"{unreadable} secrets could not be read. Keep the old keys.")
        old_keys.write_uses()  # of this command itself, so that later ones stand out
        record_rotation(sealed)
