"""What WeChat reviews: code templates, the versions uploaded from them, and their audits."""

from audits.models.audit import AuditEvent, CodeAudit, Screenshot
from audits.models.campaign import Campaign, CampaignItem
from audits.models.code import CodeTemplate, CodeVersion
from audits.models.code_summary import CodeSummary
from audits.models.ext_values import ExtValues
from audits.models.gray_release import GrayRelease
from audits.models.idempotency import IdempotencyKey
from audits.models.preflight import PreflightSummary
from audits.models.promotion import Promotion
from audits.models.release import Release
from audits.models.review_outcome import RejectionReason, ReviewOutcome
from audits.models.speed_up import QuotaEntry, SpeedUp, SpeedUpRule
from audits.models.submissions import SubmissionFile, SubmissionMedia, SubmissionProfile

__all__ = [
    "AuditEvent",
    "Campaign",
    "CampaignItem",
    "CodeAudit",
    "CodeSummary",
    "CodeTemplate",
    "CodeVersion",
    "ExtValues",
    "GrayRelease",
    "IdempotencyKey",
    "PreflightSummary",
    "Promotion",
    "QuotaEntry",
    "RejectionReason",
    "Release",
    "ReviewOutcome",
    "Screenshot",
    "SubmissionFile",
    "SubmissionMedia",
    "SubmissionProfile",
    "SpeedUp",
    "SpeedUpRule",
]
