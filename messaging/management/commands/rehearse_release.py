from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from messaging.services.release_test.rehearsal import (
    CannotRehearse,
    record_rehearsal,
    rehearse,
    warnings_about,
)
from messaging.services.release_test.steps import Step, StepResult
from platform_auth.models import Component

ELSEWHERE = (
    "The set-up guide does not count it: this was not PUBLIC_URL, {url}, which WeChat's tester "
    "goes to."
)


class Command(BaseCommand):
    help = (
        "Play WeChat's 全网发布 tester against the running system, over HTTP and with the real "
        "keys, and tell what it would find. Exits 1 and names the step if one fails. It replaces "
        "nothing and never prints a secret. What is played at PUBLIC_URL is kept: the set-up guide "
        "ticks its step."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", metavar="PUBLIC_URL", help="where to; default: PUBLIC_URL")
        parser.add_argument("--component", metavar="APPID", help="which of several")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        component = _component(options["component"])
        url = options["url"] or settings.PUBLIC_URL
        try:
            steps = rehearse(component, url)
        except CannotRehearse as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(f"{component.appid} at {url}")
        for warning in warnings_about(url):
            self.stdout.write(f"Warning: {warning}")
        outcome = [self._print(step) for step in steps]
        if counts := url.rstrip("/") == settings.PUBLIC_URL:
            record_rehearsal(component, outcome, by=None)
        self._sum_up(outcome)
        if not counts:
            self.stdout.write(ELSEWHERE.format(url=settings.PUBLIC_URL))

    def _print(self, step: Step) -> Step:
        spent = "" if step.milliseconds is None else f"{step.milliseconds} ms"
        line = f"{spent:>9}  {step.result.label:<17}  {step.title:<33}  {step.account:<18}"
        self.stdout.write(f"{line}  {step.detail}")
        if step.hint:
            self.stdout.write(f"{'':11}{step.hint}")
        self.stdout.flush()
        return step

    def _sum_up(self, steps: list[Step]) -> None:
        count = Counter(step.result for step in steps)
        failed = [step.name for step in steps if step.result == StepResult.FAILED]
        not_tried, unprovable = count[StepResult.NOT_TRIED], count[StepResult.UNPROVABLE]
        if failed or not_tried:
            suffix = f" {not_tried} were not tried." if not_tried else ""
            raise CommandError(
                f"{len(failed)} of {len(steps)} steps fail: {', '.join(failed)}.{suffix}"
            )
        suffix = f" {unprovable} are not provable here." if unprovable else ""
        self.stdout.write(f"{count[StepResult.PASSED]} of {len(steps)} steps pass.{suffix}")


def _component(appid: str | None) -> Component:
    """The one with that APPID, or the only one."""
    rows = Component.objects.order_by("appid")
    components: list[Component] = list(rows.filter(appid=appid) if appid else rows)
    if not components:
        raise CommandError("No such component is registered.")
    if len(components) > 1:
        appids = ", ".join(component.appid for component in components)
        raise CommandError(f"Choose one with --component: {appids}.")
    return components[0]
