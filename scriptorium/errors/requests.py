"""The request or the input must change: what a user sent, named, or may not do."""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.errors.base import Problem, UserError
from scriptorium.manuscript_types import TYPE_NAMES

VALIDATION_FILE = "validation_file"


class InvalidRequest(UserError):
    """A field of a request is missing, unknown or out of range."""

    default_next_step = "Change what is named: docs/api.md has every call and its fields."


class InvalidRecipe(UserError):
    """A recipe is missing or unreadable, or has invalid keys or values."""

    code = "invalid_recipe"
    default_next_step = "Compare it with the recipes in recipes/."


class InvalidTrainingFile(UserError):
    """A manuscript is empty, unreadable or of an unsupported format."""

    code = "invalid_training_file"
    default_next_step = f"Send a file of a supported type ({TYPE_NAMES}), or a .zip of these; see docs/data.md."


class InvalidValidationFile(UserError):
    """A validation file is empty, unreadable, of an unsupported format, or the manuscript itself."""

    code = "invalid_validation_file"
    default_next_step = "Send other text by the author in a format of a manuscript, or leave validation_file out."

    def __init__(
        self, message: str, *, param: str | None = None, next_step: str | None = None, problems: Sequence[Problem] = ()
    ) -> None:
        super().__init__(message, param=param or VALIDATION_FILE, next_step=next_step, problems=problems)


class TooFewExamples(UserError):
    """A manuscript is readable but too short to train on."""

    code = "invalid_n_examples"
    default_next_step = "Send more text or more rows, or choose a recipe with shorter passages."


class FileTooLarge(UserError):
    """An upload is over the limit."""

    code = "file_too_large"
    status = 413
    default_next_step = "Split the file, or raise SCRIPTORIUM_MAX_UPLOAD_BYTES."


class BodyTooLarge(UserError):
    """The JSON of a request is over the limit."""

    code = "request_too_large"
    status = 413
    default_next_step = "Upload long texts as files with POST /v1/files."


class InvalidKey(UserError):
    """The request has no key of the API, or one that is unknown, revoked or expired."""

    code = "invalid_api_key"
    status = 401
    default_next_step = (
        "Send a valid key as `Authorization: Bearer sk-scr-...`, or set SCRIPTORIUM_API_KEY for the command line; "
        "`scriptorium keys create NAME` makes one."
    )


class InsufficientScope(UserError):
    """The key is valid, but may not do this."""

    code = "insufficient_scope"
    status = 403
    default_next_step = "Use a key that has the scope: `scriptorium keys create NAME --scope ...` makes one."


class RateLimited(UserError):
    """The key has sent as many requests in this minute as it may."""

    code = "rate_limit_exceeded"
    status = 429
    default_next_step = "Wait as long as Retry-After says, or make a key with a higher limit."


class ForeignHost(UserError):
    """While there are no keys, the API answers only to names of this machine."""

    code = "foreign_host"
    status = 403
    default_next_step = (
        "Ask 127.0.0.1 or localhost, add the name to SCRIPTORIUM_API_HOSTS, or create a key: "
        "`scriptorium keys create NAME`."
    )


class CrossSiteRequest(UserError):
    """A page of another site has sent this from a browser."""

    code = "cross_site_request"
    status = 403
    default_next_step = "Open the API's own pages, or send a key in the header Authorization."


class KeyMissing(UserError):
    """There is no key with this id."""

    code = "key_not_found"
    status = 404
    default_next_step = "List the keys: `scriptorium keys list`."


class FileMissing(UserError):
    """There is no file with this id."""

    code = "file_not_found"
    status = 404
    default_next_step = "List the files: `scriptorium files`, or GET /v1/files."


class UploadMissing(UserError):
    """There is no upload in parts with this id."""

    code = "upload_not_found"
    status = 404
    default_next_step = "Begin one with POST /v1/uploads."


class JobMissing(UserError):
    """There is no job with this id."""

    code = "job_not_found"
    status = 404
    default_next_step = "List the jobs: `scriptorium jobs`, or GET /v1/fine_tuning/jobs."


class ModelMissing(UserError):
    """There is no model with this name, on the volume or served."""

    code = "model_not_found"
    status = 404
    default_next_step = "List the models: `scriptorium models`, or GET /v1/models."


class RouteMissing(UserError):
    """There is nothing at this address."""

    code = "not_found"
    status = 404
    default_next_step = "See docs/api.md for every call."


class PathUnusable(UserError):
    """A file or folder cannot be read or written."""

    code = "path_unusable"
    default_next_step = "Check the path, who may write there, and the free space; or name another one."


class MethodNotAllowed(UserError):
    """The address takes other methods; the header Allow lists them."""

    code = "method_not_allowed"
    status = 405
    default_next_step = "See docs/api.md for every call."


class WrongContentType(UserError):
    """The body has another content type than the call takes."""

    code = "unsupported_media_type"
    status = 415
    default_next_step = "Send the content type that the message names."


class NotOffered(UserError):
    """A call or a field of OpenAI's API that this one does not have."""

    code = "not_offered"
    status = 404
    default_next_step = "See docs/api.md for every call."


class Conflict(UserError):
    """The request conflicts with the current state of the resource."""

    code = "conflict"
    status = 409
    default_next_step = "Read its present state, then decide anew."


class ModelInUse(UserError):
    """A model cannot be deleted while somebody needs it."""

    code = "model_in_use"
    status = 409
    default_next_step = (
        "Let it go (`scriptorium serve MODEL --release`, or DELETE /v1/x/models/{model}/warm), wait a minute, and "
        "delete it again."
    )
