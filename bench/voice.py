"""The voice metric on human text, where the truth is known: `make bench-voice`.

For each of four English authors and two French ones: mixtures of 20, 40, 60 and 80 % of unseen text by the author with
a stand-in for the base model, the author's own unseen text, and eight cheats. Coherence is measured with the demo's
real base model. Babble, salad and loops are tried once more at the temperature (or share of noise) at which that model
foresees them as well as genuine text, because a tuned model's temperature is found in this way.
Beside T stands T2, the second judge's, on the first divisions; it reads --judge-prompts briefs.
The last line is `voice: linearity_error=<points> cheats_caught=<n>/<n> false_pass_rate=<share> score_s=<seconds>
judge_linearity_error=<points> judge_agreement=<n>`: the largest deviation over the shares of the mean over authors and
divisions; cheats that are not called production and, if a gate is meant for them, are rejected; how often a true 60 is
called production; one evaluation of 48 prompts; the largest deviation of T2; the rank correlation of T and T2 over all
mixtures.
The line before it, `voice[fr]: ...`, is the same for French; `--language fr` measures that alone. The base model has
read little French, so its coherence gate and T2 are on trial there, too.
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

from bench.voice_judge import VARIANTS, JudgedMixtures, judge_mixture
from bench.voice_losses import measure_losses
from bench.voice_texts import (
    NOVELS,
    SENTENCES_PER_PICK,
    TRUNCATED_WORDS,
    Novels,
    babble,
    blur,
    learn_pairs,
    loop,
    mix,
    quote,
    read_author,
    salad,
    shuffle_base,
    split_sentences,
)
from scriptorium.contracts.report.voice import Estimate, ImpostorTransfer, Transfer, Voice
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.local.environments import DEMO, ENVS, PROJECT
from scriptorium.sampling import spread
from scriptorium.text.languages.language import ENGLISH
from services.data.prompts.extracted_brief import write_briefs
from services.evaluator.voice.align_lengths import align_lengths
from services.evaluator.voice.features.chunk import CHUNK, cut_chunks, cut_to
from services.evaluator.voice.gates.caricature import check_caricature
from services.evaluator.voice.gates.measurable import check_measurable
from services.evaluator.voice.inputs import HeldOutPassage, Losses, VoiceImpostor, VoiceInputs
from services.evaluator.voice.measure import (
    ONE_THREAD,
    LearnedVoice,
    compare_voice,
    learn_voice,
    measure_impostors,
    measure_voice,
)
from services.evaluator.voice.score_passages import score_passages
from services.evaluator.voice.transfer import Scores, measure_transfer
from services.evaluator.voice.verdict import TARGET, judge_voice

SHARES = (0.2, 0.4, 0.6, 0.8)
PROMPTS, TRAIN_CHUNKS, AUTHOR_CHUNKS = 48, 100, 210
POOL = 96  # passages of a true 60, of which each simulated evaluation takes PROMPTS
CALIBRATION_CHUNKS = 48  # of the base
GENUINE_READ, CHEAT_READ = 16, 8  # passages that the base model reads for the coherence gate
OWN_TEXT = "own text"
REJECTED = {
    "regurgitation",
    "loop",
    "salad",
    "babble",
    "quotes",
    "truncated",
    "blurred loop",
    "calibrated salad",
    "calibrated babble",
}
TEMPERATURES = (0.3, 0.45, 0.6, 0.8, 1.0)  # of babble and salad, in search of the loss of genuine text
BLURS = (0.1, 0.2, 0.3, 0.45, 0.6)  # shares of a loop's words that are replaced by others


@dataclass(frozen=True)
class JudgeOptions:
    """How many briefs the second judge reads, in how many divisions per author."""

    prompts: int
    divisions: int


@dataclass(frozen=True)
class BenchCorpus:
    """The chunks of one author and of the base, each used for one purpose only, and the impostors."""

    name: str
    train: list[str]
    held_out: list[str]
    base: list[str]
    calibration: list[str]
    seen_impostors: list[VoiceImpostor]
    unseen_impostors: list[VoiceImpostor]
    novels: Novels


@dataclass
class BenchResults:
    """T of every mixture by share; of a true 60, how often it was production, and how often the bound alone was above.

    `caught` has an entry per cheat, `seconds` one per whole evaluation.
    """

    transfers: dict[float, list[float]] = field(default_factory=lambda: defaultdict(list))
    production: list[bool] = field(default_factory=list)
    bound_alone: list[bool] = field(default_factory=list)
    caught: list[bool] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    judged: JudgedMixtures = field(default_factory=JudgedMixtures)


def main() -> None:
    """Measure, print the tables and the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--divisions", type=int, default=3, help="random halves of the held-out text, per author")
    parser.add_argument("--simulations", type=int, default=100, help="evaluations of a true 60, per division")
    targets = [name for novels in NOVELS.values() for name in novels.targets]
    parser.add_argument("--authors", nargs="+", choices=targets, default=targets, help="fewer of them: minutes each")
    parser.add_argument("--language", choices=NOVELS, help="one alone")
    parser.add_argument("--judge-prompts", type=int, default=24, help="briefs of the second judge; 0: it is not asked")
    parser.add_argument("--judge-divisions", type=int, default=1, help="divisions that it judges: minutes each")
    options = parser.parse_args()
    demo_assets()
    lines = []
    with threadpool_limits(ONE_THREAD):
        judge = JudgeOptions(options.judge_prompts, options.judge_divisions)
        for language in [options.language] if options.language else NOVELS:
            novels = NOVELS[language]
            if authors := [name for name in novels.targets if name in options.authors]:
                title = "voice" if language == ENGLISH.code else f"voice[{language}]"
                lines.append(measure(novels, authors, options.divisions, options.simulations, judge, title=title))
    print("\n".join(reversed(lines)))  # English comes last


def measure(
    novels: Novels, authors: Sequence[str], divisions: int, simulations: int, judge: JudgeOptions, *, title: str
) -> str:
    """Measure every author of a language in turn; return the line that sums it up."""
    texts = {name: cut_chunks([read_author(patterns)]) for name, patterns in novels.authors.items()}
    base = cut_chunks([shuffle_base(novels.base, random.Random(1))])  # noqa: S311  # no secret
    results = BenchResults()
    for name in authors:
        corpus = make_corpus(name, novels, texts, base)
        learned = learn_voice(make_inputs(corpus, *divide(corpus, 0)[:2]))
        heading = "".join(f"{column:>7}" for column in ("share", "T", "words", "chars", "gramm", "bound", *VARIANTS))
        print(f"\n{name:12}{heading}  closest impostor")
        for number in range(divisions):
            prompts = judge.prompts if number < judge.divisions else 0
            measure_division(corpus, learned, number, results, simulations, judge_prompts=prompts)
        try_cheats(corpus, learned, results)
    return conclude(results, title)


def conclude(results: BenchResults, title: str) -> str:
    """Print the summary; return the line that sums it up."""
    errors = {share: float(np.mean(values)) - 100 * share for share, values in results.transfers.items()}
    deviations = {share: float(np.std(values)) for share, values in results.transfers.items()}
    print("\nmean deviation of T: " + ", ".join(f"{share:.0%} {error:+.1f}" for share, error in errors.items()))
    print("standard deviation: " + ", ".join(f"{share:.0%} {value:.1f}" for share, value in deviations.items()))
    rate, alone = float(np.mean(results.production)), float(np.mean(results.bound_alone))
    print(f"a true 60 is called production in {rate:.1%}; its lower bound alone is above 60 in {alone:.1%}")
    for variant in VARIANTS:
        error, agreement = results.judged.linearity_error(variant), results.judged.agreement(variant)
        print(f"second judge, {variant}: linearity error {error:.1f}, rank correlation with T {agreement:.2f}")
    worst = max(abs(error) for share, error in errors.items() if share < 1)
    return (
        f"{title}: linearity_error={worst:.1f} cheats_caught={sum(results.caught)}/{len(results.caught)} "
        f"false_pass_rate={rate:.3f} score_s={max(results.seconds):.1f} "
        f"judge_linearity_error={results.judged.linearity_error():.1f} judge_agreement={results.judged.agreement():.2f}"
    )


def make_corpus(name: str, novels: Novels, texts: Mapping[str, list[str]], base: Sequence[str]) -> BenchCorpus:
    """Divide the chunks so that no two uses overlap; half of the other authors are seen."""
    author = spread(texts[name], AUTHOR_CHUNKS)
    others = [other for other in texts if other != name]
    impostors = [VoiceImpostor(other, spread(texts[other][0::2], 40), alike=True) for other in others]
    return BenchCorpus(
        name=name,
        train=author[:TRAIN_CHUNKS],
        held_out=author[TRAIN_CHUNKS:],
        base=list(base[CALIBRATION_CHUNKS:]),
        calibration=list(base[:CALIBRATION_CHUNKS]),
        seen_impostors=impostors[1::2],
        unseen_impostors=impostors[0::2],
        novels=novels,
    )


def divide(corpus: BenchCorpus, number: int) -> tuple[list[str], list[str], list[str], list[str]]:
    """Draw genuine passages and the base's; return them and what is left of both to mix from."""
    chance = random.Random(number)  # noqa: S311  # no secret
    author, base = (chance.sample(chunks, len(chunks)) for chunks in (corpus.held_out, corpus.base))
    return author[:PROMPTS], base[:PROMPTS], author[PROMPTS:], base[PROMPTS:]


def make_inputs(
    corpus: BenchCorpus, genuine: Sequence[str], base: Sequence[str], tuned: Sequence[str] | None = None
) -> VoiceInputs:
    """Return the inputs of one evaluation; until something is written, the base stands for the tuned model."""
    briefs = write_briefs(genuine)
    return VoiceInputs(
        author_train=corpus.train,
        held_out=[HeldOutPassage(text, brief or "", "") for text, brief in zip(genuine, briefs, strict=True)],
        base=base,
        tuned=base if tuned is None else tuned,
        base_calibration=corpus.calibration,
        seen_impostors=corpus.seen_impostors,
        unseen_impostors=corpus.unseen_impostors,
    )


def measure_division(
    corpus: BenchCorpus,
    learned: LearnedVoice,
    number: int,
    results: BenchResults,
    simulations: int,
    *,
    judge_prompts: int,
) -> None:
    """Measure mixtures from one division of the held-out text."""
    genuine, base, spare_author, spare_base = divide(corpus, number)
    inputs = make_inputs(corpus, genuine, base)
    sentences = split_sentences(spare_author), split_sentences(spare_base)
    chance = random.Random(number)  # noqa: S311  # no secret
    for share in (*SHARES, 1.0):
        count = POOL if share == TARGET / 100 else PROMPTS
        mixed = [mix(*sentences, share, CHUNK, chance) for _ in range(count)]
        scores = score_mixed(inputs, learned, mixed)
        impostors = measure_impostors(corpus.unseen_impostors, learned, scores, number)
        first = Scores(scores.genuine, scores.base, scores.tuned[:PROMPTS])
        transfer = measure_transfer(first, number)
        results.transfers[share].append(transfer.raw.value)
        tuned = replace(inputs, tuned=mixed[:PROMPTS])
        judged = judge_mixture(tuned, judge_prompts, number) if judge_prompts else {}
        if judged:
            results.judged.add(share, transfer.raw.value, judged)
        print_mixture(corpus.name, share, transfer, impostors, judged)
        if count == POOL:
            simulate(scores, impostors, simulations, number, results)


def score_mixed(inputs: VoiceInputs, learned: LearnedVoice, mixed: Sequence[str]) -> Scores:
    """Score as an evaluation does, in as many rounds as there are prompts for."""
    rounds = [mixed[start : start + PROMPTS] for start in range(0, len(mixed), PROMPTS)]
    scored = [score_passages(align_lengths(replace(inputs, tuned=part)), learned.scorer).scores for part in rounds]
    return Scores(scored[0].genuine, scored[0].base, np.vstack([scores.tuned for scores in scored]))


def simulate(
    scores: Scores, impostors: Sequence[ImpostorTransfer], count: int, seed: int, results: BenchResults
) -> None:
    """Simulate evaluations, with other passages each time; the gates that mixtures cannot fail are taken as passed."""
    chance = np.random.default_rng(seed)
    for number in range(count):
        rows = chance.choice(len(scores.tuned), PROMPTS, replace=False)
        drawn = replace(scores, tuned=scores.tuned[rows])
        transfer = measure_transfer(drawn, number)
        gates = [check_measurable(drawn), check_caricature(transfer)]
        results.production.append(judge_voice(transfer, impostors, gates).name == "production")
        results.bound_alone.append(transfer.folded.lower_bound > TARGET)


def try_cheats(corpus: BenchCorpus, learned: LearnedVoice, results: BenchResults) -> None:
    """Measure the author's own text and every cheat in full, gates and all."""
    genuine, base, spare_author, _ = divide(corpus, 0)
    inputs = make_inputs(corpus, genuine, base)
    started = time.perf_counter()
    measure_voice(inputs, 0, SilentReporter())
    results.seconds.append(time.perf_counter() - started)
    cheats = make_cheats(corpus, learned, base, spare_author) | calibrate_cheats(corpus, genuine, spare_author)
    written = {
        name: [texts[index % len(texts)] for index in range(PROMPTS)]
        for name, texts in {OWN_TEXT: spare_author, **cheats}.items()
    }
    losses = read_losses(genuine, written)
    print(f"\n{corpus.name:12}{'verdict':>20}{'T':>6}{'bound':>7}{'auc':>6}{'attr':>6}{'marks':>7}  failed gates")
    for name, tuned in written.items():
        changed = replace(inputs, tuned=tuned, losses=losses[name])
        voice = compare_voice(changed, learned, 0, SilentReporter())
        print_cheat(name, voice)
        if name != OWN_TEXT:
            verdict = voice.verdict.name
            results.caught.append(verdict == "rejected" if name in REJECTED else verdict != "production")


def read_losses(genuine: Sequence[str], written: Mapping[str, Sequence[str]]) -> dict[str, Losses]:
    """Let the base model read some of the genuine passages and of each set that was written, all in one go."""
    genuine_part = spread(genuine, GENUINE_READ)
    written_parts = [text for texts in written.values() for text in spread(texts, CHEAT_READ)]
    python, cache = ENVS / "axolotl" / "bin" / "python", PROJECT / "build" / "voice-losses.json"
    losses = measure_losses([*genuine_part, *written_parts], python, DEMO / "models" / BASE, cache)
    genuine_losses, rest = losses[: len(genuine_part)], losses[len(genuine_part) :]
    parts = [rest[start : start + CHEAT_READ] for start in range(0, len(rest), CHEAT_READ)]
    return {
        name: Losses(genuine=genuine_losses, base=[], tuned=part) for name, part in zip(written, parts, strict=True)
    }


def make_cheats(
    corpus: BenchCorpus, learned: LearnedVoice, base: Sequence[str], author: Sequence[str]
) -> dict[str, list[str]]:
    """Make texts that may score high without the author's voice; `author` is unseen text to make them from."""
    chance = random.Random(7)  # noqa: S311  # no secret
    pairs = learn_pairs(corpus.train)
    sentences = split_sentences(author)
    scores = learned.scorer.score(sentences)
    strength = ((scores - np.nanmean(scores, axis=0)) / np.nanstd(scores, axis=0)).mean(axis=1)
    strongest = [sentences[index] for index in np.argsort(-strength)[: len(sentences) // SENTENCES_PER_PICK]]
    closest = max(corpus.unseen_impostors, key=lambda other: float(learned.unseen_impostors[other.name].scores.mean()))
    return {
        "regurgitation": spread(corpus.train, PROMPTS),
        "loop": [loop(text, CHUNK) for text in author],
        "salad": [salad(corpus.train, CHUNK, chance) for _ in range(PROMPTS)],
        "babble": [babble(pairs, CHUNK, chance, article=corpus.novels.article) for _ in range(PROMPTS)],
        "another": spread(cut_chunks([read_author(corpus.novels.authors[closest.name])])[1::2], PROMPTS),
        "quotes": [quote(text, corpus.train, chance) for text in base],
        "truncated": [cut_to(text, TRUNCATED_WORDS) for text in author],
        "caricature": [mix(strongest, strongest, 1.0, CHUNK, chance) for _ in range(PROMPTS)],
    }


def calibrate_cheats(corpus: BenchCorpus, genuine: Sequence[str], author: Sequence[str]) -> dict[str, list[str]]:
    """Make babble, salad and loops of several degrees, and take of each the one that is as foreseeable as `genuine`."""
    chance = random.Random(8)  # noqa: S311  # no secret
    pairs = learn_pairs(corpus.train)
    degrees = {
        "blurred loop": {
            share: [blur(loop(text, CHUNK), corpus.train, share, chance) for text in spread(author, PROMPTS)]
            for share in BLURS
        },
        "calibrated salad": {
            heat: [salad(corpus.train, CHUNK, chance, heat) for _ in range(PROMPTS)] for heat in TEMPERATURES
        },
        "calibrated babble": {
            heat: [babble(pairs, CHUNK, chance, heat, corpus.novels.article) for _ in range(PROMPTS)]
            for heat in TEMPERATURES
        },
    }
    written = {f"{name} {degree:g}": texts for name, made in degrees.items() for degree, texts in made.items()}
    losses = read_losses(genuine, written)
    chosen = {}
    for name, made in degrees.items():
        gaps = {degree: loss_gap(losses[f"{name} {degree:g}"]) for degree in made}
        best = min(gaps, key=lambda degree: abs(gaps[degree]))
        print(f"{corpus.name:12}{name} at {best:g}: {gaps[best]:+.2f} nats from genuine text")
        chosen[name] = made[best]
    return chosen


def loss_gap(losses: Losses) -> float:
    """Return how much harder to foresee the written text is than the genuine one, in nats per token."""
    return float(np.mean(losses.tuned) - np.mean(losses.genuine))


def print_mixture(
    name: str,
    share: float,
    transfer: Transfer,
    impostors: Sequence[ImpostorTransfer],
    judged: Mapping[str, Estimate],
) -> None:
    """Print a row of the table of mixtures."""
    second = "".join(f"{judged[variant].value:7.0f}" if judged else f"{'':7}" for variant in VARIANTS)
    best = max(impostors, key=lambda impostor: impostor.transfer.value)
    parts = "".join(f"{part.raw.value:7.0f}" for part in transfer.scores)
    bound = transfer.folded.lower_bound
    scores = f"{transfer.raw.value:7.0f}{parts}{bound:7.0f}{second}"
    print(f"{name:12}{share:7.0%}{scores}  {best.name} {best.transfer.value:.0f}")


def print_cheat(name: str, voice: Voice) -> None:
    """Print a row of the table of cheats."""
    failed = ", ".join(gate.code for gate in voice.gates if gate.outcome == "fail")
    folded = voice.transfer.folded
    print(
        f"  {name:18}{voice.verdict.name:>12}{folded.value:6.0f}{folded.lower_bound:7.0f}"
        f"{voice.separation.tuned_genuine_auc:6.2f}{voice.attribution.tuned:6.2f}{voice.markers.present:7.0%}  {failed}"
    )


if __name__ == "__main__":
    main()
