"""
What is sent as ext.json: the one place that makes it, of the layers of values that there are.

Lowest first: the template's defaults, the tags' by their names, the mini program's own, those of
this upload. Objects are merged, lists and all else replaced, null takes away (RFC 7396).
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Max, Q
from django.utils.translation import gettext as _

from audits.models import CodeTemplate, CodeVersion, ExtValues, Release
from audits.problems import BadExtJson
from audits.services.ext_paths import Values, flatten
from audits.services.ext_schema import check_against_schema
from miniprograms.models import Authorizer, Tag
from wechat import code_templates

STANDARD_EXT_MEMBERS = {"extAppid", "ext", "window"}
EXT_MEMBERS = {
    "extEnable",
    "extAppid",
    "directCommit",
    "ext",
    "extPages",
    "pages",
    "subPackages",
    "window",
    "networkTimeout",
    "tabBar",
    "plugins",
    "requiredPrivateInfos",
    "sitemap",
    "customOpen",
    "functionPages",
    "navigateToMiniProgramAppIdList",
}
MAX_DEPTH = 20
MAX_LENGTH = 100_000  # characters of JSON
MISSING = object()  # no value at all, not even null

Owner = CodeTemplate | Tag | Authorizer


@dataclass(frozen=True, slots=True)
class Layers:
    """The values that are kept for one mini program. TAGS are by name."""

    template: Values
    tags: Mapping[str, Values]
    own: Values

    def lowest_first(self) -> list[Values]:
        return [self.template, *(self.tags[name] for name in sorted(self.tags)), self.own]

    def with_values(self, owner: Owner, values: Values) -> "Layers":
        """As they are once OWNER has VALUES."""
        match owner:
            case CodeTemplate():
                return replace(self, template=values)
            case Tag():
                return replace(self, tags={**self.tags, owner.name: values})
            case _:
                return replace(self, own=values)


def build_ext_json(
    authorizer: Authorizer, template: CodeTemplate | None, upload: Mapping[str, Any] | None = None
) -> str:
    """
    The exact ext.json for AUTHORIZER with TEMPLATE: all layers of values that are kept, and those
    of this UPLOAD over them. Whatever uploads calls this.

    Raises BadExtJson for members that WeChat does not know, or not in a standard template, and for
    what the template's schema refuses.
    """
    layers = read_layers({authorizer: template})[authorizer.pk]
    return compose_ext_json(authorizer.appid, template, layers, upload)


def compose_ext_json(
    appid: str,
    template: CodeTemplate | None,
    layers: Layers,
    upload: Mapping[str, Any] | None = None,
) -> str:
    """The text of LAYERS, with UPLOAD over them, for the mini program APPID. Raises BadExtJson."""
    check_values(upload or {})
    values: Values = {}
    for layer in [*layers.lowest_first(), upload or {}]:
        values = merge(values, layer)
    _check_members(values, _members_of(template))
    own = {"extAppid": appid}
    defaults: Values = {"extEnable": True} if "extEnable" in _members_of(template) else {}
    members = {**defaults, **own, "ext": {}, **values, **own}
    check_against_schema(template.ext_schema if template else {}, members["ext"])
    return json.dumps(members, ensure_ascii=False)


def check_upload(template: CodeTemplate, upload: Mapping[str, Any]) -> None:
    """Raise BadExtJson where no mini program could have UPLOAD with TEMPLATE."""
    check_values(upload)
    _check_members(upload, _members_of(template))


def _members_of(template: CodeTemplate | None) -> set[str]:
    """Which members an ext.json for TEMPLATE may have."""
    is_standard = template and template.template_type == code_templates.STANDARD_TEMPLATE
    return STANDARD_EXT_MEMBERS if is_standard else EXT_MEMBERS


def kept_members(values: Mapping[str, Any]) -> Values:
    """VALUES without what we put in ourselves, and what says nothing."""
    usual: Values = {"extAppid": values.get("extAppid"), "extEnable": True, "ext": {}}
    return {
        name: value for name, value in values.items() if name not in usual or value != usual[name]
    }


def merge(below: Any, above: Any) -> Any:
    """ABOVE over BELOW, as RFC 7396 has it."""
    if not isinstance(above, Mapping):
        return above
    merged = dict(below) if isinstance(below, Mapping) else {}
    for name, value in above.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def check_values(values: Any) -> None:
    """Raise BadExtJson where VALUES cannot be a layer of any ext.json."""
    if not isinstance(values, Mapping):
        raise BadExtJson(_("It must be an object: {…}."))
    _check_depth(values, MAX_DEPTH)
    try:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError):
        raise BadExtJson(_("This is no JSON: half a character, or a number without end.")) from None
    if len(text) > MAX_LENGTH or "\\u0000" in text:
        raise BadExtJson(_("ext.json has at most %d characters, and no zero.") % MAX_LENGTH)
    _check_members(values, EXT_MEMBERS)
    if not isinstance(values.get("ext", {}), dict):
        raise BadExtJson(_("`ext` in ext.json must be an object."))


def _check_depth(node: Any, left: int) -> None:
    children = (
        node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    )
    if not left and children:
        raise BadExtJson(_("The JSON is nested too deeply."))
    for child in children:
        _check_depth(child, left - 1)


def _check_members(values: Mapping[str, Any], allowed: set[str]) -> None:
    if unknown := sorted(values.keys() - allowed):
        raise BadExtJson(_("ext.json has no such members: %s") % ", ".join(unknown))


# The layers as they are kept.


def read_layers(templates: Mapping[Authorizer, CodeTemplate | None]) -> dict[int, Layers]:
    """The layers of each of these mini programs with its template, by the program's key."""
    pks = [authorizer.pk for authorizer in templates]
    used = {template.pk for template in templates.values() if template}
    newest = ExtValues.objects.filter(is_newest=True).order_by()
    columns = ("values", "template", "authorizer", "tag__authorizers", "tag__name")
    rows = [
        newest.filter(condition).values_list(*columns)
        for condition in (Q(template__in=used), Q(authorizer__in=pks), Q(tag__authorizers__in=pks))
    ]
    defaults: dict[int, Values] = {}
    own: dict[int, Values] = {}
    tags: dict[int, dict[str, Values]] = defaultdict(dict)
    for values, template_pk, pk, tagged, name in rows[0].union(*rows[1:], all=True):
        if template_pk:
            defaults[template_pk] = values
        elif pk:
            own[pk] = values
        else:
            tags[tagged][name] = values
    return {
        authorizer.pk: Layers(
            defaults.get(template.pk, {}) if template else {},
            tags[authorizer.pk],
            own.get(authorizer.pk, {}),
        )
        for authorizer, template in templates.items()
    }


def current_template(authorizer: Authorizer) -> CodeTemplate | None:
    """The template of what was uploaded to AUTHORIZER last."""
    return current_templates([authorizer])[authorizer]


def current_templates(
    authorizers: Iterable[Authorizer],
) -> dict[Authorizer, CodeTemplate | None]:
    """The template of what was uploaded last to each of AUTHORIZERS."""
    authorizers = list(authorizers)
    committed = CodeVersion.objects.filter(
        authorizer__in=authorizers, state=CodeVersion.State.COMMITTED
    )
    newest = committed.order_by().values("authorizer").annotate(newest=Max("pk"))
    versions = CodeVersion.objects.filter(pk__in=newest.values("newest"))
    templates = {
        version.authorizer_id: version.template
        for version in versions.select_related("template").defer("ext_json")
    }
    return {authorizer: templates.get(authorizer.pk) for authorizer in authorizers}


def live_version(
    authorizer: Authorizer, *, before: CodeVersion | None = None
) -> CodeVersion | None:
    """
    What users have by our records; where nothing was ever released here, the newest upload, or
    the newest BEFORE another.
    """
    done = authorizer.releases.filter(state=Release.State.DONE).exclude(live_after="")
    release = done.select_related("audit__version").order_by("-id").first()
    committed = authorizer.versions.filter(state=CodeVersion.State.COMMITTED).order_by("-id")
    if release is not None and release.kind == Release.Kind.RELEASE and release.audit:
        version: CodeVersion | None = release.audit.version
        return version
    if release is not None:
        committed = committed.filter(user_version=release.live_after)
    elif before is not None:
        committed = committed.filter(pk__lt=before.pk)
    return committed.first()


def compare_texts(before: str, after: str) -> list[tuple[str, Any, Any]]:
    """As `compare_values`, of two texts of ext.json; "" is none."""
    return compare_values(*(json.loads(text) if text else {} for text in (before, after)))


def compare_values(before: Values, after: Values) -> list[tuple[str, Any, Any]]:
    """Where two ext.json differ: path, value before and after; MISSING for none."""
    old, new = dict(flatten(before)), dict(flatten(after))
    paths = sorted(old.keys() | new.keys())
    pairs = [(path, old.get(path, MISSING), new.get(path, MISSING)) for path in paths]
    return [
        pair
        for pair in pairs
        if pair[1] is MISSING or pair[2] is MISSING or not is_same_json(*pair[1:])
    ]


def is_same_json(before: Any, after: Any) -> bool:
    """1 and true are the same to Python, not to JSON."""
    return json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
