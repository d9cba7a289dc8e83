"""Of any request: its form, its key, WeChat and the platform themselves."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from api.error_codes.entry import ErrorCode

AGAIN = _("Send the same request again after the seconds of Retry-After.")

GENERAL = (
    ErrorCode(
        "invalid",
        HTTPStatus.BAD_REQUEST,
        _("What was sent is not valid; `fields` says what is wrong with each field."),
        _("Correct what `fields` or `detail` names. The same request fails again."),
    ),
    ErrorCode(
        "parse_error",
        HTTPStatus.BAD_REQUEST,
        _("The body is no JSON, is nested too deeply, or holds half a character."),
        _("Send UTF-8 JSON, with Content-Type: application/json."),
    ),
    ErrorCode(
        "bad_request",
        HTTPStatus.BAD_REQUEST,
        _("The request itself cannot be read: too many fields, a broken header."),
        _("Correct the request."),
    ),
    ErrorCode(
        "undecipherable",
        HTTPStatus.BAD_REQUEST,
        _("The session_key does not open what was sent, or one of the three values is broken."),
        _("Use the session_key of the newest login; send base64 as it is, a + as a +."),
        frozenset({"users"}),
    ),
    ErrorCode(
        "watermark_mismatch",
        HTTPStatus.BAD_REQUEST,
        _("It was encrypted for another account."),
        _("Ask for it at the account that the front end belongs to."),
        frozenset({"users"}),
    ),
    ErrorCode(
        "not_authenticated",
        HTTPStatus.UNAUTHORIZED,
        _("No key came with the request, or by another scheme than `Bearer` and `Token`."),
        _("Send `Authorization: Bearer …` with a client's key, or `Token …` with a person's."),
    ),
    ErrorCode(
        "invalid_client_key",
        HTTPStatus.UNAUTHORIZED,
        _(
            "The client's key after `Bearer` is wrong, revoked or expired, its owner may not log "
            "in any more, or the request came from an address that the client is not allowed."
        ),
        _("Ask who runs the platform for a new key; sending this one again is of no use."),
    ),
    ErrorCode(
        "authentication_failed",
        HTTPStatus.UNAUTHORIZED,
        _("The person's key after `Token`, or the username and password, is wrong or has ended."),
        _("Make a new key from the username and the password."),
    ),
    ErrorCode(
        "second_factor_missing",
        HTTPStatus.UNAUTHORIZED,
        _("Staff need a second factor, and this person has set up none."),
        _("Set it up on the staff pages first."),
        frozenset({"keys"}),
    ),
    ErrorCode(
        "second_factor_needed",
        HTTPStatus.UNAUTHORIZED,
        _("The password is right; the code of the second factor is needed, too."),
        _("Send it as `code`."),
        frozenset({"keys"}),
    ),
    ErrorCode(
        "second_factor_wrong",
        HTTPStatus.UNAUTHORIZED,
        _("The code of the second factor is wrong or was used before."),
        _("Send the one that the device shows now."),
        frozenset({"keys"}),
    ),
    ErrorCode(
        "permission_denied",
        HTTPStatus.FORBIDDEN,
        _("The person of the key, or the client's owner, lacks the right."),
        _("Ask who runs the platform for it."),
    ),
    ErrorCode(
        "missing_scope",
        HTTPStatus.FORBIDDEN,
        _("The client of this key was not given the scope."),
        _("Ask who runs the platform for the scope; `me/` lists those that the key has."),
    ),
    ErrorCode(
        "path_not_allowed",
        HTTPStatus.FORBIDDEN,
        _("The client may not call this path of WeChat's, or nobody may by the gateway."),
        _("Use the address of its own where there is one, or ask for the path."),
        frozenset({"gateway"}),
    ),
    ErrorCode(
        "host_not_allowed",
        HTTPStatus.FORBIDDEN,
        _("The host is not on the list of hosts of the client; a person's key has no list."),
        _("Ask who runs the platform to put the host on the client's list."),
        frozenset({"accounts", "users"}),
    ),
    ErrorCode(
        "not_found",
        HTTPStatus.NOT_FOUND,
        _("There is no such thing, or none that this key may see."),
        _("Check the appid and the address; `authorizers/` lists what the key may see."),
    ),
    ErrorCode(
        "method_not_allowed",
        HTTPStatus.METHOD_NOT_ALLOWED,
        _("The address does not know the method."),
        _("Use one of those in the answer's Allow."),
    ),
    ErrorCode(
        "not_acceptable",
        HTTPStatus.NOT_ACCEPTABLE,
        _("Accept allows nothing that the address answers."),
        _("Accept application/json."),
    ),
    ErrorCode(
        "too_large",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        _("The body is larger than the address takes."),
        _(
            "Send at most 2.5 MiB, files apart; to the gateway at most 1 MiB of JSON, or a form of "
            "up to 10 MiB."
        ),
    ),
    ErrorCode(
        "unsupported_media_type",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        _("The address does not take a body of this Content-Type."),
        _("Send what the operation names, application/json nearly everywhere."),
    ),
    ErrorCode(
        "wechat_refused",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        _(
            "WeChat's own answer was no: its errcode, its errmsg and our explanation are in "
            "`wechat`. Nothing was done at WeChat; a setting stays on record as desired."
        ),
        _("Do what the explanation says; without a change WeChat refuses again."),
    ),
    ErrorCode(
        "throttled",
        HTTPStatus.TOO_MANY_REQUESTS,
        _("More requests a minute than the key may send, or too many wrong passwords."),
        AGAIN,
    ),
    ErrorCode(
        "error",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        _("A fault of ours. It is logged with the `request_id`."),
        _(
            "Tell who runs the platform the `request_id`. An act may have been done: send it "
            "again only with the Idempotency-Key it had."
        ),
    ),
    ErrorCode(
        "wechat_unreachable",
        HTTPStatus.BAD_GATEWAY,
        _("WeChat does not answer, or not as it should. Nothing has changed."),
        _("Ask again in a moment, an act with the Idempotency-Key it had."),
    ),
    ErrorCode(
        "not_ready",
        HTTPStatus.SERVICE_UNAVAILABLE,
        _("WeChat gives no token just now, or is being left alone after failures."),
        AGAIN,
    ),
    ErrorCode(
        "busy",
        HTTPStatus.SERVICE_UNAVAILABLE,
        _("As many wait for WeChat, or log in, as the platform lets. Nothing was begun."),
        AGAIN,
    ),
)
