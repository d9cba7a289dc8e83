from django.db import migrations, models

from platform_auth.concurrent_index import AddIndexInUse


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("platform_auth", "0017_operation_version"),
    ]

    operations = [
        migrations.AddField(
            model_name="component",
            name="previous_key_used_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="previous key last used"),
        ),
        migrations.AddField(
            model_name="component",
            name="keys_changed_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="keys changed"),
        ),
        migrations.AddField(
            model_name="wechatcall",
            name="refused_address",
            field=models.CharField(blank=True, db_default="", max_length=45, verbose_name="refused address"),
        ),
        AddIndexInUse(
            model_name="wechatcall",
            index=models.Index(
                fields=["-id"], condition=~models.Q(refused_address=""), name="call_refused_address"
            ),
        ),
    ]
