"""The company's logo: from our own host, on all pages of merchants, and nothing that could run."""

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.environment import BadSetting, Environment
from config.errors import server_error
from config.logo import MAX_LOGO
from miniprograms.services.bind_links import make_bind_link
from tests.test_admin_code_acts import browser_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def png(width: int = 1) -> bytes:
    """A picture, white."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    header = struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" + b"\xff" * width)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.fixture
def logo(tmp_path: Path, settings: Any) -> Path:
    path = tmp_path / "logo.picture"
    path.write_bytes(png())
    settings.COMPANY_LOGO, settings.COMPANY_NAME = str(path), "Tea & Co"
    return path


def address_in(page: str) -> str:
    """Of the logo, which has the company's name for those who cannot see it."""
    image = page.partition('<img class="logo" src="')[2]
    address, _, rest = image.partition('"')
    assert rest.startswith(' alt="Tea &amp; Co"'), page
    return address


def test_it_is_on_every_kind_of_page(
    logo: Path, ticket: str, merchant: User, staff: User, settings: Any, rf: Any
) -> None:
    link = make_bind_link(merchant, by=staff).url.removeprefix(settings.PUBLIC_URL)
    stranger = Client(headers={"accept-language": "en"})
    pages = [text_of(browser_of(merchant).get("/portal/"))]
    pages += [text_of(stranger.get(path)) for path in (link, "/portal/login/", "/nowhere/")]
    pages += [server_error(rf.get("/portal/")).text]
    [address] = {address_in(page) for page in pages}
    assert address.startswith("/logo/")


def test_it_is_served_as_the_picture_that_it_is(logo: Path) -> None:
    address = address_in(text_of(Client().get("/portal/login/")))
    answer = Client().get(address)
    assert (answer["Content-Type"], answer.content) == ("image/png", png())
    assert "immutable" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert Client().get("/logo/0123456789abcdef/").status_code == 404


def test_without_one_there_is_none() -> None:
    assert 'class="logo"' not in text_of(Client().get("/portal/login/"))
    assert Client().get("/logo/0123456789abcdef/").status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><title>logo.png</title>",
        png() + b"\0" * MAX_LOGO,
    ],
    ids=["empty", "svg", "html", "too large"],
)
def test_what_is_no_small_picture_ends_every_process(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    path.write_bytes(content)
    for value in (str(path), str(tmp_path), str(tmp_path / "none.png"), "https://cdn.test/a.png"):
        env = Environment()
        env.ENVIRON = {"COMPANY_LOGO": value}
        with pytest.raises(BadSetting, match="^COMPANY_LOGO must be the path of a PNG, JPEG or"):
            env.str("COMPANY_LOGO", default="")


@pytest.mark.parametrize("content", [png(), b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBPVP8 "])
def test_the_three_kinds_are_taken(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "logo"
    path.write_bytes(content)
    env = Environment()
    env.ENVIRON = {"COMPANY_LOGO": str(path)}
    assert env.str("COMPANY_LOGO", default="") == str(path)
