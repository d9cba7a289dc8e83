from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from platform_auth.operation_chain import Anchor, broken_links, newest_anchor


def read_anchor(text: str) -> Anchor:
    position, _, digest = text.partition(":")
    if not position.isdecimal() or len(digest) != 64:
        raise ArgumentTypeError("an anchor is a position, a colon and 64 hex digits")
    return Anchor(int(position), digest)


class Command(BaseCommand):
    help = (
        "Check that the operation log is as it was written: nothing changed, removed or slipped "
        "in. Prints the anchor, which is to be kept elsewhere; workers log it as well."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--anchor", type=read_anchor, help="one printed earlier, which must still hold"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        problems = 0
        for problem in broken_links(options["anchor"]):
            self.stderr.write(problem)
            problems += 1
        if problems:
            raise CommandError(f"The operation log was tampered with: {problems} problems.")
        self.stdout.write(str(newest_anchor()))
