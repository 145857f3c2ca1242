"""The voice metric on human text, where the truth is known: `make bench-voice`.

For each of four authors: mixtures of 20, 40, 60 and 80 % of unseen text by the author with a stand-in for the base
model, the author's own unseen text, and eight cheats. Coherence is measured with the demo's real base model.
The last line is `voice: linearity_error=<points> cheats_caught=<n>/<n> false_pass_rate=<share> score_s=<seconds>`:
the largest deviation over the shares of the mean over authors and divisions; cheats that are not called production and,
where a gate is meant to see them, are rejected; how often a true 60 is called production; one evaluation of 48 prompts.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from threadpoolctl import threadpool_limits

from bench.voice_losses import measure_losses
from bench.voice_texts import (
    AUTHORS,
    SHORT,
    STRONGEST,
    babble,
    learn_pairs,
    loop,
    mix,
    quote,
    read_author,
    salad,
    shuffle_base,
    split_sentences,
)
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.local.environments import DEMO, ENVS, PROJECT
from scriptorium.sampling import spread
from services.data.prompts.extracted_brief import write_briefs
from services.evaluator.voice.align_lengths import prepare_texts
from services.evaluator.voice.features.chunk import CHUNK, cut_chunks, cut_to
from services.evaluator.voice.gates.caricature import check_caricature
from services.evaluator.voice.gates.measurable import check_measurable
from services.evaluator.voice.inputs import Impostor, Losses, Material, Passage
from services.evaluator.voice.measure import (
    ONE_THREAD,
    Learned,
    compare_voice,
    learn_voice,
    measure_impostors,
    measure_voice,
)
from services.evaluator.voice.result import Voice
from services.evaluator.voice.score_passages import score_prepared
from services.evaluator.voice.transfer import Scores, Transfer, measure_transfer
from services.evaluator.voice.verdict import TARGET, ImpostorTransfer, judge_voice

TARGETS = ("burroughs", "cooper", "hawthorne", "twain")
SHARES = (0.2, 0.4, 0.6, 0.8)
PROMPTS, TRAIN, TEXTS = 48, 100, 210  # chunks
POOL = 96  # passages of a true 60, of which each simulated evaluation takes PROMPTS
CALIBRATION = 48  # chunks of the base
GENUINE_READ, CHEAT_READ = 16, 8  # passages that the base model reads for the coherence gate
OWN = "own text"
REJECTED = {"regurgitation", "loop", "salad", "babble", "quotes", "truncated"}


@dataclass(frozen=True)
class Cast:
    """An author, learned; chunks that were not trained on, and those of the base that did not calibrate."""

    name: str
    train: list[str]
    held_out: list[str]
    base: list[str]
    calibration: list[str]
    seen: list[Impostor]
    unseen: list[Impostor]


@dataclass
class Found:
    """T of every mixture by share; of a true 60, how often it was production, and how often the bound alone was above.

    `caught` has an entry per cheat, `seconds` one per whole evaluation.
    """

    transfers: dict[float, list[float]] = field(default_factory=lambda: defaultdict(list))
    production: list[bool] = field(default_factory=list)
    bound_alone: list[bool] = field(default_factory=list)
    caught: list[bool] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, print the tables and the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--divisions", type=int, default=3, help="random halves of the held-out text, per author")
    parser.add_argument("--simulations", type=int, default=100, help="evaluations of a true 60, per division")
    parser.add_argument("--authors", nargs="+", choices=TARGETS, default=TARGETS, help="fewer of them: minutes each")
    options = parser.parse_args()
    demo_assets()
    with threadpool_limits(ONE_THREAD):
        measure(options.authors, options.divisions, options.simulations)


def measure(authors: Sequence[str], divisions: int, simulations: int) -> None:
    """Every author in turn."""
    texts = {name: cut_chunks([read_author(patterns)]) for name, patterns in AUTHORS.items()}
    base = cut_chunks([shuffle_base(random.Random(1))])  # noqa: S311  # no secret
    found = Found()
    for name in authors:
        cast = make_cast(name, texts, base)
        learned = learn_voice(make_material(cast, *divide(cast, 0)[:2]))
        print(f"\n{name:12}{'share':>7}{'T':>7}{'words':>7}{'chars':>7}{'gramm':>7}{'bound':>7}  closest impostor")
        for number in range(divisions):
            measure_division(cast, learned, number, found, simulations)
        try_cheats(cast, learned, found)
    conclude(found)


def conclude(found: Found) -> None:
    """The summary and the last line."""
    errors = {share: float(np.mean(values)) - 100 * share for share, values in found.transfers.items()}
    spreads = {share: float(np.std(values)) for share, values in found.transfers.items()}
    print("\nmean deviation of T: " + ", ".join(f"{share:.0%} {error:+.1f}" for share, error in errors.items()))
    print("standard deviation: " + ", ".join(f"{share:.0%} {spread:.1f}" for share, spread in spreads.items()))
    rate, alone = float(np.mean(found.production)), float(np.mean(found.bound_alone))
    print(f"a true 60 is called production in {rate:.1%}; its lower bound alone is above 60 in {alone:.1%}")
    worst = max(abs(error) for share, error in errors.items() if share < 1)
    print(
        f"voice: linearity_error={worst:.1f} cheats_caught={sum(found.caught)}/{len(found.caught)} "
        f"false_pass_rate={rate:.3f} score_s={max(found.seconds):.1f}"
    )


def make_cast(name: str, texts: Mapping[str, list[str]], base: Sequence[str]) -> Cast:
    """Half of the other authors are seen; what is trained on, held out and unseen does not overlap."""
    mine = spread(texts[name], TEXTS)
    others = [other for other in texts if other != name]
    impostors = [Impostor(other, spread(texts[other][0::2], 40), alike=True) for other in others]
    return Cast(
        name=name,
        train=mine[:TRAIN],
        held_out=mine[TRAIN:],
        base=list(base[CALIBRATION:]),
        calibration=list(base[:CALIBRATION]),
        seen=impostors[1::2],
        unseen=impostors[0::2],
    )


def divide(cast: Cast, number: int) -> tuple[list[str], list[str], list[str], list[str]]:
    """Genuine passages, the base's, and what is left of both to mix from."""
    chance = random.Random(number)  # noqa: S311  # no secret
    own, theirs = (chance.sample(chunks, len(chunks)) for chunks in (cast.held_out, cast.base))
    return own[:PROMPTS], theirs[:PROMPTS], own[PROMPTS:], theirs[PROMPTS:]


def make_material(
    cast: Cast, genuine: Sequence[str], base: Sequence[str], tuned: Sequence[str] | None = None
) -> Material:
    """The material of one evaluation; until something is written, the base stands for the tuned model."""
    briefs = write_briefs(genuine)
    return Material(
        author_train=cast.train,
        held_out=[Passage(text, brief or "", "") for text, brief in zip(genuine, briefs, strict=True)],
        base=base,
        tuned=base if tuned is None else tuned,
        base_calibration=cast.calibration,
        seen=cast.seen,
        unseen=cast.unseen,
    )


def measure_division(cast: Cast, learned: Learned, number: int, found: Found, simulations: int) -> None:
    """Mixtures from one division of the held-out text."""
    genuine, base, own, theirs = divide(cast, number)
    material = make_material(cast, genuine, base)
    sentences = split_sentences(own), split_sentences(theirs)
    chance = random.Random(number)  # noqa: S311  # no secret
    for share in (*SHARES, 1.0):
        count = POOL if share == TARGET / 100 else PROMPTS
        mixed = [mix(*sentences, share, CHUNK, chance) for _ in range(count)]
        scores = score_mixed(material, learned, mixed)
        impostors = measure_impostors(cast.unseen, learned, scores, number)
        first = Scores(scores.genuine, scores.base, scores.tuned[:PROMPTS])
        transfer = measure_transfer(first, number)
        found.transfers[share].append(transfer.raw.value)
        show(cast.name, share, transfer, impostors)
        if count == POOL:
            simulate(scores, impostors, simulations, number, found)


def score_mixed(material: Material, learned: Learned, mixed: Sequence[str]) -> Scores:
    """Score as an evaluation does, in as many rounds as there are prompts for."""
    rounds = [mixed[start : start + PROMPTS] for start in range(0, len(mixed), PROMPTS)]
    scored = [score_prepared(prepare_texts(replace(material, tuned=part)), learned.scorer).scores for part in rounds]
    return Scores(scored[0].genuine, scored[0].base, np.vstack([scores.tuned for scores in scored]))


def simulate(scores: Scores, impostors: Sequence[ImpostorTransfer], count: int, seed: int, found: Found) -> None:
    """Evaluations with other passages each time; the gates that mixtures cannot fail are taken as passed."""
    chance = np.random.default_rng(seed)
    for number in range(count):
        taken = chance.choice(len(scores.tuned), PROMPTS, replace=False)
        drawn = replace(scores, tuned=scores.tuned[taken])
        transfer = measure_transfer(drawn, number)
        gates = [check_measurable(drawn), check_caricature(transfer)]
        found.production.append(judge_voice(transfer, impostors, gates).name == "production")
        found.bound_alone.append(transfer.folded.lower_bound > TARGET)


def try_cheats(cast: Cast, learned: Learned, found: Found) -> None:
    """Measure the author's own text and every cheat in full, gates and all."""
    genuine, base, own, _ = divide(cast, 0)
    material = make_material(cast, genuine, base)
    started = time.perf_counter()
    measure_voice(material, 0, SilentReporter())
    found.seconds.append(time.perf_counter() - started)
    cheats = make_cheats(cast, learned, base, own)
    written = {
        name: [texts[place % len(texts)] for place in range(PROMPTS)] for name, texts in {OWN: own, **cheats}.items()
    }
    losses = read_losses(genuine, written)
    print(f"\n{cast.name:12}{'verdict':>16}{'T':>6}{'bound':>7}{'auc':>6}{'attr':>6}{'marks':>7}  failed gates")
    for name, tuned in written.items():
        changed = replace(material, tuned=tuned, losses=losses[name])
        voice = compare_voice(changed, learned, 0, SilentReporter())
        tell(name, voice)
        if name != OWN:
            verdict = voice.verdict.name
            found.caught.append(verdict == "rejected" if name in REJECTED else verdict != "production")


def read_losses(genuine: Sequence[str], written: Mapping[str, Sequence[str]]) -> dict[str, Losses]:
    """The base model reads some of the genuine passages and of each that was written, all in one go."""
    known = spread(genuine, GENUINE_READ)
    chosen = [text for texts in written.values() for text in spread(texts, CHEAT_READ)]
    python, kept = ENVS / "axolotl" / "bin" / "python", PROJECT / "build" / "voice-losses.json"
    found = measure_losses([*known, *chosen], python, DEMO / "models" / BASE, kept)
    own, rest = found[: len(known)], found[len(known) :]
    parts = [rest[start : start + CHEAT_READ] for start in range(0, len(rest), CHEAT_READ)]
    return {name: Losses(genuine=own, base=[], tuned=part) for name, part in zip(written, parts, strict=True)}


def make_cheats(cast: Cast, learned: Learned, base: Sequence[str], own: Sequence[str]) -> dict[str, list[str]]:
    """Ways to a high score without the author's voice."""
    chance = random.Random(7)  # noqa: S311  # no secret
    pairs = learn_pairs(cast.train)
    sentences = split_sentences(own)
    scores = learned.scorer.score(sentences)
    strength = ((scores - np.nanmean(scores, axis=0)) / np.nanstd(scores, axis=0)).mean(axis=1)
    strongest = [sentences[place] for place in np.argsort(-strength)[: len(sentences) // STRONGEST]]
    closest = max(cast.unseen, key=lambda other: float(learned.unseen[other.name].scores.mean()))
    return {
        "regurgitation": spread(cast.train, PROMPTS),
        "loop": [loop(text, CHUNK) for text in own],
        "salad": [salad(cast.train, CHUNK, chance) for _ in range(PROMPTS)],
        "babble": [babble(pairs, CHUNK, chance) for _ in range(PROMPTS)],
        "another": spread(cut_chunks([read_author(AUTHORS[closest.name])])[1::2], PROMPTS),
        "quotes": [quote(text, cast.train, chance) for text in base],
        "truncated": [cut_to(text, SHORT) for text in own],
        "caricature": [mix(strongest, strongest, 1.0, CHUNK, chance) for _ in range(PROMPTS)],
    }


def show(name: str, share: float, transfer: Transfer, impostors: Sequence[ImpostorTransfer]) -> None:
    """A row of the table of mixtures."""
    best = max(impostors, key=lambda impostor: impostor.transfer.value)
    parts = "".join(f"{part.raw.value:7.0f}" for part in transfer.scores)
    bound = transfer.folded.lower_bound
    print(f"{name:12}{share:7.0%}{transfer.raw.value:7.0f}{parts}{bound:7.0f}  {best.name} {best.transfer.value:.0f}")


def tell(name: str, voice: Voice) -> None:
    """A row of the table of cheats."""
    failed = ", ".join(gate.code for gate in voice.gates if gate.outcome == "fail")
    folded = voice.transfer.folded
    print(
        f"  {name:14}{voice.verdict.name:>12}{folded.value:6.0f}{folded.lower_bound:7.0f}"
        f"{voice.separation.tuned_genuine_auc:6.2f}{voice.attribution.tuned:6.2f}{voice.markers.present:7.0%}  {failed}"
    )


if __name__ == "__main__":
    main()
