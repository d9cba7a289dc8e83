"""What an act of staff on a mini program's code is: what it asks, takes, needs and does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.forms import Form
from django.http import HttpRequest, QueryDict
from django.utils.functional import Promise

from audits.admin.code_status import CodeStatus, status_text
from audits.models import CodeAudit
from miniprograms.models import Authorizer
from platform_auth.operations import Actor

MAY_COMMIT = "audits.commit_version"
MAY_EDIT_EXT = "audits.edit_ext_values"
MAY_SUBMIT = "audits.submit_audit"
MAY_RELEASE = "audits.release_audit"


@dataclass(frozen=True, slots=True)
class CodeAct:
    """An act on the code of one mini program; its NAME is the end of its address."""

    name: str
    title: Promise
    question: Promise
    do: Callable[[Authorizer, Any, Actor], object]
    icon: str
    why_not: Callable[[CodeStatus, Any], str] = lambda status, by: ""
    form: Callable[[HttpRequest, Authorizer, CodeStatus], Form] | None = None
    live: str = ""  # the fragment with the rest of its form, which only WeChat knows
    is_sent_by_live: bool = False  # that fragment has its button, where there is something to send
    is_offered: Callable[[], bool] = lambda: True  # whether this platform knows it at all
    is_preflighted: bool = False  # its page shows what WeChat would refuse
    is_grave: bool = False
    is_for_live: bool = False  # its button stands where WeChat says what is so now
    preview: Callable[[Authorizer, Any], object] | None = None  # what would be sent
    permission: str = field(kw_only=True)

    def form_knowing(self, status: CodeStatus) -> Callable[[HttpRequest, Authorizer], Form] | None:
        """The maker of the form that is shown where the code stands as STATUS says."""
        make = self.form
        return (lambda request, row: make(request, row, status)) if make else None


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is filled with: nothing before it is sent."""
    return request.POST if request.method == "POST" else None


def audit_words(audit: CodeAudit) -> dict[str, object]:
    """The numbers of AUDIT and its status, for a sentence."""
    version = audit.user_version or "–"
    status = status_text(audit)
    return {"auditid": audit.auditid or "…", "version": version, "status": status}
