"""The retention gate by hand on two running engines: `python -m bench.retention BASE_URL BASE TUNED_URL TUNED FOLDER`.

A URL goes with the model's name there; FOLDER holds the tokenizer. Prints a table of the kinds of instruction, what was
lost, and as its last line `retention: verdict=<..> base=<%> tuned=<%> low=<points> ratio=<..> seconds=<..>`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scriptorium.contracts import Endpoint
from scriptorium.jobs.reporter import ConsoleReporter
from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer
from services.evaluator.generation.concurrency import run_watched
from services.evaluator.generation.vllm_client import WAITS, engines, meet
from services.evaluator.retention.measure import ASKED, measure_retention
from services.evaluator.retention.result import Following, Retention

SEED = 1


def main() -> None:
    """Measure, print the tables and the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("base_url", "base", "tuned_url", "tuned"):
        parser.add_argument(name)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--asked", type=int, default=ASKED)
    parser.add_argument("--json", type=Path, help="where to keep the result")
    options = parser.parse_args()
    base = Endpoint(url=options.base_url, model=options.base)
    tuned = Endpoint(url=options.tuned_url, model=options.tuned)
    found = run_watched(measure(base, tuned, chat_tokenizer(options.folder), options.asked), ConsoleReporter())
    if options.json:
        options.json.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    show(found)


async def measure(base: Endpoint, tuned: Endpoint, tokenizer: ChatTokenizer, asked: int) -> Retention:
    """Ask both endpoints."""
    async with engines(base, tuned, None, WAITS) as pair:
        await meet(pair)
        return await measure_retention(pair, tokenizer, SEED, ConsoleReporter(), asked)


def show(found: Retention) -> None:
    """Print what was found."""
    following, reading = found.following, found.perplexity
    for kind in following.kinds:
        print(f"{kind.kind:20} {kind.base:3} {kind.tuned:3} of {kind.asked}")
    for lost in following.examples:
        print(f"\nlost, {lost.kind}: {lost.request}\n  base: {lost.base[:300]!r}\n  tuned: {lost.tuned[:300]!r}")
    print()
    for part in found.parts:
        print(f"{part.verdict}: {part.code}: {part.message} {part.next_step or ''}")
    print(f"by chance {following.by_chance:.1%}, on demand {following.deliberate:.1f}, needed {following.needed}, "
          f"gained {following.gained}, lost {following.lost}, perplexity {reading.base:.2f} and {reading.tuned:.2f} "
          f"over {reading.tokens} tokens")  # fmt: skip
    print(f"retention: verdict={found.verdict} base={percent(following, following.base)} "
          f"tuned={percent(following, following.tuned)} low={following.change.low_points:.1f} "
          f"ratio={reading.ratio:.3f} seconds={found.seconds:.0f}")  # fmt: skip


def percent(following: Following, followed: int) -> str:
    """A share of the instructions."""
    return f"{100 * followed / following.asked:.1f}"


if __name__ == "__main__":
    main()
