"""The words that staff group accounts by."""

from collections.abc import Iterable, Sequence

from django.db import transaction

from miniprograms.models import Authorizer, Tag
from platform_auth.operations import Actor, record_operation


def set_tags(
    authorizers: Sequence[Authorizer],
    *,
    add: Iterable[Tag],
    remove: Iterable[Tag] = (),
    by: Actor,
) -> None:
    """Give each of AUTHORIZERS the tags of ADD, and take those of REMOVE away."""
    added = list(add)
    removed = [tag for tag in remove if tag not in added]
    with transaction.atomic():
        _add(authorizers, added)
        rows = Authorizer.tags.through._default_manager.filter(authorizer__in=authorizers)
        rows.filter(tag__in=removed).delete()
        result = " ".join([*(f"+{tag}" for tag in added), *(f"-{tag}" for tag in removed)])
        for authorizer in authorizers:
            record_operation("set_tags", by=by, appid=authorizer.appid, result=result)


def _add(authorizers: Sequence[Authorizer], tags: list[Tag]) -> None:
    through = Authorizer.tags.through
    pairs = [
        through(authorizer_id=authorizer.pk, tag_id=tag.pk)
        for authorizer in authorizers
        for tag in tags
    ]
    through._default_manager.bulk_create(pairs, ignore_conflicts=True, batch_size=500)
