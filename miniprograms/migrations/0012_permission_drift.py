"""
Who lacks a permission set that we need, and who has been asked to authorise again; and indexes for
what the list of accounts is sorted by.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from platform_auth.concurrent_index import AddIndexInUse


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY

    dependencies = [
        ("miniprograms", "0011_name_pieces"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # What it is for each account is worked out after each migration.
        migrations.AddField(
            "authorizer",
            "lacks",
            models.CharField(blank=True, db_default="", default="", editable=False, max_length=100),
        ),
        AddIndexInUse(
            "authorizer",
            models.Index(fields=["-id", "lacks"], condition=~Q(lacks=""), name="auth_lacks"),
        ),
        AddIndexInUse(
            "authorizer", models.Index(fields=["state", "id"], name="auth_state_sorted")
        ),
        AddIndexInUse(
            "authorizer", models.Index(fields=["account_status", "id"], name="auth_status_sorted")
        ),
        migrations.CreateModel(
            name="PermissionRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("need", models.CharField(max_length=20, verbose_name="function")),
                (
                    "asked_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="asked"
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="asked by",
                    ),
                ),
                (
                    "authorizer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="permission_requests",
                        to="miniprograms.authorizer",
                        verbose_name="account",
                    ),
                ),
            ],
            options={
                "verbose_name": "request for permissions",
                "verbose_name_plural": "requests for permissions",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["need", "-asked_at"], name="permission_request_need")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("authorizer", "need"), name="one_permission_request_a_need"
                    )
                ],
            },
        ),
    ]
