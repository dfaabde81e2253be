"""Alpha: a measure that calls clear what is clear, and tells one shape from another."""

import io

import numpy as np
import pytest
from rich.console import Console

from molnar.lab.data.palette import COLOURS
from molnar.lab.data.shapes import SHAPES
from molnar.lab.evaluate import alpha
from molnar.lab.evaluate.exam import examine
from molnar.lab.evaluate.page import page
from molnar.lab.evaluate.report import tables
from molnar.lab.evaluate.results import Exam
from molnar.lab.evaluate.sources import Pixels
from molnar.pipeline import load


def drawn(shape: str, side: int = 112, x: float = 0.5, size: float = 0.6) -> Pixels:
    """A red shape on nothing: uint8 S S 4."""
    ticks = (np.arange(side) + 0.5) / side
    across, down = (ticks[None, :] - x) * 2 / size, (ticks[:, None] - 0.5) * 2 / size
    inside = np.asarray(SHAPES[shape](across, down)) < 0
    image = np.zeros((side, side, 4), np.uint8)
    image[inside] = (218, 34, 40, 255)
    return image


def test_the_prompts_are_fixed_and_fair() -> None:
    assert len(alpha.ASKED) == len(set(alpha.ASKED)) == 24
    assert {shape for _, shape in alpha.ASKED} == set(SHAPES)
    assert {colour for colour, _ in alpha.ASKED} <= set(COLOURS)
    assert "white" not in {colour for colour, _ in alpha.ASKED}
    assert alpha.prompt_of("orange", "star") == "an orange star on a transparent background"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_drawn_exactly_overlaps_with_itself_and_most_with_itself(shape: str) -> None:
    image = drawn(shape, x=0.42)
    own = alpha.judge(image, shape)
    assert own.transparent
    assert own.overlap > 0.94
    others = [alpha.judge(image, other).overlap for other in SHAPES if other != shape]
    assert max(others) < own.overlap - 0.04


def test_what_is_not_clear_is_not_called_transparent() -> None:
    star = drawn("star")
    opaque = star.copy()
    opaque[..., 3] = 255
    hazy = star.copy()
    hazy[..., 3] = np.maximum(hazy[..., 3], 60)
    faint = star.copy()
    faint[..., 3] = np.minimum(faint[..., 3], 200)
    for image in (opaque, opaque[..., :3], hazy, faint):
        assert not alpha.judge(image, "star").transparent
    assert alpha.judge(hazy, "star").overlap > 0.95, "the object is there all the same"
    assert alpha.judge(opaque, "star").overlap < 0.7


def test_an_empty_picture_has_no_object_and_debris_counts_against() -> None:
    assert alpha.judge(np.zeros((64, 64, 4), np.uint8), "star") == alpha.Cut(False, 0.0)
    littered = drawn("circle", size=0.5)
    littered[4:28, 4:28, 3] = 255
    alone = alpha.judge(drawn("circle", size=0.5), "circle").overlap
    assert alpha.judge(littered, "circle").overlap < alone - 0.05


def test_the_measure_is_measured() -> None:
    found = alpha.measure_test()
    assert found["judge_true_transparent"][0] == 1
    assert found["judge_opaque_transparent"][0] == 0
    assert found["judge_true_overlap_least"] > 0.95
    assert found["judge_other_shape_overlap"] < 0.7
    assert found["judge_other_shape_overlap_most"] < 0.95


def test_scores_are_by_prompt_and_every_picture_is_kept() -> None:
    def source(prompt: str, seed: int) -> Pixels:
        image = drawn(prompt.split()[2])
        return image if seed == 0 else image[..., :3]

    told: list[tuple[int, int]] = []
    found, shown = alpha.measure(source, 3, (0, 1), lambda *step: told.append(step))
    assert found["transparent"][0] == 0.5
    assert (found["num_prompts"], found["num_pictures"], told[-1]) == (3, 6, (6, 6))
    assert [picture.right for picture in shown] == [True, False] * 3
    assert shown[0].words.startswith("transparent, overlap ")


def test_the_exam_measures_it_and_shows_it(tiny) -> None:  # type: ignore[no-untyped-def]
    fields = {"steps": 1, "height": 64, "width": 64}
    exam = Exam(sections=("alpha",), num_alpha=2, num_seeds=1, fields=fields)
    report = examine(load(tiny), exam)
    assert report.to_json()["alpha"]["num_pictures"] == 2
    assert not report.skipped
    console = Console(width=150, file=(out := io.StringIO()))
    console.print(tables(report))
    for text in (out.getvalue(), page(report)):
        assert "transparent where asked" in text
    assert page(report).count("<img ") == 2
