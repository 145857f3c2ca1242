"""An instruction that a program can check: what is asked, and whether an answer follows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Check = Callable[[str], bool]


@dataclass(frozen=True)
class Instruction:
    """A request for a model; `check` sees the answer without the white space around it."""

    kind: str
    request: str
    check: Check

    def followed(self, answer: str) -> bool:
        """Whether the answer does what the request demands; an empty one never does, nor one that echoes the request.

        An echo holds the very words and brackets that are asked for.
        """
        said = answer.strip()
        return bool(said) and self.request not in said and self.check(said)
