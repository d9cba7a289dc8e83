"""REST: what is submitted with code, kept for templates and mini programs; files for reviewers."""

from http import HTTPStatus
from typing import Any, cast

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from api.audits import SubmissionSerializer
from api.errors import READ_ERRORS, ConflictSerializer, InvalidSerializer
from api.fields import LARGEST, StrictSerializer, UTCField
from api.views import APPID, CodeView
from audits.models import CodeTemplate, SubmissionFile, SubmissionProfile
from audits.problems import BadSubmission
from audits.services import submission_files
from audits.services.submission_profiles import Owner, profile_of, save_profile
from wechat.http import EXTENSIONS

TEMPLATE_ID = OpenApiParameter("template_id", int, OpenApiParameter.PATH)
COMPONENT = OpenApiParameter(
    "component",
    str,
    description=gettext_lazy("The component's appid, where several have such a template."),
)
PUT_ERRORS: dict[int, Any] = {**READ_ERRORS, 400: InvalidSerializer, 409: ConflictSerializer}
_LARGEST_BODY = 11 * 1024 * 1024


class ProfileItemSerializer(StrictSerializer):
    """
    A page offered for review. Without a category, or with one that a template names and the mini
    program has not, it is offered in the first that the mini program has.
    """

    address = serializers.CharField(required=False, max_length=200)
    tag = serializers.CharField(required=False, max_length=220)
    title = serializers.CharField(required=False, max_length=32)
    first_class = serializers.CharField(required=False, max_length=100)
    second_class = serializers.CharField(required=False, max_length=100)
    third_class = serializers.CharField(required=False, max_length=100)
    first_id = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST)
    second_id = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST)
    third_id = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST)


class NeedsSerializer(StrictSerializer):
    """What the code cannot do without; nothing of it is sent, the preflight looks for it."""

    domains = serializers.ListField(
        child=serializers.RegexField(r"^(https|wss|udp|tcp)://[^\s/]+$", max_length=253),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Server domains with their scheme, such as https://api.example.com"),
    )
    opens = serializers.ListField(
        child=serializers.RegexField(r"^wx[0-9a-f]{16}$"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Appids of the mini programs that the code opens."),
    )


class ProfileSerializer(SubmissionSerializer):
    """Fields of submit_audit that are kept, by WeChat's names, and what belongs to them."""

    item_list = serializers.ListField(child=ProfileItemSerializer(), required=False, max_length=5)
    needs = NeedsSerializer(required=False)


class OwnProfileSerializer(serializers.Serializer[Any]):
    fields = ProfileSerializer()  # type: ignore[assignment]  # leaves the class
    version = serializers.IntegerField(help_text=gettext_lazy("0 if it never had any."))
    changed_at = UTCField(allow_null=True)
    changed_by = serializers.CharField(allow_null=True)


class ProfileView(CodeView):
    """The profile of OWNER, which a class below names."""

    read_scope = "code:read"
    act_scope = "code:write"
    to_act = "audits.edit_submission_profile"
    serializer_class = OwnProfileSerializer

    @property
    def owner(self) -> Owner:
        """Whose profile the address names."""
        raise NotImplementedError

    def read(self) -> Response:
        """The profile as it is kept."""
        return Response(_describe_profile(profile_of(self.owner)))

    def replace(self) -> Response:
        """The profile is what was sent."""
        owner, current = self.owner, profile_of(self.owner)
        fields = self.read_body(ProfileSerializer)
        try:
            seen = current.pk if current else 0
            row = save_profile(owner, fields, by=cast(Any, self.request.user), seen=seen)
        except BadSubmission as error:
            raise ValidationError(str(error)) from None
        return Response(_describe_profile(row))


def _describe_profile(row: SubmissionProfile | None) -> dict[str, Any]:
    return {
        "fields": row.fields if row else {},
        "version": row.pk if row else 0,
        "changed_at": UTCField().to_representation(row.at) if row else None,
        "changed_by": row.by.get_username() if row and row.by else None,
    }


class ProgramProfileView(ProfileView):
    @property
    def owner(self) -> Owner:
        """The mini program of the address."""
        return self.authorizer

    @extend_schema(
        summary=gettext_lazy("What is submitted with a mini program's code, over its template's"),
        description=gettext_lazy(
            "Pages with their category, texts, the declaration about users' content, pictures and "
            "films for reviewers: what is kept for this mini program alone. Each submission, from "
            "whatever door, lays it over what its template has."
        ),
        parameters=[APPID],
        responses={200: OwnProfileSerializer, **READ_ERRORS},
    )
    def get(self, request: Request, appid: str) -> Response:
        return self.read()

    @extend_schema(
        summary=gettext_lazy("Replace what is submitted with a mini program's code"),
        description=gettext_lazy(
            "The whole takes the place of what was kept; nothing is sent before the next "
            "submission. 400 names each field that WeChat would refuse, and files that are not "
            "here; 409 `values_changed` where somebody else saved at the same moment."
        ),
        parameters=[APPID],
        request=ProfileSerializer,
        responses={200: OwnProfileSerializer, **PUT_ERRORS},
    )
    def put(self, request: Request, appid: str) -> Response:
        return self.replace()


class TemplateProfileView(ProfileView):
    to_read = "audits.view_codetemplate"

    @property
    def owner(self) -> Owner:
        """The template of the address."""
        rows = CodeTemplate.objects.filter(template_id=self.kwargs["template_id"])
        if component := self.request.query_params.get("component"):
            rows = rows.filter(component__appid=component)
        if len(rows[:2]) > 1:
            raise ValidationError({"component": [gettext_lazy("Name the component.")]})
        template: CodeTemplate = get_object_or_404(rows)
        return template

    @extend_schema(
        summary=gettext_lazy("What is submitted with a template's code"),
        description=gettext_lazy(
            "What is kept for all mini programs that get the template. Where several platforms "
            "have a template of the number, `component` says whose; 400 without it."
        ),
        parameters=[TEMPLATE_ID, COMPONENT],
        responses={200: OwnProfileSerializer, 400: InvalidSerializer, **READ_ERRORS},
    )
    def get(self, request: Request, template_id: int) -> Response:
        return self.read()

    @extend_schema(
        summary=gettext_lazy("Replace what is submitted with a template's code"),
        description=gettext_lazy(
            "The whole takes the place of what was kept; nothing is sent before the next "
            "submission. `needs` is never sent: the preflight looks whether each mini program has "
            "it. 409 `values_changed` where somebody else saved at the same moment."
        ),
        parameters=[TEMPLATE_ID, COMPONENT],
        request=ProfileSerializer,
        responses={200: OwnProfileSerializer, **PUT_ERRORS},
    )
    def put(self, request: Request, template_id: int) -> Response:
        return self.replace()


class UploadSerializer(StrictSerializer):
    file = serializers.FileField(
        help_text=gettext_lazy("A png, jpeg or gif picture to 2 MB, or an mp4 film to 10 MB.")
    )


class FileSerializer(serializers.ModelSerializer[SubmissionFile]):
    kind = serializers.ChoiceField(list(EXTENSIONS))

    class Meta:
        model = SubmissionFile
        fields = ["id", "name", "kind", "size"]
        read_only_fields = fields


class SubmissionFileList(CodeView):
    act_scope = "code:write"
    to_act = "audits.edit_submission_profile"
    parser_classes = [MultiPartParser]
    serializer_class = FileSerializer

    @extend_schema(
        summary=gettext_lazy("Keep a picture or film for reviewers"),
        description=gettext_lazy(
            "`preview_files` and `feedback_files` name it by its id. It goes to WeChat for each "
            "mini program that is submitted with it, and again when WeChat has forgotten it."
        ),
        request={"multipart/form-data": UploadSerializer},
        responses={201: FileSerializer, **READ_ERRORS, 400: InvalidSerializer},
    )
    def post(self, request: Request) -> Response:
        file = self.read_body(UploadSerializer)["file"]
        try:
            if file.size > _LARGEST_BODY:
                raise BadSubmission(gettext_lazy("Pictures may have 2 MB, films 10 MB."))
            row = submission_files.keep_file(file.read(), file.name, by=cast(Any, request.user))
        except BadSubmission as error:
            raise ValidationError({"file": [str(error)]}) from None
        return Response(FileSerializer(row).data, HTTPStatus.CREATED)
