"""The original system's dump becomes our rows: nothing newer is overwritten, nothing is lost."""

from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection

from audits.models import CodeAudit
from miniprograms.models import Authorizer
from platform_auth.models import Component, Operation
from tests.rows import make_authorizer

pytestmark = pytest.mark.django_db

MYSQLDUMP = Path(__file__).parent / "captures" / "wxminiprograms.mysqldump.sql"
ADMINER = Path(__file__).parent / "captures" / "wxminiprograms.adminer.sql"


def run(file: Path, *options: str) -> str:
    out = StringIO()
    call_command("import_wxminiprograms", str(file), *options, stdout=out)
    return out.getvalue()


def test_without_commit_nothing_is_written(component: Component) -> None:
    said = run(MYSQLDUMP)
    assert "Would import 3 of wxminiprograms, 2 of wxminiprogram_audit; skipped 3." in said
    assert not Authorizer.objects.exists()
    assert not Operation.objects.filter(action="import").exists()


@pytest.mark.parametrize("file", [MYSQLDUMP, ADMINER], ids=["mysqldump", "adminer"])
def test_both_forms_of_dump_give_the_same_rows(component: Component, file: Path) -> None:
    run(file, "--commit")
    tea = Authorizer.objects.get(appid="wx00000000000000a1")
    assert (tea.nick_name, tea.state, tea.is_show) == ('It\'s "tea" \\ 😀; a\nline', "bound", 1)
    assert tea.refresh_token == "refreshtoken@@@tea"
    assert tea.access_token == "49_teateateateateateateatea"
    assert tea.expires == 1600000000
    assert tea.func_info == [17, 18]
    assert tea.miniprograminfo == {"network": {}}
    assert tea.create_time is not None
    assert tea.create_time.isoformat() == "2020-01-01T19:04:05+00:00"
    shop = Authorizer.objects.get(appid="wx00000000000000a2")
    assert (shop.state, shop.refresh_token, shop.create_time) == ("unbound", "", None)
    assert shop.kind == "official_account"
    audits = CodeAudit.objects.order_by("auditid")
    assert [(audit.auditid, audit.status, audit.reason) for audit in audits] == [
        ("1001", 1, "1: the button\n2: does nothing"),
        ("1002", 2, ""),
    ]


def test_what_it_reads_is_encrypted(component: Component) -> None:
    run(MYSQLDUMP, "--commit")
    with connection.cursor() as cursor:
        cursor.execute("SELECT authorizer_refresh_token FROM wxminiprograms")
        stored = " ".join(row[0] for row in cursor.fetchall())
    assert "tea" not in stored


def test_newer_tokens_stay_and_the_old_refresh_token_is_kept_too(
    component: Component, merchant: User
) -> None:
    row = make_authorizer(component, merchant, "wx00000000000000a1", refresh_token="newer")
    said = run(MYSQLDUMP, "--commit")
    row.refresh_from_db()
    assert row.refresh_token == "newer"
    assert row.older_refresh_tokens == ["refreshtoken@@@tea"]
    assert "skipped wxminiprograms row 1: wx00000000000000a1 is here already" in said


def test_it_says_what_was_skipped_and_why_without_a_secret(component: Component) -> None:
    said = run(MYSQLDUMP)
    assert "wxminiprograms row 4: authorizer_appid is missing or malformed" in said
    assert "wxminiprogram_audit row 13: its mini program is not here" in said
    assert "wxminiprogram_audit row 14: wx00000000000000a1 has another open audit" in said
    assert "refreshtoken" not in said


def test_a_second_run_changes_nothing(component: Component) -> None:
    run(MYSQLDUMP, "--commit")
    before = list(Authorizer.objects.values()), list(CodeAudit.objects.values())
    assert "Imported 0 of wxminiprograms, 0 of wxminiprogram_audit" in run(MYSQLDUMP, "--commit")
    assert before == (list(Authorizer.objects.values()), list(CodeAudit.objects.values()))


def test_owners_are_found_by_a_list(component: Component, merchant: User, tmp_path: Path) -> None:
    owners = tmp_path / "owners.csv"
    owners.write_text("7,merchant\n")
    said = run(MYSQLDUMP, "--commit", "--owners", str(owners))
    assert Authorizer.objects.get(appid="wx00000000000000a1").owner == merchant
    assert "row 2: uid 8 is not among the owners" in said


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("INSERT INTO `wxminiprograms` VALUES (1,'never closed", "not SQL"),
        ("INSERT INTO `wxminiprograms` VALUES (1);", "columns of wxminiprograms are told neither"),
        ("INSERT INTO `wxminiprograms` (`id`) VALUES (1,2);", "2 values for 1 columns"),
        ("INSERT INTO `wxminiprograms` (`id` VALUES;", "line 1 cannot be read"),
    ],
)
def test_a_broken_dump_is_refused_whole(
    component: Component, tmp_path: Path, text: str, problem: str
) -> None:
    file = tmp_path / "broken.sql"
    file.write_text(text)
    with pytest.raises(CommandError, match=problem):
        run(file, "--commit")


def test_other_files_are_refused_with_a_sentence(component: Component, tmp_path: Path) -> None:
    latin = tmp_path / "latin.sql"
    latin.write_bytes("-- é".encode("latin-1"))
    with pytest.raises(CommandError, match="not UTF-8"):
        run(latin)
    with pytest.raises(CommandError, match="No such file"):
        run(tmp_path / "missing.sql")


def test_it_needs_a_component() -> None:
    with pytest.raises(CommandError, match="register_component"):
        run(MYSQLDUMP)
