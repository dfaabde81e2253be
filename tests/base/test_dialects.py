"""Files as ten other tools write them, made here in their layouts, and what we read from them."""

from __future__ import annotations

import html
import io
import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from molnar.base import metadata
from molnar.base.dialects import of_parameters, recognised
from molnar.base.foreign import TOOLS
from molnar.base.parameters import read_parameters

PROMPT = 'a "red" fox, (fur:1.3),\n[snow|ice]: 日本 é <lora:ink:0.7> {a|b} \\(c\\)'
NEGATIVE = "blurry, text: bad,\nworst quality"
SETTINGS = (
    "Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 7, Size: 64x96"
)
EASY = {
    "prompt": PROMPT, "negative_prompt": NEGATIVE, "seed": 7, "sampler_name": "euler_a",
    "use_stable_diffusion_model": "C:\\models\\sd-v1-5", "num_inference_steps": 28,
    "guidance_scale": 6.5, "width": 64, "height": 96, "use_lora_model": "ink", "lora_alpha": 0.7,
}  # fmt: skip
EASY_TITLES = {
    "Prompt": PROMPT, "Negative Prompt": NEGATIVE, "Seed": 7, "Sampler": "euler_a",
    "Stable Diffusion model": "sd-v1-5", "Steps": 28, "Guidance Scale": 6.5, "Width": 64,
    "Height": 96, "LoRA model": "ink", "LoRA Strength": 0.7,
}  # fmt: skip


def a1111_text(version="v1.10.1", settings=SETTINGS):
    return f"{PROMPT}\nNegative prompt: {NEGATIVE}\n{settings}, Model: sd-v1-5, Version: {version}"


def swarm():
    said = {
        "prompt": PROMPT, "negativeprompt": NEGATIVE, "model": "sd-v1-5", "seed": 7, "steps": 28,
        "cfgscale": 6.5, "width": 64, "height": 96, "sampler": "dpmpp_2m", "scheduler": "karras",
        "loras": ["ink"], "loraweights": ["0.7"], "swarm_version": "0.9.7.0",
    }  # fmt: skip
    whole = {"sui_image_params": said, "sui_extra_data": {"date": "2025-01-01"}}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def fooocus():
    said = {
        "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "sd-v1-5", "base_model_hash": "e6bb9ea85b",
        "full_negative_prompt": [NEGATIVE], "full_prompt": [PROMPT, "cinematic"],
        "guidance_scale": 6.5, "lora_combined_1": "ink : 0.7", "loras": [["ink", 0.7, "8a3f0c"]],
        "metadata_scheme": "fooocus", "negative_prompt": NEGATIVE, "performance": "Speed",
        "prompt": PROMPT, "resolution": "(64, 96)", "sampler": "dpmpp_2m", "scheduler": "karras",
        "seed": "7", "steps": 28, "styles": "['Fooocus V2']", "version": "Fooocus v2.5.5",
    }  # fmt: skip
    return json.dumps(said)


def invoke():
    model = {"key": "1", "hash": "blake3:2", "name": "sd-v1-5", "base": "sd-1", "type": "main"}
    return json.dumps({
        "generation_mode": "txt2img", "positive_prompt": PROMPT, "negative_prompt": NEGATIVE,
        "width": 64, "height": 96, "seed": 7, "cfg_scale": 6.5, "steps": 28,
        "scheduler": "dpmpp_2m_k", "model": model, "app_version": "5.6.0",
        "loras": [{"model": {"key": "3", "name": "ink"}, "weight": 0.7}],
    })  # fmt: skip


def novel():
    return {
        "Title": "AI generated image", "Software": "NovelAI", "Description": PROMPT,
        "Source": "NovelAI Diffusion V4 37442FCA",
        "Comment": json.dumps({
            "prompt": PROMPT, "steps": 28, "height": 96, "width": 64, "scale": 6.5, "seed": 7,
            "uncond_scale": 0.0, "sampler": "k_dpmpp_2m", "noise_schedule": "karras",
            "uc": NEGATIVE, "signed_hash": "x==",
        }),
    }  # fmt: skip


def draw_things():
    said = {
        "c": PROMPT, "uc": NEGATIVE, "model": "sd-v1-5", "sampler": "DPM++ 2M Karras", "seed": 7,
        "scale": 6.5, "size": "64x96", "steps": 28, "strength": 1, "seed_mode": "Scale Alike",
        "v2": {"loras": [{"file": "ink", "weight": 0.7, "mode": "all"}], "guidanceScale": 6.5},
    }  # fmt: skip
    inside = html.escape(json.dumps(said, ensure_ascii=False), quote=False)
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description rdf:about="">\n'
        "<dc:description><rdf:Alt><rdf:li>other</rdf:li></rdf:Alt></dc:description>\n"
        "<xmp:CreatorTool>Draw Things</xmp:CreatorTool>\n<exif:UserComment>\n   <rdf:Alt>\n"
        f'      <rdf:li xml:lang="x-default">{inside}</rdf:li>\n   </rdf:Alt>\n'
        "</exif:UserComment></rdf:Description></rdf:RDF></x:xmpmeta>"
    )


def sdcpp_text():
    again = {
        "schema": "sdcpp.image.params/v1", "seed": 7,
        "prompt": {"positive": PROMPT, "negative": NEGATIVE},
    }  # fmt: skip
    return (
        f"{PROMPT}\nNegative prompt: {NEGATIVE}\nSteps: 28, CFG scale: 6.500000, "
        "Skip layers: [7, 8, 9, ], Guidance: 3.500000, Eta: 0.000000, Seed: 7, Size: 64x96, "
        "Model: sd-v1-5, RNG: cuda, Sampler: dpm++2m karras, Version: stable-diffusion.cpp"
        f", SDCPP: {json.dumps(again)}"
    )


def sdcpp_xmp():
    inside = html.escape(sdcpp_text())
    return (
        f"<x:xmpmeta><rdf:RDF><sdcpp:parameters>{inside}</sdcpp:parameters></rdf:RDF></x:xmpmeta>"
    )


def comfy():
    return json.dumps({
        "3": {"class_type": "KSampler", "inputs": {
            "seed": 7, "steps": 28, "cfg": 6.5, "sampler_name": "dpmpp_2m", "scheduler": "karras",
            "denoise": 1, "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0],
            "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd-v1-5"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {
            "width": 64, "height": 96, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": PROMPT, "clip": ["10", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": NEGATIVE, "clip": ["10", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "C"}},
        "10": {"class_type": "LoraLoader", "inputs": {
            "lora_name": "ink", "strength_model": 0.7, "strength_clip": 1,
            "model": ["4", 0], "clip": ["4", 1]}},
    })  # fmt: skip


def png(chunks, image=None):
    info, out = PngInfo(), io.BytesIO()
    for key, value in chunks.items():
        add = info.add_itxt if key.startswith("XML:") else info.add_text
        add(key, str(value))
    (image or Image.new("RGBA", (64, 96))).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def other(kind, comment=None, tags=None, **more):
    """Return a JPEG or WebP with an EXIF UserComment, other tags, XMP or a comment."""
    exif, out = Image.Exif(), io.BytesIO()
    if comment is not None:
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + comment.encode("utf-16-be")
    for tag, value in (tags or {}).items():
        exif[tag] = value
    Image.new("RGB", (64, 96)).save(out, kind, exif=exif, **more)
    return out.getvalue()


FILES = {
    "a1111": [
        png({"parameters": a1111_text()}),
        other("JPEG", a1111_text()),
        other("WEBP", a1111_text()),
        png({"parameters": a1111_text(settings=SETTINGS.replace(
            "DPM++ 2M, Schedule type: Karras", "DPM++ 2M Karras"))}),
    ],
    "forge": [
        png({"parameters": a1111_text("f2.0.1v1.10.1-previous-652-g1e5")}),
        other("JPEG", a1111_text("neo")),
    ],
    "comfyui": [
        png({"prompt": comfy(), "workflow": "{}"}),
        png({"prompt": comfy(), "parameters": a1111_text("ComfyUI")}),
        png({"prompt": comfy(), "parameters": a1111_text()}),
        other("WEBP", tags={0x0110: f"prompt:{comfy()}", 0x010F: "workflow:{}"}),
    ],
    "invokeai": [
        png({"invokeai_metadata": invoke(), "invokeai_graph": "{}"}),
    ],
    "fooocus": [
        png({"parameters": fooocus(), "fooocus_scheme": "fooocus"}),
        png({"parameters": a1111_text("Fooocus v2.5.5").replace("Schedule type", "Scheduler"),
             "fooocus_scheme": "a1111"}),
        other("JPEG", tags={0x9286: fooocus(), 0x0131: "Fooocus v2.5.5", 0x927C: "fooocus"}),
        png({"Comment": json.dumps({
            "prompt": PROMPT, "negative_prompt": NEGATIVE, "seed": 7, "steps": 28, "cfg": 6.5,
            "width": 64, "height": 96, "sampler": "dpmpp_2m", "scheduler": "karras",
            "base_model": "sd-v1-5", "loras": [["ink", 0.7]], "software": "Fooocus 1.0 MRE"})}),
    ],
    "swarmui": [
        png({"parameters": swarm()}),
        other("JPEG", swarm()),
        other("WEBP", tags={0x0110: swarm().encode()}),
    ],
    "novelai": [
        png(novel()),
        other("WEBP", json.dumps(novel())),
    ],
    "drawthings": [
        png({"XML:com.adobe.xmp": draw_things()}),
        other("JPEG", xmp=draw_things().encode()),
    ],
    "sdcpp": [
        png({"parameters": sdcpp_text()}),
        png({"parameters": sdcpp_text().partition(", SDCPP")[0]}),
        other("WEBP", xmp=sdcpp_xmp().encode()),
    ],
    "easydiffusion": [
        png(EASY),
        png(EASY_TITLES),
        other("JPEG", json.dumps(EASY)),
        other("WEBP", json.dumps(EASY_TITLES)),
    ],
}  # fmt: skip
EVERY = [(tool, k) for tool, files in FILES.items() for k in range(len(files))]


@pytest.mark.parametrize(("tool", "k"), EVERY)
def test_the_files_of_ten_other_tools_are_read(tool, k):
    found = metadata.read(FILES[tool][k])
    assert (found.tool, found.record, found.foreign.tool) == (tool, None, tool)
    said = found.foreign
    assert said.prompt == PROMPT
    assert said.negative_prompt == NEGATIVE
    assert (said.seed, said.steps, said.guidance) == (7, 28, 6.5)
    assert (said.width, said.height) == (64, 96)
    hidden = tool == "novelai"  # it has models of its own, and no LoRAs
    assert said.model == ("NovelAI Diffusion V4" if hidden else "sd-v1-5")
    assert said.loras == (() if hidden else (("ink", 0.7),))


def test_every_tool_has_a_name_and_a_file():
    assert set(FILES) | {"molnar", "none"} == set(TOOLS)


def test_what_has_no_name_of_ours_is_kept():
    rest = {tool: metadata.read(files[0]).foreign.rest for tool, files in FILES.items()}
    assert rest["a1111"] == {"Version": "v1.10.1"}
    assert rest["swarmui"] == {"swarm_version": "0.9.7.0"}
    assert rest["invokeai"]["app_version"] == "5.6.0"
    assert rest["fooocus"]["styles"] == "['Fooocus V2']"
    assert rest["novelai"]["uncond_scale"] == "0.0"
    assert rest["drawthings"]["seed_mode"] == "Scale Alike"
    assert rest["sdcpp"]["Guidance"] == "3.500000"


def test_invokeai_before_3():
    image = {
        "prompt": [{"prompt": "a fox [blurry, bad] in snow", "weight": 1.0}], "steps": 50,
        "cfg_scale": 7.5, "width": 512, "height": 768, "seed": 7, "sampler": "k_euler_a",
    }  # fmt: skip
    whole = json.dumps({"model_weights": "sd-v1-4", "image": image})
    dream = '"a "big" fox [bad]" -s 50 -S 7 -W 512 -H 768 -C 7.5 -A k_euler_a -f 0.3'
    for chunks, prompt, negative in (
        ({"sd-metadata": whole, "Dream": dream}, "a fox in snow", "blurry, bad"),
        ({"Dream": dream}, 'a "big" fox', "bad"),
    ):
        said = metadata.read(png(chunks)).foreign
        assert (said.tool, said.prompt, said.negative_prompt) == ("invokeai", prompt, negative)
        assert (said.seed, said.steps, said.guidance, said.sampler) == (7, 50, 7.5, "k_euler_a")
        assert (said.width, said.height) == (512, 768)


def test_captions_of_novelai_4():
    said = {
        "prompt": "old", "uc": "bad", "seed": 7,
        "v4_prompt": {"caption": {"base_caption": "two girls, rain", "char_captions": [
            {"char_caption": "girl, red hair", "centers": [{"x": 0.5, "y": 0.5}]}, 3]}},
        "v4_negative_prompt": {"caption": {"base_caption": "lowres", "char_captions": None}},
    }  # fmt: skip
    found = recognised({"Software": "NovelAI", "Comment": json.dumps(said)})
    assert found.prompt == "two girls, rain\ngirl, red hair"
    assert found.negative_prompt == "lowres"


def test_quirks_of_the_a1111_text():
    text = (
        "p\nSteps: 20, Sampler: Undefined, CFG scale: nan, Seed: -1, Foo: , Clip skip: 2, "
        'Size: 512x768, Hashes: {"model": "ab"}, First pass size: 0x0, Denoising strength: 0.55, '
        'Hires resize: 1024x1536, Civitai resources: [{"type":"checkpoint","name":"a, b"}]'
    )
    said = of_parameters(read_parameters(text))
    assert (said.sampler, said.guidance, said.seed, said.model) == (None, None, None, None)
    assert (said.steps, said.width, said.height, said.denoise) == (20, 512, 768, 0.55)
    assert said.rest["Hires resize-1"] == "1024"
    assert said.rest["Civitai resources"] == '[{"type":"checkpoint","name":"a, b"}]'
    assert "Foo" not in said.rest


def test_ours_is_ours():
    data = metadata.encode(Image.new("RGB", (8, 8)), {"format": 1}, a1111_text())
    found = metadata.read(data)
    assert (found.tool, found.foreign) == ("molnar", None)


def test_a_camera_says_nothing():
    assert (
        metadata.read(other("JPEG", "Screenshot", {0x010F: "Canon", 0x0110: "EOS"})).tool == "none"
    )
    assert metadata.read(other("JPEG", comment=None)).foreign is None
