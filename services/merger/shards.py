"""One run over all shards of a merge: each is written, proven while its bytes still go to disk, and recorded."""

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
from services.merger.writing.resume import UNFINISHED, is_finished, make_fingerprint, write_record
from services.merger.writing.worker_pool import CHECK_INTERVAL, MergeProgress, Step, run_steps
from services.merger.writing.write_shard import BlockChecksums, ShardFiles, Sink, write_steps


class Merge:
    """One run over all shards: those of an earlier attempt are reused, the others written; all are proven."""

    def __init__(
        self, plan: Plan, companions: dict[str, bytes], folder: Path, adapter_hash: str, reporter: Reporter
    ) -> None:
        self.plan = plan
        self.companions = companions
        self.folder = folder
        self.reporter = reporter
        self.fingerprints = {shard.name: make_fingerprint(plan, shard, adapter_hash) for shard in plan.shards}
        self.resumed = {
            shard.name for shard in plan.shards if is_finished(folder, shard, self.fingerprints[shard.name])
        }
        self.proof = Proof()
        self.progress = MergeProgress(reporter, plan.bytes + sum(shard.bytes for shard in self.unfinished))

    @property
    def unfinished(self) -> list[Shard]:
        """The shards that still have to be written."""
        return [shard for shard in self.plan.shards if shard.name not in self.resumed]

    @property
    def bytes(self) -> int:
        """The size of the model in bytes."""
        return self.plan.bytes + sum(map(len, self.companions.values()))

    @property
    def missing_bytes(self) -> int:
        """The number of bytes that still have to be written."""
        return self.bytes - self.plan.bytes + sum(shard.bytes for shard in self.unfinished)

    def run(self) -> Proof:
        """Write and prove every shard; raises Stopped, OSError and BrokenTensorFile. Differences are in the proof.

        A shard is proven while the next one is written: one of the two computes while the other waits for the disk.
        """
        for shard in self.plan.shards:
            if shard.name in self.resumed:
                self._prove_again(shard)
        with ExitStack() as open_files, ThreadPoolExecutor(1, thread_name_prefix="merge-close") as closer:
            closing: list[Future[None]] = []
            previous: ShardWriter | None = None
            for unfinished in (*self.unfinished, None):
                writer = open_files.enter_context(ShardWriter(unfinished, self)) if unfinished else None
                writing, proving = writer.write() if writer else (), previous.prove() if previous else ()
                run_steps(alternate(writing, proving), self.progress)
                if previous:
                    closing.append(closer.submit(previous.finish))
                self._wait_for([future for future in closing if future.done()])
                previous = writer
            self._wait_for(closing)
        for name, body in self.companions.items():
            (self.folder / name).write_bytes(body)
        return self.proof

    def _prove_again(self, shard: Shard) -> None:
        """Prove a shard of an earlier attempt; remove it if it does not pass, so that it is written again."""
        proof = Proof()
        with ShardFiles(shard, self.plan.adapter.path) as files:
            run_steps(verify_steps(shard, files, self.folder / shard.name, {}, proof), self.progress)
        if proof.problems:
            self.reporter.message(f"[MERGE] {shard.name} of an earlier attempt is faulty: writing it again", Level.WARN)
            self.resumed.discard(shard.name)
            (self.folder / shard.name).unlink(missing_ok=True)
        else:
            self.reporter.message(f"[MERGE] {shard.name} was finished by an earlier attempt")
            self.proof.add(proof)

    def _wait_for(self, closing: list[Future[None]]) -> None:
        """Wait until shards are closed; raises the error of one that failed."""
        while wait(closing, timeout=CHECK_INTERVAL).not_done:
            self.progress.advance(0)
        for future in closing:
            future.result()


class ShardWriter:
    """Writes one shard, from its first byte to its record."""

    def __init__(self, shard: Shard, merge: Merge) -> None:
        self.shard = shard
        self.merge = merge
        self.path = merge.folder / f"{shard.name}{UNFINISHED}"
        self.files = ShardFiles(shard, merge.plan.adapter.path)
        self.checksums: BlockChecksums = {}
        self.proof = Proof()

    def __enter__(self) -> ShardWriter:
        self.files.__enter__()
        self.sink = Sink(self.path, self.shard.bytes)
        return self

    def __exit__(self, *_: object) -> None:
        self.sink.close()
        self.files.__exit__()

    def write(self) -> Iterator[Step]:
        """Return the steps that write the shard."""
        return write_steps(self.shard, self.files, self.sink.descriptor, self.checksums)

    def prove(self) -> Iterator[Step]:
        """Return the steps that compare the written shard with its sources."""
        return verify_steps(self.shard, self.files, self.path, self.checksums, self.proof)

    def finish(self) -> None:
        """Make the shard durable, give it its name and, if it passed, record it."""
        self.sink.sync()
        self.path.rename(self.merge.folder / self.shard.name)
        manifest.sync(self.merge.folder)
        self.merge.proof.add(self.proof)
        if not self.proof.problems:
            write_record(self.merge.folder, self.shard, self.merge.fingerprints[self.shard.name])


def alternate(one: Iterable[Step], other: Iterable[Step]) -> Iterator[Step]:
    """Yield steps of both in turns, then the rest of the longer one."""
    for pair in zip_longest(one, other):
        yield from (step for step in pair if step is not None)
