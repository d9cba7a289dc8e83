"""The table: every row with the drills and tests that show it, run, and written down."""

import argparse
import importlib

from tests.faults.rig import rig


def run(options: argparse.Namespace) -> int:
    with rig() as whole:
        drills = importlib.import_module("tests.faults.drills")
        chosen = drills.chosen(options.only, short=options.short)
        outcomes = drills.run_drills(whole, chosen, options.repeats, options.seed)
    return int(any(outcome.problems for outcome in outcomes.values()))
