"""The page of an account, with the acts on its code."""

from django.contrib import admin

from audits.admin.code_page import CodePageAdmin
from miniprograms.admin.authorizers import AuthorizerPages
from miniprograms.models import Authorizer


@admin.register(Authorizer)
class AuthorizerAdmin(CodePageAdmin, AuthorizerPages):
    actions = ("submit_code", "release_code", *AuthorizerPages.actions)
    actions_detail = ("code_page", *AuthorizerPages.actions_detail)
