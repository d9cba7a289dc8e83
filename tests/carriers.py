"""
A worker that carries campaigns out until it is killed: `python -m tests.carriers`.

What Celery would start by the clock is done over and over.
"""

import time

import django

django.setup()

from audits.services import rollout  # noqa: E402  (after the set-up)
from audits.services.reconcile_outcomes import reconcile_due  # noqa: E402


def main() -> None:
    print("ready", flush=True)
    while True:
        if not rollout.run(budget=2) + reconcile_due():
            time.sleep(0.1)


if __name__ == "__main__":
    main()
