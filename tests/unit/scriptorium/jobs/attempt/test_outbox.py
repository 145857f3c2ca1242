"""The outbox: a store that is away costs nothing but time."""

import pytest
import redis

from scriptorium.jobs.attempt import outbox as outbox_module
from scriptorium.jobs.attempt.outbox import Outbox


class Store:
    """A store that is away until a test says otherwise."""

    def __init__(self) -> None:
        self.error: redis.RedisError | None = redis.ConnectionError("away")
        self.written: list[int] = []

    def write(self, number: int) -> None:
        if self.error:
            raise self.error
        self.written.append(number)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "RETRY_INTERVAL", 0.0)


@pytest.mark.parametrize("error", [redis.ConnectionError("away"), redis.ResponseError("OOM command not allowed")])
def test_what_could_not_be_written_is_written_later_and_in_order(error: redis.RedisError) -> None:
    store, outbox = Store(), Outbox()
    store.error = error
    for number in range(5):
        outbox.put(lambda number=number: store.write(number))
    assert not outbox.flush()
    store.error = None
    outbox.put(lambda: store.write(5))
    assert store.written == [0, 1, 2, 3, 4, 5]
    assert outbox.flush()


def test_it_is_bounded_and_the_newest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MAX_WRITES", 3)
    store, outbox = Store(), Outbox()
    for number in range(9):
        outbox.put(lambda number=number: store.write(number))
    store.error = None
    outbox.flush()
    assert store.written == [6, 7, 8]


def test_another_error_is_not_hidden() -> None:
    outbox = Outbox()
    with pytest.raises(ZeroDivisionError):
        outbox.put(lambda: 1 / 0)


def test_draining_waits_for_the_store_and_is_given_up_with_a_reason() -> None:
    store, outbox, checks = Store(), Outbox(), []
    outbox.put(lambda: store.write(1))

    def check() -> None:
        checks.append(1)
        if len(checks) == 2:
            store.error = None

    outbox.drain(check)
    assert (store.written, len(checks)) == ([1], 2)
    store.error = redis.ConnectionError("away")
    outbox.put(lambda: store.write(2))
    with pytest.raises(ZeroDivisionError):
        outbox.drain(lambda: 1 / 0)  # type: ignore[arg-type,return-value]
