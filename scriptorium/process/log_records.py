"""Log records that are one line each, whatever text of users, models or manuscripts is in them.

A file name with a line break would otherwise write a line of its own choice into a log, and an escape sequence would be
obeyed by the terminal of whoever reads it. It is done to the record, so that every handler's format is safe: ours,
Celery's and uvicorn's.
"""

from __future__ import annotations

import logging
from traceback import format_exception
from typing import Any

from scriptorium.process.control_characters import spell_out

INDENT = "  | "  # of a traceback's lines: none of them looks like a record


class OneLineRecord(logging.LogRecord):
    """A record whose message is one line, and whose traceback is lines that begin with INDENT."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.exc_info and self.exc_info[1]:
            lines = "".join(format_exception(self.exc_info[1])).rstrip("\n").split("\n")
            self.exc_text = "\n".join(INDENT + spell_out(line) for line in lines)  # formatters take it as it is

    def getMessage(self) -> str:  # noqa: N802  its name in the standard library
        """Return the message in one line."""
        return spell_out(super().getMessage())


def log_one_line_each() -> None:
    """Make every record of this process from now on a OneLineRecord."""
    logging.setLogRecordFactory(OneLineRecord)
