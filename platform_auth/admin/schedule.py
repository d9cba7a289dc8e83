"""Periodic jobs (django-celery-beat), drawn the way of the other staff pages."""

from typing import Any

from django.contrib import admin
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from platform_auth.admin.pages import RecordedAdmin

SCHEDULES = [IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule]

admin.site.unregister([PeriodicTask, *SCHEDULES])


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    """The registered tasks, in the frame of the other selects."""


class TaskForm(beat.PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, RecordedAdmin):
    form = TaskForm
    change_form_template = None  # theirs has a script in the page, which our policy refuses
    list_display = ("name", "enabled", "interval", "crontab", "last_run_at", "one_off")
    date_hierarchy = None
    actions = ()  # they would need no permission but that to look
    list_filter = ("enabled", "one_off")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(beat.CrontabScheduleAdmin, RecordedAdmin):
    inlines = ()


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(beat.ClockedScheduleAdmin, RecordedAdmin):
    inlines = ()


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(RecordedAdmin):
    """So many seconds, minutes, hours or days."""


@admin.register(SolarSchedule)
class SolarScheduleAdmin(RecordedAdmin):
    """Sunrise, sunset and the like."""
