"""An instruction that a program can check: the request, and the check of an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Check = Callable[[str], bool]


@dataclass(frozen=True)
class Instruction:
    """A request to a model; `check` gets the answer without the white space around it."""

    kind: str
    request: str
    check: Check

    def followed(self, answer: str) -> bool:
        """Return whether the answer follows the request; an empty answer never does, nor one that echoes the request.

        An echo contains the very words and brackets that the request demands.
        """
        text = answer.strip()
        return bool(text) and self.request not in text and self.check(text)
