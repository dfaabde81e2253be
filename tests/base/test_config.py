from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molnar.base.config import diff, from_json, override, to_json
from molnar.base.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.95)
    kind: Literal["adamw", "sgd"] = "adamw"


@dataclass(frozen=True, kw_only=True)
class Run:
    name: str
    seed: int | None = None
    compiled: bool = False
    widths: list[int] = field(default_factory=lambda: [64, 128])
    stages: tuple[str, ...] = ()
    weights: dict[str, float] = field(default_factory=dict)
    optimiser: Optimiser = field(default_factory=Optimiser)
    second: Optimiser | None = None
    anything: Any = None


finite = st.floats(allow_nan=False, allow_infinity=False)
optimisers = st.builds(
    Optimiser, lr=finite, betas=st.tuples(finite, finite), kind=st.sampled_from(["adamw", "sgd"])
)
runs = st.builds(
    Run,
    name=st.text(),
    seed=st.none() | st.integers(),
    compiled=st.booleans(),
    widths=st.lists(st.integers()),
    stages=st.lists(st.text()).map(tuple),
    weights=st.dictionaries(st.text(), finite),
    optimiser=optimisers,
    second=st.none() | optimisers,
)


@settings(deadline=None, max_examples=50)
@given(runs)
def test_json_and_back_is_the_same(run):
    assert from_json(Run, json.loads(json.dumps(to_json(run)))) == run


@settings(deadline=None, max_examples=50)
@given(runs, runs)
def test_diff_names_exactly_what_differs(before, after):
    assert diff(before, before) == {}
    assert bool(diff(before, after)) == (to_json(before) != to_json(after))


def test_diff_uses_dotted_paths():
    before, after = Run(name="a"), Run(name="a", optimiser=Optimiser(lr=0.1))
    assert diff(before, after) == {"optimiser.lr": (1e-3, 0.1)}


def test_whole_numbers_become_floats_but_flags_do_not_become_counts():
    assert isinstance(from_json(Optimiser, {"lr": 1}).lr, float)
    with pytest.raises(ConfigError, match=r"seed is True \(bool\); expected int or null"):
        from_json(Run, {"name": "a", "seed": True})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "name is missing"),
        ({"name": "a", "sead": 1}, r"sead is not a field of Run \(did you mean 'seed'\?\)"),
        ({"name": 3}, r"name is 3 \(int\); expected str"),
        ({"name": "a", "optimiser": {"lr": "fast"}}, "optimiser.lr is 'fast'"),
        ({"name": "a", "optimiser": {"kind": "adam"}}, "did you mean 'adamw'"),
        ({"name": "a", "optimiser": {"betas": [0.9]}}, "betas has 1 values; expected 2"),
        ({"name": "a", "optimiser": 7}, "optimiser is 7 .* expected an object"),
        ({"name": "a", "second": {"lr": "x"}}, "second.lr is 'x'"),
        ({"name": "a", "widths": [1, "x"]}, r"widths\[1\] is 'x'"),
        ({"name": "a", "widths": 3}, "expected a list"),
        ({"name": "a", "weights": [1]}, "expected an object"),
        ({"name": "a", "compiled": 1}, "compiled is 1"),
        ([], "expected an object of fields"),
    ],
)
def test_mistakes_name_the_place_and_the_remedy(data, message):
    with pytest.raises(ConfigError, match=message) as error:
        from_json(Run, data)
    assert "\n" not in str(error.value)


def test_overrides_are_typed_by_their_field():
    run = override(
        Run(name="a", second=Optimiser()),
        [
            "optimiser.lr=2",
            "seed=7",
            "compiled=true",
            "name=512",
            "widths=[1,2]",
            "second.kind=sgd",
        ],
    )
    assert run.optimiser.lr == 2.0
    assert (run.seed, run.compiled, run.name, run.widths) == (7, True, "512", [1, 2])
    assert run.second == Optimiser(kind="sgd")
    assert override(run, ["seed=null"]).seed is None
    assert override(run, ["name=a=b"]).name == "a=b"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("seed", "expected name=value"),
        ("=3", "expected name=value"),
        ("optimizer.lr=1", "did you mean 'optimiser'"),
        ("optimiser.rl=1", "optimiser.rl is not a field of Optimiser"),
        ("seed=many", "seed is 'many'"),
        ("seed.x=1", "seed.x is not a field"),
        ("compiled=maybe", "expected bool"),
    ],
)
def test_wrong_overrides_are_explained(assignment, message):
    with pytest.raises(ConfigError, match=message):
        override(Run(name="a"), [assignment])


def test_what_has_no_json_form_is_refused():
    with pytest.raises(ConfigError, match=r"Run.anything is .* no JSON form"):
        to_json(Run(name="a", anything=object()))
