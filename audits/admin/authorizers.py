"""The page of an account, with the acts on its code."""

from django.contrib import admin

from audits.admin.pages import CodePages
from miniprograms.admin.authorizers import AuthorizerPages
from miniprograms.models import Authorizer


@admin.register(Authorizer)
class AuthorizerAdmin(CodePages, AuthorizerPages):
    actions = ("submit_code", "release_code", *AuthorizerPages.actions)
    actions_detail = ("code_page", *AuthorizerPages.actions_detail)
