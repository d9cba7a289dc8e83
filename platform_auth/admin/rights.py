"""What one person may do, in words."""

from collections import defaultdict
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from platform_auth.admin.titles import TitledAdmin
from platform_auth.listing import list_words
from platform_auth.roles import (
    ADMINISTRATOR,
    ADMINISTRATOR_SENTENCE,
    ANSWERERS,
    STAFF_ROLES,
    group_title,
)

VERBS = {"view": _("look at"), "add": _("add"), "change": _("change"), "delete": _("delete")}


def describe_rights(user: User) -> dict[str, Any]:
    """
    What the page says of USER: a few SENTENCES, their ROLES with what each is for, and ACTS, which
    of these rights there are by subject.
    """
    if not user.is_active:
        return {"sentences": [_("This login is switched off: it may do nothing.")]}
    return {
        "sentences": _sentences(user),
        "roles": _roles(user),
        "acts": [] if user.is_superuser or not user.is_staff else _acts(user),
    }


def _sentences(user: User) -> list[object]:
    if not user.is_staff:
        own = _("In the portal: bind accounts and look after those that are theirs.")
        answers = user.groups.filter(name=ANSWERERS).exists()
        answering = _("There they may also answer the users of these accounts.")
        return [own, answering] if answers else [own]
    if user.is_superuser:
        return [_("Among the staff pages: everything.")]
    return [_("Among the staff pages: what stands here, and nothing else.")]


def _roles(user: User) -> list[tuple[object, object]]:
    if not user.is_staff:
        return []
    names = user.groups.order_by("name").values_list("name", flat=True)
    roles: list[tuple[object, object]] = [
        (group_title(name), STAFF_ROLES.get(name, "")) for name in names
    ]
    own = [(ADMINISTRATOR, ADMINISTRATOR_SENTENCE)] if user.is_superuser else []
    return [*own, *roles]


def _acts(user: User) -> list[tuple[str, str]]:
    """What USER may do, by the list that it is done to."""
    held = user.get_all_permissions()
    by_model: dict[Any, list[str]] = defaultdict(list)
    for permission in Permission.objects.select_related("content_type").order_by("pk"):
        model = permission.content_type.model_class()
        label = f"{permission.content_type.app_label}.{permission.codename}"
        if model is not None and label in held:
            by_model[model].append(_words_of(permission))
    acts = [(_title_of(model), list_words(words)) for model, words in by_model.items()]
    return sorted(acts)


def _words_of(permission: Permission) -> str:
    verb, _separator, model = permission.codename.partition("_")
    is_usual = verb in VERBS and model == permission.content_type.model
    return str(VERBS[verb]) if is_usual else gettext(permission.name)


def _title_of(model: Any) -> str:
    if admin.site.is_registered(model):
        pages = admin.site.get_model_admin(model)
        if isinstance(pages, TitledAdmin):
            return pages.title_of_list()
    return str(capfirst(model._meta.verbose_name_plural))
