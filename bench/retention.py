"""Run the retention gate on two running engines: `python -m bench.retention BASE_URL BASE TUNED_URL TUNED FOLDER`.

A URL goes with the model's name there; FOLDER holds the tokenizer. Prints a table of the kinds of instruction, examples
of losses, and as its last line `retention: verdict=<..> base=<%> tuned=<%> low=<points> ratio=<..> seconds=<..>`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scriptorium.contracts import Endpoint
from scriptorium.contracts.report.retention import Following, Retention
from scriptorium.jobs.reporter import ConsoleReporter
from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer
from services.evaluator.generation.concurrency import run_watched
from services.evaluator.generation.vllm_client import RETRY_DELAYS, fetch_model_info, open_clients
from services.evaluator.retention.measure import INSTRUCTIONS, measure_retention

SEED = 1


def main() -> None:
    """Measure, print the tables and the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("base_url", "base", "tuned_url", "tuned"):
        parser.add_argument(name)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--asked", type=int, default=INSTRUCTIONS)
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args()
    base = Endpoint(url=options.base_url, model=options.base)
    tuned = Endpoint(url=options.tuned_url, model=options.tuned)
    retention = run_watched(measure(base, tuned, chat_tokenizer(options.folder), options.asked), ConsoleReporter())
    if options.json:
        options.json.write_text(retention.model_dump_json(indent=2) + "\n", encoding="utf-8")
    print_result(retention)


async def measure(base: Endpoint, tuned: Endpoint, tokenizer: ChatTokenizer, count: int) -> Retention:
    """Measure the retention of both endpoints."""
    async with open_clients(base, tuned, None, RETRY_DELAYS) as pair:
        await fetch_model_info(pair)
        return await measure_retention(pair, tokenizer, SEED, ConsoleReporter(), count)


def print_result(retention: Retention) -> None:
    """Print the result as tables, and the last line."""
    following, perplexity = retention.following, retention.perplexity
    for kind in following.kinds:
        print(f"{kind.kind:20} {kind.base:3} {kind.tuned:3} of {kind.asked}")
    for loss in following.examples:
        print(f"\nlost, {loss.kind}: {loss.request}\n  base: {loss.base[:300]!r}\n  tuned: {loss.tuned[:300]!r}")
    print()
    for part in retention.parts:
        print(f"{part.verdict}: {part.code}: {part.message} {part.next_step or ''}")
    print(f"by chance {following.by_chance:.1%}, on demand {following.deliberate:.1f}, needed {following.needed}, "
          f"gained {following.gained}, lost {following.lost}, "
          f"perplexity {perplexity.base:.2f} and {perplexity.tuned:.2f} over {perplexity.tokens} tokens")  # fmt: skip
    print(f"retention: verdict={retention.verdict} base={percent(following, following.base)} "
          f"tuned={percent(following, following.tuned)} low={following.change.low_points:.1f} "
          f"ratio={perplexity.ratio:.3f} seconds={retention.seconds:.0f}")  # fmt: skip


def percent(following: Following, followed: int) -> str:
    """Return the share of the instructions that were followed, in percent."""
    return f"{100 * followed / following.asked:.1f}"


if __name__ == "__main__":
    main()
