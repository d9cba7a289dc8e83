"""Times say their zone: once on each page, which is that of the setting TIME_ZONE."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("Asia/Shanghai", "UTC+8"),
        ("UTC", "UTC+0"),
        ("Asia/Kolkata", "UTC+5:30"),
        ("America/Caracas", "UTC-4"),
    ],
)
def test_pages_name_the_zone_of_their_times(
    staff: User, merchant: User, settings: Any, zone: str, name: str
) -> None:
    settings.TIME_ZONE = zone
    pages = [(staff, "/admin/"), (staff, "/admin/platform_auth/operation/"), (merchant, "/portal/")]
    for person, address in pages:
        browser = Client(headers={"accept-language": "en"})
        browser.force_login(person)
        page = browser.get(address).content.decode()
        assert page.count(f"All times are {name}.") == 1, address
