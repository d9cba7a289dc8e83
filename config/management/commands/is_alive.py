from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from platform_auth import heartbeats


class Command(BaseCommand):
    help = (
        "For health checks: fails unless a periodic job ran to its end lately. A worker that "
        "answers a ping may be deaf to its queue, and a beat that runs may send nothing."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job", help="as in the label of wechat_job_age_seconds")
        parser.add_argument("--within", type=int, default=180, metavar="SECONDS")

    def handle(self, *args: Any, **options: Any) -> None:
        within = timedelta(seconds=options["within"])
        if not heartbeats.is_alive(options["job"], within):
            raise CommandError(f"{options['job']} has not run for {options['within']} s.")
