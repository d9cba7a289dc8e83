"""The log of WeChat's quotas, for reading; and the rules by which reviews are sped up."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from audits.admin.acts import MAY_SUBMIT
from audits.admin.columns import ProgramRowAdmin
from audits.models import QuotaEntry, SpeedUpRule
from audits.services.speeding_up import with_uses
from platform_auth.admin.columns import column, time_column
from platform_auth.admin.pages import RecordedAdmin, label
from platform_auth.listing import list_words


def _number(name: str) -> Any:
    def show(row: QuotaEntry) -> object:
        number = getattr(row, name)
        return "–" if number is None else number

    return show


@admin.register(QuotaEntry)
class QuotaEntryAdmin(ProgramRowAdmin):
    asks_outside = False
    list_display: tuple[str, ...] = ("time", "kind", "left", "of", "speed_ups_left", "speed_ups")
    list_display += ("about", "actor")
    list_filter = ("kind",)
    list_select_related = ("authorizer", "by")
    fields: tuple[str, ...] = ("time", "kind", "left", "of", "speed_ups_left", "speed_ups")
    fields += ("component", "about", "actor")
    readonly_fields = fields

    time = time_column("at", _("time"))
    left = column(_("submissions left"), _number("rest"))
    of = column(_("submissions a month"), _number("limit"))
    speed_ups_left = column(_("speed-ups left"), _number("speedup_rest"))
    speed_ups = column(_("speed-ups a month"), _number("speedup_limit"))
    actor = column(_("by"), lambda row: str(row.by or "–"))

    @admin.display(description=_("mini program"))
    def about(self, row: QuotaEntry) -> object:
        """Whom a unit was spent for; of what WeChat says it is no matter whom it was asked by."""
        if row.authorizer is None or row.kind == QuotaEntry.Kind.TOLD:
            return "–"
        return self.program(row)


@admin.register(SpeedUpRule)
class SpeedUpRuleAdmin(RecordedAdmin):
    asks_outside = False
    list_display = ("rule", "tag_names", "most_a_month", "used", "state", "set_by")
    list_select_related = ("set_by",)
    sortable_by = ()
    ordering = ("after_hours", "pk")
    fields = ("after_hours", "tags", "most_a_month", "is_on", "state", "used", "set_by")
    readonly_fields = ("state", "used", "set_by")

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_uses(super().get_queryset(request).prefetch_related("tags"))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget
        return db_field.formfield(**kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever sets a rule has the reviews sped up, so must be one who may."""
        return super().has_add_permission(request) and request.user.has_perm(MAY_SUBMIT)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_change = super().has_change_permission(request, obj)
        return may_change and request.user.has_perm(MAY_SUBMIT)

    def save_model(self, request: HttpRequest, obj: SpeedUpRule, form: Any, change: Any) -> None:
        obj.set_by = request.user  # type: ignore[assignment]
        obj.stopped_because = ""
        super().save_model(request, obj, form, change)

    rule = column(_("rule"), str)
    tag_names = column(_("tags"), lambda row: list_words(row.tags.all()) or _("all"))
    used = column(
        _("used this month"),
        lambda row: f"{row.used} / {row.most_a_month}" if row.pk else "–",
    )

    @admin.display(description=_("state"))
    def state(self, row: SpeedUpRule) -> SafeString | str:
        if row.stopped_because:
            return label(row.stopped_because, "warning")
        return label(_("on"), "success") if row.is_on else label(_("off"))
