"""Ids as people type them: whole, or their beginning or end as long as it is unique, with or without the prefix.

Things of one hour begin alike, because an id begins with the time; their last characters tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

import typer

from scriptorium.artifacts.file_store import FILE_ID
from scriptorium.cli.app import connect
from scriptorium.cli.client import Client
from scriptorium.errors import Conflict, FileMissing, JobMissing, ScriptoriumError
from scriptorium.identifiers import FILE_PREFIX, JOB_PREFIX

JOB_ID = re.compile(r"ftjob-[0-9a-f]{24,26}")
MAX_CANDIDATES = 5  # that an ambiguous text lists


def complete_job(incomplete: str) -> list[str]:
    """Return the ids that a shell completes a beginning to; none if no stack answers."""
    try:
        return [job["id"] for job in connect().jobs(100) if matches(job["id"], incomplete, JOB_PREFIX)]
    except ScriptoriumError:
        return []


def complete_file(incomplete: str) -> list[str]:
    """Return the ids of files that a shell completes a beginning to; none if no stack answers."""
    try:
        return [file["id"] for file in connect().files() if matches(file["id"], incomplete, FILE_PREFIX)]
    except ScriptoriumError:
        return []


def complete_tag(incomplete: str) -> list[str]:
    """Return the tags in use that a shell completes a beginning to; none if no stack answers."""
    try:
        tags = {tag for job in connect().jobs(100) for tag in job["scriptorium"]["tags"]}
    except ScriptoriumError:
        return []
    return sorted(tag for tag in tags if tag.startswith(incomplete))


JobId = Annotated[
    str,
    typer.Argument(metavar="JOB", help="The job's id, ftjob-..., or its last characters.", autocompletion=complete_job),
]


def open_job(text: str) -> tuple[Client, str]:
    """Return a client, and the whole id of the job that is meant. Raises JobMissing and Conflict."""
    client = connect()
    return client, resolve_job(client, text)


def resolve_job(client: Client, text: str) -> str:
    """Return the whole id of the job that is meant. Raises JobMissing, and Conflict if it could be several."""
    if JOB_ID.fullmatch(text):
        return text
    job_id = choose_id(text, JOB_PREFIX, (job["id"] for job in client.all_jobs()))
    if job_id is None:
        raise JobMissing(f"There is no job {text}.", param="JOB", next_step="List the jobs with `scriptorium jobs`.")
    return job_id


def resolve_file(client: Client, text: str) -> str:
    """Return the whole id of the file that is meant. Raises FileMissing, and Conflict if it could be several."""
    if FILE_ID.fullmatch(text):
        return text
    file_id = choose_id(text, FILE_PREFIX, (file["id"] for file in client.files()))
    if file_id is None:
        raise FileMissing(
            f"There is no file {text}.", param="FILE", next_step="List the files with `scriptorium files`."
        )
    return file_id


def choose_id(text: str, prefix: str, ids: Iterable[str]) -> str | None:
    """Return the only id that is `text`, begins or ends with it; None if there is none. Raises Conflict for several."""
    candidates = [name for name in ids if matches(name, text, prefix) or name.endswith(text)]
    if text in candidates:
        return text
    if len(candidates) > 1:
        listed = ", ".join(candidates[:MAX_CANDIDATES]) + (", ..." if len(candidates) > MAX_CANDIDATES else "")
        raise Conflict(f"{text} could be: {listed}.", next_step="Name one more character of the id.")
    return candidates[0] if candidates and text.removeprefix(prefix) else None


def matches(name: str, text: str, prefix: str) -> bool:
    """Return whether an id begins with a text that may have the prefix or not."""
    return name.startswith(text) or name.removeprefix(prefix).startswith(text)
