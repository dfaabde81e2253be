"""What there is to choose from, as A1111 lists it. Most of its lists are empty here."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

from molnar.app.server.limits import Now
from molnar.base.version import VERSION
from molnar.text.styles import built_in

#: Lists of what this server has none of.
EMPTY = (
    "hypernetworks", "face-restorers", "realesrgan-models", "sd-vae", "sd-modules",
    "script-info", "extensions",
)  # fmt: skip
SHORT = 10  # digits of a model's hash, as A1111 shows it


def title(model: Mapping[str, Any]) -> str:
    """Give a model's name as clients show and send it.

    Example:
        >>> title({"name": "sticker", "hash": "0123456789abcdef"})
        'sticker [0123456789]'
    """
    return f"{model['name']} [{str(model['hash'])[:SHORT]}]"


def names_of(model: Mapping[str, Any]) -> list[str]:
    """Give the names by which a model may be asked for."""
    full = str(model["hash"])
    return [str(model["name"]), title(model), full[:SHORT], full]


def loras(names: Iterable[str]) -> list[dict[str, Any]]:
    """Give `/loras`, with names alone: where files lie is nobody's business over a network."""
    return [{"name": name, "alias": name, "path": name, "metadata": {}} for name in names]


def sd_models(models: list[dict[str, Any]], path: str) -> list[dict[str, Any]]:
    """Give `/sd-models`."""
    return [
        {
            "title": title(model),
            "model_name": model["name"],
            "hash": str(model["hash"])[:SHORT],
            "sha256": model["hash"],
            "filename": path,
            "config": None,
        }
        for model in models
    ]


def options(model: Mapping[str, Any], samples_format: str) -> dict[str, Any]:
    """Give `/options`: what clients look at; there is nothing to set but the pictures' format."""
    return {
        "samples_format": samples_format,
        "samples_save": True,
        "grid_save": False,
        "jpeg_quality": 95,
        "webp_lossless": True,
        "enable_pnginfo": True,
        "sd_model_checkpoint": title(model),
        "sd_checkpoint_hash": model["hash"],
        "sd_vae": "None",
        "CLIP_stop_at_last_layers": 1,
        "img2img_color_correction": False,
        "img2img_background_color": "#ffffff",
        "upscaler_for_img2img": "None",
        "face_restoration": False,
        "face_restoration_model": "",
        "code_former_weight": 0.5,
        "interrogate_return_ranks": False,
        "deepbooru_sort_alpha": False,
        "live_previews_enable": True,
        "live_previews_image_format": "png",
        "show_progress_every_n_steps": 1,
        "randn_source": "CPU",
        "eta_noise_seed_delta": 0,
        "return_grid": False,
        "do_not_show_images": False,
        "sd_unet": "None",
    }


def prompt_styles() -> list[dict[str, Any]]:
    """Give `/prompt-styles`."""
    return [
        {"name": style.name, "prompt": style.prompt, "negative_prompt": style.negative}
        for style in built_in().values()
    ]


def cmd_flags(host: str, port: int | None) -> dict[str, Any]:
    """Give `/cmd-flags`: how A1111 would have been started to serve as this does."""
    return {
        "api": True, "nowebui": False, "listen": False, "server_name": host, "port": port,
        "share": False, "api_auth": None, "gradio_auth": None, "use_cpu": ["all"],
        "skip_torch_cuda_test": True, "no_half": True, "lowvram": False, "medvram": False,
        "xformers": False, "ckpt": None, "ui_settings_file": "config.json",
    }  # fmt: skip


def memory() -> dict[str, Any]:
    """Give `/memory`: bytes."""
    try:
        import resource

        size = os.sysconf("SC_PAGE_SIZE")
        total = size * os.sysconf("SC_PHYS_PAGES")
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        ram: dict[str, Any] = {"free": total - used, "used": used, "total": total}
    except (ImportError, ValueError, OSError, AttributeError):  # not on every system
        ram = {"error": "unavailable"}
    return {"ram": ram, "cuda": {"error": "unavailable"}}


def status(now: Now, state: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """Give `/system-info/status`, which SD.Next has and some clients ask."""
    return {
        "version": {"app": "molnar", "hash": VERSION, "updated": "", "url": ""},
        "timestamp": time.strftime("%Y-%m-%d %H:%M:%S"),
        "state": dict(state),
        "queue": {"queued": now.queued, "running": now.running},
        "model": title(model),
        "backend": "onnx",
        "memory": memory(),
    }


def queue_status(now: Now) -> dict[str, Any]:
    """Give `/queue/status` of Gradio, by which some clients see that the server is there."""
    return {
        "msg": "estimation",
        "rank": None,
        "queue_size": now.queued,
        "avg_event_process_time": None,
        "avg_event_concurrent_process_time": None,
        "rank_eta": None,
        "queue_eta": 0,
    }
