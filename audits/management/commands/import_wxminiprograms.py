"""Take over a MySQL dump of the original system."""

import csv
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from audits.dumps import BadDump, read_rows
from audits.services.importing import AUDITS, AUTHORIZERS, Report, take_over
from platform_auth.models import Component
from platform_auth.operations import record_operation


class Command(BaseCommand):
    help = (
        "Read a MySQL dump (mysqldump's or Adminer's) of the original tables wxminiprograms and "
        "wxminiprogram_audit. Without --commit nothing is written: it says what would be."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--commit", action="store_true", help="write it")
        parser.add_argument("--component", metavar="APPID", help="if several are registered")
        parser.add_argument(
            "--owners", type=Path, metavar="CSV", help="lines of: the original's uid, our username"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        component = _component(options["component"])
        owners = _owners(options["owners"]) if options["owners"] else {}
        try:
            dump = options["file"].read_text(encoding="utf-8-sig")
            rows = list(read_rows(dump, {AUTHORIZERS, AUDITS}))
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{options['file']} is not UTF-8; dump it as utf8mb4.") from None
        except BadDump as error:
            raise CommandError(str(error)) from None
        with transaction.atomic():
            report = take_over(rows, component, owners)
            if options["commit"]:
                record_operation("import", by=None, result=f"{report.taken}")
            else:
                transaction.set_rollback(True)
        self._tell(report, committed=options["commit"])

    def _tell(self, report: Report, *, committed: bool) -> None:
        for line in [*report.notes, *(f"skipped {line}" for line in report.skipped)]:
            self.stdout.write(line)
        counts = ", ".join(f"{count} of {table}" for table, count in report.taken.items())
        verb = "Imported" if committed else "Would import"
        self.stdout.write(f"{verb} {counts}; skipped {len(report.skipped)}.")
        if not committed:
            self.stdout.write("Nothing was written. Run it again with --commit.")


def _component(appid: str | None) -> Component:
    found = list(Component.objects.filter(appid=appid) if appid else Component.objects.all())
    if len(found) == 1:
        component: Component = found[0]
        return component
    if not found:
        raise CommandError("There is no such component. Run register_component first.")
    raise CommandError("Several components are registered: choose one with --component.")


def _owners(file: Path) -> dict[str, User]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            wanted = {row[0].strip(): row[1].strip() for row in csv.reader(lines) if len(row) > 1}
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None
    users = {
        user.get_username(): user for user in User.objects.filter(username__in=wanted.values())
    }
    if missing := sorted(set(wanted.values()) - users.keys()):
        raise CommandError(f"There are no such users: {', '.join(missing)}")
    return {uid: users[name] for uid, name in wanted.items()}
