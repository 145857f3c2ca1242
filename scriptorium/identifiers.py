"""Ids of files, uploads and jobs, and the part of a model's name that its user chose.

An id says when its thing was made, so that a list can go on behind one that is gone:
<prefix><13 hexadecimal digits: microseconds since 1970><13 random ones>
"""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
from fractions import Fraction

JOB_PREFIX, FILE_PREFIX = "ftjob-", "file-"
UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9._-]+")
TIMED_ID = re.compile(r"[a-z]+[-_](?P<microseconds>[0-9a-f]{13})[0-9a-f]{13}")
MICROSECONDS = 1_000_000


def make_id(prefix: str, now: float | None = None) -> str:
    """Return a new id of a thing that was made `now`, in Unix seconds."""
    seconds = time.time() if now is None else now
    microseconds = int(Fraction(seconds) * MICROSECONDS)  # a product of floats may be rounded up, to a later time
    return f"{prefix}{microseconds:013x}{secrets.token_hex(7)[:13]}"


def read_time(identifier: str) -> float | None:
    """Return when the thing of an id was made, in Unix seconds; None if the id does not say, like those of old."""
    match = TIMED_ID.fullmatch(identifier)
    return int(match["microseconds"], 16) / MICROSECONDS if match else None


def make_name_part(text: str) -> str:
    """Return a text as it can stand in the name of a model: Latin letters without accents, digits, ".", "_" and "-".

    A text of such characters stays as it is; one without any of them becomes "".
    """
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return plain if not UNSAFE_IN_NAME.search(plain) else UNSAFE_IN_NAME.sub("-", plain).strip("-")
