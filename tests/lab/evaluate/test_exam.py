"""The whole exam on a tiny untrained model: everything is measured, or said to be skipped."""

import base64
import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from molnar.base.errors import DataError
from molnar.lab.evaluate import exam as module
from molnar.lab.evaluate.exam import examine
from molnar.lab.evaluate.page import page
from molnar.lab.evaluate.report import sheet, tables
from molnar.lab.evaluate.results import Exam
from molnar.lab.evaluate.stickers import Sighting
from molnar.pipeline import load

SMALL = {"steps": 1, "height": 64, "width": 64}
RECOGNISED = {
    "top1": [0.25, 0.1, 0.4], "top5": [0.0] * 3, "copies": [0.0] * 3, "num_prompts": 7,
    "gallery": 24, "judge_copies_of_jittered_drawings": [0.0] * 3,
    "judge_top5_on_jittered_drawings": [1.0] * 3, "judge_top5_on_heldout_drawings": [1.0] * 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def report(tiny, tmp_path_factory):
    pictures = tmp_path_factory.mktemp("kept")
    exam = Exam(
        num_prompts=2, num_seeds=2, num_drawings=1, tasks=("single", "attribution"),
        pictures=pictures, fields=SMALL,
    )  # fmt: skip
    return examine(load(tiny), exam), exam


@pytest.fixture(autouse=True, scope="module")
def few_captions():
    with pytest.MonkeyPatch.context() as patch:
        whole = module.controls.retrieval
        patch.setattr(module.controls, "retrieval", lambda: whole(num_captions=60))
        yield


def test_an_untrained_model_scores_nothing_and_ground_truth_everything(report):
    found, _ = report
    assert found.proceval.overall.value < 0.2
    assert found.proceval.num_pictures == 8
    assert found.controls["ground truth"].overall.value == 1
    assert set(found.controls) == {
        "ground truth", "through VAE and upscaler", "plan drawn by rule", "shuffled prompts",
        "retrieval",
    }  # fmt: skip


def test_what_was_not_measured_is_named_and_not_zero(report):
    found, _ = report
    plain = json.loads(json.dumps(found.to_json()))
    assert plain["stickers"] is None
    assert "--stickers" in plain["skipped"]["stickers"]
    assert plain["fidelity"]["vae"]["psnr_white"] > 0
    assert plain["cost"]["megabytes"] > 0
    assert plain["model"]["steps"] == 1
    assert len(plain["exam"]["prompts_fingerprint"]) == 16


def test_a_second_run_draws_nothing_again_and_agrees(tiny, report):
    found, exam = report
    told = []
    again = examine(load(tiny), exam, tell=lambda *step: told.append(step))
    assert again.cost["num_timed"] == 0
    assert again.proceval.to_json() == found.proceval.to_json()
    assert ("drawing ProcEval", 8, 8) in told


def test_the_tables_show_scores_controls_skips_and_command(report):
    found, _ = report
    found.command = "molnar eval --quick"
    found.paraphrases = {"concepts": 9, "working": ["fox"], "share": [0.5, 0.2, 0.8]}
    found.vocabulary = RECOGNISED
    console = Console(width=170, file=io.StringIO())
    console.print(tables(found))
    text = console.file.getvalue()
    for words in ("attribution", "held out", "ground truth", "shuffled", "PSNR at edges",
                  "skipped: stickers", "made by: molnar eval --quick", "MB",
                  "Vocabulary: 7 concepts of the pack, drawn by lot", "0.25 [0.10, 0.40]",
                  "paraphrases: 0.50 [0.20, 0.80] on the right concept"):  # fmt: skip
        assert words in text


def test_the_sheet_shows_failures_first(report):
    found, _ = report
    picture = sheet(found.trials, columns=6, cell=40)
    assert picture.width == 240
    assert np.asarray(picture).std() > 0


class Page(HTMLParser):
    """Reads a page as a browser does: what is open must be closed, and nothing is fetched."""

    def __init__(self):
        super().__init__()
        self.open, self.images, self.fetched, self.words = [], [], [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "img":
            self.images.append(found)
        self.fetched += [v for k, v in attrs if k in ("src", "href") and not v.startswith("data:")]
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_shows_every_picture_and_every_score_and_fetches_nothing(report):
    found, _ = report
    right = [trial.verdict.correct for trial in found.trials]
    trials = [
        replace(trial, question=replace(trial.question, prompt=f"<b>{trial.question.prompt}"))
        for trial in found.trials
    ]
    seen = Sighting("a & b", "a", 3, np.zeros((8, 8, 4), np.uint8), ("a", "c", "c"))
    sightings = {"stickers": [seen]}
    html = page(
        replace(
            found, trials=trials, sightings=sightings, command="molnar eval", vocabulary=RECOGNISED
        )
    )
    read = Page()
    read.feed(html)
    assert (read.open, read.fetched) == ([], [])
    assert len(read.images) == len(right) + 1
    assert [i["alt"] for i in read.images].count("seed 3, right") == 1
    assert sum("wrong" in image["alt"] for image in read.images) == right.count(False)
    for image in read.images:
        data = base64.b64decode(image["src"].partition(",")[2])
        assert Image.open(io.BytesIO(data)).size in {(64, 64), (128, 128), (8, 8)}
    text = " ".join(read.words)
    for words in ("attribution", "ground truth", "PSNR", "diversity", "Skipped: stickers",
                  "Vocabulary: 7 concepts", "molnar eval", "<b>a ", "a & b",
                  "like a, c"):  # fmt: skip
        assert words in text, "and what a prompt holds is text, never markup"


def test_a_pack_that_was_named_and_is_not_there_is_an_error_before_any_work(tiny, tmp_path):
    exam = Exam(stickers=tmp_path / "none", fields=SMALL)
    with pytest.raises(DataError, match="no sticker pack at"):
        examine(load(tiny), exam)


def test_everyday_concepts_and_any_are_asked_for_apart(tiny, pack, monkeypatch):
    monkeypatch.setattr(module, "_open_stickers", lambda *rest: pack)
    sections = ("stickers", "vocabulary")
    exam = Exam(num_seeds=1, num_vocabulary=5, sections=sections, fields=SMALL)
    found = examine(load(tiny), exam)
    assert found.vocabulary["num_prompts"] == found.vocabulary["num_pictures"] == 5
    assert found.vocabulary["gallery"] == found.stickers["gallery"] == 24
    asked = [row["asked"] for row in found.vocabulary["prompts"]]
    assert set(asked) < set(pack.concepts)
    assert [seen.name for seen in found.sightings["vocabulary"]] == asked
    assert asked != [row["asked"] for row in found.stickers["prompts"]]
    assert json.loads(json.dumps(found.to_json()))["vocabulary"] == found.vocabulary
