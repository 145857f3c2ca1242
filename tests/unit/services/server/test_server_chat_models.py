"""Which models are warm, and who comes first."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.settings import Settings
from scriptorium.store.chat_wishes import Wish
from scriptorium.store.serving import WantedModel
from services.server.chat_models import choose_warm, is_within, list_idle, may_train_now

CPU = Settings(device="cpu")
GPU = Settings(device="cuda", engine_adapters=2)


def wish(name: str, asked_at: float, *, pinned: bool = False, **model: str) -> Wish:
    folder = model.pop("folder", f"/{name}")
    return Wish(model=WantedModel(name=name, folder=folder, **model), asked_at=asked_at, pinned=pinned)  # type: ignore[arg-type]


def names(models: list[WantedModel]) -> list[str]:
    return [model.name for model in models]


def test_a_cpu_has_the_voice_and_the_base_that_were_asked_last() -> None:
    wishes = [wish("ft:old", 1), wish("ft:new", 2), wish("base", 0), wish("other", 3)]
    assert names(choose_warm(wishes, (), set(), CPU)) == ["ft:new", "other"]
    two = CPU.model_copy(update={"engine_warm_models": 2})
    assert names(choose_warm(wishes, (), set(), two)) == ["base", "ft:new", "ft:old", "other"]


def test_what_is_loading_is_not_displaced() -> None:
    wishes = [wish("ft:loading", 1), wish("ft:new", 2)]
    assert names(choose_warm(wishes, (), {"ft:loading"}, CPU)) == ["ft:loading"]


def test_whoever_waits_longest_comes_before_what_was_asked_last() -> None:
    first, second, served = (wish(f"ft:{age}", age) for age in (1, 2, 3))
    waiting = [entry.model_copy(update={"waiting_since": entry.asked_at}) for entry in (first, second, served)]
    assert names(choose_warm(waiting, {"ft:3"}, set(), CPU)) == ["ft:1"]
    assert names(choose_warm([first, waiting[1], served], {"ft:3"}, set(), CPU)) == ["ft:2"]
    assert names(choose_warm([first, second, waiting[2]], {"ft:3"}, set(), CPU)) == ["ft:3"]


def test_a_gpu_has_one_base_and_the_adapters_that_were_asked_last() -> None:
    wishes = [
        wish("base", 9, folder="/base"),
        *(wish(f"ft:{age}", age, folder="/base", adapter=f"/{age}") for age in range(3)),
        wish("other", 5),
    ]
    assert names(choose_warm(wishes, (), set(), GPU)) == ["base", "ft:1", "ft:2"]
    assert names(choose_warm(wishes, (), {"other"}, GPU)) == ["other"]


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "ft:c", "ft:d", "ft:e"]), st.floats(0, 9)), min_size=1))
def test_the_same_models_come_in_the_same_order_whoever_asked_last(requests: list[tuple[str, float]]) -> None:
    wishes = [wish(name, at) for name, at in dict(requests).items()]
    many = CPU.model_copy(update={"engine_warm_models": 9})
    chosen = choose_warm(wishes, (), set(), many)
    assert chosen == choose_warm([entry.model_copy(update={"asked_at": 0.0}) for entry in wishes], (), set(), many)
    assert len(chosen) == len(wishes)


def idle(wishes: list[Wish], settings: Settings, now: float, since: float = 0.0) -> list[str]:
    return [entry.model.name for entry in list_idle(wishes, settings, now, since)]


def test_a_model_is_idle_some_time_after_the_last_request_unless_it_is_pinned() -> None:
    settings = CPU.model_copy(update={"engine_idle": timedelta(seconds=60)})
    assert idle([wish("a", 100), wish("b", 150)], settings, now=161) == ["a"]
    assert idle([wish("a", 100)], settings, now=1000, since=950) == []  # a training had the device meanwhile
    assert idle([wish("a", 100, pinned=True)], settings, now=1000) == []
    assert idle([wish("a", 100)], settings.model_copy(update={"engine_idle": timedelta(0)}), now=1e9) == []


def test_a_base_stays_while_an_adapter_on_it_is_wished_for() -> None:
    settings = GPU.model_copy(update={"engine_idle": timedelta(seconds=60)})
    base, adapter = wish("base", 100, folder="/base"), wish("ft:a", 150, folder="/base", adapter="/a")
    assert idle([base, adapter], settings, now=200) == []
    assert idle([base, adapter], settings, now=300) == ["base", "ft:a"]


def test_what_is_pinned_makes_room_for_whoever_waits_and_for_nobody_else() -> None:
    pinned, other = wish("ft:pinned", 1, pinned=True), wish("ft:asked", 9)
    assert names(choose_warm([pinned, other], (), set(), CPU)) == ["ft:pinned"]
    waiting = other.model_copy(update={"waiting_since": 9.0})
    assert names(choose_warm([pinned, waiting], (), set(), CPU)) == ["ft:asked"]
    assert choose_warm([], (), set(), CPU) == []


@pytest.mark.parametrize(
    ("policy", "hour", "in_use", "may"),
    [
        ("training", 12, True, True),
        ("chat", 12, True, False),
        ("chat", 12, False, True),
        ("22-7", 23, True, True),
        ("22-7", 6, True, True),
        ("22-7", 7, True, False),
        ("22-7", 12, False, True),
        ("9-17", 12, True, True),
        ("9-17", 17, True, False),
    ],
)
def test_who_comes_first_is_a_policy(policy: str, hour: int, in_use: bool, may: bool) -> None:
    now = datetime(2026, 11, 26, hour, 30).timestamp()
    wishes = [wish("a", now - 60 if in_use else now - 86_400)]
    assert may_train_now(CPU.model_copy(update={"chat_policy": policy}), wishes, now) is may


def test_hours_may_go_over_midnight() -> None:
    within = [hour for hour in range(24) if is_within("22-2", datetime(2026, 1, 1, hour))]
    assert within == [0, 1, 22, 23]
