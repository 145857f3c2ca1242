"""The faults: what is done to the machine while a job is in a phase. Each ends with nothing held back any more."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from scriptorium.artifacts.training_log import TRAINING_LOG, read_training_log
from scriptorium.contracts import Job, Phase
from scriptorium.jobs.pipeline import TABLE
from scriptorium.jobs.queue import send
from scriptorium.local import stack
from scriptorium.local.demo_assets import demo_assets
from tests.faults.matrix.machine import LEASE, Machine, send_signal, signal_all
from tests.faults.matrix.witness import Witness

WORKER = {
    Phase.PREPARE: "data",
    Phase.TRAIN: "trainer",
    Phase.CALIBRATE: "evaluator",
    Phase.MERGE: "merger",
    Phase.SERVE: "server",
    Phase.EVALUATE: "evaluator",
}
ENGINE_PHASES = (Phase.CALIBRATE, Phase.SERVE, Phase.EVALUATE)
LONGER_THAN_A_LEASE = 1.6 * LEASE.total_seconds()
MOMENT = 2.5  # seconds


@dataclass(frozen=True)
class FaultScene:
    """Where a fault happens: the machine, its user, the job that is attacked as it was a moment ago, and the dice."""

    machine: Machine
    witness: Witness
    job: Job
    chance: random.Random

    def worker(self) -> int | None:
        """Return the process of the phase's worker that works, or of any of them."""
        pids = self.machine.pids(WORKER[self.job.phase])
        with self.machine.store() as store:
            holder = store.leases.holder(f"{self.job.id}:{self.job.phase}") or ""
        mine = [pid for pid in pids if str(pid) in holder.replace(":", " ").replace("-", " ").split()]
        return next(iter(mine or pids), None)


Act = Callable[[FaultScene], bool]


@dataclass(frozen=True)
class MachineFault:
    """A fault: its name, what it does, and the phases in which there is something to do it to.

    `act` returns False if its victim was not there. A `costly` one takes minutes of work back.
    """

    name: str
    act: Act
    phases: tuple[Phase, ...] = tuple(Phase)
    costly: bool = False


def kill(service: str) -> Act:
    """Kill a service."""
    return lambda scene: signal_all(scene.machine.pids(service)[:1], signal.SIGKILL)


def kill_worker(scene: FaultScene) -> bool:
    """Kill the worker of the phase."""
    pid = scene.worker()
    return pid is not None and send_signal(pid, signal.SIGKILL)


def kill_child(scene: FaultScene) -> bool:
    """Kill the training, or an engine."""
    children = children_of(scene)
    return bool(children) and send_signal(scene.chance.choice(children), signal.SIGKILL)


def kill_redis(scene: FaultScene) -> bool:
    """Kill Redis; it is started again a moment later, as a restart policy does."""
    process = scene.machine.redis
    if process is None or not send_signal(process.pid, signal.SIGKILL):
        return False
    process.wait(10)
    time.sleep(scene.chance.choice((0.1, 1.5)))
    scene.machine.start_redis()
    return True


def kill_all(scene: FaultScene) -> bool:
    """Kill the supervisor, which takes every service and child with it, the spare workers and Redis, all at once."""
    machine = scene.machine
    victims = [machine.supervisor(), *redis_pids(scene), *(s.pid for s in machine.spares.values())]
    return signal_all(filter(None, victims), signal.SIGKILL)


def kill_supervisor(scene: FaultScene) -> bool:
    """Kill the supervisor alone."""
    pid = scene.machine.supervisor()
    return pid is not None and send_signal(pid, signal.SIGKILL)


def restart(scene: FaultScene) -> bool:
    """Stop the stack in order, in the middle of everything; the machine starts it again."""
    return stack.down(scene.machine.settings, notify=lambda _: None)


def freeze(seconds: float, find: Callable[[FaultScene], list[int]]) -> Act:
    """Freeze processes and thaw them."""

    def act(scene: FaultScene) -> bool:
        pids = [pid for pid in find(scene) if send_signal(pid, signal.SIGSTOP)]
        time.sleep(seconds if pids else 0)
        for pid in pids:
            send_signal(pid, signal.SIGCONT)
        return bool(pids)

    return act


def worker_pids(scene: FaultScene) -> list[int]:
    """Return the process of the worker that works."""
    return [pid] if (pid := scene.worker()) else []


def redis_pids(scene: FaultScene) -> list[int]:
    """Return the process of Redis."""
    return [scene.machine.redis.pid] if scene.machine.redis else []


def children_of(scene: FaultScene) -> list[int]:
    """Return the processes of the training, or of the engines."""
    word = "axolotl" if scene.job.phase is Phase.TRAIN else "vllm.entrypoints"
    return [process.pid for process in scene.machine.children(word)]


def refuse_writes(scene: FaultScene) -> bool:
    """Let Redis refuse writes, as it does when its memory is full."""
    with scene.machine.store() as store:
        before = str(store.client.config_get("maxmemory")["maxmemory"])
        store.client.config_set("maxmemory", 1)
        time.sleep(scene.chance.choice((MOMENT, LONGER_THAN_A_LEASE)))
        store.client.config_set("maxmemory", before)
    return True


def fill_disk(scene: FaultScene) -> bool:
    """Fill the disk, for the volume and for Redis, until somebody frees it again."""
    ballast = scene.machine.disk / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            deadline = time.monotonic() + LONGER_THAN_A_LEASE
            while time.monotonic() < deadline:  # what others free meanwhile is taken as well
                with suppress(OSError):
                    file.write(bytes(2**20))
                    continue
                time.sleep(0.05)
    finally:
        ballast.unlink()
    return True


def cut(*, silent: bool, everybody: bool = False) -> Act:
    """Cut the worker off from Redis, or every service; the connections close or fall silent."""

    def act(scene: FaultScene) -> bool:
        pids = {pid for name in ("api", *WORKER.values()) for pid in scene.machine.pids(name)} if everybody else set()
        victims = pids or set(worker_pids(scene))
        scene.machine.proxy.cut(victims, silent=silent)
        time.sleep(LONGER_THAN_A_LEASE)
        scene.machine.proxy.mend()
        return bool(victims)

    return act


def jump(offset: int) -> Act:
    """Let Redis's clock jump, and a while later back."""

    def act(scene: FaultScene) -> bool:
        scene.machine.clock.set(offset)
        time.sleep(MOMENT)
        scene.machine.clock.set(0)
        return True

    return act


def deliver_again(scene: FaultScene) -> bool:
    """Send the phase's message a second time."""
    send(TABLE[scene.job.phase].task, scene.job.id)
    return True


def deliver_late(scene: FaultScene) -> bool:
    """Send the message of a phase that is done once more."""
    phases = list(Phase)
    send(TABLE[scene.chance.choice(phases[: phases.index(scene.job.phase)])].task, scene.job.id)
    return True


def never_exit(scene: FaultScene) -> bool:
    """Freeze a training that has saved everything, before it exits."""
    machine = scene.machine
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        logs = sorted(machine.disk.glob(f"runs/{scene.job.id}/train.*.tmp/{TRAINING_LOG}"))
        if logs and any(line.get("event") == "end" for line in read_training_log(logs[-1])):
            return signal_all(children_of(scene), signal.SIGSTOP)
        time.sleep(0.02)
    return False


def pause_and_resume(scene: FaultScene) -> bool:
    """Pause the job and resume it, as its user may at any time."""
    with scene.machine.http() as http:
        if http.post(f"/v1/fine_tuning/jobs/{scene.job.id}/pause").status_code != 200:
            return False
        time.sleep(scene.chance.choice((0.0, MOMENT)))
        for _ in range(60):
            if http.post(f"/v1/fine_tuning/jobs/{scene.job.id}/resume").status_code == 200:
                return True
            time.sleep(0.5)
    return False


def cancel_another(scene: FaultScene) -> bool:
    """Send a third job, and cancel it at once or a little later."""
    text = demo_assets().book.read_bytes()[300_000:340_000]
    job_id = scene.witness.submit(text, "third.txt", scene.job.recipe.model_dump())
    time.sleep(scene.chance.choice((0.0, MOMENT)))
    return scene.witness.cancel(job_id)


FAULTS = (
    MachineFault("kill api", kill("api")),
    MachineFault("kill worker", kill_worker, costly=True),
    MachineFault("kill server", kill("server"), ENGINE_PHASES),
    MachineFault("kill training", kill_child, (Phase.TRAIN,), costly=True),
    MachineFault("kill engine", kill_child, ENGINE_PHASES, costly=True),
    MachineFault("kill redis", kill_redis),
    MachineFault("kill supervisor", kill_supervisor, costly=True),
    MachineFault("kill all", kill_all, costly=True),
    MachineFault("restart", restart, costly=True),
    MachineFault("freeze worker", freeze(LONGER_THAN_A_LEASE, worker_pids), costly=True),
    MachineFault("freeze worker shortly", freeze(MOMENT, worker_pids)),
    MachineFault("freeze api", freeze(LONGER_THAN_A_LEASE, lambda scene: scene.machine.pids("api"))),
    MachineFault("freeze redis", freeze(LONGER_THAN_A_LEASE, redis_pids)),
    MachineFault("freeze child", freeze(LONGER_THAN_A_LEASE, children_of), (Phase.TRAIN, *ENGINE_PHASES)),
    MachineFault("writes refused", refuse_writes),
    MachineFault("disk full", fill_disk, costly=True),
    MachineFault("worker cut off", cut(silent=False)),
    MachineFault("worker cut off silently", cut(silent=True)),
    MachineFault("all cut off", cut(silent=False, everybody=True)),
    MachineFault("clock an hour ahead", jump(3600)),
    MachineFault("clock an hour behind", jump(-3600)),
    MachineFault("delivered twice", deliver_again),
    MachineFault("delivered late", deliver_late, tuple(Phase)[1:]),
    MachineFault("saved and never exits", never_exit, (Phase.TRAIN,)),
    MachineFault("paused and resumed", pause_and_resume),
    MachineFault("another job cancelled", cancel_another),
)
