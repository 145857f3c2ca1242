"""Which of the models that chat wishes for are warm on a device: as many as it holds.

On a GPU one engine holds a base and its adapters. On a CPU every model is merged and has an engine of its own: as many
tuned ones as the settings allow, and as many bases. What is loading, or has just been loaded, stays; then whoever has
waited longest comes first, then what is pinned, then what was asked last. So two clients that ask for different models
take turns, and a pinned model that had to make room comes back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from scriptorium.models.model_name import TUNED
from scriptorium.settings import Settings
from scriptorium.store.chat_wishes import Wish
from scriptorium.store.serving import WantedModel

IN_USE = 1800.0  # seconds after a request in which chat is in use, if models are never unloaded


def list_idle(wishes: Sequence[Wish], settings: Settings, now: float, since: float) -> list[Wish]:
    """Return the wishes that nobody has renewed for the set time; time before `since` is not counted.

    A base stays while an adapter on it is wished for.
    """
    limit = settings.engine_idle.total_seconds()
    idle = [wish for wish in wishes if limit > 0 and not wish.pinned and now - max(wish.asked_at, since) > limit]
    sharing = {wish.model.folder for wish in wishes if wish.model.adapter and wish not in idle}
    return [wish for wish in idle if wish.model.adapter or wish.model.folder not in sharing]


def choose_warm(
    wishes: Sequence[Wish], ready: Collection[str], staying: Collection[str], settings: Settings
) -> list[WantedModel]:
    """Return the models to serve, from wishes for models that are there and were not refused.

    `ready` are the names of those that answer, `staying` of those not to displace. The models come in an order of their
    own, so that the same ones make the same plan.
    """
    if not wishes:
        return []

    def place(wish: Wish) -> tuple[bool, bool, bool, float, str]:
        name = wish.model.name
        waits = wish.waiting_since > 0 and name not in ready
        return name not in staying, not waits, not wish.pinned, wish.waiting_since if waits else -wish.asked_at, name

    models = [wish.model for wish in sorted(wishes, key=place)]
    if settings.gpu:
        sharing = [model for model in models if model.folder == models[0].folder]
        adapters = [model for model in sharing if model.adapter][: settings.engine_adapters]
        chosen = [*(model for model in sharing if not model.adapter), *adapters]
    else:
        tuned = [model for model in models if model.name.startswith(TUNED)]
        bases = [model for model in models if not model.name.startswith(TUNED)]
        chosen = [*bases[: settings.engine_warm_models], *tuned[: settings.engine_warm_models]]
    return sorted(chosen, key=lambda model: (model.adapter is not None, model.name))


def may_train_now(settings: Settings, wishes: Sequence[Wish], now: float) -> bool:
    """Return whether a training may take the device from chat, by the policy of the settings."""
    policy = settings.chat_policy
    if policy == "training" or (policy != "chat" and is_within(policy, datetime.fromtimestamp(now))):
        return True
    idle = settings.engine_idle.total_seconds() or IN_USE
    return all(now - wish.asked_at > idle for wish in wishes)


def is_within(hours: str, moment: datetime) -> bool:
    """Return whether a moment lies in hours like "22-7", which may go over midnight."""
    begin, end = map(int, hours.split("-"))
    return begin <= moment.hour < end if begin < end else moment.hour >= begin or moment.hour < end
