"""Staff's list, the API's list and an exact search, at 100,000 authorizers and at a million."""

import time
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from knox.models import AuthToken

from benchmarks import measuring
from benchmarks.stage import Stage
from miniprograms.models import Authorizer
from miniprograms.services import refresh_batches, refreshing
from platform_auth.models import Component

FEW, MANY = 100_000, 1_000_000
API = "/api/v1/authorizers/"
STAFF_PAGE = "/admin/miniprograms/authorizer/"

# What differs between the rows, as SQL of their number; all else is copied from one that exists.
EACH = {
    "authorizer_appid": "'wx' || lpad(to_hex(number), 16, '0')",
    "user_name": "'gh_' || lpad(to_hex(number), 12, '0')",
    "nick_name": "'店铺 ' || number",
    "kind": "CASE number % 5 WHEN 0 THEN 'official_account' ELSE 'mini_program' END",
    "due_at": "now() + interval '1 second' * (number % 3600 - 36)",
    "state": "CASE number % 50000 WHEN 7 THEN 'needs_reauthorization' ELSE one.state END",
    "uid": "CASE number % 1000 WHEN 0 THEN one.uid END",
}


def run(here: Stage, *, full: bool) -> None:
    rounds = 40 if full else 12
    call_command("collectstatic", verbosity=0, interactive=False)
    staff = User.objects.create_superuser("staff")
    merchant = User.objects.create_user("merchant")
    _make_one(merchant)
    few = _times(staff, merchant, FEW, rounds)
    many = _times(staff, merchant, MANY, rounds)
    print(f"lists at {FEW:,} and {MANY:,} authorizers")
    for what in few:
        figures = f"{few[what] * 1e3:.1f} ms, {many[what] * 1e3:.1f} ms"
        measuring.figure(what, figures)
    for what, goal in GOALS.items():
        measuring.at_most(f"{what}, against fewer", many[what] / few[what], goal, "×")
    measuring.at_most(SEARCH, many[SEARCH] * 1e3, 10, "ms")
    _explain_taking()


# What the list tells of their code; nearly all have one version live.
CODE = """
UPDATE audits_codesummary SET
  live_version = CASE WHEN authorizer_id % 50000 = 7 THEN '1.9.0' ELSE '2.0.0' END,
  live_key = CASE WHEN authorizer_id % 50000 = 7 THEN '0000000001b0000000009a1'
    ELSE '0000000002a1' END,
  review = CASE WHEN authorizer_id % 1000 = 5 THEN 'rejected' ELSE 'released' END
WHERE live_version = ''
"""

FIRST, LATER, OWN = "API, first page", "API, tenth page", "API, first page of a merchant"
SEARCH = "API, exact search"
STAFF, FOUND = "staff's list", "staff's list, exact search"
MANY_OF, FEW_OF = "staff's list of a common kind", "staff's list of a rare state"
FEW_LIVE, REJECTED = "staff's list of a rare live version", "staff's list of rejected reviews"
SORTED, PART = "staff's list by live version", "staff's list, a part of the name"
GOALS = {STAFF: 1.2, MANY_OF: 1.2, FEW_OF: 1.2, FOUND: 1.2, FIRST: 2.0, LATER: 2.0, OWN: 2.0}
GOALS |= {FEW_LIVE: 2.0, REJECTED: 2.0, SORTED: 2.0, PART: 2.0}
LIVE_COLUMN = 4


def _make_one(merchant: User) -> None:
    Authorizer.objects.create(
        owner=merchant,
        component=Component.objects.get(),
        appid="wxbenchmark0000001",
        kind=Authorizer.Kind.MINI_PROGRAM,
        state=Authorizer.State.BOUND,
        principal_name="某某科技有限公司",
        func_info=[1, 2, 3, 4, 17, 18, 19, 25, 30, 31],
        access_token="66_".ljust(150, "x"),
        refresh_token="refreshtoken@@@".ljust(58, "x"),
        refresh_token_history=" ".join(["refreshtoken@@@".ljust(58, "x")] * 5),
        miniprograminfo={"network": {"RequestDomain": ["https://example.com"] * 5}},
        expires=int(time.time()) + 7200,
    )


def _grow_to(count: int) -> None:
    columns = [str(field.column) for field in Authorizer._meta.concrete_fields][1:]
    values = [EACH.get(column, f"one.{column}") for column in columns]
    have = Authorizer.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO wxminiprograms ({', '.join(columns)}) SELECT {', '.join(values)}"  # noqa: S608
            f" FROM (SELECT * FROM wxminiprograms ORDER BY id LIMIT 1) AS one,"
            f" generate_series({have}, {count - 1}) AS number"
        )
        cursor.execute(CODE)
        cursor.execute("VACUUM ANALYZE wxminiprograms, miniprograms_duerefresh, audits_codesummary")


def _times(staff: User, merchant: User, count: int, rounds: int) -> dict[str, float]:
    """Seconds of each page, database and all, in this process."""
    _grow_to(count)
    appid = f"wx{count // 2:016x}"
    admin = Client(SERVER_NAME="127.0.0.1")
    admin.force_login(staff)
    tenth = API
    for _ in range(9):
        tenth = _get(_client_of(staff), tenth).json()["next"]
    pages = {
        STAFF: (admin, STAFF_PAGE),
        MANY_OF: (admin, f"{STAFF_PAGE}?kind__exact=official_account"),
        FEW_OF: (admin, f"{STAFF_PAGE}?state__exact=needs_reauthorization"),
        FOUND: (admin, f"{STAFF_PAGE}?q={appid}"),
        FEW_LIVE: (admin, f"{STAFF_PAGE}?live=1.9.0"),
        REJECTED: (admin, f"{STAFF_PAGE}?review=rejected"),
        SORTED: (admin, f"{STAFF_PAGE}?o=-{LIVE_COLUMN}"),
        PART: (admin, f"{STAFF_PAGE}?q=铺 {count // 2}"),
        FIRST: (_client_of(staff), API),
        LATER: (_client_of(staff), tenth),
        OWN: (_client_of(merchant), API),
        SEARCH: (_client_of(staff), f"{API}?search={appid}"),
    }
    return {
        what: measuring.quickest(partial(_get, one, url), rounds=rounds)
        for what, (one, url) in pages.items()
    }


def _client_of(user: User) -> Client:
    _, token = AuthToken.objects.create(user)
    return Client(headers={"Authorization": f"Token {token}"}, SERVER_NAME="127.0.0.1")


def _get(client: Client, url: str) -> Any:
    response = client.get(url)
    assert response.status_code == 200, (url, response.status_code)
    return response


def _explain_taking() -> None:
    """How PostgreSQL finds the due rows that a round of the sweep takes."""
    sql, params = refresh_batches.lease_statement(refreshing.SWEEP_BATCH)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {sql}", params)
        plan = [line for (line,) in cursor.fetchall()]
    print(f"taking {refreshing.SWEEP_BATCH} due rows of {Authorizer.objects.count():,}")
    scans = [line.strip(" ->") for line in plan if "Scan" in line or "Execution" in line]
    for line in scans:
        print(f"    {line}")
    whole = "Seq Scan on wxminiprograms" in "\n".join(plan)
    measuring.at_most("scans of the whole table", float(whole), 0, "")
