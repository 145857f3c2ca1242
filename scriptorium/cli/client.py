"""The HTTP client behind the command: the same calls that the `openai` client makes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx

from scriptorium.artifacts import manifest
from scriptorium.errors import Conflict, ScriptoriumError, StoreUnavailable
from scriptorium.urls import is_loopback

Body = dict[str, Any]
REMOVAL_TIMEOUT = 600  # seconds; a slow disk takes its time for a hundred gigabytes


class ApiError(ScriptoriumError):
    """An error that the API answered instead of a result."""

    def __init__(self, error: Body, status: int) -> None:
        super().__init__(error.get("message", "?"), param=error.get("param"), next_step=error.get("next_step"))
        self.code = error.get("code") or "internal_error"
        self.status = status


class Client:
    """Calls the API at `url`."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        # trust_env: a proxy of this machine cannot reach what listens on it; elsewhere it may be the way
        trust_env = not is_loopback(url)
        self._http = httpx.Client(base_url=f"{url}/v1", timeout=60, transport=transport, trust_env=trust_env)

    def upload(self, file: BinaryIO, name: str) -> Body:
        """Upload a manuscript."""
        return self._call("POST", "/files", files={"file": (name, file)}, data={"purpose": "fine-tune"}, timeout=600)

    def create(self, body: Body) -> Body:
        """Create a job."""
        return self._call("POST", "/fine_tuning/jobs", json=body)

    def estimate(self, body: Body) -> Body:
        """Return what a job would need and do."""
        return self._call("POST", "/x/estimate", json=body)

    def job(self, job_id: str) -> Body:
        """Return a job."""
        return self._call("GET", f"/fine_tuning/jobs/{job_id}")

    def jobs(self, limit: int) -> list[Body]:
        """Return the newest jobs."""
        jobs: list[Body] = self._call("GET", "/fine_tuning/jobs", params={"limit": limit})["data"]
        return jobs

    def models(self) -> list[Body]:
        """Return base models and served models, with the state of their engines."""
        models: list[Body] = self._call("GET", "/models")["data"]
        return models

    def model(self, name: str) -> Body:
        """Return a model, with the state of its engine."""
        return self._call("GET", f"/models/{quote(name, safe=':/')}")

    def keep_warm(self, name: str) -> Body:
        """Have a model loaded and kept warm."""
        return self._call("POST", f"/x/models/{quote(name, safe=':/')}/warm")

    def release(self, name: str) -> Body:
        """Keep a model warm no longer."""
        return self._call("DELETE", f"/x/models/{quote(name, safe=':/')}/warm")

    def cancel(self, job_id: str) -> Body:
        """Ask a job to stop."""
        return self._call("POST", f"/fine_tuning/jobs/{job_id}/cancel")

    def pause(self, job_id: str) -> Body:
        """Stop a job until it is resumed."""
        return self._call("POST", f"/fine_tuning/jobs/{job_id}/pause")

    def resume(self, job_id: str) -> Body:
        """Let a paused job go on."""
        return self._call("POST", f"/fine_tuning/jobs/{job_id}/resume")

    def delete(self, job_id: str, *, manuscript: bool) -> Body:
        """Delete a job that has ended."""
        path = f"/fine_tuning/jobs/{job_id}"
        return self._call("DELETE", path, params={"manuscript": manuscript}, timeout=REMOVAL_TIMEOUT)

    def prune(self, *, dry_run: bool) -> Body:
        """Remove what nobody needs any more, or only list it."""
        return self._call("POST", "/x/prune", json={"dry_run": dry_run}, timeout=REMOVAL_TIMEOUT)

    def decisions(self, job_id: str) -> list[Body]:
        """Return a job's questions, open and answered."""
        decisions: list[Body] = self._call("GET", f"/x/jobs/{job_id}/decisions")["data"]
        return decisions

    def decide(self, job_id: str, kind: str, answer: str) -> Body:
        """Answer a question."""
        return self._call("POST", f"/x/jobs/{job_id}/decisions/{kind}", json={"answer": answer})

    def tally(self, job_id: str) -> Body:
        """Return the counted answers of a job's blind readers."""
        return self._call("GET", f"/x/jobs/{job_id}/reading/tally")

    def compare(self, job_ids: Sequence[str]) -> Body:
        """Return a comparison of evaluated jobs."""
        return self._call("GET", "/x/compare", params={"job": list(job_ids)})

    def report(self, job_id: str) -> str:
        """Return a job's report as a page, with the answers of its blind readers so far."""
        response = self._http.get(f"{self.url}/jobs/{job_id}/report", params={"download": True})
        if response.is_error:
            raise _api_error(response)
        return response.text

    def is_up(self) -> bool:
        """Return whether a Scriptorium API is there."""
        try:
            return "store" in self._http.get(f"{self.url}/healthz", timeout=2).json()
        except (httpx.HTTPError, ValueError):
            return False

    def download(self, file_id: str, target: Path, on_progress: Callable[[int], None] = lambda count: None) -> None:
        """Download a file, continuing what an earlier call left in `<target>.part`, and check its hash.

        A lost connection is resumed as long as bytes arrive. Raises ApiError, StoreUnavailable and Conflict.
        """
        part = target.with_name(f"{target.name}.part")
        while True:
            before = part.stat().st_size if part.exists() else 0
            try:
                digest = self._fetch(f"/files/{file_id}/content", part, before, on_progress)
                break
            except httpx.TransportError as error:
                if not part.exists() or part.stat().st_size == before:
                    raise StoreUnavailable(f"The API at {self.url} does not answer ({error}).") from error
        if digest and manifest.hash_file(part) != digest:
            part.unlink()
            raise Conflict(f"{target.name} did not arrive intact.", next_step="Download it again.")
        part.rename(target)

    def has_arrived(self, file: Body, target: Path) -> bool:
        """Return whether a file is in `target` as a whole: another round of a job has other weights of equal size.

        Raises StoreUnavailable.
        """
        if not target.exists() or target.stat().st_size != file["bytes"]:
            return False
        try:
            digest = self._read_hash(f"/files/{file['id']}/content")
        except httpx.TransportError as error:
            raise StoreUnavailable(f"The API at {self.url} does not answer ({error}).") from error
        return digest == manifest.hash_file(target)

    def _read_hash(self, path: str) -> str:
        """Return a content's SHA-256, or "" if the API sends none."""
        return str(self._http.head(path).headers.get("etag", "")).strip('"')

    def _fetch(self, path: str, part: Path, offset: int, on_progress: Callable[[int], None]) -> str:
        """Append the missing bytes to `part`; return the content's SHA-256, or "" if the API sends none."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with self._http.stream("GET", path, headers=headers, timeout=60) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:  # nothing is missing
                return self._read_hash(path)
            if response.is_error:
                response.read()
                raise _api_error(response)
            with part.open("ab" if response.status_code == httpx.codes.PARTIAL_CONTENT else "wb") as file:
                for block in response.iter_bytes():
                    file.write(block)
                    on_progress(file.tell())
            return str(response.headers.get("etag", "")).strip('"')

    def file(self, file_id: str) -> Body:
        """Return a file's record."""
        return self._call("GET", f"/files/{file_id}")

    def events(self, job_id: str) -> Iterator[Body]:
        """Yield every event of a job as it arrives, until the job ends; reconnects after a lost connection."""
        last_id: str | None = None
        while True:
            try:
                for name, data in self._stream(job_id, last_id):
                    if name == "done":
                        return
                    event: Body = json.loads(data)
                    last_id = event["id"]
                    yield event
            except httpx.TransportError:
                time.sleep(1)

    def _stream(self, job_id: str, last_id: str | None) -> Iterator[tuple[str, str]]:
        """Yield the (event, data) pairs of the stream."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        path = f"/fine_tuning/jobs/{job_id}/events"
        with self._http.stream("GET", path, headers=headers, timeout=httpx.Timeout(30, read=60)) as response:
            if response.is_error:
                response.read()
                raise _api_error(response)
            name = "message"
            for line in response.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, value
                    name = "message"

    def _call(self, method: str, path: str, **arguments: Any) -> Body:
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise StoreUnavailable(f"The API at {self.url} does not answer ({error}).") from error
        if response.is_error:
            raise _api_error(response)
        body: Body = response.json()
        return body


def _api_error(response: httpx.Response) -> ApiError:
    try:
        return ApiError(response.json()["error"], response.status_code)
    except (ValueError, KeyError, TypeError):
        return ApiError({"message": f"The API answered {response.status_code}."}, response.status_code)
