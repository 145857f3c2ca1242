"""The HTTP client behind the command: the same calls that the `openai` client makes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from scriptorium.artifacts import manifest
from scriptorium.errors import Conflict, ScriptoriumError, StoreUnavailable

Body = dict[str, Any]


class ApiError(ScriptoriumError):
    """What the API answered instead of a result."""

    def __init__(self, error: Body, status: int) -> None:
        super().__init__(error.get("message", "?"), param=error.get("param"), next_step=error.get("next_step"))
        self.code = error.get("code") or "internal_error"
        self.status = status


class Client:
    """Calls the API at `url`."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/v1", timeout=60, transport=transport)

    def upload(self, file: BinaryIO, name: str) -> Body:
        """Send a manuscript."""
        return self._call("POST", "/files", files={"file": (name, file)}, data={"purpose": "fine-tune"}, timeout=600)

    def create(self, body: Body) -> Body:
        """Create a job."""
        return self._call("POST", "/fine_tuning/jobs", json=body)

    def job(self, job_id: str) -> Body:
        """A job as it is now."""
        return self._call("GET", f"/fine_tuning/jobs/{job_id}")

    def jobs(self, limit: int) -> list[Body]:
        """The newest jobs."""
        listed: list[Body] = self._call("GET", "/fine_tuning/jobs", params={"limit": limit})["data"]
        return listed

    def models(self) -> list[Body]:
        """Base models and served models, with the state of their engines."""
        listed: list[Body] = self._call("GET", "/models")["data"]
        return listed

    def cancel(self, job_id: str) -> Body:
        """Ask a job to stop."""
        return self._call("POST", f"/fine_tuning/jobs/{job_id}/cancel")

    def decisions(self, job_id: str) -> list[Body]:
        """What a job asks or has asked."""
        listed: list[Body] = self._call("GET", f"/x/jobs/{job_id}/decisions")["data"]
        return listed

    def decide(self, job_id: str, kind: str, answer: str) -> Body:
        """Answer a question."""
        return self._call("POST", f"/x/jobs/{job_id}/decisions/{kind}", json={"answer": answer})

    def tally(self, job_id: str) -> Body:
        """What a job's blind readers said, counted."""
        return self._call("GET", f"/x/jobs/{job_id}/reading/tally")

    def compare(self, job_ids: Sequence[str]) -> Body:
        """Evaluated jobs side by side."""
        return self._call("GET", "/x/compare", params={"job": list(job_ids)})

    def report(self, job_id: str) -> str:
        """A job's report as a page, with what its blind readers have said so far."""
        answer = self._http.get(f"{self.url}/jobs/{job_id}/report", params={"download": True})
        if answer.is_error:
            raise _error(answer)
        return answer.text

    def answers(self) -> bool:
        """Whether an API of ours is there."""
        try:
            return "store" in self._http.get(f"{self.url}/healthz", timeout=2).json()
        except (httpx.HTTPError, ValueError):
            return False

    def download(self, file_id: str, target: Path, told: Callable[[int], None] = lambda count: None) -> None:
        """Fetch a file's content; what an earlier call left in `<target>.part` is taken over, and the whole is checked.

        A lost connection is taken up again as long as bytes come. Raises ApiError, StoreUnavailable and Conflict.
        """
        part = target.with_name(f"{target.name}.part")
        while True:
            before = part.stat().st_size if part.exists() else 0
            try:
                digest = self._fetch(f"/files/{file_id}/content", part, before, told)
                break
            except httpx.TransportError as error:
                if not part.exists() or part.stat().st_size == before:
                    raise StoreUnavailable(f"The API at {self.url} does not answer ({error}).") from error
        if digest and manifest.hash_file(part) != digest:
            part.unlink()
            raise Conflict(f"{target.name} did not arrive as it was sent.", next_step="Fetch it again.")
        part.rename(target)

    def _fetch(self, path: str, part: Path, have: int, told: Callable[[int], None]) -> str:
        """Append to `part` what it lacks; returns the content's SHA-256 where the API says it."""
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._http.stream("GET", path, headers=headers, timeout=60) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:  # nothing is lacking
                return str(self._http.head(path).headers.get("etag", "")).strip('"')
            if answer.is_error:
                answer.read()
                raise _error(answer)
            with part.open("ab" if answer.status_code == httpx.codes.PARTIAL_CONTENT else "wb") as file:
                for block in answer.iter_bytes():
                    file.write(block)
                    told(file.tell())
            return str(answer.headers.get("etag", "")).strip('"')

    def file(self, file_id: str) -> Body:
        """A file's record."""
        return self._call("GET", f"/files/{file_id}")

    def events(self, job_id: str) -> Iterator[Body]:
        """Every event of a job from the first on, as they come, until the job is over; survives a lost connection."""
        last: str | None = None
        while True:
            try:
                for name, data in self._stream(job_id, last):
                    if name == "done":
                        return
                    event: Body = json.loads(data)
                    last = event["id"]
                    yield event
            except httpx.TransportError:
                time.sleep(1)

    def _stream(self, job_id: str, last: str | None) -> Iterator[tuple[str, str]]:
        """The (event, data) pairs of the stream."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
        path = f"/fine_tuning/jobs/{job_id}/events"
        with self._http.stream("GET", path, headers=headers, timeout=httpx.Timeout(30, read=60)) as answer:
            if answer.is_error:
                answer.read()
                raise _error(answer)
            name = "message"
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, value
                    name = "message"

    def _call(self, method: str, path: str, **arguments: Any) -> Body:
        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise StoreUnavailable(f"The API at {self.url} does not answer ({error}).") from error
        if answer.is_error:
            raise _error(answer)
        body: Body = answer.json()
        return body


def _error(answer: httpx.Response) -> ApiError:
    try:
        return ApiError(answer.json()["error"], answer.status_code)
    except (ValueError, KeyError, TypeError):
        return ApiError({"message": f"The API answered {answer.status_code}."}, answer.status_code)
