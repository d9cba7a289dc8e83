"""
The files by which WeChat is shown that a web-view domain is ours: fetched from WeChat, kept, and
served at the root of this host, to which the domain leads.
"""

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from miniprograms.models import Authorizer, ConfirmFile
from miniprograms.settings_models import CONFIRM_FILE_NAME
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import Actor, record_operation
from platform_auth.tokens import with_component_token
from wechat import domains
from wechat.errors import BadAnswer

MAX_CONTENT = 200  # characters; WeChat's have 32


def fetch_confirm_file(authorizer: Authorizer, *, by: Actor | None = None) -> ConfirmFile:
    """The file of one mini program, for domains that are set directly. BY is who asked."""
    release_db_connection()
    file = call_as(authorizer.appid, domains.get_webview_confirm_file)
    return _keep_file(file, authorizer.component, authorizer, by)


def fetch_platform_confirm_file(component: Component, *, by: Actor | None = None) -> ConfirmFile:
    """The file of the platform, for its own domains and all below them."""
    release_db_connection()
    file = with_component_token(component, domains.get_platform_confirm_file)
    return _keep_file(file, component, None, by)


def _keep_file(
    file: domains.ConfirmFile,
    component: Component,
    authorizer: Authorizer | None,
    by: Actor | None,
) -> ConfirmFile:
    """FILE is served from now on. Its name is part of an address: WeChat's word is not enough."""
    is_fit = CONFIRM_FILE_NAME.fullmatch(file.file_name) and file.file_content.isascii()
    if not is_fit or len(file.file_content) > MAX_CONTENT:
        path = "get_webviewdomain_confirmfile"
        raise BadAnswer(path, _("WeChat's file has a name or a content that we do not serve."))
    row, _is_new = ConfirmFile.objects.update_or_create(
        file_name=file.file_name,
        defaults={
            "content": file.file_content,
            "component": component,
            "authorizer": authorizer,
            "fetched_at": Now(),
        },
    )
    if by is not None:
        appid = authorizer.appid if authorizer else ""
        record_operation("fetch_confirm_file", by=by, appid=appid, result=file.file_name)
    row.refresh_from_db()
    return row


def find_confirm_file(file_name: str) -> ConfirmFile | None:
    return ConfirmFile.objects.filter(file_name=file_name).first()
