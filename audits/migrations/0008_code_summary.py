"""
What lists need to know of a mini program's code, in a row of its own that they can be narrowed to
and sorted by. It is made of the rows there are; PostgreSQL gives new accounts one by a trigger.
"""

import re

import django.db.models.deletion
from django.db import migrations, models

from platform_auth.concurrent_index import RunOnPostgresql

TRIGGER = """
CREATE FUNCTION insert_code_summaries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audits_codesummary (authorizer_id) SELECT id FROM fresh ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER authorizers_summary_inserted AFTER INSERT ON wxminiprograms
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION insert_code_summaries();
"""
NO_TRIGGER = """
DROP TRIGGER authorizers_summary_inserted ON wxminiprograms;
DROP FUNCTION insert_code_summaries();
"""

# The same on both databases; the keys follow.
FILL = """
INSERT INTO audits_codesummary
  (authorizer_id, live_version, review, review_version, uploaded_version, uploaded_template_id)
SELECT account.id,
  COALESCE(
    (SELECT COALESCE(NULLIF(act.live_after, ''), released.user_version)
     FROM audits_release act LEFT JOIN wxminiprogram_audit released ON released.id = act.audit_id
     WHERE act.authorizer_id = account.id AND act.state = 'done' ORDER BY act.id DESC LIMIT 1),
    (SELECT user_version FROM wxminiprogram_audit released
     WHERE released.authorizer_id = account.id AND released.released_at IS NOT NULL
     ORDER BY released.id DESC LIMIT 1),
    ''),
  CASE WHEN newest.released_at IS NOT NULL THEN 'released' ELSE
    CASE newest.status WHEN 0 THEN 'passed' WHEN 1 THEN 'rejected' WHEN 2 THEN 'in_review'
      WHEN 3 THEN 'withdrawn' WHEN 4 THEN 'delayed' WHEN -1 THEN 'submitting'
      WHEN -2 THEN 'refused' WHEN -3 THEN 'unknown' ELSE '' END END,
  COALESCE(newest.user_version, ''), COALESCE(uploaded.user_version, ''), uploaded.template_id
FROM wxminiprograms account
LEFT JOIN wxminiprogram_audit newest ON newest.id = COALESCE(
  (SELECT audit.id FROM wxminiprogram_audit audit
   WHERE audit.authorizer_id = account.id AND audit.status <> -2 ORDER BY audit.id DESC LIMIT 1),
  (SELECT audit.id FROM wxminiprogram_audit audit
   WHERE audit.authorizer_id = account.id ORDER BY audit.id DESC LIMIT 1))
LEFT JOIN audits_codeversion uploaded ON uploaded.id =
  (SELECT version.id FROM audits_codeversion version
   WHERE version.authorizer_id = account.id AND version.state = 'committed'
   ORDER BY version.id DESC LIMIT 1)
"""
FILL_TEMPLATES = """
UPDATE audits_codesummary SET {kind}_template_id =
  (SELECT version.template_id FROM audits_codeversion version
   WHERE version.authorizer_id = audits_codesummary.authorizer_id AND version.state = 'committed'
   AND version.user_version = {kind}_version ORDER BY version.id DESC LIMIT 1)
WHERE {kind}_version <> ''
"""

_VERSION = re.compile(r"^[^0-9]*([0-9]+(?:\.[0-9]+)*)(.*)$", re.DOTALL)
_PIECE = re.compile(r"[0-9]+|[a-z]+")


def _key(version):
    """As `order_key` of audits.services.summaries at this time."""
    match = _VERSION.match(version.strip())
    if match is None:
        return ""
    numbers = match[1].split(".")
    while numbers and not int(numbers[-1]):
        numbers.pop()
    suffix = match[2].partition("+")[0].strip().lower()
    # "a" ends the numbers and sorts before "b", which goes on.
    text = "b".join(number[-10:].rjust(10, "0") for number in numbers) + "a"
    text += "0" if suffix.startswith("-") else "1"
    for piece in _PIECE.findall(suffix):
        text += f"0{piece[-10:].rjust(10, '0')}" if piece.isdigit() else f"1{piece}a"
    return text[:200]


def fill(apps, schema_editor):
    summaries = apps.get_model("audits", "CodeSummary").objects
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FILL)
        for kind in ("live", "review"):
            cursor.execute(FILL_TEMPLATES.format(kind=kind))
    for kind in ("live", "uploaded"):
        name = f"{kind}_version"
        for version in summaries.exclude(**{name: ""}).values_list(name, flat=True).distinct():
            summaries.filter(**{name: version}).update(**{f"{kind}_key": _key(version)})


class Migration(migrations.Migration):
    dependencies = [("audits", "0007_campaigns_promotions_gray_releases"), ("miniprograms", "0006_switched_off")]

    operations = [
        migrations.CreateModel(
            name="CodeSummary",
            fields=[
                (
                    "authorizer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="code_summary",
                        serialize=False,
                        to="miniprograms.authorizer",
                        verbose_name="mini program",
                    ),
                ),
                (
                    "live_version",
                    models.CharField(
                        blank=True, db_default="", max_length=64, verbose_name="live version"
                    ),
                ),
                ("live_key", models.CharField(blank=True, db_default="", max_length=200)),
                (
                    "live_template",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="audits.codetemplate",
                    ),
                ),
                (
                    "review",
                    models.CharField(
                        blank=True, db_default="", max_length=12, verbose_name="review"
                    ),
                ),
                ("review_version", models.CharField(blank=True, db_default="", max_length=64)),
                (
                    "review_template",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="audits.codetemplate",
                    ),
                ),
                (
                    "uploaded_version",
                    models.CharField(
                        blank=True, db_default="", max_length=64, verbose_name="newest upload"
                    ),
                ),
                ("uploaded_key", models.CharField(blank=True, db_default="", max_length=200)),
                (
                    "uploaded_template",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="audits.codetemplate",
                    ),
                ),
            ],
            options={
                "verbose_name": "summary of code",
                "verbose_name_plural": "summaries of code",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["live_version", "authorizer"], name="summary_version"),
                    models.Index(fields=["live_key", "authorizer"], name="summary_live"),
                    models.Index(fields=["review", "authorizer"], name="summary_review"),
                    models.Index(fields=["uploaded_key", "authorizer"], name="summary_uploaded"),
                ],
            },
        ),
        RunOnPostgresql(TRIGGER, NO_TRIGGER),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
