"""
What an errcode of the code, domain, tester, privacy, message and login calls means to people: its
cause, what to do about it, and who must. Many errcodes have one remedy, so the two are tables
apart.

The texts are the English sources of the translations; the edges translate them. Sources: the tables
of each call's page and "公共错误码"; where WeChat gives no text, neither do we invent a reason.

Long because it is a table.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
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


_CAUSES = {
    # What any call may be answered
    -1: _("WeChat's system is busy."),
    40001: _("The access token is not the newest one any more."),
    40013: _("WeChat does not know this appid."),
    40014: _("The access token is not valid."),
    40097: _("WeChat does not accept one of the values sent."),
    40125: _("The platform's secret is not the one WeChat has."),
    40164: _("Our server's address is not on the list of allowed addresses."),
    41001: _("The call was made without an access token."),
    41002: _("The call was made without an appid."),
    41004: _("The call was made without the platform's secret."),
    41018: _("The call was made without the platform's appid."),
    42001: _("The access token has expired."),
    42006: _("The platform's access token has expired."),
    42007: _("The owner changed the password, which ended all tokens."),
    43001: _("WeChat wants this call by GET."),
    43002: _("WeChat wants this call by POST."),
    43003: _("WeChat wants this call by HTTPS."),
    43007: _("The account's owner must authorise this first."),
    44002: _("The call was made without content."),
    45002: _("What was sent is too long."),
    45009: _("Today's calls of this kind are used up."),
    45011: _("There were too many calls within a minute."),
    45035: _("Our server's address is not on the account's list of allowed addresses."),
    47001: _("WeChat could not read what was sent."),
    48001: _("This account has no right to this function."),
    48004: _("WeChat has blocked this function because of a violation."),
    50001: _("The user has not authorised this."),
    50002: _("The account or its owner is restricted by WeChat."),
    61003: _("The account does not authorise us any more."),
    61004: _("Our server's address is not registered for the platform."),
    61005: _("The platform's ticket has expired."),
    61006: _("The platform's ticket is not valid."),
    61007: _("The owner did not grant us the permission set this needs."),
    61008: _("Something was sent twice in one call."),
    61009: _("The authorisation code is not valid."),
    61011: _("WeChat does not know our platform."),
    61012: _("WeChat does not know this option."),
    61013: _("WeChat does not accept this value of the option."),
    61014: _("This call needs the platform's token, not an account's."),
    61015: _("This call needs the account's token, not the platform's."),
    61016: _("The platform must confirm the function category of this call."),
    61017: _("The function category of this call is not authorised."),
    61023: _("The refresh token is not valid any more."),
    61025: _("This option can be read only."),
    61028: _("The platform has not been published network-wide."),
    61029: _("The platform must be published network-wide again."),
    86000: _("WeChat takes this call from a third-party platform only."),
    # Drafts and templates
    85064: _("There is no such draft or template."),
    85065: _("The template library is full: it holds 200."),
    # Upload
    -60005: _("WeChat does not say what is wrong with this upload."),
    80066: _("The code uses a version of a plug-in that does not exist."),
    80067: _("The code uses a plug-in that WeChat cannot find."),
    80082: _("The mini program may not use a plug-in the code needs."),
    85013: _("ext_json cannot be read, or names a wrong path."),
    85014: _("There is no such template."),
    85043: _("Something is wrong with the template."),
    85044: _("The code package is too large."),
    85045: _("ext_json names a path that does not exist."),
    85046: _("A tab in ext_json names no page."),
    85047: _("The list of pages is empty."),
    85048: _("ext_json is not valid JSON."),
    85310: _("requiredPrivateInfos names an interface WeChat does not know."),
    85311: _("requiredPrivateInfos names interfaces that exclude each other."),
    85312: _("requiredPrivateInfos names an interface the mini program may not use."),
    9402202: _("Another call for this mini program is still running."),
    9402203: _("ext_json holds more than a standard template allows."),
    # Submission
    61039: _("WeChat is still checking the code that was uploaded."),
    61040: _("The code uses privacy interfaces that are not permitted or not declared."),
    # Private interfaces and the page with orders
    61031: _("WeChat is still deciding on the last application for this interface."),
    61032: _("The film is no mp4."),
    61033: _("WeChat could not load the film from its address."),
    61034: _("The application lacks a reason, or a page, picture or film that shows the use."),
    61035: _("This interface needs no permission, or WeChat does not know it."),
    61036: _("The categories of the mini program do not allow this interface."),
    61037: _("WeChat could not read the text of the application."),
    61041: _("The mini program has no page with orders."),
    61042: _("These are too many mini programs at once: WeChat takes a hundred."),
    61043: _("WeChat does not accept the page with orders as it was described."),
    61044: _("The path of the page with orders is wrong."),
    85005: _("The appid is not bound to a mini program."),
    85006: _("The tags of a page have the wrong form."),
    85007: _("The path of a page is wrong."),
    85008: _("The category is wrong or the mini program is not registered in it."),
    85009: _("A version of this mini program is in review already."),
    85010: _("A page offered for review has an empty entry."),
    85011: _("The title of a page is wrong: it may have 32 characters."),
    85023: _("One to five pages can be offered for review."),
    85024: _("WeChat wants more documents for this category."),
    85051: _("What was submitted is too large."),
    85077: _("WeChat has withdrawn a category of this mini program."),
    85085: _("The platform's submissions of this month are used up."),
    85086: _("No code has been committed that could be submitted."),
    85087: _("The code opens other mini programs without declaring their appids."),
    85092: _("The preview pictures or films are wrong or older than three days."),
    85093: _("There are too many preview pictures or films."),
    85094: _("This category needs a declaration on what users publish."),
    86001: _("The mini program has no trial version."),
    86002: _("The mini program has no name, picture or introduction yet."),
    86007: _("WeChat has forbidden this mini program to submit."),
    86008: _("WeChat has forbidden all submissions of this platform."),
    86009: _("WeChat limits the platform's submissions for new mini programs."),
    86010: _("WeChat limits the platform's submissions of new versions."),
    87006: _("This is a game, which cannot be submitted by a platform."),
    9400001: _("This is a live-stream mini program, which cannot be submitted so."),
    # Pictures and films
    40005: _("A file of this kind is not accepted."),
    40006: _("The file is too large."),
    40007: _("The file does not exist any more: WeChat keeps it for three days."),
    41005: _("The call was made without a file."),
    # Messages and their files
    40002: _("WeChat does not accept this kind of credential."),
    40003: _("This account has no such user."),
    40004: _("WeChat does not know this kind of file."),
    40008: _("WeChat does not know this kind of message."),
    40009: _("The picture is too large."),
    40010: _("The voice message is too large."),
    40011: _("The film is too large."),
    40012: _("The thumbnail is too large."),
    40200: _("This function is not for accounts of this kind."),
    41006: _("The message names no file."),
    43101: _("The user has refused messages of this kind."),
    44001: _("The file is empty."),
    44004: _("The message is empty."),
    45008: _("The message holds more articles than it may."),
    45015: _("The time to answer is over, or the user follows the account no more."),
    45047: _("As many messages are sent as the user's last one allowed."),
    45064: _("The mini program is not linked to this account."),
    45072: _("WeChat does not know this command."),
    45080: _("“Typing” is shown only within 30 seconds of a message."),
    45081: _("“Typing” is shown already."),
    48002: _("The user has switched off this account's messages."),
    # Content checks, codes and links, subscribe messages
    40037: _("This account has no such template."),
    40129: _("WeChat does not know this scene."),
    40165: _("The path is no page of the released version."),
    40169: _("The scene is too long, or holds a character that WeChat does not take."),
    41030: _("The page is none of the released version's."),
    43104: _("The user is not one of this account's."),
    45029: _("As many codes of this kind are made as WeChat allows."),
    47003: _("A value does not fit its keyword; WeChat's text names it."),
    61010: _("The code has expired, or the user was not in the mini program within two hours."),
    200012: _("The account has as many templates as it may have."),
    200014: _("The title belongs to a category that the account has not got."),
    65401: _("This account has no such customer-service agent."),
    # Users who log in
    10003: _("The page to return to is on a host that is not registered for the platform."),
    10005: _("The account cannot have users log in on web pages."),
    10015: _("The account does not authorise the platform, as WeChat's login page sees it."),
    10016: _("Web logins are for official accounts, and this is none."),
    40029: _("The user's code is wrong, too old, or of another account."),
    40030: _("The user's refresh token is not valid."),
    40163: _("The user's code has been used already."),
    41008: _("The call was made without the user's code."),
    41009: _("The call was made without the user's openid."),
    41021: _("The call was made without the platform's token."),
    42002: _("The user's refresh token has expired."),
    42003: _("The user's code is older than five minutes."),
    87009: _("The signature is not made with the user's present session_key."),
    # The review, once submitted
    85012: _("WeChat knows no such review."),
    87013: _("The withdrawals are used up: five a day, ten a month."),
    89401: _("WeChat's system is unstable."),
    89402: _("This review is not waiting any more."),
    89403: _("A review of this kind cannot be sped up."),
    89404: _("This review has been sped up already."),
    89405: _("The platform's speed-ups of this month are used up."),
    # Release and roll back
    85019: _("No version is in review or waiting for its release."),
    85020: _("The version is not in a state to be released."),
    85021: _("The state of the mini program does not allow this."),
    85022: _("WeChat does not know what was asked for."),
    85052: _("The version has been released already."),
    85079: _("Nothing is online, so nothing can be released in steps."),
    85080: _("The version has not passed its review."),
    85081: _("The percentage is not between 0 and 100."),
    85082: _("The percentage must be larger than the one before."),
    87011: _("The version is being released in steps, so it cannot be rolled back."),
    87012: _("WeChat forbids to roll this version back."),
    # Settings
    85015: _("This account is not a mini program."),
    89014: _("WeChat does not know this version of the base library."),
    85016: _("There are too many domains."),
    85017: _("No domain is left: none is new, or none is registered for the platform."),
    85018: _("A domain is not registered for the platform."),
    85301: _("No domain is left: none is new, or none follows the rules of domains."),
    85302: _("WeChat does not accept the domains."),
    89019: _("The web-view domains are so already."),
    89020: _("The platform has no web-view domain yet."),
    89021: _("A web-view domain is not below one of the platform's."),
    89029: _("There are more than 100 web-view domains."),
    89231: _("A person's mini program cannot have web-view domains."),
    9420000: _("The month's 50 changes of names looked up ahead are used up."),
    9420001: _("A name to be looked up ahead is no domain, or has no ICP filing."),
    9420002: _("There are more names to be looked up ahead than WeChat allows."),
    86103: _("WeChat did not find the verification file at the root of a web-view domain."),
    85001: _("There is no such WeChat id, or it cannot be searched for."),
    85002: _("The mini program has as many testers as it may have."),
    85003: _("This person tests as many mini programs as one may."),
    85004: _("This person is a tester already."),
    86069: _("The privacy guideline lacks a way to reach the owner."),
    86070: _("The privacy guideline does not say how users are told of changes."),
    86071: _("The privacy guideline's version number is wrong."),
    86072: _("WeChat does not accept how long data is kept."),
    86073: _("WeChat does not know the file of the privacy guideline any more."),
    86074: _("Nothing is online, so its privacy guideline cannot be changed."),
    86075: _("The file of the privacy guideline that is online cannot be changed."),
}

# Who must do what about which errcodes
_REMEDIES: list[tuple[Responsible, str, list[int]]] = [
    ("wechat", _("Ask again in a minute."), [-1, 89401]),
    (
        "us",
        _(
            "Nothing to do: the token is renewed by itself. If it stays, ask the owner to "
            "authorise again."
        ),
        [40001, 40014, 42001, 42006],
    ),
    ("us", _("Check the appid; the account may have been deleted."), [40013]),
    (
        "us",
        _("Check what was entered and try again."),
        [40097, 61012, 61013, 61025, 61043, 86072],
    ),
    (
        "us",
        _("This is a fault of our program: tell the developers the error code and the request id."),
        [
            41001,
            41002,
            41008,
            41009,
            41018,
            41021,
            43001,
            43002,
            44002,
            47001,
            61008,
            61037,
            61014,
            61015,
            40002,
            45072,
            85022,
            86071,
        ],
    ),
    (
        "merchant",
        _("Ask the owner to authorise us again through a new link."),
        [10015, 42007, 43007, 50001, 61003, 61017, 61023, 85005],
    ),
    ("us", _("Set WECHAT_API_URL to an https address."), [43003]),
    (
        "us",
        _("Let the user log in again: a code is good once, for five minutes."),
        [40029, 40030, 40163, 42002, 42003, 87009],
    ),
    ("us", _("Register its host as a web domain in the console of the Open Platform."), [10003]),
    (
        "merchant",
        _("Ask the owner to authorise again with permission set 4, of a verified account."),
        [10005],
    ),
    ("us", _("Choose an official account."), [10016]),
    ("us", _("Shorten the texts and try again."), [45002, 85051]),
    ("us", _("Wait until midnight in Beijing, or reset the quota."), [45009]),
    ("us", _("Ask again in a minute."), [45011, 9402202]),
    ("us", _("Add the server's address to the list in WeChat's console."), [45035]),
    ("merchant", _("Check the account's kind and verification in WeChat's console."), [48001]),
    ("merchant", _("The owner must see to the violation in WeChat's console."), [48004]),
    ("merchant", _("The owner must see to the restriction in WeChat's console."), [50002]),
    ("us", _("Add the server's address in the console of the Open Platform."), [61004]),
    ("us", _("Add the server's address to the list in WeChat's console."), [40164]),
    ("us", _("Wait for the next ticket (ten minutes), or start pushing again."), [61005, 61006]),
    ("merchant", _("Ask the owner to authorise again with this permission set chosen."), [61007]),
    (
        "us",
        _("Check the platform's appid and secret, then enter them again with register_component."),
        [40125, 41004, 61011],
    ),
    (
        "merchant",
        _("Bind once more: the code is good for some minutes, and once."),
        [61009],
    ),
    ("us", _("Confirm the category in the console of the Open Platform."), [61016]),
    ("us", _("Publish it in the console of the Open Platform."), [61028, 61029]),
    ("us", _("Check that the mini program is authorised to this platform."), [86000]),
    ("us", _("Load the list of templates again and choose another one."), [85064, 85014]),
    ("us", _("Delete templates nobody uses, then add this one."), [85065]),
    ("us", _("Commit again; if it stays, ask WeChat with the request id."), [-60005]),
    ("us", _("Correct the plug-in's version in the template or in ext_json."), [80066]),
    ("us", _("Correct the plug-in's appid in the template or in ext_json."), [80067]),
    ("merchant", _("The owner must add the plug-in in WeChat's console."), [80082]),
    (
        "us",
        _("Correct ext_json, commit again, then submit."),
        [85013, 85045, 85046, 85047, 85048, 85310, 85311],
    ),
    ("us", _("Upload the code of the template anew and make a new template."), [85043]),
    ("us", _("Make the package smaller: 2 MB a part, 20 MB in all."), [85044]),
    ("merchant", _("Apply for the interface, or remove it and commit again."), [85312]),
    ("us", _("Use an ordinary template, or reduce ext_json."), [9402203]),
    (
        "wechat",
        _("Submit again in a minute; do not commit again, that starts the check anew."),
        [61039],
    ),
    ("us", _("Apply for them or declare that they are not used, then submit again."), [61040]),
    ("us", _("At most 10 tags of 20 characters, with spaces between; correct them."), [85006]),
    (
        "us",
        _("Correct the page's entry in the submission and submit again."),
        [85007, 85010, 85011, 85023],
    ),
    (
        "merchant",
        _("Choose a category of the list; the owner can add one in WeChat's console."),
        [85008],
    ),
    ("us", _("Wait for WeChat's verdict, or withdraw the open review first."), [85009]),
    ("merchant", _("The owner must complete the documents in WeChat's console."), [85024]),
    ("merchant", _("The owner must choose another category in WeChat's console."), [85077]),
    ("us", _("Wait for the next month, or ask WeChat for more quota."), [85085]),
    ("us", _("Commit a version, then submit."), [85086, 86001]),
    ("us", _("Declare them in navigateToMiniProgramAppIdList and commit again."), [85087]),
    ("us", _("Upload the pictures and films again, then submit."), [85092]),
    ("us", _("Leave some of them out and submit again."), [85093]),
    ("us", _("Fill in the declaration on users' content and submit again."), [85094]),
    ("merchant", _("The owner must complete them in WeChat's console."), [86002]),
    ("merchant", _("The owner must look for the reason in WeChat's console."), [86007]),
    (
        "us",
        _("Look for the reason in the console of the Open Platform, then appeal."),
        [86008, 86009, 86010],
    ),
    ("merchant", _("The owner must submit it in WeChat's console."), [87006, 9400001]),
    ("us", _("Use a png, jpeg or gif picture, or an mp4 film."), [40005]),
    ("us", _("Pictures may have 2 MB, films 10 MB."), [40006]),
    ("us", _("Upload it again to send it; a picture we kept earlier stays."), [40007]),
    ("us", _("Choose a file and try again."), [41005, 41006, 44001]),
    ("us", _("Check that the user wrote to this very account."), [40003]),
    ("us", _("Send a picture, a voice message or a film."), [40004]),
    ("us", _("Send another kind of message."), [40008]),
    ("us", _("Make it smaller, and save it as png, jpeg or gif."), [40009]),
    ("us", _("It may have 2 MB and last 60 seconds, as mp3 or amr."), [40010]),
    ("us", _("It may have 10 MB, as mp4."), [40011]),
    ("us", _("It may have 64 kB, as jpeg."), [40012]),
    ("us", _("Send it from another account, or do without."), [40200]),
    ("wechat", _("Wait until the user agrees to them again."), [43101]),
    ("us", _("Enter something and send it again."), [44004]),
    ("us", _("Send one article."), [45008]),
    ("wechat", _("Wait until the user writes again: that opens 48 hours for answers."), [45015]),
    ("wechat", _("Wait until the user writes again: that allows five more."), [45047]),
    ("merchant", _("The owner must link it in WeChat's console."), [45064]),
    ("wechat", _("Nothing to do: messages can be sent all the same."), [45080]),
    ("us", _("Nothing to do."), [45081, 89019]),
    ("merchant", _("Nothing to do."), [85004]),
    ("wechat", _("Nothing to do: only the user can switch them on again."), [48002]),
    ("us", _("Take one of the account's own templates, or make it there."), [40037]),
    ("us", _("Choose a number from 1 to 4."), [40129]),
    ("us", _("Correct the path, or release a version that has the page."), [40165, 41030]),
    ("us", _("Send up to 32 of the characters that the documentation lists."), [40169]),
    ("us", _("Send the openid that this very mini program knows the user by."), [43104]),
    ("us", _("Use codes with a scene, of which there are as many as are wanted."), [45029]),
    ("us", _("Correct the value and send it again."), [47003]),
    ("us", _("Ask again once the user is there, or with a new code."), [61010]),
    ("us", _("Remove a template that nobody uses."), [200012]),
    ("us", _("Choose a title of the account's own categories."), [200014]),
    ("us", _("Choose an agent that the owner has added in WeChat's console."), [65401]),
    ("us", _("Submit the version; nothing of it is in review."), [85012]),
    ("us", _("Wait for the verdict, or for a new day or month."), [87013]),
    ("us", _("Wait for the next month."), [9420000]),
    ("us", _("Load the review's state again."), [89402]),
    ("us", _("Wait for WeChat's verdict."), [89403, 89404]),
    ("us", _("Wait for WeChat's verdict, or for the next month."), [89405]),
    ("us", _("Submit a version first, and wait until it has passed."), [85019, 85080]),
    ("us", _("Load the review's state again: only a passed version can be released."), [85020]),
    ("us", _("Look at its state again: perhaps it is so already."), [85021]),
    ("us", _("Nothing to do: look which version is online."), [85052]),
    ("us", _("Release the version to all users."), [85079]),
    ("us", _("Enter another percentage."), [85081, 85082]),
    ("us", _("Stop the release in steps first."), [87011]),
    ("us", _("Choose another version: each can be rolled back once, and five are kept."), [87012]),
    ("merchant", _("Choose a mini program."), [85015]),
    ("us", _("Choose a version of WeChat's list."), [89014]),
    (
        "us",
        _("Correct the list of domains and save it again."),
        [85016, 85017, 85301, 85302, 89021, 89029, 9420001, 9420002],
    ),
    ("us", _("Register it in the console of the Open Platform first."), [85018, 89020]),
    ("merchant", _("Only a company's mini program can show web pages."), [89231]),
    ("us", _("Open the file at that domain in a browser: it leads to us or not."), [86103]),
    ("merchant", _("Check the WeChat id; its owner may have to allow being found."), [85001]),
    ("merchant", _("Remove a tester first."), [85002]),
    ("merchant", _("They must leave another one, or name somebody else."), [85003]),
    (
        "merchant",
        _("Enter at least one contact and how users are told of changes."),
        [86069, 86070],
    ),
    ("us", _("Upload the file again."), [86073]),
    ("us", _("Change the one in development and release a version."), [86074, 86075]),
    ("wechat", _("Wait for WeChat's decision on it."), [61031]),
    ("us", _("Save the film as mp4 and send it again."), [61032]),
    ("us", _("Check that anybody can open its address, then send it again."), [61033]),
    ("us", _("Complete the application and send it again."), [61034]),
    ("us", _("Nothing to do: the code may use it. Otherwise check its name."), [61035]),
    ("merchant", _("The owner must add a fitting category in WeChat's console."), [61036]),
    ("us", _("Apply for one first."), [61041]),
    ("us", _("Send them in several parts."), [61042]),
    ("us", _("Enter a path of the code, such as pages/order/list."), [61044]),
]

EXPLANATIONS = {
    errcode: Explanation(_CAUSES[errcode], remedy, responsible)
    for responsible, remedy, errcodes in _REMEDIES
    for errcode in errcodes
}

_UNEXPLAINED = Explanation(
    _("WeChat refused, for a reason we have no words for."),
    _("Look the error code up in WeChat's documentation, or ask WeChat with the request id."),
    "us",
)


def find_explanation(errcode: int) -> Explanation:
    """The explanation of ERRCODE; an honest shrug for one that is in nobody's table."""
    return EXPLANATIONS.get(errcode, _UNEXPLAINED)


# Where staff enter an address that WeChat refuses, by errcode.
ADDRESS_LISTS = {
    40164: _(
        "WeChat names our address %(address)s. Enter it in the console of the Open Platform, "
        "管理中心 › 第三方平台 › 详情 › 开发配置 › 白名单IP地址列表."
    ),
    45035: _(
        "WeChat names our address %(address)s. The account's owner enters it in the account's "
        "console, 设置与开发 › 基本配置 › IP白名单."
    ),
}
ADDRESS_LISTS[61004] = ADDRESS_LISTS[40164]

_ADDRESS_REFUSED = re.compile(rf"\b({'|'.join(map(str, ADDRESS_LISTS))})\b(.*)", re.DOTALL)
_ADDRESSES = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*", re.I)


def find_refused_address(text: str) -> tuple[int, str] | None:
    """
    The errcode and the address of ours in TEXT, the text of a Refused, if that is about an address
    that nobody has told WeChat of and names it.
    """
    if match := _ADDRESS_REFUSED.search(text):
        for found in _ADDRESSES.findall(match[2]):
            try:
                return int(match[1]), str(ip_address(found))
            except ValueError:
                continue
    return None
