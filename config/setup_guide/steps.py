"""The steps of the set-up guide, each as it stands by what the system sees."""

from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from config.setup_guide.arrivals import ip_list_step, signature_step, ticket_step, waiting
from config.setup_guide.console import console_table
from config.setup_guide.facts import Facts
from config.setup_guide.step import ActButton, PageLink, Step, StepState
from messaging.services.release_test.rehearsal import PASSED, REHEARSE, warnings_about
from platform_auth.acting_component import NamedComponentMissing, SeveralComponents
from platform_auth.admin.pages import ago, say
from platform_auth.fields import Unreadable, key_ids
from platform_auth.installation import is_real, urls_of_others
from platform_auth.setting_up import BACKUP, CHECK, LOST, NO_ADDRESS, REACHED

# Names that nobody can own (RFC 2606, RFC 6761): an example was copied.
UNOWNED = ("example.com", "example.net", "example.org", "localhost")
UNOWNED_ENDINGS = (
    *(".example.com", ".example.net", ".example.org", ".example"),
    *(".test", ".invalid", ".localhost", ".local", ".internal"),
)
# A component's own secrets, and the setting that each comes from.
SECRETS = {
    "app_secret": "WECHAT_COMPONENT_SECRET",
    "message_token": "WECHAT_TOKEN",
    "aes_key": "WECHAT_AES_KEY",
}


def steps_of(facts: Facts) -> list[Step]:
    return [make(facts) for make in STEPS]


def _wechat_step(facts: Facts) -> Step:
    name, title = "wechat", _("Leave the demo: WeChat itself on the other side")
    others = urls_of_others()
    if facts.seen.is_real not in (None, not others):
        sentence = _(
            "This database was made for the other of the two, demo and real platform. Stop, and "
            "use one of its own: nothing of the one is ever used for the other."
        )
        return Step(name, title, StepState.WRONG, [sentence])
    if not others:
        return Step(name, title, StepState.DONE, [_("The three addresses of WeChat are its own.")])
    first = _(
        "%(addresses)s stands in WeChat's place: this is a demo, and what is ticked below is "
        "ticked against it."
    )
    second = _(
        "The real platform starts in a folder of its own, with fresh keys and an empty database; "
        "nothing of the demo's is used again. README: From demo to production."
    )
    return Step(name, title, StepState.OPEN, [say(first, addresses=", ".join(others)), second])


def _address_step(facts: Facts) -> Step:
    name, title, url = "address", _("A public https address"), settings.PUBLIC_URL
    problems = [*warnings_about(url), *filter(None, [_host_problem(urlsplit(url).hostname or "")])]
    if not problems:
        sentence = _("PUBLIC_URL is %(url)s.") % {"url": url}
        return Step(name, title, StepState.DONE, [sentence])
    first = _("PUBLIC_URL is %(url)s. It is set in .env, and every process is restarted then.")
    return Step(name, title, StepState.OPEN, [first % {"url": url}, *problems])


def _host_problem(host: str) -> str:
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        return _("WeChat's console takes a domain, and %(host)s is an address.") % {"host": host}
    if host in UNOWNED or host.endswith(UNOWNED_ENDINGS) or "." not in host:
        return _("Nobody on the internet finds %(host)s by its name.") % {"host": host}
    return ""


def _keys_step(facts: Facts) -> Step:
    name, title, component = "keys", _("Keys of its own"), facts.component
    links = [PageLink(_("Make new keys"), reverse("setup-keys"))]
    if not is_real():
        sentence = _("The keys of now are the demo's. The real platform gets others, made here.")
        return Step(name, title, StepState.OPEN, [sentence], links=links)
    if component is None:
        sentence = _("Make the keys here, and put them into .env: the next step reads them.")
        return Step(name, title, StepState.OPEN, [sentence], links=links)
    missing = []
    try:
        missing = [setting for field, setting in SECRETS.items() if not getattr(component, field)]
    except Unreadable as problem:
        sentence = _("A secret of the platform cannot be decrypted: %(problem)s.")
        return Step(name, title, StepState.WRONG, [sentence % {"problem": problem}], links=links)
    if missing:
        sentence = _("Not set: %(settings)s.") % {"settings": ", ".join(missing)}
        return Step(name, title, StepState.OPEN, [sentence], links=links)
    sentence = _(
        "SECRET_KEY, the field keys, the AppSecret, the message token and the EncodingAESKey are "
        "set, and can be read."
    )
    return Step(name, title, StepState.DONE, [sentence], links=links)


def _component_step(facts: Facts) -> Step:
    name, title = "component", _("Name the platform in the settings")
    named = settings.WECHAT_COMPONENT_APPID
    if isinstance(facts.problem, NamedComponentMissing):
        sentence = _(
            "WECHAT_COMPONENT_APPID names %(appid)s, which is not registered: run manage.py "
            "register_component."
        )
        return Step(name, title, StepState.WRONG, [sentence % {"appid": named}])
    if isinstance(facts.problem, SeveralComponents):
        sentence = _(
            "%(number)s platforms are registered, and WECHAT_COMPONENT_APPID names none of them."
        )
        return Step(name, title, StepState.WRONG, [sentence % {"number": len(facts.registered)}])
    if facts.component is None:
        sentence = _(
            "Set WECHAT_COMPONENT_APPID, WECHAT_COMPONENT_SECRET, WECHAT_TOKEN and WECHAT_AES_KEY, "
            "then run manage.py register_component."
        )
        return Step(name, title, StepState.OPEN, [sentence])
    appid = facts.component.appid
    if not named:
        sentence = _(
            "%(appid)s acts because it is the only one. Name it in WECHAT_COMPONENT_APPID, so that "
            "it does when there is another."
        )
        return Step(name, title, StepState.OPEN, [sentence % {"appid": appid}])
    sentence = _("WECHAT_COMPONENT_APPID names %(appid)s, which is registered.")
    return Step(name, title, StepState.DONE, [sentence % {"appid": appid}])


def _console_step(facts: Facts) -> Step:
    """What is in the console is not to be seen from here, but for what arrives because of it."""
    name, title = "console", _("Fill in WeChat's console")
    if facts.component and facts.component.ticket_received_at:
        state = StepState.DONE
        sentence = _("A ticket has arrived, so that 授权事件接收URL, token and key are right.")
    else:
        state = StepState.OPEN
        sentence = _("Enter these at open.weixin.qq.com. It ticks when the first ticket arrives.")
    return Step(name, title, state, [sentence], table=console_table(facts))


def _reach_step(facts: Facts) -> Step:
    name, title, component = "reach", _("Let WeChat look whether it reaches us"), facts.component
    if component is None or not component.access_token_expires:
        return waiting(
            name, title, _("It waits for the component token, with which WeChat is asked.")
        )
    act = ActButton(_("Let WeChat look now"), reverse("setup-check"))
    row = facts.operations.get(CHECK)
    if row is None:
        sentence = _("WeChat looks up the name of our address, and pings what it finds.")
        return Step(name, title, StepState.OPEN, [sentence], act=act)
    result, _space, addresses = row.result.partition(" ")
    words = {"time": ago(row.at), "addresses": addresses, "result": row.result}
    if result == REACHED and (doubt := _doubt_answer()):
        return Step(
            name, title, StepState.OPEN, [say(doubt, **words, url=settings.PUBLIC_URL)], act=act
        )
    if result == REACHED:
        sentence = _("WeChat reached %(addresses)s %(time)s.")
        return Step(name, title, StepState.DONE, [say(sentence, **words)], act=act)
    if result == LOST and ticket_step(facts).is_done:
        sentence = _(
            "WeChat's pings to %(addresses)s were lost %(time)s, while its pushes arrive: a "
            "firewall lets no pings in, which does no harm."
        )
        return Step(name, title, StepState.DONE, [say(sentence, **words)], act=act)
    if result == LOST:
        sentence = _("WeChat's pings to %(addresses)s were lost %(time)s.")
    elif row.result == NO_ADDRESS:
        sentence = _("WeChat found no address for our name %(time)s: look at its DNS record.")
    else:
        sentence = _("WeChat did not look %(time)s: %(result)s")
    return Step(name, title, StepState.WRONG, [say(sentence, **words)], act=act)


def _doubt_answer() -> str:
    """Why a WeChat that reaches something has not reached us; "" if it may well have."""
    if not is_real():
        return _(
            "What stands in WeChat's place answered %(addresses)s %(time)s, without looking: "
            "whether WeChat itself reaches PUBLIC_URL, %(url)s, is seen on the real platform only."
        )
    if not _is_outside(urlsplit(settings.PUBLIC_URL).hostname or ""):
        return _(
            "WeChat reached %(addresses)s %(time)s, which is not PUBLIC_URL: %(url)s is nothing "
            "that it could reach. Set that right first, and let it look again."
        )
    return ""


def _is_outside(host: str) -> bool:
    """Whether HOST may be an address of the internet."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal"))


def _bind_step(facts: Facts) -> Step:
    name, title, component = "bind", _("Bind a first account"), facts.component
    if component is None or not component.access_token_expires:
        return waiting(name, title, _("It waits for the component token."))
    if facts.seen.bound_at:
        bound = say(_("The first account authorised %(time)s."), time=ago(facts.seen.bound_at))
        return Step(name, title, StepState.DONE, [bound])
    sentence = _(
        "Bind an account of your own. Before 全网发布 WeChat lets only those of your 授权测试 list "
        "authorise."
    )
    links = [
        PageLink(_("The portal"), reverse("portal:home")),
        PageLink(_("Bind links"), reverse("admin:miniprograms_bindlink_changelist")),
    ]
    return Step(name, title, StepState.OPEN, [sentence], links=links)


def _rehearsal_step(facts: Facts) -> Step:
    name, title = "rehearsal", _("Rehearse 全网发布")
    component, row = facts.component, facts.operations.get(REHEARSE)
    if component is None or component.ticket_received_at is None:
        return waiting(name, title, _("It waits for the first ticket."))
    links = [
        PageLink(_("Rehearse the release test"), reverse("admin:messaging_releasetest_rehearse"))
    ]
    if facts.seen.tested_at:
        tested = say(_("WeChat's own test was answered %(time)s."), time=ago(facts.seen.tested_at))
        return Step(name, title, StepState.DONE, [tested], links=links)
    if row is None:
        sentence = _(
            "Before you press 全网发布 in WeChat's console, let us play its tester: on the page, "
            "or by manage.py rehearse_release, which counts here if it goes to PUBLIC_URL."
        )
        return Step(name, title, StepState.OPEN, [sentence], links=links)
    if row.result == PASSED:
        sentence = _("The rehearsal passed %(time)s. Now press 全网发布 in WeChat's console.")
        return Step(name, title, StepState.DONE, [say(sentence, time=ago(row.at))], links=links)
    sentence = _("The rehearsal did not pass %(time)s: %(steps)s.")
    failed = say(sentence, time=ago(row.at), steps=row.result)
    return Step(name, title, StepState.WRONG, [failed], links=links)


def _backup_step(facts: Facts) -> Step:
    """Asked again when a key is there that nobody has confirmed; one that is dropped is none."""
    name, title = "backup", _("Keep the field keys elsewhere too")
    ids, row = key_ids(), facts.operations.get(BACKUP)
    fingerprints = _("Their fingerprints: %(ids)s.") % {"ids": ", ".join(ids)}
    as_long = _(
        "A backup can be read only with the keys of its day: keep a copy of each as long as "
        "backups of its time (BACKUP_KEEP_DAYS: 14 unless it is set), also once it has left the "
        "settings."
    )
    about = [as_long, fingerprints]
    act = ActButton(_("A copy of these keys is kept"), reverse("setup-backup"))
    if row is None:
        sentence = _(
            "Without FIELD_ENCRYPTION_KEYS a backup of the database is worth nothing. Keep a copy "
            "apart from it, such as in the company's password safe, and say so here."
        )
        return Step(name, title, StepState.OPEN, [sentence, *about], act=act)
    words = {"person": row.actor_name, "time": ago(row.at)}
    if set(ids) - set(row.result.split()):
        sentence = _(
            "The keys have changed since %(person)s confirmed %(time)s that they are kept: keep a "
            "copy of them as they are now."
        )
        return Step(name, title, StepState.OPEN, [say(sentence, **words), *about], act=act)
    sentence = _("%(person)s confirmed %(time)s that a copy is kept.")
    return Step(name, title, StepState.DONE, [say(sentence, **words), *about])


STEPS: tuple[Callable[[Facts], Step], ...] = (
    _wechat_step,
    _address_step,
    _keys_step,
    _component_step,
    _console_step,
    ticket_step,
    signature_step,
    ip_list_step,
    _reach_step,
    _bind_step,
    _rehearsal_step,
    _backup_step,
)
