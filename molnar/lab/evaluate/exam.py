"""A pipeline in, everything measured about it out.

ProcEval with its controls, stickers, vocabulary, paraphrases, scenes, copies, alpha, fidelity,
diversity, cost. What cannot be measured here (no sticker pack, no encoder in the bundle) is listed
as skipped with its reason: it is never a zero in a table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from molnar.base.errors import BundleError
from molnar.drawn import manners_of
from molnar.lab.data.stickers import Stickers
from molnar.lab.evaluate import alpha, controls, copies, fidelity, scenes
from molnar.lab.evaluate.paraphrases import paraphrases, understand
from molnar.lab.evaluate.planned import by_rule, planning
from molnar.lab.evaluate.proceval import Scores, Trial, plain, run, score
from molnar.lab.evaluate.prompts import STICKER_PROMPTS, VERSION, Question, fingerprint, questions
from molnar.lab.evaluate.results import NEED_GALLERY, NEED_PACK, Exam, Report
from molnar.lab.evaluate.sources import Drawn, Kept, Pixels, Source
from molnar.lab.evaluate.stickers import (
    SPRITE_PX,
    Describe,
    Gallery,
    by_lot,
    copied,
    describe_by_rule,
    judge_accuracy,
    recognise,
)
from molnar.pipeline import Pipeline

Tell = Callable[[str, int, int], None]  # what is being done, how far, of how much


def examine(
    pipeline: Pipeline, exam: Exam, tell: Tell | None = None, describe: Describe = describe_by_rule
) -> Report:
    """Measure a model.

    Args:
        pipeline: the model, with the engine that is to be measured.
        exam: what to measure.
        tell: called with progress.
        describe: judge of likeness; the rule, or a measuring CLIP.

    Raises:
        DataError: the pack that `exam` names cannot be opened; nothing was drawn yet.
    """
    say = tell or _silent
    drawn = Drawn(pipeline, **exam.fields)
    report = Report(model=_model(pipeline, exam), exam=_about(exam))
    source: Source = drawn
    if exam.pictures is not None:
        source = Kept(drawn, exam.pictures, repr(sorted(report.model.items())))
    pack = _open_stickers(exam, report, say)
    if "proceval" in exam.sections:
        _proceval(pipeline, source, exam, report, say)
    if pack is not None and NEED_GALLERY & set(exam.sections):
        say("describing the drawings", 0, 1)
        _likenesses(pipeline, source, exam, pack, Gallery.of(pack, describe), report, say)
    if pack is not None and "scenes" in exam.sections:
        _scenes(pipeline, source, exam, pack, report, say)
    if "alpha" in exam.sections:
        step = _part(say, "drawing on nothing")
        report.alpha, shown = alpha.measure(source, exam.num_alpha, range(exam.num_seeds), step)
        report.shown["alpha"] = shown
    if "fidelity" in exam.sections:
        _fidelity(pipeline, exam, pack, report, say)
    report.cost = fidelity.cost(drawn.seconds, pipeline.bundle.folder)
    return report


def _likenesses(
    pipeline: Pipeline,
    source: Source,
    exam: Exam,
    pack: Stickers,
    gallery: Gallery,
    report: Report,
    say: Tell,
) -> None:
    """Measure what pictures are looked up among the drawings for."""
    for section in ("stickers", "vocabulary"):
        if section in exam.sections:
            _stickers(section, source, exam, pack, gallery, report, say)
    if "paraphrases" in exam.sections:
        _paraphrases(source, exam, pack, gallery, report, say)
    if "copies" in exam.sections:
        _copies(pipeline, source, exam, pack, gallery, report, say)


def _silent(what: str, done: int, of: int) -> None:
    return None


def _model(pipeline: Pipeline, exam: Exam) -> dict[str, Any]:
    """Say what is measured, to the last setting that changes a picture."""
    from molnar.base.request import Request

    resolved = pipeline.resolve(Request(prompt="x", seed=0, **exam.fields))
    settings = ("steps", "guidance", "sampler", "schedule", "height", "width", "best_of")
    bundle = pipeline.bundle
    return {
        "name": bundle.manifest.name,
        "hash": bundle.hash,
        "engine": pipeline.engine,
        **{name: getattr(resolved, name) for name in settings},
    }


def _about(exam: Exam) -> dict[str, Any]:
    return {
        "prompts_version": VERSION,
        "prompts_fingerprint": fingerprint(questions(exam.num_prompts, exam.tasks)),
        "prompts_per_task": exam.num_prompts,
        "seeds": exam.num_seeds,
    }


def _open_stickers(exam: Exam, report: Report, say: Tell) -> Stickers | None:
    """Open the pack if some section can use it."""
    if exam.stickers is None:
        for name in sorted(NEED_PACK & set(exam.sections)):
            report.skipped[name] = "no sticker pack; give its folder with --stickers DIR"
        return None
    if not (NEED_PACK | {"fidelity"}) & set(exam.sections):
        return None
    say(f"reading {exam.stickers}", 0, 1)
    return Stickers.open(exam.stickers, size=SPRITE_PX)


def _proceval(pipeline: Pipeline, source: Source, exam: Exam, report: Report, say: Tell) -> None:
    """Score the model and its controls on the same prompts."""
    asked = questions(exam.num_prompts, exam.tasks)
    trials = run(source, asked, range(exam.num_seeds), _part(say, "drawing ProcEval"))
    report.trials, report.proceval = trials, score(trials)
    report.controls = control_scores(pipeline, asked, trials, report, say)
    by_prompt: dict[str, list[Pixels]] = {}
    for trial in trials:
        by_prompt.setdefault(trial.question.prompt, []).append(trial.image)
    spread = fidelity.diversity(by_prompt, describe_by_rule)
    if spread is None:
        report.skipped["diversity"] = "needs two seeds or more of two prompts or more"
    else:
        report.diversity = {
            "same_prompt": round(spread[0], 4),
            "other_prompts": round(spread[1], 4),
        }


def control_scores(
    pipeline: Pipeline,
    asked: Sequence[Question],
    trials: Sequence[Trial],
    report: Report,
    say: Tell,
) -> dict[str, Scores]:
    """Score the controls; one that the bundle cannot give goes to ``report.skipped``."""
    found = {
        "ground truth": score(
            run(controls.ground_truth(asked), asked, (0,), _part(say, "ground truth"))
        )
    }
    try:
        through = controls.through_model(
            asked, pipeline.parts, "upscaler" in pipeline.bundle.manifest.parts
        )
        name = "through VAE and upscaler"
        found[name] = score(run(through, asked, (0,), _part(say, name)))
    except BundleError as error:
        report.skipped["through VAE and upscaler"] = str(error)
    name = "plan drawn by rule"
    unknown = unplanned(pipeline, report)
    if unknown is None:
        seeds = sorted({trial.seed for trial in trials})
        found[name] = score(run(by_rule(planning(pipeline)), asked, seeds, _part(say, name)))
    else:
        report.skipped[name] = unknown
    lucky = controls.shuffled(trials)
    if lucky:
        found["shuffled prompts"] = score(lucky)
    else:
        report.skipped["shuffled prompts"] = "needs two prompts or more per task"
    found["retrieval"] = score(run(controls.retrieval(), asked, (0,), _part(say, "retrieval")))
    return found


def _stickers(
    section: str,
    source: Source,
    exam: Exam,
    pack: Stickers,
    gallery: Gallery,
    report: Report,
    say: Tell,
) -> None:
    """Measure recognition of everyday concepts or of any, and the judge of it."""
    prompts = by_lot(pack, exam.num_vocabulary)
    if section == "stickers":
        known = [pair for pair in STICKER_PROMPTS if pair[1] in pack.concepts]
        prompts = known[: exam.num_stickers]
    if not prompts:
        report.skipped[section] = f"{exam.stickers} has none of the asked concepts"
        return
    judge = judge_accuracy(gallery, pack, [name for _, name in prompts])
    result = recognise(
        source, gallery, prompts, range(exam.num_seeds), _part(say, f"drawing {section}")
    )
    report.sightings[section] = result.sightings
    found = {
        "top1": plain(result.top1),
        "top5": plain(result.top5),
        "copies": plain(copied(result.sightings)),
        "num_prompts": len(prompts),
        "num_pictures": len(result.sightings),
        "gallery": len(gallery.keys),
        "judge_top5_on_jittered_drawings": plain(judge.jittered),
        "judge_top5_on_heldout_drawings": plain(judge.heldout),
        "judge_copies_of_jittered_drawings": plain(judge.copies),
        "prompts": [
            {"prompt": prompt, "asked": name, "top5": share, "nearest": list(near)}
            for prompt, name, share, near in result.rows
        ],
    }
    if section == "stickers":
        report.stickers = found
    else:
        report.vocabulary = found


def _paraphrases(
    source: Source, exam: Exam, pack: Stickers, gallery: Gallery, report: Report, say: Tell
) -> None:
    """Measure whether other words land on the concepts that plain names draw."""
    asked = [pair for pair in paraphrases() if pair[1] in pack.concepts]
    asked = asked[: exam.num_paraphrases]
    if not asked:
        report.skipped["paraphrases"] = f"{exam.stickers} has none of the asked concepts"
        return
    found = understand(source, gallery, asked, range(exam.num_seeds), say)
    report.sightings["plain names"] = found.plain
    report.sightings["paraphrases"] = found.sightings
    report.paraphrases = {
        "concepts": found.num_concepts,
        "working": list(found.working),
        "share": plain(found.share),
        "num_pictures": len(found.sightings),
    }


def _copies(
    pipeline: Pipeline,
    source: Source,
    exam: Exam,
    pack: Stickers,
    gallery: Gallery,
    report: Report,
    say: Tell,
) -> None:
    """Look for training drawings in scenes of several, if the model plans where things are."""
    unknown = unplanned(pipeline, report)
    if unknown is not None:
        report.skipped["copies"] = unknown
        return
    seeds, step = range(exam.num_seeds), _part(say, "looking for copies")
    report.copies, shown = copies.measure(
        source, planning(pipeline), pack, gallery, seeds, exam.num_copies, step
    )
    report.shown["copies"] = shown
    if not report.copies["num_things"]:
        report.copies = None
        report.skipped["copies"] = "no picture shows a drawing of the pack large enough to look at"


def unplanned(pipeline: Pipeline, report: Report) -> str | None:
    """Say why the plans of the pictures are not known; None if they are."""
    if pipeline.names is None:
        return "the model has no planner that says where things are"
    if report.model["best_of"] > 1:
        return "the plans of chosen pictures are not known; drop --best-of"
    return None


def _scenes(
    pipeline: Pipeline, source: Source, exam: Exam, pack: Stickers, report: Report, say: Tell
) -> None:
    """Measure accessories, places, looks, styles and colours, if the pack has a subject of any."""
    seeds = range(exam.num_seeds)
    whole = {"encoder", "upscaler"} <= set(pipeline.bundle.manifest.parts)
    passing = controls.passing(pipeline.parts, manners_of(pipeline.bundle)) if whole else None
    found, shown = scenes.measure(source, pack, exam.num_scenes, seeds, say, passing)
    if not shown:
        report.skipped["scenes"] = f"{exam.stickers} has none of the asked concepts"
        return
    report.scenes = found
    report.shown.update(shown)


def _fidelity(
    pipeline: Pipeline, exam: Exam, pack: Stickers | None, report: Report, say: Tell
) -> None:
    """Measure what the decoder and the upscaler lose, each if the bundle has it."""
    pictures = fidelity.held_out_drawings(fidelity.NATIVE_PX, exam.num_drawings, pack)
    what = "held-out drawings" if pack is not None else "held-out combinations of shapes"
    found: dict[str, Any] = {"pictures": what}
    say("measuring the decoder", 0, 2)
    try:
        loss = fidelity.autoencoder_loss(pipeline.parts, pictures)
        found["vae"] = loss.to_json() if loss else None
    except BundleError as error:
        report.skipped["vae"] = str(error)
    say("measuring the upscaler", 1, 2)
    try:
        ours, bicubic = fidelity.upscaler_loss(pipeline.parts, pictures)
        found["upscaler"] = ours.to_json() if ours else None
        found["bicubic"] = bicubic.to_json() if bicubic else None
    except BundleError as error:
        report.skipped["upscaler"] = str(error)
    report.fidelity = found


def _part(say: Tell, what: str) -> Callable[[int, int], None]:
    return lambda done, of: say(what, done, of)
