"""What the container image is made of."""

from pathlib import Path

from django.apps import apps
from django.conf import settings


def test_every_app_of_ours_reaches_the_image() -> None:
    lines = (Path(settings.ROOT) / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    ours = {
        config.name
        for config in apps.get_app_configs()
        if Path(config.path).parent == settings.ROOT
    }
    assert {"audits", "config", "messaging", "miniprograms", "platform_auth"} <= ours
    more = {"wechat", "deploy/*.py", "locale", "static", "templates", "manage.py"}
    assert ours | more <= let_in
