"""Steps run on a few threads, a few at a time; progress is reported; whatever a step raises comes out."""

import threading
from collections.abc import Iterator

import pytest

from scriptorium.errors import Cancelled
from scriptorium.jobs.reporter import SilentReporter
from services.merger.writing.worker_pool import QUEUED_PER_THREAD, MergeProgress, Step, run_steps


def test_every_step_is_done_once_and_few_are_made_ahead() -> None:
    done: list[int] = []
    ahead = []

    def make() -> Iterator[Step]:
        for number in range(200):
            ahead.append(number - len(done))
            yield lambda number=number: done.append(number) or 1

    progress = MergeProgress(SilentReporter(), 200)
    run_steps(make(), progress, threads=3)
    assert sorted(done) == list(range(200))
    assert progress.done == 200
    assert max(ahead) <= 3 * (1 + QUEUED_PER_THREAD)


def test_steps_run_side_by_side() -> None:
    meeting = threading.Barrier(2, timeout=10)
    run_steps([lambda: meeting.wait() * 0, lambda: meeting.wait() * 0], MergeProgress(SilentReporter(), 1), threads=2)


def test_what_a_step_raises_ends_the_work() -> None:
    def fail() -> int:
        raise OSError("disk")

    done = []
    with pytest.raises(OSError, match="disk"):
        run_steps([fail, *[lambda: done.append(1) or 1] * 100], MergeProgress(SilentReporter(), 1), threads=2)
    assert len(done) < 100


def test_a_stop_is_noticed_while_a_step_hangs() -> None:
    class CancelledSteps(SilentReporter):
        def check(self) -> None:
            release.set()
            raise Cancelled("by the user")

    release = threading.Event()
    with pytest.raises(Cancelled):
        run_steps([lambda: release.wait(10) * 0], MergeProgress(CancelledSteps(), 1), threads=2)


def test_progress_is_reported_every_few_seconds() -> None:
    reporter = SilentReporter()
    frequent, rare = MergeProgress(reporter, 200, interval=0), MergeProgress(reporter, 200, interval=60)
    for _ in range(2):
        frequent.advance(100)
        rare.advance(100)
    assert [message.split(",")[0] for message in reporter.messages] == [
        "[MERGE] 50 % merged and checked",
        "[MERGE] 100 % merged and checked",
    ]
