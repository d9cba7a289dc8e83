"""The authorisation pages (授权页), to be clicked through as the account's owner."""

from dataclasses import replace
from urllib.parse import urlencode, urlsplit

from sandbox.pages.html import HEADERS, Html, form, hidden, page, tag
from sandbox.pages.labels import KINDS, set_box
from sandbox.pages.words import Words
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat
from sandbox.world.errors import PageRefusal
from sandbox.world.parties import Account, Component
from sandbox.world.release_test import ACCOUNTS

PC = "/cgi-bin/componentloginpage"
PHONE = "/wxaopen/safe/bindcomponent"
AUTH_TYPES = ("1", "2", "3", "4", "5", "6", "8")
PARAMETERS = (
    "action",
    "no_scan",
    "component_appid",
    "pre_auth_code",
    "redirect_uri",
    "auth_type",
    "biz_appid",
    "category_id_list",
)


class Refused(Exception):
    """Lines of an error page."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__(*lines)


class Visit:
    """One opening of the page: its parameters, checked in WeChat's order."""

    def __init__(self, wechat: WeChat, request: Request, parameters: dict[str, str]) -> None:
        self.wechat = wechat
        self.request = request
        self.words = Words.of(request)
        self.parameters = {name: parameters.get(name, "") for name in PARAMETERS}

    @property
    def component(self) -> Component:
        return self.wechat.components[self.parameters["component_appid"]]

    @property
    def requested_sets(self) -> list[int]:
        """category_id_list, or all the platform has published."""
        category_ids = self.parameters["category_id_list"]
        if not category_ids:
            return self.component.func_ids
        requested = category_ids.split("|")
        return [number for number in self.component.func_ids if str(number) in requested]

    def accounts(self) -> list[Account]:
        """The accounts that fit the link; WeChat's own have no owner who could be here."""
        auth_type, biz_appid = self.parameters["auth_type"], self.parameters["biz_appid"]
        owned = [one for one in self.wechat.accounts.values() if one.appid not in ACCOUNTS]
        return [one for one in owned if one.is_listed and one.fits(auth_type, biz_appid)]

    def sets_of(self, account: Account) -> list[int]:
        offered = self.wechat.offered_sets(self.component, account)
        return [number for number in offered if number in self.requested_sets]

    def check(self) -> None:
        """Raise what the page would words instead of a choice of accounts."""
        if self.request.path == PHONE and self.parameters["action"] != "bindcomponent":
            raise Refused(self.words("Parameter error: {name}", name="action"))
        if self.parameters["component_appid"] not in self.wechat.components:
            raise Refused(self.words("Parameter error: {name}", name="component_appid"))
        if not self.return_domain:
            raise Refused(self.words("Parameter error: {name}", name="redirect_uri"))
        if self.parameters["auth_type"] not in AUTH_TYPES:
            raise Refused(self.words("Parameter error: {name}", name="auth_type"))
        try:
            code = self.wechat.open_pre_auth_code(self.parameters["pre_auth_code"])
        except PageRefusal:
            code = None
        if code is None or code.component is not self.component:
            raise Refused(
                self.words("PreAuthCode is invalid"),
                self.words(
                    "The link was used already or has expired. Open a new one from the platform."
                ),
            )

    @property
    def return_domain(self) -> str:
        url = urlsplit(self.parameters["redirect_uri"])
        return (url.hostname or "") if url.scheme in ("http", "https") else ""

    def check_domains(self, start: str | None) -> None:
        """The page must have been opened from the domain it returns to, the registered one."""
        back, registered = self.return_domain, self.component.redirect_domain
        start = _host(start)
        if start and start == back and registered in (None, back):
            return
        words, empty = self.words, self.words("empty")
        raise Refused(
            words(
                "Please make sure that the domain of the page the authorisation starts from, the"
                " domain of the page it returns to and the domain registered for the platform are"
                " the same."
            ),
            words("Domain it starts from: {domain}", domain=start or empty),
            words("Domain it returns to: {domain}", domain=back),
            words("Registered domain: {domain}", domain=registered or words("any")),
        )


def show(wechat: WeChat, request: Request) -> Reply:
    """The choice of accounts and permission sets."""
    visit = Visit(wechat, request, request.query)
    try:
        visit.check()
        if not _is_own_page(request):
            visit.check_domains(request.headers.get("referer"))
    except Refused as refused:
        return _error(visit, refused)
    return _choice(visit)


def decide(wechat: WeChat, request: Request) -> Reply:
    """The owner confirms or refuses."""
    fields = request.form
    parameters = {name: fields[name][-1] for name in PARAMETERS if name in fields}
    # The language links of the next page lead to the page this form came from.
    request = replace(request, query_string=urlencode(parameters))
    visit = Visit(wechat, request, parameters)
    try:
        visit.check()
        if visit.component.redirect_domain not in (None, visit.return_domain):
            visit.check_domains(None)
    except Refused as refused:
        return _error(visit, refused)
    if fields.get("decision") != ["confirm"]:
        return _refusal(visit)
    appid = fields.get("appid", [""])[-1]
    func_ids = [n for n in visit.requested_sets if str(n) in fields.get("func_id", [])]
    account = wechat.accounts.get(appid)
    if account is None or not set(func_ids) & set(visit.sets_of(account)):
        return _choice(visit, visit.words("Choose an account and at least one permission set."))
    return _confirm(visit, appid, func_ids)


def _confirm(visit: Visit, appid: str, func_ids: list[int]) -> Reply:
    parameters = visit.parameters
    try:
        code = visit.wechat.authorize(
            parameters["pre_auth_code"],
            appid,
            func_ids,
            auth_type=parameters["auth_type"],
            biz_appid=parameters["biz_appid"],
        )
    except PageRefusal:
        problem = visit.words("The account cannot be authorised through this link.")
        return _error(visit, Refused(problem))
    url = urlsplit(parameters["redirect_uri"])
    added = urlencode({"auth_code": code, "expires_in": visit.wechat.code_life})
    query = f"{url.query}&{added}" if url.query else added
    return Reply(b"", 302, {**HEADERS, "Location": url._replace(query=query).geturl()})


def _host(referer: str | None) -> str:
    return urlsplit(referer or "").hostname or ""


def _is_own_page(request: Request) -> bool:
    """The language switch reloads the page from itself."""
    host = request.headers.get("host", "")
    return bool(host) and urlsplit(request.headers.get("referer", "")).netloc == host


def _choice(visit: Visit, problem: str = "") -> Reply:
    words, accounts = visit.words, visit.accounts()
    appid = visit.component.appid
    if not accounts:
        content = tag("p", words("No account fits this link."), class_="empty")
    else:
        content = form(
            visit.request.path,
            visit.wechat.form_key,
            hidden(**visit.parameters),
            tag("h2", words("Choose the account")),
            _accounts(visit, accounts),
            _sets(visit, accounts),
            tag(
                "div",
                tag("button", words("Confirm"), name="decision", value="confirm", class_="primary"),
                tag("button", words("Refuse"), name="decision", value="refuse"),
                class_="buttons",
            ),
            class_="choice",
        )
    return page(
        visit.request,
        words,
        words("Authorise an account"),
        tag("h1", words("Authorise an account")),
        tag("p", words("The platform {appid} asks to manage your account", appid=appid)),
        tag(
            "p",
            words("Scanning is skipped here: you are the owner of every account below."),
            class_="quiet",
        ),
        tag("p", problem, class_="problem", role="alert") if problem else None,
        content,
        layout="phone" if visit.request.path == PHONE else "narrow",
        status=422 if problem else 200,
    )


def _accounts(visit: Visit, accounts: list[Account]) -> Html:
    owners = {account.owner: None for account in accounts}
    return tag(
        "div",
        [
            tag(
                "fieldset",
                tag("legend", visit.words("Owner: {name}", name=owner)),
                [
                    _account(visit, account, chosen=account is accounts[0])
                    for account in accounts
                    if account.owner == owner
                ],
            )
            for owner in owners
        ],
        class_="accounts",
    )


def _account(visit: Visit, account: Account, *, chosen: bool) -> Html:
    authorized = account.appid in visit.component.authorizations
    return tag(
        "label",
        tag(
            "input",
            type="radio",
            name="appid",
            value=account.appid,
            data_kind=account.kind,
            checked=chosen,
        ),
        tag("img", src=f"/avatar/{account.appid}.svg", alt="", width=44, height=44),
        tag(
            "span",
            tag("b", account.nick_name),
            tag("small", f"{visit.words(KINDS[account.kind])} · {account.principal_name}"),
        ),
        tag("em", visit.words("Authorised"), class_="good") if authorized else None,
        class_="account",
    )


def _sets(visit: Visit, accounts: list[Account]) -> Html:
    offered = {number: None for account in accounts for number in visit.sets_of(account)}
    return tag(
        "fieldset",
        tag("legend", visit.words("Permission sets")),
        tag(
            "p",
            visit.words("What you leave out, the platform cannot do for you."),
            class_="quiet",
        ),
        tag(
            "div", [set_box(visit.words, number, chosen=True) for number in offered], class_="sets"
        ),
    )


def _refusal(visit: Visit) -> Reply:
    words = visit.words
    return page(
        visit.request,
        words,
        words("You refused"),
        tag("h1", words("You refused")),
        tag("p", words("Nothing was granted. You may close this page.")),
        layout="narrow",
    )


def _error(visit: Visit, refused: Refused) -> Reply:
    first, *others = refused.lines
    return page(
        visit.request,
        visit.words,
        visit.words("Cannot authorise"),
        tag("h1", visit.words("Cannot authorise")),
        tag("p", first, class_="problem", role="alert"),
        [tag("p", line) for line in others],
        layout="narrow",
    )
