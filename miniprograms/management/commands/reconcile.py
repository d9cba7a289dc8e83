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
        failed = [one for one in components if not self._reconcile(one)]
        if failed:
            raise CommandError(f"Not reconciled: {', '.join(one.appid for one in failed)}.")

    def _reconcile(self, component: Component) -> bool:
        try:
            report = reconciling.reconcile(component)
        except WeChatError as error:
            self.stderr.write(f"{component.appid}: {error}")
            return False
        self.stdout.write(
            f"{component.appid}: {report.seen} listed, {len(report.recovered)} recovered, "
            f"{len(report.parked)} parked, {report.given_up} need to be authorised again"
        )
        return True
