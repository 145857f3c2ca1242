"""Jobs and uploaded files by words: newest first, each that has every word somewhere in what names it.

A job's record is read as text first: a word that is nowhere in it saves parsing it. Of a file only the name is needed,
which never changes and is read once. So ten thousand jobs take a fraction of a second, and others are answered in it.
"""

from __future__ import annotations

import heapq
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from scriptorium.artifacts.file_store import FileStore, NamedUpload, made_at
from scriptorium.contracts import Job, StoredFile
from scriptorium.errors import FileMissing
from scriptorium.identifiers import FILE_PREFIX, read_time
from scriptorium.store.job_records import read_record
from scriptorium.store.jobs import Jobs
from services.api.pagination import no_such_item

SEARCHED_JOBS = 20_000  # behind the place where a page begins
COMBINING = re.compile("[\u0300-\u036f]")

Item = Job | StoredFile
Place = tuple[float, str]  # when it was made, and its id: the order of the list


class SearchedJob(BaseModel):
    """The part of a record that is searched; reading it alone is several times faster than reading a job."""

    model_config = ConfigDict(extra="ignore")

    id: str
    model: str
    training_file: str
    validation_file: str | None = None
    suffix: str | None = None
    metadata: dict[str, str] = {}
    tags: list[str] = []
    fine_tuned_model: str | None = None

    def text(self, file_names: Mapping[str, str]) -> str:
        """Return all that a job is known by, folded, each in a line: its names, files, tags and metadata."""
        files = (file_names.get(file_id or "", "") for file_id in (self.training_file, self.validation_file))
        named = (self.id, self.model, self.fine_tuned_model or "", self.suffix or "", *files, *self.tags)
        return fold("\n".join((*named, *self.metadata, *self.metadata.values())))


def search(jobs: Jobs, files: FileStore, query: str, after: str | None, count: int) -> list[Item]:
    """Return up to `count` jobs and uploads that have every word of `query`, newest first, behind the item `after`.

    Upper and lower case and accents do not matter. Raises InvalidRequest if nobody knows where `after` was.
    """
    words = fold(query).split()
    before = None if after is None else find_place(jobs, files, after)
    uploads = files.named_uploads()
    matching_jobs: Iterator[Item] = search_jobs(jobs, words, {file.id: file.filename for file in uploads}, before)
    matching_files: Iterator[Item] = search_files(files, uploads, words, before)
    return list(islice(heapq.merge(matching_jobs, matching_files, key=place_of, reverse=True), count))


def search_jobs(jobs: Jobs, words: Sequence[str], file_names: Mapping[str, str], before: Place | None) -> Iterator[Job]:
    """Yield the jobs that have every word, newest first."""
    needles = [(escape(word), any(word in fold(name) for name in file_names.values())) for word in words]
    for job_id, body in jobs.bodies(SEARCHED_JOBS, None if before is None else before[0]):
        text = fold(body)
        if not all(in_a_file_name or needle in text for needle, in_a_file_name in needles):
            continue
        searched = read_searched(body)
        if searched is None or not has_words(searched.text(file_names), words):
            continue
        job = read_record(job_id, body)
        if job and (before is None or place_of(job) < before):
            yield job


def search_files(
    files: FileStore, uploads: Sequence[NamedUpload], words: Sequence[str], before: Place | None
) -> Iterator[StoredFile]:
    """Yield those of some uploads, newest first, that have every word and still exist."""
    for upload in uploads:
        if before is not None and (upload.made_at, upload.id) >= before:
            continue
        if has_words(fold(f"{upload.id}\n{upload.filename}"), words):
            with suppress(FileMissing):
                yield files.get(upload.id)


def has_words(text: str, words: Sequence[str]) -> bool:
    """Return whether every word is somewhere in a folded text."""
    return all(word in text for word in words)


def fold(text: str) -> str:
    """Return a text in small letters and without accents."""
    if text.isascii():
        return text.lower()
    return COMBINING.sub("", unicodedata.normalize("NFD", text)).casefold()


def escape(word: str) -> str:
    """Return a word as it stands in a string of JSON."""
    return to_json(word).decode()[1:-1]


def read_searched(body: str) -> SearchedJob | None:
    """Read what is searched of a record; None if it is broken, which must not hide the others."""
    try:
        return SearchedJob.model_validate_json(body)
    except ValidationError:
        return None


def place_of(item: Item) -> Place:
    """Return an item's place in the list."""
    return (item.submitted if isinstance(item, Job) else made_at(item)), item.id


def find_place(jobs: Jobs, files: FileStore, item_id: str) -> Place:
    """Return the place of an item, also of one that is gone if its id says when it was made. Raises InvalidRequest."""
    if item_id.startswith(FILE_PREFIX):
        try:
            return place_of(files.get(item_id))
        except FileMissing:
            pass
    elif stored := jobs.get_many([item_id]):
        return place_of(stored[0])
    made = read_time(item_id)
    if made is None:
        raise no_such_item(item_id)
    return made, ""
