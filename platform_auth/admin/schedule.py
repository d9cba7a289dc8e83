"""Periodic jobs (django-celery-beat), drawn the way of the other staff pages."""

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from platform_auth.admin.columns import column
from platform_auth.admin.pages import RecordedAdmin

# What pages call the jobs of ours; one that staff added is called as they called it.
JOBS = {
    "keep the component token": _("keep the component token"),
    "seal the operation log": _("seal the operation log"),
    "notice silence": _("notice silence"),
    "work out pushes": _("work out pushes"),
    "try failed pushes again": _("try failed pushes again"),
    "forget old pushes": _("forget old pushes"),
    "send replies": _("send replies"),
    "send password links": _("send password links"),
    "forward messages": _("forward messages"),
    "give up deliveries": _("give up deliveries"),
    "answer release tests": _("answer release tests"),
    "forget old conversations": _("forget old conversations"),
    "refresh authorizer tokens": _("refresh authorizer tokens"),
    "finish bindings": _("finish bindings"),
    "fetch profiles": _("fetch profiles"),
    "settings of record": _("settings of record"),
    "settle code": _("settle code"),
    "run campaigns": _("run campaigns"),
    "speed up reviews": _("speed up reviews"),
    "log quotas": _("log quotas"),
    "mirror templates": _("mirror templates"),
    "forget old calls": _("forget old calls"),
    "send notices": _("send notices"),
    "watch for notices": _("watch for notices"),
    "forget old notices": _("forget old notices"),
    "forget old logins": _("forget old logins"),
    "forget old keys": _("forget old keys"),
    "forget web logins": _("forget web logins"),
    "reconcile with WeChat": _("reconcile with WeChat"),
}
SCHEDULES = [IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule]

admin.site.unregister([PeriodicTask, *SCHEDULES])


def job_title(name: str) -> str:
    return str(JOBS.get(name, name))


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    """The registered tasks, in the frame of the other selects."""


class TaskForm(beat.PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, RecordedAdmin):
    list_title = _("Periodic jobs")
    form = TaskForm
    change_form_template = None  # theirs has a script in the page, which our policy refuses
    list_display = ("title", "enabled", "interval", "crontab", "last_run_at", "one_off")
    date_hierarchy = None
    actions = ()  # they would need no permission but that to look
    list_filter = ("enabled", "one_off")

    title = column(_("job"), lambda task: job_title(task.name), ordering="name")
    crontab_translation = column(
        _("in words"), lambda task: task.crontab.human_readable if task.crontab else "–"
    )

    def title_of(self, row: Any) -> str:
        return job_title(row.name)


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(beat.CrontabScheduleAdmin, RecordedAdmin):
    inlines = ()

    human_readable = column(_("in words"), lambda row: row.human_readable)


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(beat.ClockedScheduleAdmin, RecordedAdmin):
    inlines = ()

    def title_of(self, row: Any) -> str:
        return f"{timezone.localtime(row.clocked_time):%Y-%m-%d %H:%M}"


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(RecordedAdmin):
    """So many seconds, minutes, hours or days."""


@admin.register(SolarSchedule)
class SolarScheduleAdmin(RecordedAdmin):
    """Sunrise, sunset and the like."""
