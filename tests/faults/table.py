"""The table: every row with the drills and tests that show it, run, kept, and written down."""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from devtools.install import ROOT
from tests.faults import results
from tests.faults.rig import paper, rig
from tests.faults.rows import TESTS, node_of


def run(options: argparse.Namespace) -> int:
    failed = False
    if not (options.short or options.skip_tests):
        failed |= _run_tests(options)
    if not options.skip_drills:
        failed |= _run_drills(options)
    if options.write:
        with paper():
            drills = importlib.import_module("tests.faults.drills")
            table = [_described(one) for one in drills.chosen([], short=False)]
            results.write(results.load(), table, drills.RATE)
    return int(failed)


def _run_drills(options: argparse.Namespace) -> bool:
    """The chosen drills, one after the other on one rig; whether any failed."""
    failed = False
    with rig() as whole:
        drills = importlib.import_module("tests.faults.drills")
        chosen = drills.chosen(options.only, short=options.short)
        repeats = 1 if options.short else options.repeats
        for name, outcome in drills.run_drills(whole, chosen, repeats, options.seed):
            failed |= bool(outcome.problems)
            if not options.short:
                results.keep_drill(name, asdict(outcome), add=options.add)
    return failed


def _described(drill: Any) -> dict[str, Any]:
    return {"row": drill.row, "name": drill.name, "what": drill.what, "how": drill.how}


def _run_tests(options: argparse.Namespace) -> bool:
    """The tests of the chosen rows, on real servers; whether any failed."""
    rows = [row for row in TESTS if not options.only or row in options.only]
    nodes = dict.fromkeys(node_of(test) for row in rows for test in TESTS[row])
    if not nodes:
        return False
    with tempfile.NamedTemporaryFile(suffix=".json") as counted:
        more = {"FAULTS_REPEATS": str(options.repeats)} if options.repeats else {}
        command = [sys.executable, "-m", "pytest", "-q", "--servers", "-n", "2", "--no-header"]
        pytest = subprocess.run(
            [*command, "-p", "tests.faults.repeating", *nodes],
            cwd=ROOT,
            env={**os.environ, **more, "FAULTS_COUNTED": counted.name},
            check=False,
        )
        results.keep_tests(json.loads(Path(counted.name).read_text() or "{}"))
    return bool(pytest.returncode)
