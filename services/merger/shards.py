"""One run over all shards of a merge: each is written, proven while its bytes still go to the disk, and recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.contracts import Level
from scriptorium.jobs.reporter import Reporter
from services.merger.planning.plan import Plan, Shard
from services.merger.verify import Proof, verify_steps
from services.merger.writing.resume import UNFINISHED, is_finished, origin, record
from services.merger.writing.worker_pool import PATIENCE, Progress, Step, work_off
from services.merger.writing.write_shard import Files, Receipts, Sink, write_steps


class Merge:
    """One run over all shards: some are there already, the others are written; all are proven."""

    def __init__(
        self, plan: Plan, companions: dict[str, bytes], folder: Path, adapter_hash: str, reporter: Reporter
    ) -> None:
        self.plan = plan
        self.companions = companions
        self.folder = folder
        self.reporter = reporter
        self.origins = {shard.name: origin(plan, shard, adapter_hash) for shard in plan.shards}
        self.resumed = {shard.name for shard in plan.shards if is_finished(folder, shard, self.origins[shard.name])}
        self.proof = Proof()
        self.progress = Progress(reporter, plan.bytes + sum(shard.bytes for shard in self.unfinished))

    @property
    def unfinished(self) -> list[Shard]:
        """The shards that have to be written."""
        return [shard for shard in self.plan.shards if shard.name not in self.resumed]

    @property
    def bytes(self) -> int:
        """How many bytes the model has."""
        return self.plan.bytes + sum(map(len, self.companions.values()))

    @property
    def missing_bytes(self) -> int:
        """How many of them are not there yet."""
        return self.bytes - self.plan.bytes + sum(shard.bytes for shard in self.unfinished)

    def run(self) -> Proof:
        """Write and prove; raises Stopped, OSError and BrokenTensorFile. Differences are in the proof.

        A shard is proven while the next one is written: one of the two computes while the other waits for the disk.
        """
        for done in self.plan.shards:
            if done.name in self.resumed:
                self._prove_again(done)
        with ExitStack() as open_files, ThreadPoolExecutor(1, thread_name_prefix="merge-close") as closer:
            closing: list[Future[None]] = []
            before: Writing | None = None
            for shard in (*self.unfinished, None):
                writing = open_files.enter_context(Writing(shard, self)) if shard else None
                work_off(alternate(writing.write() if writing else (), before.prove() if before else ()), self.progress)
                if before:
                    closing.append(closer.submit(before.finish))
                self._settle([future for future in closing if future.done()])
                before = writing
            self._settle(closing)
        for name, body in self.companions.items():
            (self.folder / name).write_bytes(body)
        return self.proof

    def _prove_again(self, shard: Shard) -> None:
        """Prove a shard of an earlier attempt; one that does not pass is removed, to be written anew."""
        found = Proof()
        with Files(shard, self.plan.adapter.path) as files:
            work_off(verify_steps(shard, files, self.folder / shard.name, {}, found), self.progress)
        if found.problems:
            self.reporter.message(f"[MERGE] {shard.name} of an earlier attempt is not right: written anew", Level.WARN)
            self.resumed.discard(shard.name)
            (self.folder / shard.name).unlink(missing_ok=True)
        else:
            self.reporter.message(f"[MERGE] {shard.name} was finished by an earlier attempt")
            self.proof.add(found)

    def _settle(self, closing: list[Future[None]]) -> None:
        """Wait until shards are closed; raises what went wrong with one."""
        while wait(closing, timeout=PATIENCE).not_done:
            self.progress.advance(0)
        for future in closing:
            future.result()


class Writing:
    """A shard from its first byte to its record."""

    def __init__(self, shard: Shard, merge: Merge) -> None:
        self.shard = shard
        self.merge = merge
        self.path = merge.folder / f"{shard.name}{UNFINISHED}"
        self.files = Files(shard, merge.plan.adapter.path)
        self.receipts: Receipts = {}
        self.proof = Proof()

    def __enter__(self) -> Writing:
        self.files.__enter__()
        self.sink = Sink(self.path, self.shard.bytes)
        return self

    def __exit__(self, *_: object) -> None:
        self.sink.close()
        self.files.__exit__()

    def write(self) -> Iterator[Step]:
        """The steps that write it."""
        return write_steps(self.shard, self.files, self.sink.descriptor, self.receipts)

    def prove(self) -> Iterator[Step]:
        """The steps that compare what was written with its sources."""
        return verify_steps(self.shard, self.files, self.path, self.receipts, self.proof)

    def finish(self) -> None:
        """Make it durable, give it its name and, where it is as it should be, record it."""
        self.sink.sync()
        self.path.rename(self.merge.folder / self.shard.name)
        manifest.sync(self.merge.folder)
        self.merge.proof.add(self.proof)
        if not self.proof.problems:
            record(self.merge.folder, self.shard, self.merge.origins[self.shard.name])


def alternate(one: Iterable[Step], other: Iterable[Step]) -> Iterator[Step]:
    """Steps of both in turns, then what is left of the longer one."""
    for pair in zip_longest(one, other):
        yield from (step for step in pair if step is not None)
