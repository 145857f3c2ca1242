"""A novel goes through the containers over HTTP while some of them are stopped, killed and started again."""

from __future__ import annotations

from pathlib import Path

from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob

from scriptorium.local.demo_assets import BASE
from tests.compose.shell import say, wait
from tests.compose.stack import Stack

TRAINER, SERVER = "trainer-cpu", "server-cpu"


def send_book(stack: Stack, book: Path) -> str:
    """Upload the book and order a model of it, with the unmodified client; returns the job's id."""
    client = connect(stack)
    with book.open("rb") as content:
        file = client.files.create(file=content, purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model=BASE, training_file=file.id, suffix="compose")
    return job.id


def connect(stack: Stack) -> OpenAI:
    """The client of this stack's API."""
    return OpenAI(base_url=f"http://127.0.0.1:{stack.api_port}/v1", api_key="none", max_retries=10)


def disturb(stack: Stack, job_id: str) -> None:
    """Stop the trainer in the middle, kill Redis and the API; none of it may cost the job."""
    client = connect(stack)
    wait("the 5th step", lambda: step(client, job_id) >= 5, seconds=300)
    say("stopping the trainer in the middle of its work")
    stack.compose("stop", TRAINER)
    reached = step(client, job_id)
    saved = [found.step_number for found in client.fine_tuning.jobs.checkpoints.list(job_id)]
    assert saved, "a stopped training saves a checkpoint"
    assert max(saved) >= reached - 1, f"stopped at step {reached}, saved at {saved}"
    say(
        f"stopped at step {reached}, saved at {max(saved)}; killing Redis, then the API, and starting the trainer again"
    )
    stack.crash("redis")
    stack.crash("api")
    stack.compose("start", TRAINER)
    wait("a step of the second attempt", lambda: step(client, job_id) > reached, seconds=300)
    say("killing the trainer")
    stack.crash(TRAINER)


def step(client: OpenAI, job_id: str) -> int:
    """The last step that a job's events tell of."""
    events = client.fine_tuning.jobs.list_events(job_id, limit=50).data
    return max((int(event.data["step"]) for event in events if event.data and "step" in event.data), default=0)


def finish(stack: Stack, job_id: str) -> FineTuningJob:
    """Wait for the job's end, telling what it says of itself."""
    client, told = connect(stack), set[str]()

    def ended() -> bool:
        for event in reversed(client.fine_tuning.jobs.list_events(job_id, limit=20).data):
            if event.id not in told and event.type == "message":
                say(f"  {event.message}")
            told.add(event.id)
        return client.fine_tuning.jobs.retrieve(job_id).status in {"succeeded", "failed", "cancelled"}

    wait("the end of the job", ended, seconds=1200)
    return client.fine_tuning.jobs.retrieve(job_id)


def use(stack: Stack, job: FineTuningJob) -> None:
    """The results of a job that has succeeded: the served model answers, its report can be fetched."""
    client = connect(stack)
    assert job.fine_tuned_model
    question = {"role": "user", "content": "Write a scene at sea."}
    answer = client.chat.completions.create(model=job.fine_tuned_model, messages=[question], max_tokens=40)
    assert answer.choices[0].message.content
    names = [client.files.retrieve(file).filename for file in job.result_files]
    assert any(name.endswith("report.html") for name in names), names


def hardened(stack: Stack) -> None:
    """No service runs as root, none may write outside of its volumes or gain rights, only three publish a port."""
    for service in stack.services():
        found = stack.inspect(service)
        host = found["HostConfig"]
        assert stack.user(service) not in {"root", "0"}, f"{service} runs as root"
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"], service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        ports = [port for bound in (host["PortBindings"] or {}).values() for port in bound]
        assert bool(ports) == (service in {"api", "prometheus"}), f"{service} publishes {ports}"
        assert all(port["HostIp"] == "127.0.0.1" for port in ports), service
