from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    no_translations,
)

from messaging.services import rehearsal
from messaging.services.rehearsal import CannotRehearse, Step, Verdict
from platform_auth.models import Component


class Command(BaseCommand):
    help = (
        "Play WeChat's 全网发布 tester against the running system, over HTTP and with the real "
        "keys, and tell what it would find. Exits 1 and names the step if one fails. It replaces "
        "nothing and never prints a secret."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", metavar="PUBLIC_URL", help="where to; default: PUBLIC_URL")
        parser.add_argument("--component", metavar="APPID", help="which of several")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        component = _component(options["component"])
        url = options["url"] or settings.PUBLIC_URL
        try:
            steps = rehearsal.rehearse(component, url)
        except CannotRehearse as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(f"{component.appid} at {url}")
        for warning in rehearsal.warnings_about(url):
            self.stdout.write(f"Warning: {warning}")
        self._sum_up([self._tell(step) for step in steps])

    def _tell(self, step: Step) -> Step:
        spent = "" if step.milliseconds is None else f"{step.milliseconds} ms"
        line = f"{spent:>9}  {step.verdict.label:<17}  {step.title:<33}  {step.account:<18}"
        self.stdout.write(f"{line}  {step.said}")
        if step.hint:
            self.stdout.write(f"{'':11}{step.hint}")
        self.stdout.flush()
        return step

    def _sum_up(self, steps: list[Step]) -> None:
        count = Counter(step.verdict for step in steps)
        failed = [step.name for step in steps if step.verdict == Verdict.FAILED]
        rest = f" {count[Verdict.NOT_TRIED]} were not tried." if count[Verdict.NOT_TRIED] else ""
        if failed or rest:
            raise CommandError(
                f"{len(failed)} of {len(steps)} steps fail: {', '.join(failed)}.{rest}"
            )
        if count[Verdict.UNPROVABLE]:
            rest = f" {count[Verdict.UNPROVABLE]} are not provable here."
        self.stdout.write(f"{count[Verdict.PASSED]} of {len(steps)} steps pass.{rest}")


def _component(appid: str | None) -> Component:
    """The one with that APPID, or the only one."""
    rows = Component.objects.order_by("appid")
    found: list[Component] = list(rows.filter(appid=appid) if appid else rows)
    if not found:
        raise CommandError("No such component is registered.")
    if len(found) > 1:
        names = ", ".join(one.appid for one in found)
        raise CommandError(f"Choose one with --component: {names}.")
    return found[0]
