"""Lists know which mini programs give a version to a part of their users."""

from django.db import migrations, models


def note_running(apps, schema_editor):
    summaries = apps.get_model("audits", "CodeSummary").objects
    running = apps.get_model("audits", "GrayRelease").objects.filter(
        state__in=("running", "paused"), audit__status=0, audit__released_at=None
    )
    for row in running.select_related("audit").iterator():
        newest = summaries.filter(
            pk=row.authorizer_id, review="passed", review_version=row.audit.user_version
        )
        newest.update(review="gray_release", gray_percentage=row.percentage)


def forget_running(apps, schema_editor):
    summaries = apps.get_model("audits", "CodeSummary").objects
    summaries.filter(review="gray_release").update(review="passed")


class Migration(migrations.Migration):
    dependencies = [("audits", "0012_what_a_campaign_foresees")]

    operations = [
        migrations.AddField(
            "codesummary",
            "gray_percentage",
            models.PositiveSmallIntegerField(null=True, verbose_name="per cent of users"),
        ),
        migrations.RunPython(note_running, forget_running),
    ]
