"""Finding the draft that a machine has just uploaded, which knows no draft's number."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from audits.models import Promotion
from audits.problems import AmbiguousDraft, NoDraftFits
from audits.services.templates import list_drafts, promote_draft
from platform_auth.models import Component
from platform_auth.operations import Actor
from wechat.code_templates import Draft


@dataclass(frozen=True, slots=True)
class DraftDescription:
    """What is known of an upload. NEWER_THAN is a time by WeChat's clock; "" is anything."""

    newer_than: datetime
    source_appid: str = ""
    user_version: str = ""
    user_desc: str = ""

    def fits(self, draft: Draft) -> bool:
        wanted = (
            (self.source_appid, draft.source_miniprogram_appid),
            (self.user_version, draft.user_version),
            (self.user_desc, draft.user_desc),
        )
        is_new = draft.create_time >= int(self.newer_than.timestamp())
        return is_new and all(text in ("", value) for text, value in wanted)


def promote_described(
    component: Component, description: DraftDescription, *, by: Actor | None
) -> Promotion:
    """
    Make the newest draft that fits DESCRIPTION a template, once. What became of it.

    Raises NoDraftFits; AmbiguousDraft where drafts of several development mini programs fit; what
    `promote_draft` raises.
    """
    draft = _pick(draft for draft in list_drafts(component) if description.fits(draft))
    return promote_draft(component, draft, by=by)


def _pick(fitting: Iterable[Draft]) -> Draft:
    """The newest; but which of two that come from different places is no question of time."""
    drafts = sorted(fitting, key=lambda draft: (draft.create_time, draft.draft_id), reverse=True)
    if not drafts:
        raise NoDraftFits
    if len({draft.source_miniprogram_appid for draft in drafts}) > 1:
        raise AmbiguousDraft([describe_draft(draft) for draft in drafts])
    return drafts[0]


def describe_draft(draft: Draft) -> dict[str, object]:
    """What REST says of DRAFT."""
    uploaded_at = datetime.fromtimestamp(draft.create_time, UTC)
    return {
        "draft_id": draft.draft_id,
        "source_appid": draft.source_miniprogram_appid,
        "user_version": draft.user_version,
        "user_desc": draft.user_desc,
        "developer": draft.developer,
        "uploaded_at": uploaded_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
