"""The root of the tree of errors, its two great branches, and a problem with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: its place (file, line, row or field) and a message."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ScriptoriumError(Exception):
    """The root of the tree; `str(error)` is the message with every problem."""

    code = "internal_error"
    status = 500
    default_next_step: str | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        next_step: str | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param or (problems[0].place if problems else None)
        self.next_step = next_step or self.default_next_step
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [self.message, *(f"- {problem}" for problem in self.problems)]
        return "\n".join(lines)


class UserError(ScriptoriumError):
    """The request or the input must change."""

    code = "invalid_request"
    status = 400


class SystemFailure(ScriptoriumError):
    """The system must change; the input may be fine."""


def leaves(root: type[ScriptoriumError] = ScriptoriumError) -> Iterator[type[ScriptoriumError]]:
    """Yield every error class of this package below `root` that has no children."""
    children = [child for child in root.__subclasses__() if child.__module__.startswith(f"{__package__}.")]
    if not children:
        yield root
    for child in children:
        yield from leaves(child)
