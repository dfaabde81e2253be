from __future__ import annotations

import time

import pytest

from molnar.base.parameters import (
    read_parameters,
    sampler_and_schedule,
    with_defaults,
    write_parameters,
)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("DPM++ 2M Karras", ("DPM++ 2M", "Karras")),
        ("DPM++ 2M SDE Exponential", ("DPM++ 2M SDE", "Exponential")),
        ("DPM++ 2M Polyexponential", ("DPM++ 2M", "Polyexponential")),
        ("Euler SGM Uniform", ("Euler", "SGM Uniform")),
        ("Euler Align Your Steps", ("Euler", "Align Your Steps")),
        ("DPM++ 2M sgm_uniform", ("DPM++ 2M", "sgm_uniform")),
        ("dpm++2m karras", ("dpm++2m", "karras")),
        ("euler discrete", ("euler", "discrete")),
        ("DDIM", ("DDIM", None)),
        ("Euler a", ("Euler a", None)),
        ("Karras", ("Karras", None)),
        ("", ("", None)),
    ],
)
def test_samplers_with_their_schedule_in_the_name(label, expected):
    assert sampler_and_schedule(label) == expected


def test_what_is_missing_means_something():
    filled = with_defaults({"Clip skip": "2", "Steps": "20"})
    assert filled["Clip skip"] == "2"
    assert filled["RNG"] == "GPU"
    assert filled["Schedule type"] == "Automatic"
    assert filled["Hires sampler"] == "Use same sampler"
    assert (filled["Hires resize-1"], filled["Hires resize-2"]) == ("0", "0")
    assert filled["Mask mode"] == "Inpaint masked"
    assert filled["Masked content"] == "original"
    assert filled["Inpaint area"] == "Whole picture"
    assert filled["Masked area padding"] == "32"
    assert filled["VAE Encoder"] == filled["VAE Decoder"] == "Full"


def test_a_key_has_two_characters_at_least():
    got = read_parameters("p\nA: 1, Bb: 2, Cc-d/e: 3, Dd: 4")
    assert got.fields == {"Bb": "2", "Cc-d/e": "3", "Dd": "4"}


def test_settings_of_unbearable_length_are_no_settings():
    text = "p\nAa: 1, Bb: 2, Cc: " + "x" * 200_000
    assert read_parameters(text).fields == {}


@pytest.mark.parametrize(
    "line", ["a" * 99_000, "a " * 49_000, "Aa: [" * 19_000, "Aa: {" * 19_000, 'Aa: "' * 19_000,
             'Aa: ["' * 16_000, " " * 99_000 + "x", "Aa:" * 33_000]
)  # fmt: skip
def test_no_line_takes_long(line):
    begin = time.process_time()
    read_parameters("p\n" + line)
    assert time.process_time() - begin < 5


def test_what_is_written_is_read():
    fields = {"Steps": 4, "Odd": 'a, "b": c\nd', "Seed": 7}
    got = read_parameters(write_parameters("p\nq", "n\nm", fields))
    assert (got.prompt, got.negative_prompt) == ("p\nq", "n\nm")
    assert got.fields == {"Steps": "4", "Odd": 'a, "b": c\nd', "Seed": "7"}
