"""While dev.py installs: what it is at, and plain words where there is no network."""

import os
import re
import sys
from pathlib import Path

import pytest

from devtools.failure import Failure
from devtools.progress import Line, carry_out


def _carry_out(program: str) -> None:
    carry_out([sys.executable, "-c", program], os.environ)


def test_what_it_is_at_is_shown_now_and_then_where_nobody_watches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("devtools.progress.REPEAT_SECONDS", 0.0)
    _carry_out("print('Collecting django==5.2 (from -r requirements/base.txt (line 3))')")
    assert re.search(r"^   0 s  Collecting django==5.2$", capsys.readouterr().out, re.MULTILINE)


def test_it_stays_alive_while_the_command_is_silent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("devtools.progress.REPEAT_SECONDS", 0.0)
    monkeypatch.setattr("devtools.progress.LOOK_SECONDS", 0.02)
    _carry_out("import time; print('Downloading x', flush=True); time.sleep(0.3)")
    assert capsys.readouterr().out.count("Downloading x") > 3


def test_on_a_terminal_it_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    line = Line()
    line.say("Installing collected packages: a, b, c")
    line.clear()
    out = capsys.readouterr().out
    assert ("Installing 3 packages" in out, "\n" in out) == (True, False)


def test_a_warning_does_not_take_the_place_of_what_it_is_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("devtools.progress.REPEAT_SECONDS", 0.0)
    _carry_out("print('Collecting django'); print('WARNING: Location \"x\" is ignored')")
    shown = capsys.readouterr().out
    assert "WARNING" not in shown
    assert shown.count("Collecting django") == 2


# As pip 23, uv 0.9 and apt 2.6 write it, without a network.
OFFLINE = [
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError("
    "': Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')'",
    "error: Request failed after 3 retries\n  Caused by: error sending request for url",
    "W: Failed to fetch http://mirror/  Temporary failure resolving 'mirror'",
]


@pytest.mark.parametrize("output", OFFLINE)
def test_without_a_network_one_sentence_says_so(output: str) -> None:
    program = (
        f"import sys; print({output!r}); print('ERROR: No matching distribution'); sys.exit(1)"
    )
    with pytest.raises(Failure) as failure:
        _carry_out(program)
    assert str(failure.value).startswith("The packages could not be downloaded: this machine")
    assert "Errno" not in str(failure.value)


def test_pip_itself_without_a_network(tmp_path: Path) -> None:
    pytest.importorskip("pip", reason="the virtual environment was made by uv")
    words = ["download", "--retries", "1", "--index-url", "http://127.0.0.1:9/", "nothing-at-all"]
    command = [sys.executable, "-m", "pip", *words, "--dest", str(tmp_path)]
    with pytest.raises(Failure, match="this machine reaches no package index"):
        carry_out(command, {**os.environ, "PIP_CONFIG_FILE": os.devnull})


def test_any_other_failure_shows_the_end_of_the_output() -> None:
    with pytest.raises(Failure, match=r"(?s)no space left on device.*This failed, see above"):
        _carry_out("import sys; print('no space left on device'); sys.exit(1)")
