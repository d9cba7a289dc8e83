import os
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from messaging.models import CannedReply, ForwardRule, Rule, Target
from notices.models import Channel, NoticeRule
from wechat.replies import Text, as_data

ACCOUNTS = {
    "staff": {"is_staff": True, "is_superuser": True},
    "merchant": {"is_staff": False, "is_superuser": False},
}


class Command(BaseCommand):
    help = (
        "Make the accounts of the local demo, or give them the passwords of DEMO_STAFF_PASSWORD "
        "and DEMO_MERCHANT_PASSWORD again. There are no default passwords. The first time there is "
        "an automatic reply and a canned one, too. With --receiver there are a forward target and "
        "two notice channels that lead to the sandbox's receiver, and DEMO_RECEIVER_SECRET signs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--receiver", metavar="URL", help="the sandbox's, up to its inboxes")

    def handle(self, *args: Any, **options: Any) -> None:
        passwords = {name: _password(name) for name in ACCOUNTS}
        for name, rights in ACCOUNTS.items():
            user, _created = get_user_model().objects.get_or_create(username=name, defaults=rights)
            # Setting the same password again would log that person out everywhere.
            if not user.check_password(passwords[name]):
                user.set_password(passwords[name])
                user.save(update_fields=["password"])
        _say_something()
        if options["receiver"]:
            _lead_to(options["receiver"], os.environ.get("DEMO_RECEIVER_SECRET", ""))


def _say_something() -> None:
    if not Rule.objects.exists():
        hello = _("Hello! This is an automatic reply. Staff see what you write in Conversations.")
        Rule.objects.create(
            name=_("Greeting (demo)"),
            trigger=Rule.Trigger.KEYWORD,
            pattern=_("hello"),
            content=as_data(Text(hello)),
        )
    if not CannedReply.objects.exists():
        CannedReply.objects.create(title=_("Thanks"), text=_("You are welcome, see you soon!"))


def _lead_to(receiver: str, secret: str) -> None:
    """
    Everything is forwarded, and all notices are sent, to RECEIVER. Made again where they are not,
    since its port and what it checks signatures with are those of this start.
    """
    signed = {"secret": secret} if secret else {}
    target, is_new = Target.objects.update_or_create(
        reference="demo-forwards",
        defaults={"url": f"{receiver}forwards", **signed},
        create_defaults={
            "name": _("Sandbox's receiver (demo): another system of yours"),
            "url": f"{receiver}forwards",
            "answers": True,
            **signed,
        },
    )
    if is_new:
        ForwardRule.objects.create(target=target)
    for type_, path, name in (
        (Channel.Type.WEBHOOK, "notices", _("Sandbox's receiver (demo): a program of yours")),
        (Channel.Type.WECOM, "wecom?key=sandbox-group", _("Sandbox's receiver (demo): a group")),
    ):
        values = {"address": f"{receiver}{path}"}
        values |= signed if type_ == Channel.Type.WEBHOOK else {}
        channel, is_new = Channel.objects.update_or_create(
            reference=f"demo-{type_}",
            defaults=values,
            create_defaults={"name": name, "type": type_, **values},
        )
        if is_new:
            NoticeRule.objects.create(channel=channel)


def _password(name: str) -> str:
    variable = f"DEMO_{name.upper()}_PASSWORD"
    password = os.environ.get(variable, "")
    if not password:
        raise CommandError(f"{variable} is not set; `python3 dev.py run` writes one to .env.")
    return password
