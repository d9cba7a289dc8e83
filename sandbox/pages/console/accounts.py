"""The console's parts on the component and on accounts."""

from itertools import islice

from sandbox.pages import phone, program, receiver, release_test
from sandbox.pages.console import DO, ROWS
from sandbox.pages.html import Html, choice, field, form, section, tag
from sandbox.pages.labels import KINDS, STATUSES, set_box
from sandbox.pages.words import Words
from sandbox.wire.exchange import Request
from sandbox.world import WeChat
from sandbox.world.parties import Account, Component
from sandbox.world.quick_registration import PROBLEMS


def component_section(wechat: WeChat, words: Words, request: Request) -> Html:
    component = wechat.component
    age = int(wechat.clock() - component.ticket_at)
    ticket = (
        words("pushed {seconds} s ago", seconds=age) if component.ticket else words("never pushed")
    )
    facts = {
        "AppID": component.appid,
        words("Ticket"): ticket,
        words("Push URL"): component.push_url,
        words("Message URL"): component.message_url,
        words("Start page domain"): component.redirect_domain or words("any"),
    }
    return section(
        "component",
        words("Component"),
        tag("dl", [[tag("dt", name), tag("dd", value)] for name, value in facts.items()]),
        form(f"{DO}ticket", wechat.form_key, tag("button", words("Push a ticket now"))),
        tag(
            "p",
            tag("a", words("Release test"), href=release_test.PATH),
            " · ",
            tag("a", words("Receiver of forwards and notices"), href=receiver.FOLDER),
        ),
    )


def accounts_section(wechat: WeChat, words: Words, request: Request) -> Html:
    cards = [_card(wechat, words, account) for account in islice(wechat.accounts.values(), ROWS)]
    return section(
        "accounts",
        f"{words('Accounts')} ({len(wechat.accounts)})",
        tag("div", cards, class_="cards"),
        tag("details", tag("summary", words("Create an account")), _new_account(wechat, words)),
        tag("details", tag("summary", words("Register one quickly")), _quick(wechat, words)),
    )


def _card(wechat: WeChat, words: Words, account: Account) -> Html:
    component = wechat.component
    return tag(
        "article",
        tag("img", src=f"/avatar/{account.appid}.svg", alt="", width=44, height=44),
        tag(
            "div",
            tag("b", account.nick_name),
            tag("small", f"{words(KINDS[account.kind])} · {account.principal_name}"),
            tag("small", words("Owner: {name}", name=account.owner)),
            tag("code", account.appid),
            tag("a", words("Phone"), href=f"{phone.FOLDER}{account.appid}"),
            tag("a", words("Code and reviews"), href=f"{program.FOLDER}{account.appid}")
            if account.is_mini_program
            else None,
        ),
        _authorization(wechat, words, account, component),
        _standing(wechat, words, account),
        class_="card",
    )


def _standing(wechat: WeChat, words: Words, account: Account) -> Html:
    appid = tag("input", type="hidden", name="appid", value=account.appid)
    name = tag("input", name="nick_name", required=True, value=account.nick_name)
    statuses = [(str(number), words(status)) for number, status in STATUSES.items()]
    return tag(
        "details",
        tag("summary", words("Name and state")),
        form(
            f"{DO}standing",
            wechat.form_key,
            appid,
            field(words("Name"), name),
            field(words("State"), choice("account_status", statuses, str(account.account_status))),
            tag("button", words("Save")),
            class_="fields",
        ),
    )


def _authorization(wechat: WeChat, words: Words, account: Account, component: Component) -> Html:
    authorization = component.authorizations.get(account.appid)
    if authorization is None:
        return tag("p", tag("em", words("Not authorised")))
    boxes = [
        set_box(words, number, chosen=number in authorization.func_ids)
        for number in wechat.offered_sets(component, account)
    ]
    appid = tag("input", type="hidden", name="appid", value=account.appid)
    sets = words("{count} permission sets", count=len(authorization.func_ids))
    untraded = None if authorization.refresh_token else tag("em", words("code not traded yet"))
    return tag(
        "div",
        tag("p", tag("em", words("Authorised"), class_="good"), " ", sets, " ", untraded),
        tag(
            "details",
            tag("summary", words("Change the permission sets")),
            form(
                f"{DO}update",
                wechat.form_key,
                appid,
                tag("div", boxes, class_="sets"),
                tag("button", words("Save")),
            ),
        ),
        form(
            f"{DO}cancel",
            wechat.form_key,
            appid,
            tag("button", words("Cancel the authorisation"), class_="danger"),
        ),
    )


def _quick(wechat: WeChat, words: Words) -> Html:
    outcomes = [("0", words("Registered")), *((str(one), PROBLEMS[one]) for one in PROBLEMS)]
    return form(
        f"{DO}register",
        wechat.form_key,
        field(words("Company"), tag("input", name="name", required=True)),
        field(words("State"), choice("status", outcomes)),
        tag("button", words("Push the outcome"), class_="primary"),
        class_="fields",
    )


def _new_account(wechat: WeChat, words: Words) -> Html:
    kinds = [(kind, words(name)) for kind, name in KINDS.items()]
    return form(
        f"{DO}accounts",
        wechat.form_key,
        field(words("Kind"), choice("kind", kinds)),
        field(words("Name"), tag("input", name="nick_name", required=True)),
        field(words("Principal"), tag("input", name="principal_name", required=True)),
        field(words("Owner"), tag("input", name="owner", required=True)),
        tag("button", words("Create"), class_="primary"),
        class_="fields",
    )
