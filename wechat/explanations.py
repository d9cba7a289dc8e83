"""
What an errcode of the code, domain, tester, privacy and message calls means to people: its cause,
what to do about it, and who must.

The texts are the English sources of the translations; the edges translate them. Sources: the tables
of each call's page and "公共错误码"; where WeChat gives no text, neither do we invent a reason.
"""

from dataclasses import dataclass
from typing import Literal

Responsible = Literal["us", "merchant", "wechat"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """RESPONSIBLE is who must act: us (our staff), the merchant, or wechat, given time."""

    cause: str
    remedy: str
    responsible: Responsible


def _(text: str) -> str:
    """Marks TEXT for the translations' catalogue."""
    return text


def _us(cause: str, remedy: str) -> Explanation:
    return Explanation(cause, remedy, "us")


def _merchant(cause: str, remedy: str) -> Explanation:
    return Explanation(cause, remedy, "merchant")


def _wechat(cause: str, remedy: str) -> Explanation:
    return Explanation(cause, remedy, "wechat")


_OUR_FAULT = _(
    "This is a fault of our program: tell the developers the error code and the request id."
)
_RENEWED = _(
    "Nothing to do: the token is renewed by itself. If it stays, ask the owner to authorise again."
)

EXPLANATIONS: dict[int, Explanation] = {
    # What any call may be answered
    -1: _wechat(_("WeChat's system is busy."), _("Ask again in a minute.")),
    40001: _us(_("The access token is not the newest one any more."), _RENEWED),
    40013: _us(
        _("WeChat does not know this appid."),
        _("Check the appid; the account may have been deleted."),
    ),
    40014: _us(_("The access token is not valid."), _RENEWED),
    40097: _us(
        _("WeChat does not accept one of the values sent."),
        _("Check what was entered and try again."),
    ),
    41001: _us(_("The call was made without an access token."), _OUR_FAULT),
    41002: _us(_("The call was made without an appid."), _OUR_FAULT),
    42001: _us(_("The access token has expired."), _RENEWED),
    42006: _us(_("The platform's access token has expired."), _RENEWED),
    42007: _merchant(
        _("The owner changed the password, which ended all tokens."),
        _("Ask the owner to authorise us again through a new link."),
    ),
    43001: _us(_("WeChat wants this call by GET."), _OUR_FAULT),
    43002: _us(_("WeChat wants this call by POST."), _OUR_FAULT),
    43003: _us(_("WeChat wants this call by HTTPS."), _("Set WECHAT_API_URL to an https address.")),
    44002: _us(_("The call was made without content."), _OUR_FAULT),
    45002: _us(_("What was sent is too long."), _("Shorten the texts and try again.")),
    45009: _us(
        _("Today's calls of this kind are used up."),
        _("Wait until midnight in Beijing, or reset the quota."),
    ),
    45011: _us(_("There were too many calls within a minute."), _("Ask again in a minute.")),
    45035: _us(
        _("Our server's address is not on the account's list of allowed addresses."),
        _("Add the server's address to the list in WeChat's console."),
    ),
    47001: _us(_("WeChat could not read what was sent."), _OUR_FAULT),
    48001: _merchant(
        _("This account has no right to this function."),
        _("Check the account's kind and verification in WeChat's console."),
    ),
    48004: _merchant(
        _("WeChat has blocked this function because of a violation."),
        _("The owner must see to the violation in WeChat's console."),
    ),
    50001: _merchant(
        _("The user has not authorised this."),
        _("Ask the owner to authorise us again through a new link."),
    ),
    50002: _merchant(
        _("The account or its owner is restricted by WeChat."),
        _("The owner must see to the restriction in WeChat's console."),
    ),
    61003: _merchant(
        _("The account does not authorise us any more."),
        _("Ask the owner to authorise us again through a new link."),
    ),
    61004: _us(
        _("Our server's address is not registered for the platform."),
        _("Add the server's address in the console of the Open Platform."),
    ),
    61005: _us(
        _("The platform's ticket has expired."),
        _("Wait for the next ticket (ten minutes), or start pushing again."),
    ),
    61006: _us(
        _("The platform's ticket is not valid."),
        _("Wait for the next ticket (ten minutes), or start pushing again."),
    ),
    61007: _merchant(
        _("The owner did not grant us the permission set this needs."),
        _("Ask the owner to authorise again with this permission set chosen."),
    ),
    61008: _us(_("Something was sent twice in one call."), _OUR_FAULT),
    61011: _us(
        _("WeChat does not know our platform."), _("Check the platform's appid and secret.")
    ),
    61014: _us(_("This call needs the platform's token, not an account's."), _OUR_FAULT),
    61015: _us(_("This call needs the account's token, not the platform's."), _OUR_FAULT),
    61016: _us(
        _("The platform must confirm the function category of this call."),
        _("Confirm the category in the console of the Open Platform."),
    ),
    61017: _merchant(
        _("The function category of this call is not authorised."),
        _("Ask the owner to authorise us again through a new link."),
    ),
    61023: _merchant(
        _("The refresh token is not valid any more."),
        _("Ask the owner to authorise us again through a new link."),
    ),
    61028: _us(
        _("The platform has not been published network-wide."),
        _("Publish it in the console of the Open Platform."),
    ),
    61029: _us(
        _("The platform must be published network-wide again."),
        _("Publish it in the console of the Open Platform."),
    ),
    86000: _us(
        _("WeChat takes this call from a third-party platform only."),
        _("Check that the mini program is authorised to this platform."),
    ),
    # Drafts and templates
    85064: _us(
        _("There is no such draft or template."),
        _("Load the list of templates again and choose another one."),
    ),
    85065: _us(
        _("The template library is full: it holds 200."),
        _("Delete templates nobody uses, then add this one."),
    ),
    # Upload
    -60005: _us(
        _("WeChat does not say what is wrong with this upload."),
        _("Commit again; if it stays, ask WeChat with the request id."),
    ),
    80066: _us(
        _("The code uses a version of a plug-in that does not exist."),
        _("Correct the plug-in's version in the template or in ext_json."),
    ),
    80067: _us(
        _("The code uses a plug-in that WeChat cannot find."),
        _("Correct the plug-in's appid in the template or in ext_json."),
    ),
    80082: _merchant(
        _("The mini program may not use a plug-in the code needs."),
        _("The owner must add the plug-in in WeChat's console."),
    ),
    85013: _us(
        _("ext_json cannot be read, or names a wrong path."),
        _("Correct ext_json, commit again, then submit."),
    ),
    85014: _us(
        _("There is no such template."),
        _("Load the list of templates again and choose another one."),
    ),
    85043: _us(
        _("Something is wrong with the template."),
        _("Upload the code of the template anew and make a new template."),
    ),
    85044: _us(
        _("The code package is too large."),
        _("Make the package smaller: 2 MB a part, 20 MB in all."),
    ),
    85045: _us(
        _("ext_json names a path that does not exist."),
        _("Correct ext_json, commit again, then submit."),
    ),
    85046: _us(
        _("A tab in ext_json names no page."), _("Correct ext_json, commit again, then submit.")
    ),
    85047: _us(_("The list of pages is empty."), _("Correct ext_json, commit again, then submit.")),
    85048: _us(_("ext_json is not valid JSON."), _("Correct ext_json, commit again, then submit.")),
    85310: _us(
        _("requiredPrivateInfos names an interface WeChat does not know."),
        _("Correct ext_json, commit again, then submit."),
    ),
    85311: _us(
        _("requiredPrivateInfos names interfaces that exclude each other."),
        _("Correct ext_json, commit again, then submit."),
    ),
    85312: _merchant(
        _("requiredPrivateInfos names an interface the mini program may not use."),
        _("Apply for the interface, or remove it and commit again."),
    ),
    9402202: _us(
        _("Another call for this mini program is still running."), _("Ask again in a minute.")
    ),
    9402203: _us(
        _("ext_json holds more than a standard template allows."),
        _("Use an ordinary template, or reduce ext_json."),
    ),
    # Submission
    61039: _wechat(
        _("WeChat is still checking the code that was uploaded."),
        _("Submit again in a minute; do not commit again, that starts the check anew."),
    ),
    61040: _us(
        _("The code uses privacy interfaces that are not permitted or not declared."),
        _("Apply for them or declare that they are not used, then submit again."),
    ),
    85005: _merchant(
        _("The appid is not bound to a mini program."),
        _("Ask the owner to authorise us again through a new link."),
    ),
    85006: _us(
        _("The tags of a page have the wrong form."),
        _("At most 10 tags of 20 characters, with spaces between; correct them."),
    ),
    85007: _us(
        _("The path of a page is wrong."),
        _("Correct the page's entry in the submission and submit again."),
    ),
    85008: _merchant(
        _("The category is wrong or the mini program is not registered in it."),
        _("Choose a category of the list; the owner can add one in WeChat's console."),
    ),
    85009: _us(
        _("A version of this mini program is in review already."),
        _("Wait for WeChat's verdict, or withdraw the open review first."),
    ),
    85010: _us(
        _("A page offered for review has an empty entry."),
        _("Correct the page's entry in the submission and submit again."),
    ),
    85011: _us(
        _("The title of a page is wrong: it may have 32 characters."),
        _("Correct the page's entry in the submission and submit again."),
    ),
    85023: _us(
        _("One to five pages can be offered for review."),
        _("Correct the page's entry in the submission and submit again."),
    ),
    85024: _merchant(
        _("WeChat wants more documents for this category."),
        _("The owner must complete the documents in WeChat's console."),
    ),
    85051: _us(_("What was submitted is too large."), _("Shorten the texts and try again.")),
    85077: _merchant(
        _("WeChat has withdrawn a category of this mini program."),
        _("The owner must choose another category in WeChat's console."),
    ),
    85085: _us(
        _("The platform's submissions of this month are used up."),
        _("Wait for the next month, or ask WeChat for more quota."),
    ),
    85086: _us(
        _("No code has been committed that could be submitted."),
        _("Commit a version, then submit."),
    ),
    85087: _us(
        _("The code opens other mini programs without declaring their appids."),
        _("Declare them in navigateToMiniProgramAppIdList and commit again."),
    ),
    85092: _us(
        _("The preview pictures or films are wrong or older than three days."),
        _("Upload the pictures and films again, then submit."),
    ),
    85093: _us(
        _("There are too many preview pictures or films."),
        _("Leave some of them out and submit again."),
    ),
    85094: _us(
        _("This category needs a declaration on what users publish."),
        _("Fill in the declaration on users' content and submit again."),
    ),
    86001: _us(_("The mini program has no trial version."), _("Commit a version, then submit.")),
    86002: _merchant(
        _("The mini program has no name, picture or introduction yet."),
        _("The owner must complete them in WeChat's console."),
    ),
    86007: _merchant(
        _("WeChat has forbidden this mini program to submit."),
        _("The owner must look for the reason in WeChat's console."),
    ),
    86008: _us(
        _("WeChat has forbidden all submissions of this platform."),
        _("Look for the reason in the console of the Open Platform, then appeal."),
    ),
    86009: _us(
        _("WeChat limits the platform's submissions for new mini programs."),
        _("Look for the reason in the console of the Open Platform, then appeal."),
    ),
    86010: _us(
        _("WeChat limits the platform's submissions of new versions."),
        _("Look for the reason in the console of the Open Platform, then appeal."),
    ),
    87006: _merchant(
        _("This is a game, which cannot be submitted by a platform."),
        _("The owner must submit it in WeChat's console."),
    ),
    9400001: _merchant(
        _("This is a live-stream mini program, which cannot be submitted so."),
        _("The owner must submit it in WeChat's console."),
    ),
    # Pictures and films
    40005: _us(
        _("A file of this kind is not accepted."),
        _("Use a png, jpeg or gif picture, or an mp4 film."),
    ),
    40006: _us(_("The file is too large."), _("Pictures may have 2 MB, films 10 MB.")),
    40007: _us(
        _("The file does not exist any more: WeChat keeps it for three days."),
        _("Upload it again to send it; a picture we kept earlier stays."),
    ),
    41005: _us(_("The call was made without a file."), _("Choose a file and try again.")),
    # Messages and their files
    40002: _us(_("WeChat does not accept this kind of credential."), _OUR_FAULT),
    40003: _us(
        _("This account has no such user."), _("Check that the user wrote to this very account.")
    ),
    40004: _us(
        _("WeChat does not know this kind of file."),
        _("Send a picture, a voice message or a film."),
    ),
    40008: _us(_("WeChat does not know this kind of message."), _("Send another kind of message.")),
    40009: _us(
        _("The picture is too large."), _("Make it smaller, and save it as png, jpeg or gif.")
    ),
    40010: _us(
        _("The voice message is too large."),
        _("It may have 2 MB and last 60 seconds, as mp3 or amr."),
    ),
    40011: _us(_("The film is too large."), _("It may have 10 MB, as mp4.")),
    40012: _us(_("The thumbnail is too large."), _("It may have 64 kB, as jpeg.")),
    40200: _us(
        _("This function is not for accounts of this kind."),
        _("Send it from another account, or do without."),
    ),
    41006: _us(_("The message names no file."), _("Choose a file and try again.")),
    43101: _wechat(
        _("The user has refused messages of this kind."),
        _("Wait until the user agrees to them again."),
    ),
    44001: _us(_("The file is empty."), _("Choose a file and try again.")),
    44004: _us(_("The message is empty."), _("Enter something and send it again.")),
    45008: _us(_("The message holds more articles than it may."), _("Send one article.")),
    45015: _wechat(
        _("The time to answer is over, or the user follows the account no more."),
        _("Wait until the user writes again: that opens 48 hours for answers."),
    ),
    45047: _wechat(
        _("As many messages are sent as the user's last one allowed."),
        _("Wait until the user writes again: that allows five more."),
    ),
    45064: _merchant(
        _("The mini program is not linked to this account."),
        _("The owner must link it in WeChat's console."),
    ),
    45072: _us(_("WeChat does not know this command."), _OUR_FAULT),
    45080: _wechat(
        _("“Typing” is shown only within 30 seconds of a message."),
        _("Nothing to do: messages can be sent all the same."),
    ),
    45081: _us(_("“Typing” is shown already."), _("Nothing to do.")),
    48002: _wechat(
        _("The user has switched off this account's messages."),
        _("Nothing to do: only the user can switch them on again."),
    ),
    65401: _us(
        _("This account has no such customer-service agent."),
        _("Choose an agent that the owner has added in WeChat's console."),
    ),
    # The review, once submitted
    85012: _us(
        _("WeChat knows no such review."), _("Submit the version; nothing of it is in review.")
    ),
    87013: _us(
        _("The withdrawals are used up: five a day, ten a month."),
        _("Wait for the verdict, or for a new day or month."),
    ),
    89401: _wechat(_("WeChat's system is unstable."), _("Ask again in a minute.")),
    89402: _us(_("This review is not waiting any more."), _("Load the review's state again.")),
    89403: _us(_("A review of this kind cannot be sped up."), _("Wait for WeChat's verdict.")),
    89404: _us(_("This review has been sped up already."), _("Wait for WeChat's verdict.")),
    89405: _us(
        _("The platform's speed-ups of this month are used up."),
        _("Wait for WeChat's verdict, or for the next month."),
    ),
    # Release and roll back
    85019: _us(
        _("No version is in review or waiting for its release."),
        _("Submit a version first, and wait until it has passed."),
    ),
    85020: _us(
        _("The version is not in a state to be released."),
        _("Load the review's state again: only a passed version can be released."),
    ),
    85021: _us(
        _("The state of the mini program does not allow this."),
        _("Look at its state again: perhaps it is so already."),
    ),
    85022: _us(_("WeChat does not know what was asked for."), _OUR_FAULT),
    85052: _us(
        _("The version has been released already."),
        _("Nothing to do: look which version is online."),
    ),
    85079: _us(
        _("Nothing is online, so nothing can be released in steps."),
        _("Release the version to all users."),
    ),
    85080: _us(
        _("The version has not passed its review."),
        _("Submit a version first, and wait until it has passed."),
    ),
    85081: _us(_("The percentage is not between 0 and 100."), _("Enter another percentage.")),
    85082: _us(
        _("The percentage must be larger than the one before."), _("Enter another percentage.")
    ),
    87011: _us(
        _("The version is being released in steps, so it cannot be rolled back."),
        _("Stop the release in steps first."),
    ),
    87012: _us(
        _("WeChat forbids to roll this version back."),
        _("Choose another version: each can be rolled back once, and five are kept."),
    ),
    # Settings
    85015: _merchant(_("This account is not a mini program."), _("Choose a mini program.")),
    89014: _us(
        _("WeChat does not know this version of the base library."),
        _("Choose a version of WeChat's list."),
    ),
    85016: _us(
        _("There are too many domains."), _("Correct the list of domains and save it again.")
    ),
    85017: _us(
        _("No domain is left: none is new, or none is registered for the platform."),
        _("Correct the list of domains and save it again."),
    ),
    85018: _us(
        _("A domain is not registered for the platform."),
        _("Register it in the console of the Open Platform first."),
    ),
    85301: _us(
        _("No domain is left: none is new, or none follows the rules of domains."),
        _("Correct the list of domains and save it again."),
    ),
    85302: _us(
        _("WeChat does not accept the domains."),
        _("Correct the list of domains and save it again."),
    ),
    89019: _us(_("The web-view domains are so already."), _("Nothing to do.")),
    89020: _us(
        _("The platform has no web-view domain yet."),
        _("Register it in the console of the Open Platform first."),
    ),
    89021: _us(
        _("A web-view domain is not below one of the platform's."),
        _("Correct the list of domains and save it again."),
    ),
    89029: _us(
        _("There are more than 100 web-view domains."),
        _("Correct the list of domains and save it again."),
    ),
    89231: _merchant(
        _("A person's mini program cannot have web-view domains."),
        _("Only a company's mini program can show web pages."),
    ),
    85001: _merchant(
        _("There is no such WeChat id, or it cannot be searched for."),
        _("Check the WeChat id; its owner may have to allow being found."),
    ),
    85002: _merchant(
        _("The mini program has as many testers as it may have."), _("Remove a tester first.")
    ),
    85003: _merchant(
        _("This person tests as many mini programs as one may."),
        _("They must leave another one, or name somebody else."),
    ),
    85004: _us(_("This person is a tester already."), _("Nothing to do.")),
    86069: _merchant(
        _("The privacy guideline lacks a way to reach the owner."),
        _("Enter at least one contact and how users are told of changes."),
    ),
    86070: _us(
        _("WeChat does not accept the privacy guideline."),
        _("Check what was entered and try again."),
    ),
    86071: _us(_("The privacy guideline's version number is wrong."), _OUR_FAULT),
    86072: _us(
        _("WeChat does not accept the privacy guideline."),
        _("Check what was entered and try again."),
    ),
    86073: _us(
        _("WeChat does not accept the privacy guideline."),
        _("Check what was entered and try again."),
    ),
    86074: _us(
        _("Nothing is online, so its privacy guideline cannot be changed."),
        _("Change the one in development and release a version."),
    ),
}


_UNEXPLAINED = Explanation(
    _("WeChat refused, for a reason we have no words for."),
    _("Look the error code up in WeChat's documentation, or ask WeChat with the request id."),
    "us",
)


def find_explanation(errcode: int) -> Explanation:
    """The explanation of ERRCODE; an honest shrug for one that is in nobody's table."""
    return EXPLANATIONS.get(errcode, _UNEXPLAINED)
