"""
What an errcode of the code, domain, tester, privacy and message calls means to people: its cause,
what to do about it, and who must.

The texts are the English sources of the translations; the edges translate them. Sources: the tables
of each call's page and "公共错误码"; where WeChat gives no text, neither do we invent a reason.
"""

from dataclasses import dataclass
from typing import Literal

Who = Literal["us", "merchant", "wechat"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """WHO must act: us (the platform's staff), the merchant, or wechat, which needs only time."""

    cause: str
    remedy: str
    who: Who


def _(text: str) -> str:
    """Marks TEXT for the translations' catalogue."""
    return text


EXPLANATIONS: dict[int, Explanation] = {
    # What any call may be answered
    -1: Explanation(
        _("WeChat's system is busy."),
        _("Ask again in a minute."),
        "wechat",
    ),
    40001: Explanation(
        _("The access token is not the newest one any more."),
        _(
            "Nothing to do: the token is renewed by itself. If it stays, ask the owner to"
            " authorise again."
        ),
        "us",
    ),
    40013: Explanation(
        _("WeChat does not know this appid."),
        _("Check the appid; the account may have been deleted."),
        "us",
    ),
    40014: Explanation(
        _("The access token is not valid."),
        _(
            "Nothing to do: the token is renewed by itself. If it stays, ask the owner to"
            " authorise again."
        ),
        "us",
    ),
    40097: Explanation(
        _("WeChat does not accept one of the values sent."),
        _("Check what was entered and try again."),
        "us",
    ),
    41001: Explanation(
        _("The call was made without an access token."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    41002: Explanation(
        _("The call was made without an appid."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    42001: Explanation(
        _("The access token has expired."),
        _(
            "Nothing to do: the token is renewed by itself. If it stays, ask the owner to"
            " authorise again."
        ),
        "us",
    ),
    42006: Explanation(
        _("The platform's access token has expired."),
        _(
            "Nothing to do: the token is renewed by itself. If it stays, ask the owner to"
            " authorise again."
        ),
        "us",
    ),
    42007: Explanation(
        _("The owner changed the password, which ended all tokens."),
        _("Ask the owner to authorise us again through a new link."),
        "merchant",
    ),
    43001: Explanation(
        _("WeChat wants this call by GET."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    43002: Explanation(
        _("WeChat wants this call by POST."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    43003: Explanation(
        _("WeChat wants this call by HTTPS."),
        _("Set WECHAT_API_URL to an https address."),
        "us",
    ),
    44002: Explanation(
        _("The call was made without content."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    45002: Explanation(
        _("What was sent is too long."),
        _("Shorten the texts and try again."),
        "us",
    ),
    45009: Explanation(
        _("Today's calls of this kind are used up."),
        _("Wait until midnight in Beijing, or reset the quota."),
        "us",
    ),
    45011: Explanation(
        _("There were too many calls within a minute."),
        _("Ask again in a minute."),
        "us",
    ),
    45035: Explanation(
        _("Our server's address is not on the account's list of allowed addresses."),
        _("Add the server's address to the list in WeChat's console."),
        "us",
    ),
    47001: Explanation(
        _("WeChat could not read what was sent."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    48001: Explanation(
        _("This account has no right to this function."),
        _("Check the account's kind and verification in WeChat's console."),
        "merchant",
    ),
    48004: Explanation(
        _("WeChat has blocked this function because of a violation."),
        _("The owner must see to the violation in WeChat's console."),
        "merchant",
    ),
    50001: Explanation(
        _("The user has not authorised this."),
        _("Ask the owner to authorise us again through a new link."),
        "merchant",
    ),
    50002: Explanation(
        _("The account or its owner is restricted by WeChat."),
        _("The owner must see to the restriction in WeChat's console."),
        "merchant",
    ),
    61003: Explanation(
        _("The account does not authorise us any more."),
        _("Ask the owner to authorise us again through a new link."),
        "merchant",
    ),
    61004: Explanation(
        _("Our server's address is not registered for the platform."),
        _("Add the server's address in the console of the Open Platform."),
        "us",
    ),
    61005: Explanation(
        _("The platform's ticket has expired."),
        _("Wait for the next ticket (ten minutes), or start pushing again."),
        "us",
    ),
    61006: Explanation(
        _("The platform's ticket is not valid."),
        _("Wait for the next ticket (ten minutes), or start pushing again."),
        "us",
    ),
    61007: Explanation(
        _("The owner did not grant us the permission set this needs."),
        _("Ask the owner to authorise again with this permission set chosen."),
        "merchant",
    ),
    61008: Explanation(
        _("Something was sent twice in one call."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    61011: Explanation(
        _("WeChat does not know our platform."),
        _("Check the platform's appid and secret."),
        "us",
    ),
    61014: Explanation(
        _("This call needs the platform's token, not an account's."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    61015: Explanation(
        _("This call needs the account's token, not the platform's."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    61016: Explanation(
        _("The platform must confirm the function category of this call."),
        _("Confirm the category in the console of the Open Platform."),
        "us",
    ),
    61017: Explanation(
        _("The function category of this call is not authorised."),
        _("Ask the owner to authorise us again through a new link."),
        "merchant",
    ),
    61023: Explanation(
        _("The refresh token is not valid any more."),
        _("Ask the owner to authorise us again through a new link."),
        "merchant",
    ),
    61028: Explanation(
        _("The platform has not been published network-wide."),
        _("Publish it in the console of the Open Platform."),
        "us",
    ),
    61029: Explanation(
        _("The platform must be published network-wide again."),
        _("Publish it in the console of the Open Platform."),
        "us",
    ),
    86000: Explanation(
        _("WeChat takes this call from a third-party platform only."),
        _("Check that the mini program is authorised to this platform."),
        "us",
    ),
    # Drafts and templates
    85064: Explanation(
        _("There is no such draft or template."),
        _("Load the list of templates again and choose another one."),
        "us",
    ),
    85065: Explanation(
        _("The template library is full: it holds 200."),
        _("Delete templates nobody uses, then add this one."),
        "us",
    ),
    # Upload
    -60005: Explanation(
        _("WeChat does not say what is wrong with this upload."),
        _("Commit again; if it stays, ask WeChat with the request id."),
        "us",
    ),
    80066: Explanation(
        _("The code uses a version of a plug-in that does not exist."),
        _("Correct the plug-in's version in the template or in ext_json."),
        "us",
    ),
    80067: Explanation(
        _("The code uses a plug-in that WeChat cannot find."),
        _("Correct the plug-in's appid in the template or in ext_json."),
        "us",
    ),
    80082: Explanation(
        _("The mini program may not use a plug-in the code needs."),
        _("The owner must add the plug-in in WeChat's console."),
        "merchant",
    ),
    85013: Explanation(
        _("ext_json cannot be read, or names a wrong path."),
        _("Correct ext_json, commit again, then submit."),
        "us",
    ),
    85014: Explanation(
        _("There is no such template."),
        _("Load the list of templates again and choose another one."),
        "us",
    ),
    85043: Explanation(
        _("Something is wrong with the template."),
        _("Upload the code of the template anew and make a new template."),
        "us",
    ),
    85044: Explanation(
        _("The code package is too large."),
        _("Make the package smaller: 2 MB a part, 20 MB in all."),
        "us",
    ),
    85045: Explanation(
        _("ext_json names a path that does not exist."),
        _("Correct ext_json, commit again, then submit."),
        "us",
    ),
    85046: Explanation(
        _("A tab in ext_json names no page."),
        _("Correct ext_json, commit again, then submit."),
        "us",
    ),
    85047: Explanation(
        _("The list of pages is empty."),
        _("Correct ext_json, commit again, then submit."),
        "us",
    ),
    85048: Explanation(
        _("ext_json is not valid JSON."),
        _("Correct ext_json, commit again, then submit."),
        "us",
    ),
    85310: Explanation(
        _("requiredPrivateInfos names an interface WeChat does not know."),
        _("Correct ext_json, commit again, then submit."),
        "us",
    ),
    85311: Explanation(
        _("requiredPrivateInfos names interfaces that exclude each other."),
        _("Correct ext_json, commit again, then submit."),
        "us",
    ),
    85312: Explanation(
        _("requiredPrivateInfos names an interface the mini program may not use."),
        _("Apply for the interface, or remove it and commit again."),
        "merchant",
    ),
    9402202: Explanation(
        _("Another call for this mini program is still running."),
        _("Ask again in a minute."),
        "us",
    ),
    9402203: Explanation(
        _("ext_json holds more than a standard template allows."),
        _("Use an ordinary template, or reduce ext_json."),
        "us",
    ),
    # Submission
    61039: Explanation(
        _("WeChat is still checking the code that was uploaded."),
        _("Submit again in a minute; do not commit again, that starts the check anew."),
        "wechat",
    ),
    61040: Explanation(
        _("The code uses privacy interfaces that are not permitted or not declared."),
        _("Apply for them or declare that they are not used, then submit again."),
        "us",
    ),
    85005: Explanation(
        _("The appid is not bound to a mini program."),
        _("Ask the owner to authorise us again through a new link."),
        "merchant",
    ),
    85006: Explanation(
        _("The tags of a page have the wrong form."),
        _("At most 10 tags of 20 characters, with spaces between; correct them."),
        "us",
    ),
    85007: Explanation(
        _("The path of a page is wrong."),
        _("Correct the page's entry in the submission and submit again."),
        "us",
    ),
    85008: Explanation(
        _("The category is wrong or the mini program is not registered in it."),
        _("Choose a category of the list; the owner can add one in WeChat's console."),
        "merchant",
    ),
    85009: Explanation(
        _("A version of this mini program is in review already."),
        _("Wait for WeChat's verdict, or withdraw the open review first."),
        "us",
    ),
    85010: Explanation(
        _("A page offered for review has an empty entry."),
        _("Correct the page's entry in the submission and submit again."),
        "us",
    ),
    85011: Explanation(
        _("The title of a page is wrong: it may have 32 characters."),
        _("Correct the page's entry in the submission and submit again."),
        "us",
    ),
    85023: Explanation(
        _("One to five pages can be offered for review."),
        _("Correct the page's entry in the submission and submit again."),
        "us",
    ),
    85024: Explanation(
        _("WeChat wants more documents for this category."),
        _("The owner must complete the documents in WeChat's console."),
        "merchant",
    ),
    85051: Explanation(
        _("What was submitted is too large."),
        _("Shorten the texts and try again."),
        "us",
    ),
    85077: Explanation(
        _("WeChat has withdrawn a category of this mini program."),
        _("The owner must choose another category in WeChat's console."),
        "merchant",
    ),
    85085: Explanation(
        _("The platform's submissions of this month are used up."),
        _("Wait for the next month, or ask WeChat for more quota."),
        "us",
    ),
    85086: Explanation(
        _("No code has been committed that could be submitted."),
        _("Commit a version, then submit."),
        "us",
    ),
    85087: Explanation(
        _("The code opens other mini programs without declaring their appids."),
        _("Declare them in navigateToMiniProgramAppIdList and commit again."),
        "us",
    ),
    85092: Explanation(
        _("The preview pictures or films are wrong or older than three days."),
        _("Upload the pictures and films again, then submit."),
        "us",
    ),
    85093: Explanation(
        _("There are too many preview pictures or films."),
        _("Leave some of them out and submit again."),
        "us",
    ),
    85094: Explanation(
        _("This category needs a declaration on what users publish."),
        _("Fill in the declaration on users' content and submit again."),
        "us",
    ),
    86001: Explanation(
        _("The mini program has no trial version."),
        _("Commit a version, then submit."),
        "us",
    ),
    86002: Explanation(
        _("The mini program has no name, picture or introduction yet."),
        _("The owner must complete them in WeChat's console."),
        "merchant",
    ),
    86007: Explanation(
        _("WeChat has forbidden this mini program to submit."),
        _("The owner must look for the reason in WeChat's console."),
        "merchant",
    ),
    86008: Explanation(
        _("WeChat has forbidden all submissions of this platform."),
        _("Look for the reason in the console of the Open Platform, then appeal."),
        "us",
    ),
    86009: Explanation(
        _("WeChat limits the platform's submissions for new mini programs."),
        _("Look for the reason in the console of the Open Platform, then appeal."),
        "us",
    ),
    86010: Explanation(
        _("WeChat limits the platform's submissions of new versions."),
        _("Look for the reason in the console of the Open Platform, then appeal."),
        "us",
    ),
    87006: Explanation(
        _("This is a game, which cannot be submitted by a platform."),
        _("The owner must submit it in WeChat's console."),
        "merchant",
    ),
    9400001: Explanation(
        _("This is a live-stream mini program, which cannot be submitted so."),
        _("The owner must submit it in WeChat's console."),
        "merchant",
    ),
    # Pictures and films
    40005: Explanation(
        _("A file of this kind is not accepted."),
        _("Use a png, jpeg or gif picture, or an mp4 film."),
        "us",
    ),
    40006: Explanation(
        _("The file is too large."),
        _("Pictures may have 2 MB, films 10 MB."),
        "us",
    ),
    40007: Explanation(
        _("The file does not exist any more: WeChat keeps it for three days."),
        _("Upload it again to send it; a picture we kept earlier stays."),
        "us",
    ),
    41005: Explanation(
        _("The call was made without a file."),
        _("Choose a file and try again."),
        "us",
    ),
    # Messages and their files
    40002: Explanation(
        _("WeChat does not accept this kind of credential."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    40003: Explanation(
        _("This account has no such user."),
        _("Check that the user wrote to this very account."),
        "us",
    ),
    40004: Explanation(
        _("WeChat does not know this kind of file."),
        _("Send a picture, a voice message or a film."),
        "us",
    ),
    40008: Explanation(
        _("WeChat does not know this kind of message."),
        _("Send another kind of message."),
        "us",
    ),
    40009: Explanation(
        _("The picture is too large."),
        _("Make it smaller, and save it as png, jpeg or gif."),
        "us",
    ),
    40010: Explanation(
        _("The voice message is too large."),
        _("It may have 2 MB and last 60 seconds, as mp3 or amr."),
        "us",
    ),
    40011: Explanation(
        _("The film is too large."),
        _("It may have 10 MB, as mp4."),
        "us",
    ),
    40012: Explanation(
        _("The thumbnail is too large."),
        _("It may have 64 kB, as jpeg."),
        "us",
    ),
    40200: Explanation(
        _("This function is not for accounts of this kind."),
        _("Send it from another account, or do without."),
        "us",
    ),
    41006: Explanation(
        _("The message names no file."),
        _("Choose a file and try again."),
        "us",
    ),
    43101: Explanation(
        _("The user has refused messages of this kind."),
        _("Wait until the user agrees to them again."),
        "wechat",
    ),
    44001: Explanation(
        _("The file is empty."),
        _("Choose a file and try again."),
        "us",
    ),
    44004: Explanation(
        _("The message is empty."),
        _("Enter something and send it again."),
        "us",
    ),
    45008: Explanation(
        _("The message holds more articles than it may."),
        _("Send one article."),
        "us",
    ),
    45015: Explanation(
        _("The time to answer is over, or the user follows the account no more."),
        _("Wait until the user writes again: that opens 48 hours for answers."),
        "wechat",
    ),
    45047: Explanation(
        _("As many messages are sent as the user's last one allowed."),
        _("Wait until the user writes again: that allows five more."),
        "wechat",
    ),
    45064: Explanation(
        _("The mini program is not linked to this account."),
        _("The owner must link it in WeChat's console."),
        "merchant",
    ),
    45072: Explanation(
        _("WeChat does not know this command."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    45080: Explanation(
        _("“Typing” is shown only within 30 seconds of a message."),
        _("Nothing to do: messages can be sent all the same."),
        "wechat",
    ),
    45081: Explanation(
        _("“Typing” is shown already."),
        _("Nothing to do."),
        "us",
    ),
    48002: Explanation(
        _("The user has switched off this account's messages."),
        _("Nothing to do: only the user can switch them on again."),
        "wechat",
    ),
    65401: Explanation(
        _("This account has no such customer-service agent."),
        _("Choose an agent that the owner has added in WeChat's console."),
        "us",
    ),
    # The review, once submitted
    85012: Explanation(
        _("WeChat knows no such review."),
        _("Submit the version; nothing of it is in review."),
        "us",
    ),
    87013: Explanation(
        _("The withdrawals are used up: five a day, ten a month."),
        _("Wait for the verdict, or for a new day or month."),
        "us",
    ),
    89401: Explanation(
        _("WeChat's system is unstable."),
        _("Ask again in a minute."),
        "wechat",
    ),
    89402: Explanation(
        _("This review is not waiting any more."),
        _("Load the review's state again."),
        "us",
    ),
    89403: Explanation(
        _("A review of this kind cannot be sped up."),
        _("Wait for WeChat's verdict."),
        "us",
    ),
    89404: Explanation(
        _("This review has been sped up already."),
        _("Wait for WeChat's verdict."),
        "us",
    ),
    89405: Explanation(
        _("The platform's speed-ups of this month are used up."),
        _("Wait for WeChat's verdict, or for the next month."),
        "us",
    ),
    # Release and roll back
    85019: Explanation(
        _("No version is in review or waiting for its release."),
        _("Submit a version first, and wait until it has passed."),
        "us",
    ),
    85020: Explanation(
        _("The version is not in a state to be released."),
        _("Load the review's state again: only a passed version can be released."),
        "us",
    ),
    85021: Explanation(
        _("The state of the mini program does not allow this."),
        _("Look at its state again: perhaps it is so already."),
        "us",
    ),
    85022: Explanation(
        _("WeChat does not know what was asked for."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    85052: Explanation(
        _("The version has been released already."),
        _("Nothing to do: look which version is online."),
        "us",
    ),
    85079: Explanation(
        _("Nothing is online, so nothing can be released in steps."),
        _("Release the version to all users."),
        "us",
    ),
    85080: Explanation(
        _("The version has not passed its review."),
        _("Submit a version first, and wait until it has passed."),
        "us",
    ),
    85081: Explanation(
        _("The percentage is not between 0 and 100."),
        _("Enter another percentage."),
        "us",
    ),
    85082: Explanation(
        _("The percentage must be larger than the one before."),
        _("Enter another percentage."),
        "us",
    ),
    87011: Explanation(
        _("The version is being released in steps, so it cannot be rolled back."),
        _("Stop the release in steps first."),
        "us",
    ),
    87012: Explanation(
        _("WeChat forbids to roll this version back."),
        _("Choose another version: each can be rolled back once, and five are kept."),
        "us",
    ),
    # Settings
    85015: Explanation(
        _("This account is not a mini program."),
        _("Choose a mini program."),
        "merchant",
    ),
    89014: Explanation(
        _("WeChat does not know this version of the base library."),
        _("Choose a version of WeChat's list."),
        "us",
    ),
    85016: Explanation(
        _("There are too many domains."),
        _("Correct the list of domains and save it again."),
        "us",
    ),
    85017: Explanation(
        _("No domain is left: none is new, or none is registered for the platform."),
        _("Correct the list of domains and save it again."),
        "us",
    ),
    85018: Explanation(
        _("A domain is not registered for the platform."),
        _("Register it in the console of the Open Platform first."),
        "us",
    ),
    85301: Explanation(
        _("No domain is left: none is new, or none follows the rules of domains."),
        _("Correct the list of domains and save it again."),
        "us",
    ),
    85302: Explanation(
        _("WeChat does not accept the domains."),
        _("Correct the list of domains and save it again."),
        "us",
    ),
    89019: Explanation(
        _("The web-view domains are so already."),
        _("Nothing to do."),
        "us",
    ),
    89020: Explanation(
        _("The platform has no web-view domain yet."),
        _("Register it in the console of the Open Platform first."),
        "us",
    ),
    89021: Explanation(
        _("A web-view domain is not below one of the platform's."),
        _("Correct the list of domains and save it again."),
        "us",
    ),
    89029: Explanation(
        _("There are more than 100 web-view domains."),
        _("Correct the list of domains and save it again."),
        "us",
    ),
    89231: Explanation(
        _("A person's mini program cannot have web-view domains."),
        _("Only a company's mini program can show web pages."),
        "merchant",
    ),
    85001: Explanation(
        _("There is no such WeChat id, or it cannot be searched for."),
        _("Check the WeChat id; its owner may have to allow being found."),
        "merchant",
    ),
    85002: Explanation(
        _("The mini program has as many testers as it may have."),
        _("Remove a tester first."),
        "merchant",
    ),
    85003: Explanation(
        _("This person tests as many mini programs as one may."),
        _("They must leave another one, or name somebody else."),
        "merchant",
    ),
    85004: Explanation(
        _("This person is a tester already."),
        _("Nothing to do."),
        "us",
    ),
    86069: Explanation(
        _("The privacy guideline lacks a way to reach the owner."),
        _("Enter at least one contact and how users are told of changes."),
        "merchant",
    ),
    86070: Explanation(
        _("WeChat does not accept the privacy guideline."),
        _("Check what was entered and try again."),
        "us",
    ),
    86071: Explanation(
        _("The privacy guideline's version number is wrong."),
        _("This is a fault of our program: tell the developers the error code and the request id."),
        "us",
    ),
    86072: Explanation(
        _("WeChat does not accept the privacy guideline."),
        _("Check what was entered and try again."),
        "us",
    ),
    86073: Explanation(
        _("WeChat does not accept the privacy guideline."),
        _("Check what was entered and try again."),
        "us",
    ),
    86074: Explanation(
        _("Nothing is online, so its privacy guideline cannot be changed."),
        _("Change the one in development and release a version."),
        "us",
    ),
}


_UNEXPLAINED = Explanation(
    _("WeChat refused, for a reason we have no words for."),
    _("Look the error code up in WeChat's documentation, or ask WeChat with the request id."),
    "us",
)


def explain(errcode: int) -> Explanation:
    """The explanation of ERRCODE; an honest shrug for one that is in nobody's table."""
    return EXPLANATIONS.get(errcode, _UNEXPLAINED)
