"""What a mini program has in the ext.json that was uploaded last becomes its own values."""

import json

from django.db import migrations
from django.db.models import Max

BATCH = 500


def keep_what_is_there(apps, schema_editor):
    versions = apps.get_model('audits', 'CodeVersion').objects.using(schema_editor.connection.alias)
    ext_values = apps.get_model('audits', 'ExtValues').objects.using(schema_editor.connection.alias)
    newest = versions.filter(state='committed').values('authorizer').annotate(pk_=Max('pk'))
    texts = versions.filter(pk__in=newest.values('pk_')).order_by('pk')
    rows = []
    for authorizer, text in texts.values_list('authorizer', 'ext_json').iterator(BATCH):
        if values := own_values(text):
            rows.append(ext_values.model(authorizer_id=authorizer, values=values))
        if len(rows) == BATCH:
            ext_values.bulk_create(rows)
            rows = []
    ext_values.bulk_create(rows)


def own_values(text):
    """The members of the ext.json TEXT without those that we put in ourselves."""
    try:
        members = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(members, dict) or '\\u0000' in text:
        return {}
    usual = {'extAppid': members.get('extAppid'), 'extEnable': True, 'ext': {}}
    return {
        name: value for name, value in members.items() if name not in usual or value != usual[name]
    }


class Migration(migrations.Migration):

    dependencies = [('audits', '0003_ext_values')]

    operations = [migrations.RunPython(keep_what_is_there, migrations.RunPython.noop)]
