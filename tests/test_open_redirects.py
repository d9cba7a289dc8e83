"""Nobody is led to another site by an address of ours, however it is written."""

from itertools import product
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = [pytest.mark.any_database, pytest.mark.django_db]

BEFORE = ["", " ", "\t", "\n", "\r\n", "\x01", "%20"]
SLASHES = [
    "//",
    "///",
    "////",
    "\\\\",
    "/\\",
    "\\/",
    "/\t/",
    "/\r\n/",
    "http:",
    "https:",
    "https://",
]
HOSTS = ["evil.example", "evil.example\\@testserver", "testserver@evil.example", "[::ffff:1.2.3.4]"]
SCHEMES = [
    *("javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "data:text/html,x"),
    *("vbscript:x", "file://localhost/etc/passwd", "mailto:x@y"),
    *("ftp://evil.example", "ws://evil.example"),
    *("//evil.example:80", "http:///evil.example", "https:evil.example", "//evil。example"),
    *("http://testserver.evil.example/", "http://testserver:pw@evil.example/", "//%65vil.example"),
]
TRICKS = [*map("".join, product(BEFORE, SLASHES, HOSTS)), *SCHEMES]
DOORS = {
    "/portal/login/": {"username": "staff", "password": "a-long-password-4711"},
    "/admin/login/": {"username": "staff", "password": "a-long-password-4711"},
    "/i18n/setlang/": {"language": "en"},
    "/portal/logout/": {},
    "/admin/logout/": {},
}


def leads_away(location: str) -> bool:
    """Whether a browser would go elsewhere: it forgives more than a parser does."""
    plain = "".join(letter for letter in location if letter > " ").replace("\\", "/")
    return bool(urlsplit(plain).scheme or plain.startswith("//"))


@pytest.mark.parametrize("door", DOORS)
def test_no_trick_leads_away(door: str) -> None:
    User.objects.create_user("staff", password="a-long-password-4711", is_staff=True)
    assert len(TRICKS) > 300
    for trick in TRICKS:
        client = Client()
        answer = client.post(door, {**DOORS[door], "next": trick})
        assert not leads_away(answer.headers.get("Location", "")), repr(trick)
        assert answer.status_code in (200, 302), repr(trick)


def test_an_address_of_ours_is_followed() -> None:
    User.objects.create_user("staff", password="a-long-password-4711", is_staff=True)
    fields = {**DOORS["/portal/login/"], "next": "/portal/password/"}
    assert Client().post("/portal/login/", fields).headers["Location"] == "/portal/password/"
