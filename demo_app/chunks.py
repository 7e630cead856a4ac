"""Reads the chunks of a streamed answer as far as a gateway has to, and decides whether the answer is complete.

Services differ. A field that is missing, `null` or unknown is passed over, so that only what cannot be an answer fails.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct

from demo_app.upstream_problems import UpstreamFailed
from jero.client import StreamCut

# More tokens than any model reads. A larger number would spoil the sum, or be none that a float can have.
Tokens: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Usage(Struct, frozen=True):
    """The tokens that the service counted."""

    prompt_tokens: Tokens = 0
    completion_tokens: Tokens = 0


class Choice(Struct, frozen=True, gc=False):
    """The part of a chunk that continues one answer."""

    index: int | None = None
    finish_reason: str | None = None


class Chunk(Struct, frozen=True, gc=False):
    """The part of a chunk that is read, whatever the chunk adds to the answer."""

    choices: Sequence[Choice] | None = None
    usage: Any = None
    error: Any = None


class Delta(Struct, frozen=True):
    """The text that a chunk adds to an answer. `refusal`: the model's words if it declines to answer."""

    content: str | None = None
    refusal: str | None = None


class TextChoice(Choice, frozen=True):
    """The part of a chunk that continues one answer, with its text."""

    delta: Delta | None = None


class TextChunk(Chunk, frozen=True):
    """The part of a chunk that is read, with its text."""

    choices: Sequence[TextChoice] | None = None


class Progress:
    """The progress of one streamed answer. `choices`: the number of answers that the request asked for.

    `finish_reasons`: those that have arrived, by the index of their choice.
    """

    def __init__(self, choices: int = 1) -> None:
        self.finish_reasons: dict[int, str] = {}
        self._choices = choices
        self._usage: Any = None

    @property
    def usage(self) -> Usage | None:
        """Returns what the service last counted; `None` if it sent nothing, or something else."""
        return usage_of(self._usage)

    def note(self, chunk: Chunk, event: str | None) -> None:
        """Notes what a chunk reports, and the name of its event. Raises `UpstreamFailed` if it is an error."""
        if chunk.error is not None or event == "error":
            raise UpstreamFailed("The upstream sent an error instead of an answer.")
        if chunk.usage is not None:
            self._usage = chunk.usage
        for choice in chunk.choices or ():
            if choice.finish_reason is not None:
                self.finish_reasons[choice.index or 0] = choice.finish_reason

    @contextmanager
    def until_complete(self) -> Generator[None, None, None]:
        """Passes over that a stream ended without `[DONE]`, as some services do, if every choice has finished.

        Raises `StreamCut` otherwise.
        """
        try:
            yield
        except StreamCut:
            if len(self.finish_reasons) < self._choices:
                raise


def usage_of(value: Any) -> Usage | None:
    """Returns a decoded usage, or `None` if it has another form."""
    with suppress(msgspec.ValidationError):
        return None if value is None else msgspec.convert(value, Usage)
    return None
