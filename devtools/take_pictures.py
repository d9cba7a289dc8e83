"""
`python -m devtools.take_pictures [NAME …]`: the pictures of docs/, in Chinese and in English.

It brings up a demo of its own, on a throw-away database, lets something happen in it
(devtools/scenery.py), opens the pages of devtools/shots.py in Chromium and writes a file for each
below docs/pictures/. Pages go by their URL names, so that they may change without this. It needs
Chromium and the requirements of e2e: `python3 dev.py install --dev`.
"""

import argparse
import base64
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.urls import NoReverseMatch, reverse
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from devtools import environment
from devtools.demo import SHOP
from devtools.failure import Failure
from devtools.scenery import NOODLES, READERS, Scenery
from devtools.shots import LANGUAGES, PICTURES, SHOTS, WALK, Shot
from devtools.stack import Stack, free_pair, inherited, is_free

QUALITY = 60  # of WebP: text stays sharp
FIRST_PORT = 8000  # in the addresses on the pictures, if it is free
SETTLE = 700  # milliseconds, for what scripts put into a page


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m devtools.take_pictures")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a picture; all by default")
    names = parser.parse_args().names
    if unknown := set(names) - {shot.name for shot in SHOTS}:
        sys.exit(f"There is no picture {', '.join(sorted(unknown))}.")
    shots = [shot for shot in SHOTS if not names or shot.name in names]
    try:
        with _demo() as stack:
            problems = _take(stack, shots)
    except Failure as failure:
        problems = [str(failure)]
    print(*problems, sep="\n", file=sys.stderr)
    size = sum(path.stat().st_size for path in PICTURES.rglob("*.webp"))
    print(f"All pictures together: {size / 1024:.0f} KB.")
    return 1 if problems else 0


@contextmanager
def _demo() -> Iterator[Stack]:
    """All of it, with jobs, on a throw-away database."""
    var = Path(tempfile.mkdtemp(prefix="pictures-"))
    port = FIRST_PORT if is_free(FIRST_PORT) and is_free(FIRST_PORT + 1) else free_pair()
    settings = {
        **inherited(),
        **environment.fresh(port),
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(var),
        "DATABASE_URL": f"sqlite:///{var / 'db.sqlite3'}",
    }
    stack = Stack(port, settings, var, ("--seed-accounts",))
    try:
        print("Starting a demo …", flush=True)
        with stack.running() as processes:
            stack.start_jobs(processes)
            yield stack
    finally:
        shutil.rmtree(var, ignore_errors=True)


def _take(stack: Stack, shots: Sequence[Shot]) -> list[str]:
    """What went wrong, in sentences."""
    scenery = Scenery(stack)
    scenery.build()
    scene = _scene(stack, scenery)
    problems = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for language in LANGUAGES:
            (PICTURES / language).mkdir(parents=True, exist_ok=True)
            for person in dict.fromkeys(shot.person for shot in shots):
                theirs = [shot for shot in shots if shot.person == person]
                problems += _as_person(browser, stack, scene, theirs, (person, language))
        browser.close()
    return problems


def _scene(stack: Stack, scenery: Scenery) -> dict[str, str]:
    """What arguments of shots may name; read before there is an event loop."""
    os.environ.update(stack.environment)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    accounts = apps.get_model("miniprograms", "Authorizer").objects
    talks = apps.get_model("messaging", "Conversation").objects
    rows = dict(accounts.values_list("appid", "pk"))
    names = {"shop": SHOP, "noodles": NOODLES, "readers": READERS}
    names["members"] = next(appid for appid in rows if appid not in names.values())
    return {
        **{name: str(rows[appid]) for name, appid in names.items()},
        **{name.upper(): appid for name, appid in names.items()},
        "campaign": str(scenery.campaign),
        "talk": str(talks.filter(authorizer__appid=SHOP).values_list("pk", flat=True)[0]),
    }


def _as_person(
    browser: Browser,
    stack: Stack,
    scene: dict[str, str],
    shots: Sequence[Shot],
    who: tuple[str, str],
) -> list[str]:
    """The pictures of one person in one language, who logs in once for each look."""
    person, language = who
    problems = []
    for look in dict.fromkeys((shot.size, shot.scheme) for shot in shots):
        with _logged_in(browser, stack, who, look) as context:
            for shot in shots:
                if (shot.size, shot.scheme) == look:
                    problem = _shoot(context, stack, scene, shot, language)
                    problems += [f"{language}/{shot.name}: {problem}"] if problem else []
    print(f"{language}: {', '.join(shot.name for shot in shots)}", flush=True)
    return problems


@contextmanager
def _logged_in(
    browser: Browser, stack: Stack, who: tuple[str, str], look: tuple[tuple[int, int], str]
) -> Iterator[BrowserContext]:
    (person, language), ((width, height), scheme) = who, look
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        locale="zh-CN" if language == "zh" else "en",
    )
    for name, value, url in (
        ("django_language", LANGUAGES[language], stack.url),
        ("sandbox_lang", language, stack.sandbox_url),
    ):
        context.add_cookies([{"name": name, "value": value, "url": url}])
    if person != "nobody":
        page = context.new_page()
        login = "admin:login" if person == "staff" else "portal:login"
        page.goto(stack.url + reverse(login))
        page.locator("[name=username]").fill(person)
        password = page.locator("[name=password]")
        password.fill(stack.environment[f"DEMO_{person.upper()}_PASSWORD"])
        password.press("Enter")
        page.wait_for_load_state()
        page.close()
    yield context
    context.close()


def _shoot(
    context: BrowserContext, stack: Stack, scene: dict[str, str], shot: Shot, language: str
) -> str:
    """Take SHOT; what went wrong, or "". A page that is not there leaves the old picture."""
    page = context.new_page()
    try:
        if problem := _open(page, stack, scene, shot):
            return problem
        page.wait_for_timeout(SETTLE)
        _write(page, PICTURES / language / f"{shot.name}.webp")
    except (Error, NoReverseMatch, KeyError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    finally:
        page.close()
    return ""


def _open(page: Page, stack: Stack, scene: dict[str, str], shot: Shot) -> str:
    if shot.url in WALKS:
        WALKS[shot.url](page, stack)
        return ""
    if shot.url.startswith("/"):
        answer = page.goto(stack.sandbox_url + shot.url.format(**scene))
    else:
        arguments = [scene[name] for name in shot.arguments]
        answer = page.goto(stack.url + reverse(shot.url, args=arguments))
    status = answer.status if answer else 0
    return "" if status == 200 else f"it was answered {status}"


def _walk_to_wechat(page: Page, stack: Stack) -> None:
    """From the portal by the bind button to the page where the owner confirms."""
    page.goto(stack.url + reverse("portal:home"))
    page.locator("form:has([name=auth_type])").get_by_role("button").last.click()
    page.wait_for_url(f"{stack.sandbox_url}/**")  # the page between leads on by itself


WALKS: dict[str, Callable[[Page, Stack], None]] = {f"{WALK}wechat": _walk_to_wechat}


def _write(page: Page, path: Path) -> None:
    """Chromium makes the WebP itself."""
    session = page.context.new_cdp_session(page)
    options: dict[str, Any] = {"format": "webp", "quality": QUALITY}
    picture = session.send("Page.captureScreenshot", options)
    path.write_bytes(base64.b64decode(picture["data"]))


if __name__ == "__main__":
    sys.exit(main())
