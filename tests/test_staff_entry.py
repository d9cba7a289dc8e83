"""Where staff come in, and where people are made: whose platform it is, and which form to take."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.test_company_logo import png

ADD = "/admin/auth/user/add/"
LOGIN = "/admin/login/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor() -> Client:
    return Client(headers={"accept-language": "en"})


def test_the_login_of_staff_says_whose_platform_it_is(visitor: Client, settings: Any) -> None:
    settings.COMPANY_NAME = "Green Tea Ltd"
    assert "Green Tea Ltd" in visitor.get(LOGIN).content.decode()
    settings.COMPANY_NAME = ""
    page = visitor.get(LOGIN).content.decode()
    assert "WeChat third-party platform" in page


def test_the_login_of_staff_shows_the_logo(visitor: Client, settings: Any, tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(png())
    settings.COMPANY_LOGO, settings.COMPANY_NAME = str(logo), "Green Tea Ltd"
    page = visitor.get(LOGIN).content.decode()
    assert re.search(r'src="/logo/[^"]+" alt="Green Tea Ltd"', page)


def test_the_form_with_a_password_leads_to_those_that_invite(visitor: Client, staff: User) -> None:
    visitor.force_login(staff)
    page = visitor.get(ADD).content.decode()
    assert 'href="/admin/auth/user/new-merchant/"' in page
    assert "New colleague" not in page
    visitor.force_login(User.objects.create_superuser("boss"))
    page = visitor.get(ADD).content.decode()
    assert 'href="/admin/auth/user/new-staff/"' in page
