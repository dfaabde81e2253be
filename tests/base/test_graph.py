"""Graphs of ComfyUI: the ways in which people wire prompt, seed and sampler."""

from __future__ import annotations

import json
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from molnar.base.graph import comfyui


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def read(nodes):
    return comfyui({"prompt": json.dumps(nodes)})


KSAMPLER = {
    "seed": 7, "steps": 28, "cfg": 6.5, "sampler_name": "euler", "scheduler": "normal",
    "denoise": 1.0, "model": ["m", 0], "positive": ["p", 0], "negative": ["n", 0],
    "latent_image": ["l", 0],
}  # fmt: skip
BASE = {
    "m": node("CheckpointLoaderSimple", ckpt_name="sd.safetensors"),
    "p": node("CLIPTextEncode", text="a fox,\n(fur:1.3)", clip=["m", 1]),
    "n": node("CLIPTextEncode", text="bad", clip=["m", 1]),
    "l": node("EmptyLatentImage", width=512, height=768, batch_size=1),
    "d": node("VAEDecode", samples=["k", 0], vae=["m", 2]),
    "s": node("SaveImage", images=["d", 0], filename_prefix="x"),
}


def test_the_default_graph():
    said = read({**BASE, "k": node("KSampler", **KSAMPLER)})
    assert (said.prompt, said.negative_prompt) == ("a fox,\n(fur:1.3)", "bad")
    assert (said.seed, said.steps, said.guidance, said.denoise) == (7, 28, 6.5, 1.0)
    assert (said.sampler, said.schedule) == ("euler", "normal")
    assert (said.width, said.height, said.model) == (512, 768, "sd.safetensors")
    assert said.rest == {"passes": "1", "nodes": "7"}


def test_the_first_of_two_passes_counts():
    second = {**KSAMPLER, "seed": 8, "denoise": 0.5, "latent_image": ["u", 0]}
    said = read({
        **BASE, "k": node("KSampler", **second), "first": node("KSampler", **KSAMPLER),
        "u": node("LatentUpscale", samples=["first", 0], width=1024, height=1536),
    })  # fmt: skip
    assert (said.seed, said.denoise, said.width, said.rest["passes"]) == (7, 1.0, 512, "2")


def test_the_advanced_sampler():
    advanced = {k: v for k, v in KSAMPLER.items() if k not in ("seed", "denoise")}
    advanced |= {"noise_seed": 2**64 - 1, "add_noise": "enable", "start_at_step": 0}
    said = read({**BASE, "k": node("KSamplerAdvanced", **advanced)})
    assert (said.seed, said.denoise, said.steps) == (2**64 - 1, None, 28)


FLUX = {
    "s": node("SaveImage", images=["d", 0]),
    "d": node("VAEDecode", samples=["k", 0]),
    "k": node("SamplerCustomAdvanced", noise=["noise", 0], guider=["g", 0], sampler=["c", 0],
              sigmas=["t", 0], latent_image=["l", 0]),
    "noise": node("RandomNoise", noise_seed=["seed", 0]),
    "seed": node("PrimitiveInt", value=7),
    "g": node("BasicGuider", model=["lora", 0], conditioning=["f", 0]),
    "f": node("FluxGuidance", conditioning=["p", 0], guidance=3.5),
    "p": node("CLIPTextEncodeFlux", clip_l="a fox", t5xxl=["words", 0], guidance=1.0),
    "words": node("StringConcatenate", string_a=["a", 0], string_b="in snow", delimiter=", "),
    "a": node("PrimitiveStringMultiline", value="a fox"),
    "c": node("KSamplerSelect", sampler_name="dpmpp_2m"),
    "t": node("BasicScheduler", scheduler="beta", steps=20, denoise=1.0, model=["lora", 0]),
    "l": node("EmptySD3LatentImage", width=["w", 0], height=1024),
    "w": node("PrimitiveInt", value=768),
    "lora": node("LoraLoaderModelOnly", lora_name="ink", strength_model=0.8, model=["u", 0]),
    "u": node("UNETLoader", unet_name="flux.safetensors"),
}  # fmt: skip


def test_the_way_of_flux():
    said = read(FLUX)
    assert said.prompt == "a fox, in snow\na fox"
    assert (said.negative_prompt, said.guidance) == (None, None)
    assert (said.seed, said.steps, said.sampler, said.schedule) == (7, 20, "dpmpp_2m", "beta")
    assert (said.width, said.height, said.model) == (768, 1024, "flux.safetensors")
    assert said.loras == (("ink", 0.8),)
    assert said.rest["distilled guidance"] == "3.5"


def test_a_guider_with_a_scale_and_samplers_named_by_their_class():
    graph = {**FLUX, "g": node("CFGGuider", model=["u", 0], positive=["p", 0], negative=["z", 0],
                               cfg=4.0),
             "z": node("ConditioningZeroOut", conditioning=["p", 0]),
             "c": node("SamplerLCM"), "t": node("KarrasScheduler", steps=12)}  # fmt: skip
    said = read(graph)
    assert (said.guidance, said.negative_prompt) == (4.0, "")
    assert (said.sampler, said.schedule, said.steps) == ("LCM", "Karras", 12)


def test_the_custom_sampler_and_split_times():
    said = read({
        **BASE, **{name: FLUX[name] for name in ("c", "t")},
        "half": node("SplitSigmas", sigmas=["t", 0], step=10),
        "k": node("SamplerCustom", noise_seed=7, cfg=5, positive=["p", 0], negative=["n", 0],
                  sampler=["c", 0], sigmas=["half", 0], latent_image=["l", 0], model=["m", 0]),
    })  # fmt: skip
    assert (said.seed, said.steps, said.guidance, said.sampler) == (7, 20, 5.0, "dpmpp_2m")
    assert (said.prompt, said.negative_prompt) == ("a fox,\n(fur:1.3)", "bad")


def test_texts_are_followed_through_what_changes_them():
    control = node("ControlNetApplyAdvanced", positive=["both", 0], negative=["n", 0], strength=1.0)
    said = read({
        **BASE, "k": node("KSampler", **{**KSAMPLER, "positive": ["cn", 0], "negative": ["cn", 1]}),
        "cn": control, "both": node("ConditioningCombine", conditioning_1=["p", 0],
                                    conditioning_2=["q", 0]),
        "q": node("CLIPTextEncodeSDXL", text_g="snow", text_l="snow", width=1024, height=1024),
    })  # fmt: skip
    assert (said.prompt, said.negative_prompt) == ("a fox,\n(fur:1.3)\nsnow", "bad")


def test_a_list_of_loras_in_one_node():
    stack = node("Power Lora Loader (rgthree)", model=["m", 0],
                 lora_1={"on": True, "lora": "ink", "strength": 0.5},
                 lora_2={"on": False, "lora": "off", "strength": 1})  # fmt: skip
    said = read({**BASE, "k": node("KSampler", **{**KSAMPLER, "model": ["x", 0]}), "x": stack})
    assert (said.loras, said.model) == ((("ink", 0.5),), "sd.safetensors")


def test_missing_links_and_no_sampler():
    said = read({"k": node("KSampler", **KSAMPLER)})
    assert (said.prompt, said.width, said.model, said.seed) == (None, None, None, 7)
    assert read({"1": node("Note")}).rest == {"nodes": "1"}
    for empty in ({}, [], 7, {"1": 2}, {"1": {"class_type": 1, "inputs": {}}}):
        assert read(empty) is None


def test_circles_and_huge_graphs_take_no_time():
    begin = time.process_time()
    ring = {str(k): node("X", a=[str((k + 1) % 5000), 0], b=[str(k), 0]) for k in range(5000)}
    read({**ring, "k": node("KSampler", **{**KSAMPLER, "positive": ["0", 0], "model": ["0", 0]})})
    double = {
        str(k): node("StringConcatenate", string_a=[str(k + 1), 0], string_b=[str(k + 1), 0])
        for k in range(4999)
    } | {"30": node("Text", text="x" * 90_000)}
    read({"k": node("KSampler", **{**KSAMPLER, "positive": ["0", 0]}), **double})
    wide = {"w": node("X", **{str(k): ["w", 0] for k in range(100_000)})}
    read({"k": node("KSampler", **{**KSAMPLER, "positive": ["w", 0]}), **wide})
    self = {"k": node("KSampler", **{key: ["k", 0] for key in KSAMPLER})}
    assert read(self).seed is None
    assert time.process_time() - begin < 10


keys = st.sampled_from(["k", "p", "n", "m", "l", "s", "g", "t"])
links = st.tuples(keys, st.integers(0, 2)).map(list)
inputs = st.dictionaries(
    st.sampled_from([*KSAMPLER, "text", "value", "sigmas", "sampler", "guider", "noise", "steps",
                     "conditioning", "lora_name", "ckpt_name", "width", "height", "string_a",
                     "delimiter", "guidance", "images", "conditioning_1", "unet_name"]),
    links | st.text(max_size=5) | st.integers() | st.floats() | st.none() | st.lists(links),
    max_size=8,
)  # fmt: skip
kinds = st.sampled_from(
    ["KSampler", "SaveImage", "SamplerLCM", "ConditioningZeroOut", "X", "Scheduler"]
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(keys, st.builds(lambda k, i: node(k, **i), kinds, inputs), max_size=8))
def test_no_graph_crashes_the_walk(graph):
    said = read(graph)
    assert (said is None) == (not graph)
