"""Of acts that do not fit the present state (409)."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from api.error_codes.entry import ErrorCode

_IN_CODE = frozenset({"code", "campaigns"})  # where uploads, audits and releases happen
_IN_SETTINGS = frozenset({"settings"})
_FIX = _("Correct what `fields` or `detail` names. The same request fails again.")
_LOOK = _("Read the current state again and decide anew.")
_WAIT = _("Wait until it has ended, a minute or so, and ask again.")

CONFLICTS = (
    ErrorCode(
        "conflict",
        HTTPStatus.CONFLICT,
        _("It does not fit the present state; `detail` says what is in the way."),
        _LOOK,
    ),
    ErrorCode(
        "idempotency_key_reused",
        HTTPStatus.CONFLICT,
        _("The Idempotency-Key came with another request before."),
        _("Use a new key for each act."),
    ),
    ErrorCode(
        "idempotency_key_in_use",
        HTTPStatus.CONFLICT,
        _("The first request with this Idempotency-Key is still running, or was cut off."),
        _("Look at what came of it before you send another key."),
    ),
    ErrorCode(
        "not_bound",
        HTTPStatus.CONFLICT,
        _("The account is not bound, so there is no token for it."),
        _("Have its owner authorise the platform again."),
    ),
    ErrorCode(
        "other_kind",
        HTTPStatus.CONFLICT,
        _("It is for mini programs, or for official accounts, and the account is the other."),
        _("Look at the account's `kind` before you ask."),
        frozenset({"users"}),
    ),
    ErrorCode(
        "code_spent",
        HTTPStatus.CONFLICT,
        _("The code is used, older than two minutes, or another client's or account's."),
        _("Send the user through the login page once more."),
        frozenset({"users"}),
    ),
    ErrorCode(
        "no_component",
        HTTPStatus.CONFLICT,
        _("No platform is registered that could act, or not the one that the settings name."),
        _("Tell who runs the platform; nothing can be bound until it is registered."),
        frozenset({"accounts", "platform"}),
    ),
    ErrorCode(
        "several_components",
        HTTPStatus.CONFLICT,
        _("Several platforms are registered, and none is named as the one that acts."),
        _("Say which by its appid."),
        frozenset({"accounts", "platform"}),
    ),
    ErrorCode(
        "unknown_component",
        HTTPStatus.CONFLICT,
        _("No platform of that appid is registered."),
        _("Use the appid of one that is; `component/` names the one that acts."),
        frozenset({"accounts", "platform"}),
    ),
    ErrorCode(
        "audit_open",
        HTTPStatus.CONFLICT,
        _("An audit is open already, `auditid` if WeChat has numbered it."),
        _("Wait for its verdict, or withdraw it."),
        _IN_CODE,
    ),
    ErrorCode(
        "audit_not_passed",
        HTTPStatus.CONFLICT,
        _("The newest audit, `auditid`, has not passed, so there is nothing to release."),
        _("Wait for the verdict; a rejected version is corrected and submitted again."),
        _IN_CODE,
    ),
    ErrorCode(
        "commit_open",
        HTTPStatus.CONFLICT,
        _("An upload or a submission is under way, or nobody knows yet what came of it."),
        _WAIT,
        _IN_CODE,
    ),
    ErrorCode(
        "nothing_committed",
        HTTPStatus.CONFLICT,
        _("No code was uploaded that could be submitted."),
        _("Upload a version first."),
        _IN_CODE,
    ),
    ErrorCode(
        "release_open",
        HTTPStatus.CONFLICT,
        _("A release or a roll-back is under way, or nobody knows yet what came of it."),
        _WAIT,
        _IN_CODE,
    ),
    ErrorCode(
        "needs_second_person",
        HTTPStatus.CONFLICT,
        _("Two people must agree on a release here, and this one was alone so far."),
        _("Let another person approve it."),
        _IN_CODE,
    ),
    ErrorCode(
        "right_ended",
        HTTPStatus.CONFLICT,
        _("It has waited, and whoever wanted it may not do it any more."),
        _("Let somebody do it who may."),
        _IN_CODE | _IN_SETTINGS,
    ),
    ErrorCode(
        "needs_release_right",
        HTTPStatus.CONFLICT,
        _("The campaign releases by itself, which takes the right to release."),
        _("Let somebody start or resume it who may release."),
        _IN_CODE,
    ),
    ErrorCode(
        "unknown_appids",
        HTTPStatus.CONFLICT,
        _("Appids were named that are no mini programs of the platform's."),
        _("Leave them out."),
        _IN_CODE,
    ),
    ErrorCode(
        "library_full",
        HTTPStatus.CONFLICT,
        _("WeChat keeps no more templates than there are."),
        _("Have staff delete one that is not live anywhere; `detail` names some."),
        _IN_CODE,
    ),
    ErrorCode(
        "no_fitting_draft",
        HTTPStatus.CONFLICT,
        _("No draft is what was described."),
        _("Check the upload; WeChat's list may be some seconds behind, so ask once more."),
        _IN_CODE,
    ),
    ErrorCode(
        "ambiguous_draft",
        HTTPStatus.CONFLICT,
        _("Several drafts fit, which are the `candidates`."),
        _("Say more, for instance the `source_appid`."),
        _IN_CODE,
    ),
    ErrorCode(
        "no_open_audit",
        HTTPStatus.CONFLICT,
        _("The audit is not open, so it cannot be withdrawn."),
        _LOOK,
        _IN_CODE,
    ),
    ErrorCode(
        "bad_ext_json",
        HTTPStatus.CONFLICT,
        _("The values kept for ext.json are not what WeChat or the template's schema takes."),
        _("Correct the values of the mini program, its tags or the template."),
        _IN_CODE,
    ),
    ErrorCode(
        "bad_submission",
        HTTPStatus.CONFLICT,
        _("What is kept for submissions is not what WeChat takes, or names a file that is gone."),
        _("Correct the submission profile of the mini program or the template."),
        _IN_CODE,
    ),
    ErrorCode(
        "values_changed",
        HTTPStatus.CONFLICT,
        _("Somebody else has saved these values since they were read."),
        _LOOK,
        _IN_CODE,
    ),
    ErrorCode(
        "preflight_failed",
        HTTPStatus.CONFLICT,
        _("WeChat would refuse the submission; `checks` says for what. No quota was spent."),
        _("Put right what the checks name, by whoever `who` says."),
        _IN_CODE,
    ),
    ErrorCode(
        "no_reset_left",
        HTTPStatus.CONFLICT,
        _("The counters of calls were reset as often this month as WeChat lets them be."),
        _("Wait for the next month, or call less often."),
        frozenset({"gateway"}),
    ),
    ErrorCode(
        "bad_setting",
        HTTPStatus.CONFLICT,
        _("What is desired is not what WeChat takes."),
        _FIX,
        _IN_SETTINGS,
    ),
    ErrorCode(
        "setting_changed",
        HTTPStatus.CONFLICT,
        _("Somebody else has changed what is desired since `version` was read."),
        _LOOK,
        _IN_SETTINGS,
    ),
    ErrorCode(
        "setting_busy",
        HTTPStatus.CONFLICT,
        _("The setting is being brought to WeChat just now."),
        _WAIT,
        _IN_SETTINGS,
    ),
    ErrorCode(
        "nothing_desired",
        HTTPStatus.CONFLICT,
        _("Nothing is desired of this kind, so there is nothing to bring to WeChat."),
        _("Say first what the mini program should have."),
        _IN_SETTINGS,
    ),
    ErrorCode(
        "bad_application",
        HTTPStatus.CONFLICT,
        _("The application lacks something, or holds what WeChat does not take."),
        _FIX,
        _IN_SETTINGS,
    ),
    ErrorCode(
        "bad_picture",
        HTTPStatus.CONFLICT,
        _("The file is no picture that WeChat's reviewers can be shown."),
        _("Send a JPEG, PNG or GIF of up to 2 MB."),
        _IN_SETTINGS,
    ),
    ErrorCode(
        "not_a_tester",
        HTTPStatus.CONFLICT,
        _("Whoever was named is no tester of the mini program."),
        _("Read the list of testers again."),
        frozenset({"testers"}),
    ),
)
