"""The original system's dump becomes our rows: nothing newer is overwritten, nothing is lost."""

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection

from audits.models import CodeAudit
from miniprograms.models import Authorizer
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, SECRET, TOKEN
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


FIELD = Path(__file__).parent / "captures" / "wxminiprograms.field.sql"


def test_a_dump_as_it_is_met_in_the_field(component: Component) -> None:
    """tp_ before every name, a client's warning, REPLACE, TIMESTAMP, PHP's sets, statuses of 3."""
    report = run(FIELD, "--commit", "--prefix", "tp_")
    assert "Imported 2 of wxminiprograms, 3 of wxminiprogram_audit, 1 of wxuser" in report
    shop = Authorizer.objects.get(appid="wx00000000000000b1")
    assert (shop.refresh_token, shop.access_token) == ("refreshtoken@@@newer", "50_newer")
    assert shop.older_refresh_tokens == ["refreshtoken@@@older"]
    assert shop.func_info == [17, 18]
    assert shop.create_time == datetime(2020, 1, 1, 19, 4, 5, tzinfo=UTC)
    cafe = Authorizer.objects.get(appid="wx00000000000000b2")
    assert cafe.func_info == [17, 30]
    paper = Authorizer.objects.get(appid="wx00000000000000b3")
    assert (paper.kind, paper.nick_name, paper.user_name, paper.alias) == (
        "official_account", "日报", "gh_00000000000b3", "daily-paper",
    )  # fmt: skip
    assert (paper.state, paper.refresh_token) == ("bound", "refreshtoken@@@paper")
    audits = CodeAudit.objects.order_by("auditid")
    assert [(audit.auditid, audit.status) for audit in audits] == [
        ("2001", 0),
        ("2003", 2),  # of two that were submitted the newer
        ("2004", 2),  # NULL: the original's default, submitted
    ]
    assert all(audit.due_at for audit in audits if audit.status == 2), "WeChat is asked"
    assert "row 22: wx00000000000000b1 has another open audit" in report
    assert "refreshtoken" not in report


def test_the_original_component_is_taken_over(wechat: WeChat, tmp_path: Path) -> None:
    file = tmp_path / "dump.sql"
    row = f"1,'{APPID}','{SECRET}','{TOKEN}','{AES_KEY}','ticket@@@old',1600000000"
    file.write_text(
        "INSERT INTO weixin_account (type,appId,appSecret,token,encodingAesKey,"  # noqa: S608
        f"component_verify_ticket,date_time) VALUES ({row});"
    )
    assert "1 of weixin_account" in run(file, "--commit")
    component = Component.objects.get()
    assert (component.appid, component.app_secret) == (APPID, SECRET)
    assert (component.message_token, component.aes_key) == (TOKEN, AES_KEY)
    assert (component.verify_ticket, component.ticket_created) == ("ticket@@@old", 1600000000)


def test_a_newer_ticket_stays(component: Component, ticket: str, tmp_path: Path) -> None:
    file = tmp_path / "dump.sql"
    file.write_text(
        "INSERT INTO weixin_account (appId,component_verify_ticket,date_time) "  # noqa: S608
        f"VALUES ('{APPID}','ticket@@@old',1500000000);"
    )
    run(file, "--commit")
    component.refresh_from_db()
    assert component.verify_ticket == ticket


@pytest.mark.parametrize(
    ("func_info", "sets"),
    [
        ('["17","18"]', [17, 18]),
        ("[17, 18]", [17, 18]),
        ("17,18", [17, 18]),
        ("a:2:{i:0;i:17;i:1;i:18;}", [17, 18]),
        ('a:2:{i:0;s:2:"17";i:1;s:2:"18";}', [17, 18]),
        ('a:1:{i:0;a:1:{s:18:"funcscope_category";a:1:{s:2:"id";i:17;}}}', [17]),
        ('[{"funcscope_category":{"id":17}}]', [17]),
        ("a:0:{}", []),
        ("nonsense", []),
    ],
)
def test_permission_sets_however_they_were_kept(
    component: Component, tmp_path: Path, func_info: str, sets: list[int]
) -> None:
    file = tmp_path / "dump.sql"
    file.write_text(
        "INSERT INTO wxminiprograms (authorizer_appid, func_info) "  # noqa: S608
        f"VALUES ('wx00000000000000c1', '{func_info}');"
    )
    run(file, "--commit")
    assert Authorizer.objects.get().func_info == sets


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        ("/*!40103 SET TIME_ZONE='+00:00' */;", 12),
        ("SET time_zone = '+00:00';", 12),
        ('SET time_zone = "+08:00";', 4),
        ("SET time_zone = '-05:30';", 17),
        ("SET time_zone = 'Asia/Tokyo';", 3),
        ("SET time_zone = 'SYSTEM';", 4),
        ("/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;", 4),
        ("", 4),
    ],
)
def test_a_timestamp_is_of_the_dumps_time_zone(
    component: Component, tmp_path: Path, zone: str, hour: int
) -> None:
    file = tmp_path / "dump.sql"
    file.write_text(
        f"{zone}\nCREATE TABLE wxminiprograms (authorizer_appid text, nick_name text,"
        " create_time timestamp NULL);\nINSERT INTO wxminiprograms VALUES"
        r" ('wx00000000000000c1', 'SET time_zone = \'+03:00\'', '2020-01-01 12:00:00');"
    )
    run(file, "--commit")
    time = Authorizer.objects.get().create_time
    assert time
    assert time.astimezone(UTC).hour == hour


def test_prefixed_tables_are_pointed_out(component: Component) -> None:
    with pytest.raises(CommandError, match=r"no row of .*tp_wxminiprograms.*--prefix"):
        run(FIELD)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("INSERT INTO wxminiprograms SELECT * FROM other;", "not understood: INSERT"),
        ("SET NAMES utf8;\nUPDATE wxminiprograms SET uid = 1;", "Line 2 .* not understood: UPDATE"),
        ("LOAD DATA INFILE 'x' INTO TABLE wxminiprograms;", "not understood: LOAD"),
        ("SET time_zone = 'Mars/Olympus';", "time zone 'Mars/Olympus' is not known"),
        ("CREATE TABLE wxminiprograms (id int);", "There is no row of"),
        ("", "There is no row of"),
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
