"""The HTTP client behind the command: the same calls that the `openai` client makes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx

from scriptorium.cli.transfer import ApiError, Body, FileTransfer, read_error
from scriptorium.errors import StoreUnavailable
from scriptorium.urls import is_loopback

__all__ = ["ApiError", "Body", "Client"]

PAGE_SIZE = 100  # the most that the API gives at once
DATA, DONE = "data: ", "[DONE]"
DELIVERY_TIMEOUT = 120  # seconds
REMOVAL_TIMEOUT = 600  # seconds; a slow disk takes its time for a hundred gigabytes


class Client(FileTransfer):
    """Calls the API at `url`, with a key if there is one."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None, *, key: str = "") -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # trust_env: a proxy of this machine cannot reach what listens on it; elsewhere it may be the way
        trust_env = not is_loopback(url)
        self._http = httpx.Client(
            base_url=f"{url}/v1", headers=headers, timeout=60, transport=transport, trust_env=trust_env
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

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

    def jobs(self, limit: int, tags: Sequence[str] = ()) -> list[Body]:
        """Return the newest jobs that have every one of some tags."""
        jobs: list[Body] = self._call("GET", "/fine_tuning/jobs", params={"limit": limit, "tag": list(tags)})["data"]
        return jobs

    def all_jobs(self) -> Iterator[Body]:
        """Yield every job, newest first."""
        yield from self._pages("/fine_tuning/jobs", PAGE_SIZE)

    def checkpoints(self, job_id: str) -> list[Body]:
        """Return a job's checkpoints, newest first."""
        return list(self._pages(f"/fine_tuning/jobs/{job_id}/checkpoints", PAGE_SIZE))

    def latest_events(self, job_id: str, count: int) -> list[Body]:
        """Return a job's last events, oldest first."""
        path = f"/fine_tuning/jobs/{job_id}/events"
        return list(islice(self._pages(path, min(count, PAGE_SIZE)), count))[::-1] if count > 0 else []

    def _pages(self, path: str, size: int) -> Iterator[Body]:
        """Yield the items of a list, page by page."""
        after: Body = {}
        while True:
            page = self._call("GET", path, params={"limit": size, **after})
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"after": page["last_id"]}

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

    def rerun(self, job_id: str) -> Body:
        """Create a job from the request of another."""
        return self._call("POST", f"/x/jobs/{job_id}/rerun")

    def clone(self, job_id: str, changes: Body) -> Body:
        """Create a job from the request of another, with other values."""
        return self._call("POST", f"/x/jobs/{job_id}/clone", json=changes)

    def tag(self, job_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Body:
        """Add and remove tags of a job."""
        return self._call("POST", f"/x/jobs/{job_id}/tags", json={"add": list(add), "remove": list(remove)})

    def search(self, query: str, limit: int) -> list[Body]:
        """Return the newest jobs and files that have every word."""
        matches: list[Body] = self._call("GET", "/x/search", params={"q": query, "limit": limit})["data"]
        return matches

    def disk_use(self, limit: int) -> Body:
        """Return what takes the space on the disk, and the largest jobs."""
        return self._call("GET", "/x/disk_use", params={"limit": limit}, timeout=REMOVAL_TIMEOUT)

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

    def deliveries(self, channel: str, job_id: str | None, limit: int) -> list[Body]:
        """Return the newest deliveries of webhooks or notices, of one job or of all."""
        query = {"limit": limit, **({"job": job_id} if job_id else {})}
        deliveries: list[Body] = self._call("GET", f"/x/{channel}_deliveries", params=query)["data"]
        return deliveries

    def test_deliveries(self, channel: str, body: Body | None = None) -> list[Body]:
        """Send a test to every receiver of webhooks or notices."""
        deliveries: list[Body] = self._call("POST", f"/x/{channel}_deliveries", json=body, timeout=DELIVERY_TIMEOUT)[
            "data"
        ]
        return deliveries

    def tally(self, job_id: str) -> Body:
        """Return the counted answers of a job's blind readers."""
        return self._call("GET", f"/x/jobs/{job_id}/reading/tally")

    def compare(self, job_ids: Sequence[str]) -> Body:
        """Return a comparison of evaluated jobs."""
        return self._call("GET", "/x/compare", params={"job": list(job_ids)})

    def report(self, job_id: str) -> str:
        """Return a job's report as a page, with the answers of its blind readers so far."""
        return self._request("GET", f"{self.url}/jobs/{job_id}/report", params={"download": True}).text

    def is_up(self) -> bool:
        """Return whether a Scriptorium API is there."""
        try:
            return "store" in self._http.get(f"{self.url}/healthz", timeout=2).json()
        except (httpx.HTTPError, ValueError):
            return False

    def file(self, file_id: str) -> Body:
        """Return a file's record."""
        return self._call("GET", f"/files/{file_id}")

    def files(self) -> list[Body]:
        """Return every file, newest first."""
        files: list[Body] = self._call("GET", "/files")["data"]
        return files

    def delete_file(self, file_id: str) -> Body:
        """Delete a file that no unfinished job needs."""
        return self._call("DELETE", f"/files/{file_id}")

    def chat(self, model: str, messages: Sequence[Body], wait: float, **sampling: float) -> Iterator[str]:
        """Yield an answer piece by piece; a model that is not loaded is waited for, up to `wait` seconds."""
        body = {"model": model, "messages": list(messages), "stream": True, **sampling}
        headers = {"X-Scriptorium-Wait": f"{wait:g}"}
        timeout = httpx.Timeout(wait + 60, connect=5)
        try:
            with self._http.stream(
                "POST", "/chat/completions", json=body, headers=headers, timeout=timeout
            ) as response:
                if response.is_error:
                    response.read()
                    raise read_error(response)
                yield from read_deltas(response.iter_lines())
        except httpx.TransportError as error:
            raise StoreUnavailable(f"The API at {self.url} does not answer ({error}).") from error

    def events(
        self, job_id: str, last_id: str | None = None, on_lost: Callable[[], None] = lambda: None
    ) -> Iterator[Body]:
        """Yield every event of a job behind `last_id` as it arrives, until the job ends.

        A lost connection is made anew, without an end; `on_lost` is called each time that this fails.
        """
        while True:
            try:
                for name, data in self._stream(job_id, last_id):
                    if name == "done":
                        return
                    event: Body = json.loads(data)
                    last_id = event["id"]
                    yield event
            except httpx.ConnectError:
                on_lost()
                time.sleep(1)
            except httpx.TransportError:
                time.sleep(1)

    def _stream(self, job_id: str, last_id: str | None) -> Iterator[tuple[str, str]]:
        """Yield the (event, data) pairs of the stream."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        path = f"/fine_tuning/jobs/{job_id}/events"
        with self._http.stream("GET", path, headers=headers, timeout=httpx.Timeout(30, read=60)) as response:
            if response.is_error:
                response.read()
                raise read_error(response)
            name = "message"
            for line in response.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, value
                    name = "message"

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Return the response to a request that succeeds. Raises ApiError and StoreUnavailable."""
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise StoreUnavailable(f"The API at {self.url} does not answer ({error}).") from error
        if not response.is_success:
            raise read_error(response)
        return response

    def _call(self, method: str, path: str, **arguments: Any) -> Body:
        response = self._request(method, path, **arguments)
        try:
            body: Body = response.json()
        except ValueError:
            raise StoreUnavailable(f"What answers at {self.url} is not Scriptorium's API.") from None
        return body


def read_deltas(lines: Iterable[str]) -> Iterator[str]:
    """Yield the pieces of a streamed answer. Raises ApiError if it ends with an error."""
    for line in lines:
        data = line.removeprefix(DATA)
        if data in (line, DONE):
            continue
        chunk = json.loads(data)
        if "error" in chunk:
            raise ApiError(chunk["error"], httpx.codes.SERVICE_UNAVAILABLE)
        for choice in chunk.get("choices", ()):
            if text := (choice.get("delta") or {}).get("content"):
                yield text
