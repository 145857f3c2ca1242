"""What people do all day: send books, delete old jobs, chat, follow events, upload and think better of it, look on."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count

import httpx

from tests.integration.standins import BASE

RECENT_JOBS = 20  # that stay; older ones are deleted with their manuscripts
JOBS_AT_ONCE = 10
BOOK = b"Once upon a midnight dreary, while I pondered, weak and weary. " * 500
JOBS = "/v1/fine_tuning/jobs"
ENDED = ("succeeded", "failed", "cancelled")
CHOICE = random.Random(1)  # noqa: S311


class Day:
    """The clients of one API; `tally` counts what they did, `problems` what should not have happened."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.tally: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self._http = http
        self._numbers = count(1)
        self._recent: deque[str] = deque()
        self._running: list[str] = []
        self._models: deque[str] = deque([BASE], maxlen=3)

    async def run_jobs(self, number: int, seconds: float) -> None:
        """Send a handful of jobs, again and again over `seconds`, until `number` have ended well."""
        loop, rounds = asyncio.get_running_loop(), number // JOBS_AT_ONCE
        begun = loop.time()
        for index in range(rounds):
            self._running = [await self._send_job() for _ in range(JOBS_AT_ONCE)]
            for job_id in self._running:
                await self._await_end(job_id)
            await self._delete_old_jobs()
            await asyncio.sleep(max(2.0, begun + (index + 1) * seconds / rounds - loop.time()))  # time to chat

    async def live(self) -> None:
        """Do everything else until it is cancelled."""
        ways: list[tuple[Callable[[], Awaitable[None]], float]] = [
            (self._chat, 0.5), (self._chat, 0.5), (self._follow, 0.5), (self._follow, 0.5), (self._scrape, 2.0),
            (self._upload, 2.0), (self._upload_in_parts, 3.0), (self._look_around, 2.0),
        ]  # fmt: skip
        await asyncio.gather(*(self._repeat(way, pause) for way, pause in ways))

    async def _repeat(self, way: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            try:
                await way()
                self.tally[way.__name__.strip("_")] += 1
            except httpx.HTTPError as error:
                self.problems[f"{way.__name__}: {type(error).__name__} {error}"[:200]] += 1
            await asyncio.sleep(pause)

    async def _send_job(self) -> str:
        name = f"book-{next(self._numbers)}.txt"
        file = await self._post("/v1/files", data={"purpose": "fine-tune"}, files={"file": (name, BOOK)})
        body = {"model": BASE, "training_file": file["id"], "suffix": "soak"}
        return str((await self._post(JOBS, json=body))["id"])

    async def _await_end(self, job_id: str) -> None:
        job = await self._get(f"{JOBS}/{job_id}")
        while job["status"] not in ENDED:
            await asyncio.sleep(0.2)
            job = await self._get(f"{JOBS}/{job_id}")
        self.tally[job["status"]] += 1
        self._recent.append(job_id)
        if job["status"] == "succeeded":
            self._models.append(job["fine_tuned_model"])
        else:
            self.problems[f"{job['status']}: {job['error']}"] += 1

    async def _delete_old_jobs(self) -> None:
        while len(self._recent) > RECENT_JOBS:
            job_id = self._recent.popleft()
            (await self._http.delete(f"{JOBS}/{job_id}?manuscript=true")).raise_for_status()

    async def _chat(self) -> None:
        body = {"model": CHOICE.choice(self._models), "messages": [{"role": "user", "content": "Write."}]}
        body["stream"] = CHOICE.random() < 0.5
        answer = await self._http.post("/v1/chat/completions", json=body)
        self.tally[f"chat {answer.status_code}"] += 1
        if answer.status_code not in (200, 404, 503):  # a job has the device, or the model was deleted
            answer.raise_for_status()

    async def _follow(self) -> None:
        if not (job_ids := self._running or list(self._recent)):
            return
        path = f"{JOBS}/{CHOICE.choice(job_ids)}/events?stream=true"
        with suppress(TimeoutError, httpx.RemoteProtocolError):
            async with asyncio.timeout(CHOICE.choice((0.5, 3.0))), self._http.stream("GET", path) as answer:
                async for _ in answer.aiter_lines():
                    pass

    async def _scrape(self) -> None:
        (await self._http.get("/metrics")).raise_for_status()
        (await self._http.get("/metrics/engines")).raise_for_status()

    async def _upload(self) -> None:
        file = await self._post("/v1/files", data={"purpose": "fine-tune"}, files={"file": ("draft.txt", BOOK)})
        (await self._http.delete(f"/v1/files/{file['id']}")).raise_for_status()

    async def _upload_in_parts(self) -> None:
        body = {"filename": "long.txt", "bytes": len(BOOK) * 2, "mime_type": "text/plain", "purpose": "fine-tune"}
        upload = await self._post("/v1/uploads", json=body)
        await self._post(f"/v1/uploads/{upload['id']}/parts", files={"data": ("part", BOOK)})
        await self._post(f"/v1/uploads/{upload['id']}/cancel")

    async def _look_around(self) -> None:
        for path in (f"{JOBS}?limit=20", "/v1/models", "/v1/files", "/", "/healthz"):
            (await self._http.get(path)).raise_for_status()

    async def _get(self, path: str) -> dict[str, object]:
        answer = await self._http.get(path)
        answer.raise_for_status()
        return dict(answer.json())

    async def _post(self, path: str, **content: object) -> dict[str, object]:
        answer = await self._http.post(path, **content)  # type: ignore[arg-type]
        if answer.is_error:
            raise httpx.HTTPError(f"POST {path}: {answer.status_code} {answer.text[:300]}")
        return dict(answer.json())
