"""Answers failures in the form of OpenAI's API, which its SDKs read."""

from http import HTTPStatus

import msgspec
from msgspec import Raw, Struct

from demo_app.upstream_problems import UpstreamRefused
from jero import JSONResponse, Problem


class OpenAIErrorDetail(Struct, frozen=True):
    """An error: a sentence for people, its kind, the parameter at fault, and a stable word for programs."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIError(Struct, frozen=True):
    """The body of an error in the form of OpenAI's API."""

    error: OpenAIErrorDetail


def openai_error(problem: Problem) -> OpenAIError:
    """Returns the body for a problem, jero's own refusals included."""
    message, param = problem.title, ""
    if problem.errors:
        fault = problem.errors[0]
        message, param = fault.msg, ".".join(map(str, fault.loc[1:]))  # the first is the argument's name
    code = problem.type.replace("-", "_")
    return OpenAIError(OpenAIErrorDetail(problem.detail or message, _kind(problem.status), param or None, code))


def answer_refusal(error: UpstreamRefused) -> JSONResponse[Raw]:
    """Answers with the status and, if it may be shown, the error that the service refused the request with."""
    body = error.body
    if body is None:
        code = "upstream_failed" if error.status >= 500 else "upstream_refused"
        body = msgspec.json.encode(OpenAIError(OpenAIErrorDetail(f"{error}", _kind(error.status), None, code)))
    return JSONResponse(Raw(body), status_code=error.status, raw_headers=error.headers)


def _kind(status: int) -> str:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"
