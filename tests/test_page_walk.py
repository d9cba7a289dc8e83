"""What holds of every page of the URL configuration, as text."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from miniprograms.models import Authorizer
from tests.test_matrix import ADDRESSES, configured, path_of
from tests.test_matrix import account as account
from tests.test_matrix import code as code
from tests.test_matrix import parked as parked
from tests.test_matrix import talk as talk

# What nobody wrote for a reader: a capitalised appid, a time with microseconds, a row without a
# name, a value of a program, a table that only ties two others together.
RAW = re.compile(
    r"Wx[0-9a-f]{16}| \d\d:\d\d:\d\d\.\d{6}|\w object \(\d|\d: True|User-group|Group-permission"
)
PLACES = ("admin/audits/", "admin/miniprograms/", "admin/", "portal/")


def pages_of(place: str) -> list[str]:
    """The addresses of PLACE, and of no longer one, that a GET may ask for."""
    methods = {address: method for address, (method, _statuses) in ADDRESSES.items()}
    return sorted(
        address
        for address in {*configured(), *methods}
        if methods.get(address, "GET") == "GET"
        and next((one for one in PLACES if address.startswith(one)), "") == place
    )


@pytest.mark.usefixtures("ticket", "parked", "code", "talk")
@pytest.mark.parametrize("place", PLACES)
def test_no_page_shows_what_was_not_written_for_a_reader(
    account: Authorizer, merchant: User, admin_user: User, place: str
) -> None:
    Authorizer.objects.update(nick_name="")  # it is then called by its appid
    person = merchant if place == "portal/" else admin_user
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(person)
    wrong = []
    for address in pages_of(place):
        answer = browser.get(path_of(address, account, merchant))
        text = "" if answer.streaming else answer.content.decode(errors="replace")
        if "celery_beat" not in address and (hit := RAW.search(text)):
            wrong.append((address, text[max(0, hit.start() - 80) : hit.end() + 20]))
    assert not wrong
