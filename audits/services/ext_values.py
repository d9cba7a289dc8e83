"""Keeping the values of ext.json, version by version, and what a change would come to."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from audits.models import CodeTemplate, CodeVersion, ExtValues
from audits.problems import BadExtJson, ValuesChanged
from audits.services.ext_json import (
    Layers,
    Owner,
    check_values,
    compare_texts,
    compare_values,
    compose_ext_json,
    current_templates,
    is_same_json,
    read_layers,
)
from audits.services.ext_paths import Values, drop_value, put_value, read_path
from audits.services.newest import save_newest
from miniprograms.models import Authorizer, Tag
from platform_auth.operations import Actor, record_operation

MAX_NAMED = 20  # paths, in the operation log
MAX_SHOWN = 50  # mini programs, where a change of a tag or a template is shown beforehand

Change = Callable[[Values], Values]


def values_of(owner: Owner) -> ExtValues | None:
    """The newest values of OWNER, or None if it never had any."""
    return owner.ext_values.filter(is_newest=True).first()


def save_values(
    owner: Owner, values: Mapping[str, Any], *, by: Actor | None, seen: int | None = None
) -> ExtValues | None:
    """
    VALUES are those of OWNER from now on, as a new version; where they are so already, nothing is
    written.

    SEEN is the key of the version that the person was shown, 0 for none. Raises ValuesChanged where
    it is another by now, and BadExtJson.
    """
    check_values(values)
    kept = {name: value for name, value in values.items() if name != "extAppid"}
    row: ExtValues | None = save_newest(
        owner.ext_values,
        "values",
        kept,
        by=by,
        seen=seen,
        record=lambda before: _record(owner, before, kept, by),
    )
    return row


def _record(owner: Owner, before: Values, after: Values, by: Actor | None) -> None:
    """Which paths have changed, never their values."""
    changes = compare_values(before, after)
    paths = [path for path, _before, _after in changes]
    more = f" +{len(paths) - MAX_NAMED}" if len(paths) > MAX_NAMED else ""
    named = " ".join(paths[:MAX_NAMED]) + more
    if isinstance(owner, Authorizer):
        record_operation("set_ext_values", by=by, appid=owner.appid, result=named)
    else:
        kind = owner._meta.model_name
        record_operation("set_ext_values", by=by, result=f"{kind} {owner}: {named}")


def check_own_values(authorizer: Authorizer, values: Mapping[str, Any]) -> None:
    """Raise BadExtJson where AUTHORIZER's template would refuse VALUES as its own."""
    if authorizer.kind != Authorizer.Kind.MINI_PROGRAM:
        raise BadExtJson(_("Only mini programs have an ext.json."))
    plan_change([authorizer], authorizer, values)[0].raise_problem()


def keep_first_values(version: CodeVersion) -> None:
    """
    What the upload VERSION of one mini program gave becomes its own, where it has no values of its
    own: the next upload, whoever begins it, must not lose them.
    """
    owner = version.authorizer
    if version.first_values and not owner.ext_values.exists():
        with suppress(ValuesChanged):  # somebody has just given it some
            save_values(owner, version.first_values, by=version.created_by, seen=0)


def inherit_values(template: CodeTemplate) -> None:
    """A new TEMPLATE of a development mini program has schema and defaults of the one before."""
    if not template.source_appid:
        return
    others = CodeTemplate.objects.exclude(pk=template.pk).filter(
        component=template.component_id,
        source_appid=template.source_appid,
        template_id__lt=template.template_id,
    )
    earlier = others.order_by("-template_id").first()
    if earlier is None:
        return
    CodeTemplate.objects.filter(pk=template.pk).update(ext_schema=earlier.ext_schema)
    if values := values_of(earlier):
        save_values(template, values.values, by=None)


# What a change would come to.


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change of values means for one mini program: its text BEFORE and AFTER."""

    authorizer: Authorizer
    own_before: Values
    own: Values
    before: str
    after: str
    problems: list[str]

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        return compare_texts(self.before, self.after)

    def raise_problem(self) -> None:
        if self.problems:
            raise BadExtJson(*self.problems)


def plan_change(
    authorizers: Sequence[Authorizer], owner: Owner, values: Mapping[str, Any]
) -> list[Plan]:
    """What it means for AUTHORIZERS that OWNER gets VALUES. Raises BadExtJson if nobody can."""
    check_values(values)
    return _plan(authorizers, lambda _row, layers: layers.with_values(owner, dict(values)))


def plan_own_changes(changes: Mapping[Authorizer, Change]) -> list[Plan]:
    """What it means that CHANGES are made to the own values of each mini program."""
    return _plan(
        list(changes), lambda row, layers: layers.with_values(row, changes[row](layers.own))
    )


def _plan(
    authorizers: Sequence[Authorizer], change: Callable[[Authorizer, Layers], Layers]
) -> list[Plan]:
    templates = current_templates(authorizers)
    layers = read_layers(templates)
    return [
        _plan_one(row, templates[row], layers[row.pk], change(row, layers[row.pk]))
        for row in authorizers
    ]


def _plan_one(
    row: Authorizer, template: CodeTemplate | None, before: Layers, after: Layers
) -> Plan:
    try:
        old = compose_ext_json(row.appid, template, before)
    except BadExtJson:
        old = ""
    try:
        check_values(after.own)
        text = compose_ext_json(row.appid, template, after)
    except BadExtJson as problem:
        return Plan(row, before.own, after.own, old, "", problem.problems)
    return Plan(row, before.own, after.own, old, text, [])


def affected_programs(owner: Owner) -> list[Authorizer]:
    """Whose ext.json the values of OWNER are part of; of many the first."""
    match owner:
        case CodeTemplate():
            rows = Authorizer.objects.filter(versions__template=owner).distinct()
        case Tag():
            rows = owner.authorizers.filter(kind=Authorizer.Kind.MINI_PROGRAM)
        case _:
            return [owner]
    return list(rows.order_by("id")[:MAX_SHOWN])


# Many at once.


def overlay(
    values: Values, *, put: Mapping[str, Any] | None = None, drop: Iterable[str] = ()
) -> Values:
    """VALUES without the paths of DROP and with those of PUT, by path. Raises BadExtJson."""
    changed: Values = json.loads(json.dumps(values))
    for path in drop:
        drop_value(changed, read_path(path))
    for path, value in (put or {}).items():
        put_value(changed, read_path(path), value)
    return changed


def overlay_object(values: Values, above: Mapping[str, Any]) -> Values:
    """VALUES with all that ABOVE names; a null in it stays, and takes away what lies below."""
    changed = dict(values)
    for name, value in above.items():
        inner = changed.get(name)
        is_object = isinstance(value, Mapping)
        changed[name] = (
            overlay_object(inner if isinstance(inner, dict) else {}, value) if is_object else value
        )
    return changed


def save_plans(plans: Sequence[Plan], *, by: Actor | None) -> int:
    """Keep what PLANS came to, all or nothing; how many mini programs have new values."""
    changed = 0
    with transaction.atomic():
        for plan in plans:
            plan.raise_problem()
            before = values_of(plan.authorizer)
            if not is_same_json(before.values if before else {}, plan.own_before):
                raise ValuesChanged
            seen = before.pk if before else 0
            changed += before != save_values(plan.authorizer, plan.own, by=by, seen=seen)
    return changed
