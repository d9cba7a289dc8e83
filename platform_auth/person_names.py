"""What pages call a person: merchants by their company, which login names seldom tell."""

from typing import Any

from django.utils.translation import gettext as _


def name_person(person: Any) -> str:
    """The name of PERSON, or their company's, with the login name; or that."""
    name, login = person.get_full_name(), person.get_username()
    return _("%(name)s (%(login)s)") % {"name": name, "login": login} if name else login
