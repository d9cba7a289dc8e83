"""What the list of accounts tells of their settings: in how many WeChat has something else."""

from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from miniprograms.admin.facts import CountOf, Fact, add_facts
from miniprograms.admin.settings_pages import MAY_VIEW_SETTINGS
from miniprograms.models import Authorizer, Setting
from platform_auth.admin.columns import link
from platform_auth.admin.filters import choice_filter


def count_drifts(rows: Any) -> Any:
    drifted = Setting.objects.drifted().filter(authorizer=OuterRef("pk"))
    return rows.annotate(drifts=CountOf(drifted.order_by().values("pk")))


def _drift_link(account: Authorizer) -> SafeString | str:
    number: int = account.drifts  # type: ignore[attr-defined]
    url = reverse("admin:miniprograms_authorizer_settings_page", args=[account.pk])
    return link(url, number) if number else "–"


def _has_drifted() -> Q:
    return Q(Exists(Setting.objects.drifted().filter(authorizer=OuterRef("pk"))))


add_facts(
    Fact(
        name="drift",
        title=_("drift"),
        permission=MAY_VIEW_SETTINGS,
        show=_drift_link,
        text=lambda account: str(account.drifts),  # type: ignore[attr-defined]
        extend=count_drifts,
        filter=choice_filter(
            _("drift"),
            "drift",
            {
                "yes": (_("WeChat has something else"), _has_drifted),
                "no": (_("as it should be, or nothing is said"), lambda: ~_has_drifted()),
            },
        ),
    )
)
