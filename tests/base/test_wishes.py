from __future__ import annotations

import pytest

from molnar.base.foreign import Foreign
from molnar.base.metadata import SAMPLER_LABELS, SCHEDULE_LABELS, Metadata, read_parameters
from molnar.base.wishes import our_names, wishes


@pytest.mark.parametrize(
    ("sampler", "schedule", "expected"),
    [
        ("DPM++ 2M", "Karras", ("dpmpp_2m", "karras")),
        ("DPM++ 2M Karras", None, ("dpmpp_2m", "karras")),
        ("DPM++ 2M SDE Exponential", None, ("dpmpp_2m_sde", "exponential")),
        ("DPM++ 2M", "Automatic", ("dpmpp_2m", None)),
        ("Euler a", "SGM Uniform", ("euler_ancestral", "sgm_uniform")),
        ("UniPC", "Beta", ("unipc", "beta")),
        ("dpmpp_2m", "karras", ("dpmpp_2m", "karras")),
        ("dpmpp_2m_sde_gpu", "simple", ("dpmpp_2m_sde", "simple")),
        ("uni_pc_bh2", "normal", ("unipc", None)),
        ("euler_ancestral", "sgm_uniform", ("euler_ancestral", "sgm_uniform")),
        ("k_dpmpp_2m", None, ("dpmpp_2m", None)),
        ("k_euler_ancestral", "native", ("euler_ancestral", None)),
        ("dpmpp_2m_k", None, ("dpmpp_2m", "karras")),
        ("euler_a", None, ("euler_ancestral", None)),
        ("dpm++2m karras", None, ("dpmpp_2m", "karras")),
        ("euler discrete", None, ("euler", None)),
        ("Euler Ancestral", None, ("euler_ancestral", None)),
        ("Euler A Trailing", None, ("euler_ancestral", "sgm_uniform")),
        ("DDIM", None, ("ddim", None)),
        ("LCM", None, ("lcm", None)),
        ("Heun", None, ("heun", None)),
        ("dpmpp_2s_ancestral", "kl_optimal", (None, None)),
        ("DPM++ 3M SDE", "Turbo", (None, None)),
        (None, None, (None, None)),
    ],
)
def test_samplers_of_other_tools_get_our_names(sampler, schedule, expected):
    assert our_names(sampler, schedule) == expected


def test_our_own_names_and_labels_are_understood():
    for name, label in SAMPLER_LABELS.items():
        assert our_names(name, None)[0] == our_names(label, None)[0] == name
    for name, label in SCHEDULE_LABELS.items():
        assert our_names(None, name)[1] == our_names(None, label)[1] == name


def test_wishes_are_what_the_file_names():
    said = Foreign(tool="comfyui", prompt="a fox", negative_prompt="", seed=2**64 - 1, steps=28,
                   guidance=6.5, width=512, height=768, sampler="res_multistep", schedule="karras",
                   model="sd", denoise=0.5)  # fmt: skip
    assert wishes(Metadata("comfyui", foreign=said)) == {
        "prompt": "a fox", "negative_prompt": "", "seed": 2**64 - 1, "steps": 28, "guidance": 6.5,
        "width": 512, "height": 768, "schedule": "karras",
    }  # fmt: skip


def test_the_a1111_text_alone_is_enough():
    found = read_parameters("a fox\nSteps: 4, Sampler: Euler a Karras, Seed: 0, CFG scale: 1e9")
    assert wishes(Metadata("a1111", parameters=found)) == {
        "prompt": "a fox", "negative_prompt": "", "steps": 4, "seed": 0,
        "sampler": "euler_ancestral", "schedule": "karras",
    }  # fmt: skip
    assert wishes(Metadata("a1111", parameters=read_parameters("just words"))) == {
        "prompt": "just words",
        "negative_prompt": "",
    }


def test_who_says_nothing_wishes_nothing():
    assert wishes(Metadata("none")) == {}
