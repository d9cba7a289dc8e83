from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from miniprograms.services import reconciling
from platform_auth.models import Component
from wechat.errors import WeChatError


class Command(BaseCommand):
    help = (
        "Compare our accounts with WeChat's whole list now: recover lost refresh tokens, park "
        "unknown accounts for staff. It deletes nothing and never prints a secret."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--component", metavar="APPID", help="only this one of several")

    def handle(self, *args: Any, **options: Any) -> None:
        components = Component.objects.all()
        if appid := options["component"]:
            components = components.filter(appid=appid)
        if not components:
            raise CommandError("There is no such component.")
        failed = [row.appid for row in components if not self._reconcile(row)]
        if failed:
            raise CommandError(f"Not reconciled: {', '.join(failed)}.")

    def _reconcile(self, component: Component) -> bool:
        try:
            report = reconciling.reconcile(component)
        except WeChatError as error:
            self.stderr.write(f"{component.appid}: {error}")
            return False
        odd = f", {report.odd} rows make no sense" if report.odd else ""
        self.stdout.write(
            f"{component.appid}: {report.listed} listed, {len(report.recovered)} recovered, "
            f"{len(report.unclaimed)} parked, {report.given_up} need to be authorised again{odd}"
        )
        return True
