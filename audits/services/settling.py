"""What became of acts whose answers were lost, and of audits whose verdict pushes were."""

import logging
from collections.abc import Callable
from typing import Any

from audits.models import CodeAudit, CodeVersion, Release
from audits.services.committing import settle_commit
from audits.services.releasing import settle_release
from audits.services.submitting import settle_submission
from audits.services.verdicts import refresh_audit
from platform_auth.leases import let_go
from platform_auth.models import LeasedQuerySet
from platform_auth.wechat.errors import WeChatError

logger = logging.getLogger(__name__)

ROUND = 200


def settle_due() -> int:
    """Ask WeChat about every commit, submission, audit and release that is due. How many."""
    audits = CodeAudit.objects.due()
    lost = audits.filter(auditid="")
    return sum(
        [
            _each(CodeVersion.objects.due(), settle_commit),
            _each(lost, settle_submission),
            _each(audits.exclude(auditid=""), refresh_audit),
            _each(Release.objects.due(), settle_release),
        ]
    )


def _each(rows: LeasedQuerySet, settle: Callable[[Any], object]) -> int:
    """SETTLE each of ROWS under its lease; where WeChat fails it is put off."""
    asked = 0
    for row in rows.with_clock().select_related("authorizer").order_by("due_at")[:ROUND]:
        if not row.take_lease():
            continue
        asked += 1
        let_go()
        try:
            settle(row)
        except WeChatError as error:
            logger.warning("%s: %s", row.authorizer.appid, error)
            row.put_off(error)
        else:
            row.write()
        let_go()
    return asked
