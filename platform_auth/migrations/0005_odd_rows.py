import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("platform_auth", "0004_acknowledge_first")]

    operations = [
        migrations.CreateModel(
            name="OddRows",
            fields=[
                ("endpoint", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("count", models.BigIntegerField(default=0)),
                ("newest_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
    ]
