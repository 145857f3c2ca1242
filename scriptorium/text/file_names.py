"""Names of files as text: a system allows bytes in them that are none."""

from __future__ import annotations

import os


def printable_name(name: str) -> str:
    r"""Return a file's name as it can be printed and stored: a byte that is not UTF-8 becomes its number, `\xe9`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
