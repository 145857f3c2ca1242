"""A notice to a person: a title and a few plain sentences with the next step, sent by Apprise to whatever they use.

Apprise's addresses hold passwords and tokens, and so does what it logs: neither is ever logged or shown. A service is
known by its name, such as "ntfy".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from scriptorium.contracts import Decision, DecisionKind, Job, Status
from scriptorium.contracts.delivery import Announcement, AnnouncementType, Channel
from scriptorium.errors import JobMissing, Problem
from scriptorium.urls import job_page
from services.api.deliveries.receivers import TEST_JOB, SendOutcome, make_key

if TYPE_CHECKING:
    from apprise import NotifyBase

SERVICE_TIMEOUT = 20.0  # seconds
FAULTS = (DecisionKind.OUT_OF_MEMORY, DecisionKind.DISK_FULL)
SILENT = logging.CRITICAL + 1

TitleAndText = tuple[str, str]
FindJob = Callable[[str], Job]


class NoticeReceiver:
    """Sends notices to one service; `find_job` returns a job's record."""

    channel = Channel.NOTICE

    def __init__(self, service: NotifyBase, find_job: FindJob, pages_url: str) -> None:
        self.key = make_key(str(service.url()))  # type: ignore[no-untyped-call]
        self.name = str(service.service_name)
        self._service = service
        self._find_job = find_job
        self._pages_url = pages_url

    async def send(self, announcement: Announcement) -> SendOutcome:
        """Write a notice as of now and send it; one that nobody needs any more is not sent."""
        return await asyncio.to_thread(self._send, announcement)  # these threads are not those of requests

    def _send(self, announcement: Announcement) -> SendOutcome:
        if announcement.job_id == TEST_JOB:
            return self._notify("Scriptorium: a test", "Notices of your jobs arrive here.")
        try:
            job = self._find_job(announcement.job_id)
        except JobMissing:
            return SendOutcome(problem="The job was deleted meanwhile.", final=True)
        if announcement.type is AnnouncementType.DECISION and job.open_decision is None:
            return SendOutcome(problem="The question was answered meanwhile.", final=True)
        return self._notify(*write_notice(job, self._pages_url))

    def _notify(self, title: str, text: str) -> SendOutcome:
        import apprise

        notifier = apprise.Apprise()
        notifier.add(self._service)
        result = notifier.notify(body=text, title=title, timeout=SERVICE_TIMEOUT)
        return SendOutcome() if result else SendOutcome(problem=f"{self.name} did not take the notice.")


def open_services(addresses: str, find_job: FindJob, pages_url: str) -> tuple[list[NoticeReceiver], list[Problem]]:
    """Open the services of Apprise's addresses; the problems name those that Apprise cannot use by their place."""
    if not addresses.strip():
        return [], []
    import apprise  # takes half a second, which only those wait who want notices
    from apprise.utils.parse import parse_urls

    logging.getLogger("apprise").setLevel(SILENT)
    services = [apprise.Apprise.instantiate(address) for address in parse_urls(addresses)]  # type: ignore[no-untyped-call]
    problems = [
        Problem(f"SCRIPTORIUM_NOTICES, address {place}", "is not one that Apprise can use")
        for place, service in enumerate(services, 1)
        if service is None
    ]
    return [NoticeReceiver(service, find_job, pages_url) for service in services if service is not None], problems


def write_notice(job: Job, pages_url: str) -> TitleAndText:
    """Write what a person wants to know of a job that has ended or waits for them."""
    title, lines = describe(job)
    page = job_page(job.id, "report" if job.status is Status.SUCCEEDED else "")
    return title, "\n".join([*lines, f"{pages_url}{page}", f"Job: {job.id}"])


def describe(job: Job) -> tuple[str, list[str]]:
    """Return the title and the sentences of a notice."""
    name = job.suffix or job.id
    if decision := job.open_decision:
        return describe_decision(job, decision, name)
    if job.status is Status.SUCCEEDED:
        return f"{name}: the model is ready", [f"The job succeeded. Its model: {job.fine_tuned_model}"]
    if job.status is Status.CANCELLED:
        return f"{name}: cancelled", ["The job was cancelled."]
    error = job.error
    reasons = [error.message, *([f"Next step: {error.next_step}"] if error.next_step else [])] if error else []
    return f"{name}: failed", ["The job failed.", *reasons]


def describe_decision(job: Job, decision: Decision, name: str) -> tuple[str, list[str]]:
    """Return the title and the sentences of a notice of a question, with its answers as commands."""
    title = f"{name}: paused by a fault" if decision.kind in FAULTS else f"{name}: waits for your answer"
    options = [
        f"{option.meaning}{' (recommended)' if option.name == decision.recommended else ''}: "
        f"scriptorium decide {job.id} {option.name}"
        for option in decision.options
    ]
    return title, [f"{decision.question} {decision.reason}", *options]
