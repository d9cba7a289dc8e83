"""A mini program's code at WeChat: on trial, in review, online; and the platform's templates.

The rules WeChat keeps are here, each as the errcode it answers; the endpoints only read and write
JSON.
"""

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sandbox.world.errors import Refusal

PASSED, REJECTED, IN_REVIEW, WITHDRAWN, DELAYED = range(5)
OPEN = (IN_REVIEW, DELAYED)
FILED, NOT_FILED = 6, 1024  # of an ICP filing; bits are added to the latter for what is missing
GRAY_INITIAL, GRAY_RUNNING, _GRAY_PAUSED, GRAY_FINISHED, GRAY_DELETED = range(5)

TEMPLATE_LIMIT = 200
HISTORY_LIMIT = 5
VERSION_LENGTH = 64
PAGES = ("pages/index/index", "pages/goods/detail", "pages/order/list", "pages/mine/mine")
LOCATION_APIS = (
    "getLocation",
    "getFuzzyLocation",
    "onLocationChange",
    "startLocationUpdate",
    "startLocationUpdateBackground",
    "chooseLocation",
    "choosePoi",
    "chooseAddress",
)
# getFuzzyLocation excludes these.
EXACT_LOCATION_APIS = {
    "getLocation",
    "onLocationChange",
    "startLocationUpdate",
    "startLocationUpdateBackground",
}


@dataclass(eq=False)
class Draft:
    """What a developer uploaded: the newest of one development mini program."""

    draft_id: int
    create_time: int
    user_version: str
    user_desc: str
    source_appid: str
    source_name: str
    developer: str
    pages: tuple[str, ...]
    opens: tuple[str, ...] = ()  # appids of the mini programs that the code opens
    domains: tuple[str, ...] = ()  # request domains without which its pages stay empty

    def describe(self) -> dict[str, Any]:
        return {
            "create_time": self.create_time,
            "user_version": self.user_version,
            "user_desc": self.user_desc,
            "draft_id": self.draft_id,
            "source_miniprogram_appid": self.source_appid,
            "source_miniprogram": self.source_name,
            "developer": self.developer,
            "category_list": [],
        }


@dataclass(eq=False)
class Template:
    """A draft kept."""

    template_id: int
    template_type: int
    create_time: int
    draft: Draft

    def describe(self) -> dict[str, Any]:
        members = self.draft.describe() | {
            "create_time": self.create_time,
            "template_id": self.template_id,
            "template_type": self.template_type,
        }
        standard = {"audit_scene": 0, "audit_status": 0, "reason": ""}
        return members | (standard if self.template_type else {})


@dataclass(eq=False)
class Library:
    """A platform's draft box and template library."""

    drafts: dict[int, Draft] = field(default_factory=dict)
    templates: dict[int, Template] = field(default_factory=dict)
    made: int = 0

    def upload(self, **draft: Any) -> Draft:
        """A new draft, in the place of the last one from the same development mini program."""
        new = Draft(draft_id=self._next_id(), **draft)
        self.drafts = {
            number: old
            for number, old in self.drafts.items()
            if old.source_appid != new.source_appid
        }
        self.drafts[new.draft_id] = new
        return new

    def keep(self, draft_id: int, template_type: int, now: int) -> Template:
        if draft_id not in self.drafts:
            raise Refusal(85064)
        if len(self.templates) >= TEMPLATE_LIMIT:
            raise Refusal(85065)
        template = Template(self._next_id(), template_type, now, self.drafts[draft_id])
        self.templates[template.template_id] = template
        return template

    def delete(self, template_id: int) -> None:
        if self.templates.pop(template_id, None) is None:
            raise Refusal(85064)

    def _next_id(self) -> int:
        self.made += 1
        return self.made


@dataclass(eq=False)
class Version:
    """Code in a mini program."""

    template: Template
    user_version: str
    user_desc: str
    ext_json: str
    at: int

    @cached_property
    def pages(self) -> list[str]:
        """The template's, or the fewer of them that ext.json names."""
        chosen = json.loads(self.ext_json).get("pages")
        return chosen if chosen else list(self.template.draft.pages)

    @property
    def undeclared(self) -> set[str]:
        """Mini programs that the code opens and ext.json, where it has a list, leaves out."""
        declared = json.loads(self.ext_json).get("navigateToMiniProgramAppIdList")
        return set() if declared is None else set(self.template.draft.opens) - set(declared)


@dataclass(eq=False)
class Audit:
    """One review."""

    auditid: int
    version: Version
    submission: dict[str, Any]
    submitted_at: int
    status: int = IN_REVIEW
    reason: str = ""
    screenshots: list[str] = field(default_factory=list)
    sped_up: bool = False

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    def describe(self) -> dict[str, Any]:
        """The status, and of a rejection or delay the reason."""
        members: dict[str, Any] = {"status": self.status}
        if self.status in (REJECTED, DELAYED):
            members["reason"] = self.reason
        if self.status == REJECTED:
            members["screenshot"] = "|".join(self.screenshots)
        return members


@dataclass(eq=False)
class Release:
    """A version that is or was online, with the number one goes back to it by."""

    app_version: int
    version: Version
    at: int


@dataclass(eq=False)
class Gray:
    """A release in steps."""

    status: int = GRAY_INITIAL
    percentage: int = 0
    created_at: int = 0
    debuger_first: bool = False
    experiencer_first: bool = False
    audit: Audit | None = None

    @property
    def is_running(self) -> bool:
        return self.status == GRAY_RUNNING


@dataclass(eq=False)
class Program:
    """The versions of one mini program, and what its owner or platform has set."""

    trial: Version | None = None
    check_ends: float = 0
    audits: list[Audit] = field(default_factory=list)
    approved: Audit | None = None  # passed and not released: what release publishes
    online: Release | None = None
    past: list[Release] = field(default_factory=list)  # what one may go back to, oldest first
    released: int = 0
    gray: Gray = field(default_factory=Gray)
    is_open: bool = True
    is_complete: bool = True  # name, picture and introduction
    support_version: str = "2.20.0"
    found_privacy: list[str] = field(default_factory=list)  # privacy keys of what the code uses
    granted_interfaces: list[str] = field(default_factory=list)  # of LOCATION_APIS
    icp_status: int = FILED
    without_auth: list[str] = field(default_factory=list)
    without_conf: list[str] = field(default_factory=list)
    domains: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    webview_domains: dict[str, list[str]] = field(default_factory=dict)
    without_icp: list[str] = field(default_factory=list)  # domains that nobody has filed
    without_file: list[str] = field(default_factory=list)  # where the file is not in its place
    has_confirm_file: bool = False  # somebody has fetched what its web-view domains must serve
    prefetch: list[str] = field(default_factory=list)
    testers: dict[str, str] = field(default_factory=dict)  # userstr by WeChat id
    privacy: dict[int, dict[str, Any]] = field(default_factory=dict)  # by privacy_ver
    location_apis: dict[str, int] = field(default_factory=dict)  # audit_id by name

    # The trial version

    def commit(self, version: Version, check_ends: float) -> None:
        """VERSION on trial; whatever was on trial before is gone."""
        check_ext_json(version, self.granted_interfaces)
        self.trial, self.check_ends = version, check_ends

    def need_trial(self) -> Version:
        if self.trial is None:
            raise Refusal(86001)
        return self.trial

    def check_code(self, now: float) -> None:
        """Raise while the search for privacy interfaces goes on."""
        if now < self.check_ends:
            raise Refusal(61039)

    # The review

    @property
    def open_audit(self) -> Audit | None:
        return self.audits[-1] if self.audits and self.audits[-1].is_open else None

    def find_audit(self, auditid: int) -> Audit:
        for audit in self.audits:
            if audit.auditid == auditid:
                return audit
        raise Refusal(85012)

    def check_submittable(self, now: float, *, not_used: bool) -> Version:
        """The version that may be submitted now."""
        if self.open_audit:
            raise Refusal(85009)
        if self.trial is None:
            raise Refusal(85086)
        if not self.is_complete:
            raise Refusal(86002)
        self.check_code(now)
        if self.without_auth or (self.without_conf and not not_used):
            raise Refusal(61040)
        if self.lacks_guide and not not_used:
            raise Refusal(85086)  # WeChat says the same of a missing privacy guide
        if self.trial.undeclared:
            raise Refusal(85087)
        return self.trial

    @property
    def lacks_guide(self) -> bool:
        """Whether the code uses what users must be told of, and nobody has written any of it."""
        return bool(self.found_privacy) and not self.privacy.get(2, {}).get("setting_list")

    @property
    def missing_domains(self) -> set[str]:
        """Domains that the version on trial needs and nobody has set."""
        needed = set(self.trial.template.draft.domains) if self.trial else set()
        return needed - {url for group in self.domains.values() for url in group["requestdomain"]}

    def withdraw(self) -> None:
        audit = self.open_audit
        if audit is None:
            raise Refusal(85019)
        audit.status = WITHDRAWN

    # The release

    def release(self, now: int) -> None:
        """The version approved last goes online, to everybody."""
        if not self.audits:
            raise Refusal(85019)
        if self.approved is None:
            raise Refusal(85052 if self.audits[-1].status == PASSED else 85020)
        if self.gray.is_running:
            self.gray.status, self.gray.percentage = GRAY_FINISHED, 100
        self._put_online(self.approved.version, now)
        self.approved = None

    def _put_online(self, version: Version, now: int) -> None:
        if self.online:
            self.past = [*self.past, self.online][-HISTORY_LIMIT:]
        self.released += 1
        self.online = Release(self.released, version, now)
        if 2 in self.privacy:
            self.privacy[1] = self.privacy[2]

    def revert(self, app_version: int | None) -> None:
        """Back to one of the past; the version that was online is not one to go back to."""
        if self.gray.is_running:
            raise Refusal(87011)
        fitting = [one for one in self.past if app_version in (None, one.app_version)]
        if not fitting:
            raise Refusal(87012)
        self.past.remove(fitting[-1])
        self.online = fitting[-1]

    def release_gray(
        self, percentage: int, *, debuger_first: bool, experiencer_first: bool, now: int
    ) -> None:
        """The version approved last to more of the users than before; all of them end it."""
        if self.online is None:
            raise Refusal(85079)
        if self.approved is None:
            raise Refusal(85080)
        if percentage > 100 or (not percentage and not (debuger_first or experiencer_first)):
            raise Refusal(85081)
        running = self.gray.is_running and self.gray.audit is self.approved
        if running and percentage <= self.gray.percentage:
            raise Refusal(85082)
        started = self.gray.created_at if running else now
        self.gray = Gray(
            GRAY_RUNNING, percentage, started, debuger_first, experiencer_first, self.approved
        )
        if percentage == 100:
            self.release(now)

    def revert_gray(self) -> None:
        if not self.gray.is_running:
            raise Refusal(85021)
        self.gray.status = GRAY_DELETED


def check_ext_json(version: Version, granted: list[str]) -> None:
    """Raise what WeChat finds wrong with an ext.json."""
    try:
        ext = json.loads(version.ext_json)
    except ValueError:
        raise Refusal(85048) from None
    if not isinstance(ext, dict):
        raise Refusal(85013)
    if version.template.template_type and set(ext) - {"extAppid", "ext", "window"}:
        raise Refusal(9402203)
    _check_pages(ext, version.template.draft.pages)
    _check_location_apis(ext.get("requiredPrivateInfos", []), granted)


def _check_pages(ext: dict[str, Any], pages: tuple[str, ...]) -> None:
    chosen, extended = ext.get("pages", list(pages)), ext.get("extPages", {})
    if not isinstance(chosen, list) or not isinstance(extended, dict):
        raise Refusal(85013)
    if not chosen:
        raise Refusal(85047)
    if {*map(str, chosen), *extended} - set(pages):
        raise Refusal(85045)
    bar = ext.get("tabBar", {})
    tabs = bar.get("list", []) if isinstance(bar, dict) else None
    if not isinstance(tabs, list):
        raise Refusal(85013)
    if not all(isinstance(tab, dict) and tab.get("pagePath") for tab in tabs):
        raise Refusal(85046)


def _check_location_apis(names: Any, granted: list[str]) -> None:
    if not isinstance(names, list) or not set(map(str, names)) <= set(LOCATION_APIS):
        raise Refusal(85310)
    if "getFuzzyLocation" in names and EXACT_LOCATION_APIS & set(names):
        raise Refusal(85311)
    if not set(names) <= set(granted):
        raise Refusal(85312)
