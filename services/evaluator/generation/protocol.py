"""The protocol of an evaluation: orders from held-out briefs, a budget of tokens, and both engines to write them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scriptorium.artifacts.dataset import Row, read_rows
from scriptorium.contracts import EvaluateRequest
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from services.evaluator.generation.plan import Order, Role, plan_orders
from services.evaluator.generation.prompted_baseline import choose_excerpts
from services.evaluator.generation.samples import Decoding, Sample, Writer, write_samples
from services.evaluator.generation.token_budget import choose_budget, count_room
from services.evaluator.generation.vllm_client import Card, Engine

SEEDED = "one per brief, the same for every model"
UNSEEDED = "none: vLLM’s CPU engine ends at a request with one"


@dataclass(frozen=True)
class Protocol:
    """What is to be written, and how."""

    orders: list[Order]
    decoding: Decoding
    excerpts: list[str]


def plan_protocol(
    request: EvaluateRequest, test: list[Row], tokenizer: ChatTokenizer, cards: tuple[Card, Card]
) -> Protocol:
    """Every order; the engine with the shorter context decides how long answers and excerpts may be."""
    context = min((card.max_model_len for card in cards if card.max_model_len), default=None)
    max_tokens = choose_budget(test, tokenizer, request.max_tokens, context)
    train, dev = read_rows(request.dataset / "train.jsonl"), read_rows(request.dataset / "dev.jsonl")
    room = count_room(test, tokenizer, context) - max_tokens if context else request.max_tokens
    excerpts = choose_excerpts(train, room, tokenizer)
    orders = plan_orders(test, dev, excerpts, request.prompts, request.seed if request.seeded else None)
    return Protocol(orders, Decoding(max_tokens=max_tokens), excerpts)


async def carry_out(
    protocol: Protocol, pair: tuple[Engine, Engine], cards: tuple[Card, Card], folder: Path, reporter: Reporter
) -> list[Sample]:
    """Have everything written that `folder` does not have yet."""
    base, tuned = (Writer(engine, card, protocol.decoding) for engine, card in zip(pair, cards, strict=True))
    writers: dict[Role, Writer] = {"base": base, "prompted": base, "tuned": tuned}
    return await write_samples(protocol.orders, writers, folder, reporter)
