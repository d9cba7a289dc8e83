"""Conditions about the mini program itself: its profile, categories, verification and filing."""

from django.utils.translation import gettext as _

from audits.problems import Check
from audits.services.preflight.subject import Subject, fine, unknown, wrong
from miniprograms.models import Authorizer
from platform_auth.listing import list_words
from wechat import registration
from wechat.errors import Refused

GAME = 4  # service_type
CODE_SET, BASICS_SET = 18, 30  # 小程序开发与数据分析, 基本信息管理
MAINLAND = 1017  # registered_country
USABLE = (Authorizer.AccountStatus.NORMAL, Authorizer.AccountStatus.ALERTED)


def check_account(subject: Subject) -> Check:
    """Bound, not banned, no game, and its code is ours to handle."""
    row = subject.authorizer
    if _find_account_problem(row):
        subject.answers.profile()
    if problem := _find_account_problem(row):
        return wrong("account", problem, "merchant")
    return fine("account", _("The mini program is bound and not restricted."), "merchant")


def _find_account_problem(row: Authorizer) -> str:
    if row.state == Authorizer.State.UNBOUND:
        return _("The mini program is not bound to the platform any more.")
    if row.state == Authorizer.State.NEEDS_REAUTHORIZATION:
        return _("The owner must authorise us again.")
    if row.account_status not in USABLE:
        status = row.get_account_status_display()
        return _("WeChat has restricted the mini program: %s.") % status
    if row.service_type == GAME:
        return _("It is a game, which a platform cannot submit.")
    if row.func_info and CODE_SET not in row.func_info:
        return _("The owner has not granted us permission set 18, which code needs.")
    return ""


def check_basics(subject: Subject) -> Check:
    """Name, avatar and introduction, without which WeChat answers 86002."""
    if _missing_basics(subject.authorizer):
        subject.answers.profile()
    if missing := _missing_basics(subject.authorizer):
        detail = _("The mini program has no %s yet.") % _(" and no ").join(missing)
        return wrong("basics", detail, "merchant")
    return fine("basics", _("Name, avatar and introduction are there."), "merchant")


def _missing_basics(row: Authorizer) -> list[str]:
    needed = {
        _("name"): row.nick_name,
        _("avatar"): row.head_img,
        _("introduction"): row.signature,
    }
    return [name for name, value in needed.items() if not value]


def check_category(subject: Subject) -> Check:
    """At least one category that a submission may name."""
    if categories := subject.answers.categories():
        names = list_words(
            " › ".join(filter(None, (one.first_class, one.second_class, one.third_class)))
            for one in categories[:5]
        )
        return fine("category", _("It may be submitted as %s.") % names, "merchant")
    return wrong("category", _("The mini program has no category that is in force."), "merchant")


def check_certificate(subject: Subject) -> Check:
    """
    Every category that WeChat has approved may be named: where it may not, WeChat has withdrawn it
    or its certificate has expired, and the whole submission is refused (85077).
    """
    answers, granted = subject.answers, subject.authorizer.func_info
    untold = _("WeChat does not tell us about its certificates.")
    if granted and BASICS_SET not in granted:
        return unknown("certificate", untold, "merchant")
    try:
        registered = answers.registered_categories()
    except Refused:  # WeChat tells it of some accounts only
        return unknown("certificate", untold)
    offered = answers.categories()
    numbers = {(one.first_id, one.second_id) for one in offered}
    names = {(one.first_class, one.second_class) for one in offered}
    approved = [one for one in registered if one.status == registration.CATEGORY_IN_FORCE]
    dead = [
        f"{one.first_name} › {one.second_name}"
        for one in approved
        if (one.first, one.second) not in numbers and (one.first_name, one.second_name) not in names
    ]
    if dead:
        detail = _("The certificate has expired, or WeChat has withdrawn the category: %s.")
        return wrong("certificate", detail % ", ".join(dead), "merchant")
    return fine("certificate", _("All its categories are in force."), "merchant")


def check_verification(subject: Subject) -> Check:
    """WeChat verification 微信认证, where WeChat asks for it."""
    if subject.authorizer.verify_type_info >= 0:
        return fine("verified", _("WeChat has verified the mini program."), "merchant")
    status = subject.answers.filing_status()
    if status >= registration.NOT_FILED and status & registration.LACKS_VERIFICATION:
        if subject.answers.profile().verify_type_info >= 0:
            return fine("verified", _("WeChat has verified the mini program."), "merchant")
        return wrong("verified", _("WeChat wants it verified, and it is not."), "merchant")
    detail = _("It is not verified. WeChat asks that of most; it does not tell of whom.")
    return unknown("verified", detail, "merchant")


def check_filing(subject: Subject) -> Check:
    """ICP filing 备案, without which nothing goes online in mainland China."""
    status = subject.answers.filing_status()
    if status == registration.FILED:
        return fine("filed", _("Its ICP filing is done."), "merchant")
    if _is_abroad(subject):
        return fine("filed", _("Registered outside mainland China: it needs no ICP filing."))
    if status in (registration.FILING_REVIEWED, registration.FILING_AT_REGULATOR):
        return wrong("filed", _("Its ICP filing is being looked at."), "wechat")
    if status in (registration.FILING_REJECTED, registration.FILING_REFUSED):
        return wrong("filed", _("Its ICP filing was turned down."), "merchant")
    if status >= registration.NOT_FILED:
        return wrong("filed", _("It has no ICP filing, so it cannot go online."), "merchant")
    return unknown("filed", _("WeChat says of its ICP filing: status %d.") % status)


def _is_abroad(subject: Subject) -> bool:
    granted = subject.authorizer.func_info
    if granted and BASICS_SET not in granted:
        return False
    try:
        country = subject.answers.basic_info().registered_country
    except Refused:
        return False
    return country not in (0, MAINLAND)
