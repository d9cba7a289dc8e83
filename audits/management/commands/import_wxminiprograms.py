"""Take over a MySQL dump of the original system."""

import csv
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from audits.services.dumps import BadDump, read_rows
from audits.services.importing import AUDITS, AUTHORIZERS, TABLES, ImportReport, import_rows
from platform_auth.models import Component
from platform_auth.operations import record_operation


class Command(BaseCommand):
    help = (
        "Read a MySQL dump (mysqldump's, Adminer's or phpMyAdmin's) of the original tables "
        "wxminiprograms, wxuser (official accounts), wxminiprogram_audit and weixin_account (the "
        "component). Without --commit nothing is written: it says what would be."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--commit", action="store_true", help="write it")
        parser.add_argument("--component", metavar="APPID", help="if several are registered")
        parser.add_argument(
            "--prefix", default="", help="what the tables' names begin with in the dump, as in tp_"
        )
        parser.add_argument(
            "--owners", type=Path, metavar="CSV", help="lines of: the original's uid, our username"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        owners = _read_owners(options["owners"]) if options["owners"] else {}
        try:
            dump = options["file"].read_text(encoding="utf-8-sig")
            rows = list(read_rows(dump, set(TABLES), prefix=options["prefix"]))
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{options['file']} is not UTF-8; dump it as utf8mb4.") from None
        except BadDump as error:
            raise CommandError(str(error)) from None
        with transaction.atomic():
            report = import_rows(rows, partial(_find_component, options["component"]), owners)
            imported = {table: count for table, count in report.imported.items() if count}
            if options["commit"]:
                record_operation("import", by=None, result=f"{imported}")
            else:
                transaction.set_rollback(True)
        self._print_report(report, committed=options["commit"])

    def _print_report(self, report: ImportReport, *, committed: bool) -> None:
        for line in [*report.notes, *(f"skipped {line}" for line in report.skipped)]:
            self.stdout.write(line)
        shown = {**dict.fromkeys((AUTHORIZERS, AUDITS), 0), **report.imported}
        counts = ", ".join(
            f"{count} of {table}"
            for table, count in shown.items()
            if count or table in (AUTHORIZERS, AUDITS)
        )
        verb = "Imported" if committed else "Would import"
        self.stdout.write(f"{verb} {counts}; skipped {len(report.skipped)}.")
        if not committed:
            self.stdout.write("Nothing was written. Run it again with --commit.")


def _find_component(appid: str | None) -> Component:
    rows = Component.objects.filter(appid=appid) if appid else Component.objects.all()
    components: list[Component] = list(rows)
    if len(components) == 1:
        return components[0]
    if not components:
        raise CommandError("There is no such component. Run register_component first.")
    raise CommandError("Several components are registered: choose one with --component.")


def _read_owners(file: Path) -> dict[str, User]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            names = {row[0].strip(): row[1].strip() for row in csv.reader(lines) if len(row) > 1}
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None
    rows = User.objects.filter(username__in=names.values())
    users = {user.get_username(): user for user in rows}
    if missing := sorted(set(names.values()) - users.keys()):
        raise CommandError(f"There are no such users: {', '.join(missing)}")
    return {uid: users[name] for uid, name in names.items()}
