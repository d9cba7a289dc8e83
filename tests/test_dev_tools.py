"""What dev.py promises: private keys never overwritten, no orphans, plain words on failure."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from base64 import b64decode, urlsafe_b64decode
from pathlib import Path

import pytest

from deploy.processes import PROCESSES
from devtools import environment, local, stack
from devtools.browser import Form, Page, _Reader
from devtools.failure import Failure, NoAnswer
from devtools.place import EVERYWHERE, LOOPBACK, Place, place_of
from devtools.processes import Processes
from devtools.tour import itinerary
from devtools.walk import wait_until
from tests import servers

ROOT = Path(__file__).resolve().parents[1]
FOREVER = ("-c", "import time; print('at work', flush=True); time.sleep(600)")


def _is_gone(pid: int) -> bool:
    """Whether it is, at last: init may take a moment to bury it."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_env_is_for_its_owner_alone(tmp_path: Path) -> None:
    environment.write(tmp_path / ".env", environment.fresh(8000))
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_what_processes_write_is_for_its_owner_alone(tmp_path: Path) -> None:
    with Processes(tmp_path / "log", dict(os.environ)) as processes:
        written = tmp_path / "db.sqlite3"
        processes.start("web", sys.executable, "-c", f"open({str(written)!r}, 'w')")
        processes.children[0].process.wait(10)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (written, tmp_path / "log" / "web.log")]
    assert modes == [0o600, 0o600]


def test_env_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET_KEY=mine\n")
    with pytest.raises(FileExistsError):
        environment.write(tmp_path / ".env", environment.fresh(8000))
    assert environment.read(tmp_path / ".env") == {"SECRET_KEY": "mine"}


def test_env_reads_back_as_it_was_written(tmp_path: Path) -> None:
    settings = environment.fresh(8000)
    environment.write(tmp_path / ".env", settings)
    assert environment.read(tmp_path / ".env") == settings


def test_the_demo_says_whom_merchants_can_ask() -> None:
    settings = environment.fresh(8000)
    assert all(settings[name] for name in ("COMPANY_NAME", "SUPPORT_CONTACT", "SUPPORT_HOURS"))


def test_keys_are_fresh_and_whole() -> None:
    one, other = environment.fresh(8000), environment.fresh(8000)
    random = {name for name in one if name.endswith(("KEY", "KEYS", "SECRET", "TOKEN", "PASSWORD"))}
    assert all(one[name] != other[name] for name in random)
    assert len(random) == 8
    assert len(urlsafe_b64decode(one["FIELD_ENCRYPTION_KEYS"])) == 32
    assert len(b64decode(one["WECHAT_AES_KEY"] + "=", validate=True)) == 32
    assert re.fullmatch(r"wx[0-9a-f]{16}", one["WECHAT_COMPONENT_APPID"])


def test_env_example_names_every_setting() -> None:
    asked = r'env(?:\.\w+)?\(\s*"([A-Z_]+)"'
    settings = set(re.findall(asked, (ROOT / "config" / "settings.py").read_text()))
    named = r"^#?([A-Z_]+)="
    example = set(re.findall(named, (ROOT / ".env.example").read_text(), re.MULTILINE))
    # Of deploy/: no settings of Django's.
    deployment = {"NAME_FILE", "PUBLIC_HOST", "FIRST_PORT"}
    deployment |= {name for name in example if name.startswith("BACKUP_")}
    deployment |= {process.sized_by for process in PROCESSES.values() if process.sized_by}
    # The second is granian's own.
    settings -= {"ENV_FILE", "GRANIAN_BLOCKING_THREADS"}
    assert settings == example - deployment


def test_env_example_holds_no_secret() -> None:
    secrets = r"^(?:[A-Z_]*(?:KEY|KEYS|SECRET|TOKEN|PASSWORD))=(.+)$"
    assert re.findall(secrets, (ROOT / ".env.example").read_text(), re.MULTILINE) == []


def test_a_child_that_ends_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path, dict(os.environ)) as processes:
        processes.start("web", sys.executable, "-c", "import sys; print('oh'); sys.exit(3)")
        with pytest.raises(Failure, match=r"(?s)web ended by itself \(exit code 3\).*oh"):
            processes.watch()


def test_leaving_stops_what_was_started(tmp_path: Path) -> None:
    with Processes(tmp_path, dict(os.environ)) as processes:
        processes.start("worker", sys.executable, *FOREVER)
        child = processes.children[0].process
        assert child.poll() is None
    assert child.poll() == -signal.SIGTERM


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_way_of_ending_leaves_orphans(tmp_path: Path, how: signal.Signals) -> None:
    told = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from devtools.processes import Processes\n"
        # Whatever this run itself was told to ignore, under nohup for instance.
        f"signal.signal({int(how)}, signal.SIG_DFL)\n"
        "with Processes(Path(sys.argv[1]), dict(os.environ)) as processes:\n"
        f"    processes.start('worker', sys.executable, *{FOREVER!r})\n"
        "    print(processes.children[0].process.pid, flush=True)\n    processes.watch()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", told, tmp_path],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(how)
        try:
            parent.wait(15)
        except subprocess.TimeoutExpired:
            for pid in (parent.pid, child):
                os.kill(pid, signal.SIGKILL)
            raise
    assert _is_gone(child)


def test_a_child_that_will_not_stop_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devtools.processes.STOP_SECONDS", 0.3)
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + FOREVER[1]
    with Processes(tmp_path, dict(os.environ)) as processes:
        processes.start("web", sys.executable, "-c", stubborn)
        while b"at work" not in processes.children[0].log.read_bytes():
            time.sleep(0.02)
        child = processes.children[0].process
    assert child.poll() == -signal.SIGKILL


def test_what_a_killed_child_started_is_ended_too(tmp_path: Path) -> None:
    told = f"import subprocess, sys; print(subprocess.Popen([sys.executable, *{FOREVER!r}]).pid)"
    with Processes(tmp_path, dict(os.environ)) as processes:
        processes.start("web", sys.executable, "-c", told)
        with pytest.raises(Failure, match="web ended by itself"):
            processes.watch()
        grandchild = int(processes.children[0].log.read_text().split()[0])
    assert _is_gone(grandchild)


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    port = stack.free_pair()
    ours = stack.Stack(port, {}, tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + 1))
        other.listen()
        with pytest.raises(Failure, match=f"Port {port + 1} is taken"), ours.running():
            pass
    assert not (tmp_path / "log").exists()


def test_what_must_come_is_waited_for_though_nothing_answers_at_first() -> None:
    answers = iter([NoAnswer("timed out"), None, "here"])

    def look() -> str | None:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert wait_until("it comes", look) == "here"


def test_a_wrong_answer_is_not_waited_away() -> None:
    def look() -> None:
        raise Failure("The API answered 500.")

    with pytest.raises(Failure, match="answered 500"):
        wait_until("it comes", look)


def test_what_does_not_come_is_told_by_its_name() -> None:
    with pytest.raises(Failure, match="in vain: it comes"):
        wait_until("it comes", lambda: None, seconds=0.1)


def test_the_browser_sends_what_the_page_filled_in() -> None:
    page = Page("http://a/", 200, "")
    _Reader(page).feed(
        "<form action='/do/'><input name=empty><input name=a value=1>"
        "<input type=checkbox name=b value=2 checked>"
        "<input type=checkbox name=b value=3><input type=checkbox name=b value=4 checked>"
        "<input type=submit name=go value=x></form><a href='/there/?x=1&amp;y=2'>there</a>"
    )
    form = page.form("a")
    assert form == Form("/do/", [("empty", ""), ("a", "1"), ("b", "2"), ("b", "4")])
    assert form.filled_in(a="9") == [("empty", ""), ("b", "2"), ("b", "4"), ("a", "9")]
    assert page.link("/there/") == "/there/?x=1&y=2"


def test_a_page_without_the_form_is_told_plainly() -> None:
    with pytest.raises(Failure, match=r"http://a/ \(status 503\) has no form with auth_type"):
        Page("http://a/", 503, "").form("auth_type")


def test_an_old_python_is_told_what_is_needed() -> None:
    told = "import sys; sys.version_info = (3, 9); sys.argv = ['dev.py', 'run']; import dev"
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


@pytest.mark.parametrize(
    ("marks", "places"),
    [
        ([], {"sqlite"}),
        ([pytest.mark.django_db], {"servers"}),
        ([pytest.mark.postgres], {"servers"}),
        ([pytest.mark.redis], {"servers"}),
        ([pytest.mark.django_db, pytest.mark.any_database], {"sqlite"}),
        ([pytest.mark.django_db, pytest.mark.browser], {"sqlite"}),
        ([pytest.mark.django_db, pytest.mark.both_databases("why")], {"sqlite", "servers"}),
        ([pytest.mark.both_databases("why")], {"sqlite"}),
        ([pytest.mark.both_databases("why"), pytest.mark.postgres], {"servers"}),
    ],
)
def test_a_test_runs_where_it_says_most(
    request: pytest.FixtureRequest, marks: list[pytest.MarkDecorator], places: set[str]
) -> None:
    for mark in marks:
        request.node.add_marker(mark)
    assert servers.places(request.node) == places


def test_who_runs_twice_says_why(request: pytest.FixtureRequest) -> None:
    request.node.add_marker(pytest.mark.both_databases)
    with pytest.raises(pytest.UsageError, match="wants a reason"):
        servers.places(request.node)


# ── where it listens ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_loopback(host: str) -> None:
    assert (place_of(host), place_of(host).is_loopback) == (LOOPBACK, True)


def test_everywhere_is_found_from_outside_by_one_address() -> None:
    place = place_of(EVERYWHERE)
    assert (place.bound, place.inside, place.is_loopback) == (EVERYWHERE, "127.0.0.1", False)
    assert place.public not in (EVERYWHERE, "")


@pytest.mark.parametrize("host", ["203.0.113.7", "nowhere.example", "::1", "8000"])
def test_an_address_that_this_machine_has_not_is_refused(host: str) -> None:
    with pytest.raises(Failure, match=f"--host {host}: this machine has no such IPv4 address"):
        place_of(host)


OUTSIDE = Place(EVERYWHERE, "10.1.2.3", "127.0.0.1")


def _local_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place, **more: str
) -> stack.Stack:
    monkeypatch.setattr(local, "ENV", tmp_path / ".env")
    environment.write(local.ENV, environment.fresh(8000) | more)
    return local._stack(None, place, True)


def test_people_come_by_the_public_address_and_processes_by_the_one_inside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = _local_stack(monkeypatch, tmp_path, OUTSIDE)
    settings = ours.environment
    assert (ours.url, ours.sandbox_url) == ("http://10.1.2.3:8000", "http://10.1.2.3:8001")
    assert (settings["PUBLIC_URL"], settings["WECHAT_MP_URL"]) == (ours.url, ours.sandbox_url)
    assert settings["WECHAT_API_URL"] == "http://127.0.0.1:8001"
    assert settings["FORWARD_INTERNAL_HOSTS"] == "127.0.0.1:8001,10.1.2.3:8001"
    command = " ".join(map(str, ours.sandbox()))
    assert "--host 0.0.0.0 --port 8001 --url http://10.1.2.3:8001" in command
    assert "--platform http://127.0.0.1:8000 --public-platform http://10.1.2.3:8000" in command


def test_what_somebody_has_set_stays_besides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = {"ALLOWED_HOSTS": "mine.example", "FORWARD_INTERNAL_HOSTS": "erp.internal"}
    settings = _local_stack(monkeypatch, tmp_path, OUTSIDE, **own).environment
    assert settings["ALLOWED_HOSTS"] == "mine.example,10.1.2.3"
    assert settings["FORWARD_INTERNAL_HOSTS"] == "erp.internal,127.0.0.1:8001,10.1.2.3:8001"
    assert "CSRF_TRUSTED_ORIGINS" not in settings


def test_the_tour_names_the_places_in_their_order_with_logins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = _local_stack(monkeypatch, tmp_path, LOOPBACK)
    words = itinerary(ours)
    places = re.findall(r"^  (\d)\. ([A-Z][\w ]+?)  +(http\S+)$", words, re.MULTILINE)
    assert places == [
        ("1", "Portal", "http://127.0.0.1:8000/portal/"),
        ("2", "Admin", "http://127.0.0.1:8000/admin/"),
        ("3", "WeChat", "http://127.0.0.1:8001/"),
        ("4", "Receiver", "http://127.0.0.1:8001/sandbox/receiver/"),
        ("5", "REST API", "http://127.0.0.1:8000/api/docs/"),
    ]
    for person in ("merchant", "staff"):
        assert f"{person} / {ours.environment[f'DEMO_{person.upper()}_PASSWORD']}" in words
