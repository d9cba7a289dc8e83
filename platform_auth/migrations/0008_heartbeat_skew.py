"""Heartbeats of processes, with how far the clocks of their hosts are ahead."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("platform_auth", "0007_operation_chain")]

    operations = [
        migrations.AlterField("heartbeat", "name", models.CharField(max_length=100, primary_key=True, serialize=False)),
        migrations.AddField("heartbeat", "skew", models.FloatField(null=True)),
    ]
