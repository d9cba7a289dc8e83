"""What WeChat decided, countable; the log of its quotas; and rules that speed reviews up."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from audits.services.reasons import category_of, parse_reason

BATCH = 500
PASSED, REJECTED = 0, 1


def count_past_reviews(apps, schema_editor):
    """The outcomes of all reviews that were decided before, those of a mini program in order."""
    audits = apps.get_model("audits", "CodeAudit").objects.filter(status__in=[PASSED, REJECTED])
    outcomes = apps.get_model("audits", "ReviewOutcome").objects
    reasons = apps.get_model("audits", "RejectionReason")
    seen, rows, points = set(), [], []
    for audit in audits.select_related("authorizer", "version").order_by("pk").iterator(BATCH):
        row, template = _outcome(outcomes.model, audit)
        row.is_first = template is not None and (audit.authorizer_id, template) not in seen
        seen.add((audit.authorizer_id, template))
        rows.append(row)
        if audit.status == REJECTED:
            points += [
                reasons(outcome=row, clause=point.clause, detail=point.detail)
                for point in parse_reason(audit.reason)
            ]
        if len(rows) == BATCH:
            outcomes.bulk_create(rows)
            reasons.objects.bulk_create(points)
            rows, points = [], []
    outcomes.bulk_create(rows)
    reasons.objects.bulk_create(points)


def _outcome(model, audit):
    template = audit.version.template_id if audit.version else None
    waited = None
    if audit.version and audit.decided_at:
        waited = max(0, int((audit.decided_at - audit.create_time).total_seconds()))
    row = model(
        audit=audit,
        authorizer_id=audit.authorizer_id,
        category=category_of(audit.fields, audit.authorizer.miniprograminfo),
        template_id=template,
        has_passed=audit.status == PASSED,
        submitted_at=audit.create_time,
        decided_at=audit.decided_at or audit.create_time,
        waited=waited,
    )
    return row, template


class Migration(migrations.Migration):

    dependencies = [
        ("audits", "0008_code_summary"),
        ('miniprograms', '0012_permission_drift'),
        ('platform_auth', '0010_logins'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReviewOutcome',
            fields=[
                ('audit', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='outcome', serialize=False, to='audits.codeaudit', verbose_name='audit')),
                ('category', models.CharField(blank=True, max_length=100, verbose_name='category')),
                ('has_passed', models.BooleanField(verbose_name='passed')),
                ('is_first', models.BooleanField(verbose_name='first submission')),
                ('submitted_at', models.DateTimeField(verbose_name='submitted')),
                ('decided_at', models.DateTimeField(verbose_name='decided')),
                ('waited', models.PositiveBigIntegerField(null=True, verbose_name='seconds waited')),
                ('authorizer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='miniprograms.authorizer', verbose_name='mini program')),
                ('template', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='audits.codetemplate', verbose_name='template')),
            ],
            options={
                'verbose_name': 'outcome of a review',
                'verbose_name_plural': 'outcomes of reviews',
                'default_permissions': ('view',),
            },
        ),
        migrations.CreateModel(
            name='RejectionReason',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('clause', models.CharField(max_length=200, verbose_name='clause')),
                ('detail', models.TextField(blank=True, verbose_name='detail')),
                ('outcome', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reasons', to='audits.reviewoutcome')),
            ],
        ),
        migrations.CreateModel(
            name='SpeedUpRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('after_hours', models.PositiveSmallIntegerField(validators=[django.core.validators.MinValueValidator(1)], verbose_name='after hours in review')),
                ('most_a_month', models.PositiveSmallIntegerField(help_text='WeChat gives the whole platform a few speed-ups a month.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='at most, a month')),
                ('is_on', models.BooleanField(default=True, verbose_name='on')),
                ('stopped_because', models.TextField(blank=True, editable=False, verbose_name='why it was stopped')),
                ('set_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='carried out for')),
                ('tags', models.ManyToManyField(blank=True, help_text='None chosen: all mini programs.', related_name='+', to='miniprograms.tag', verbose_name='only with these tags')),
            ],
            options={
                'verbose_name': 'speed-up rule',
                'verbose_name_plural': 'speed-up rules',
            },
        ),
        migrations.CreateModel(
            name='SpeedUp',
            fields=[
                ('audit', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='speed_up', serialize=False, to='audits.codeaudit')),
                ('state', models.CharField(choices=[('running', 'running'), ('done', 'done'), ('refused', 'refused by WeChat'), ('unknown', 'outcome unknown')], default='running', max_length=8)),
                ('error', models.TextField(blank=True)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('rule', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='speed_ups', to='audits.speeduprule')),
            ],
        ),
        migrations.CreateModel(
            name='QuotaEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='time')),
                ('kind', models.CharField(choices=[('told', 'as WeChat says'), ('submitted', 'a submission'), ('sped_up', 'a speed-up')], max_length=10, verbose_name='entry')),
                ('rest', models.IntegerField(null=True, verbose_name='submissions left')),
                ('limit', models.IntegerField(null=True, verbose_name='submissions a month')),
                ('speedup_rest', models.IntegerField(null=True, verbose_name='speed-ups left')),
                ('speedup_limit', models.IntegerField(null=True, verbose_name='speed-ups a month')),
                ('authorizer', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='miniprograms.authorizer', verbose_name='mini program')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='by')),
                ('component', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='platform_auth.component', verbose_name='component')),
            ],
            options={
                'verbose_name': 'entry of the quota log',
                'verbose_name_plural': 'quota log',
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['component', 'kind', '-id'], name='quota_newest')],
            },
        ),
        migrations.AddIndex(
            model_name='reviewoutcome',
            index=models.Index(fields=['authorizer', 'template'], name='outcome_of'),
        ),
        migrations.AddIndex(
            model_name='reviewoutcome',
            index=models.Index(fields=['decided_at'], name='outcome_decided'),
        ),
        migrations.RunPython(count_past_reviews, migrations.RunPython.noop),
    ]
