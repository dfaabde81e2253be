from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from molnar.app.cli.main import cli
from molnar.app.cli.pull import Meter

UNET = "unet/diffusion_pytorch_model.fp16.safetensors"


def say(*args: str) -> Result:
    return CliRunner().invoke(cli, ["pull", *args])


def test_it_is_said_what_comes_and_where_it_is(sd: Any, models: Path) -> None:
    result = say("org/sd", "--yes")
    assert result.exit_code == 0
    assert result.stdout == f"{models / 'org' / 'sd'}\n"
    for said in (
        "Stable Diffusion 1.5 (StableDiffusionPipeline)",
        "openrail++",
        "9, 250 kB, fp16",
        "to come  250 kB",
        sd.commit[:12],
    ):
        assert said in result.stderr
    again = say("org/sd")  # nothing to decide, so nobody is asked
    assert (again.exit_code, again.stdout, again.stderr) == (0, result.stdout, "")


def test_nobody_to_ask(hub: Any, sd: Any, models: Path) -> None:
    result = say("org/sd")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert not models.exists()


def test_a_dry_run_takes_nothing(hub: Any, sd: Any, models: Path) -> None:
    assert "licence  openrail++" in say("org/sd", "--dry-run").stdout
    said = json.loads(say("org/sd", "--dry-run", "--json", "--only", "unet").stdout)
    assert said["files"] == [
        "LICENSE.md",
        "README.md",
        "model_index.json",
        "unet/config.json",
        UNET,
    ]
    assert said["missing"] == said["bytes"] > 200_000
    assert {path for path, _ in hub.fetched} == {"model_index.json"}
    assert not models.exists()


def test_one_file_and_removal(hub: Any, models: Path) -> None:
    hub.add("org/ink", {"ink.safetensors": b"ink", "b.safetensors": b"b"})
    result = say("org/ink:ink.safetensors", "--yes", "--json")
    assert Path(json.loads(result.stdout)["path"]).read_bytes() == b"ink"
    assert "not stated" in result.stderr
    result = say("org/ink", "--remove")
    assert result.exit_code == 0
    assert not (models / "org").exists()
    assert say("org/ink", "--remove").exit_code == 2


def test_errors_are_one_line(hub: Any, sd: Any, models: Path) -> None:
    hub.bad.add(UNET)
    result = say("org/sd", "--yes", "--quiet")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"error: {UNET}: sha256 is ")


def test_offline_and_without_the_extra(hub: Any, sd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    result = say("org/sd", "--yes")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "pip install 'molnar[hub]'" in result.stderr
    monkeypatch.setenv("MOLNAR_OFFLINE", "1")
    assert "MOLNAR_OFFLINE is set" in say("org/sd", "--yes").stderr
    assert not hub.asked


def test_the_line_tells_bytes_rate_and_time() -> None:
    meter = Meter(1_000_000_000, quiet=True)
    meter.told("a", 400_000_000, False)  # was here: says nothing of the rate
    meter.line("a", 0.0)
    meter.told("a", 100_000_000, True)
    line = meter.line("a", 2.0)
    assert line == "[############............] 500 MB of 1 GB, 50 MB/s, 10 s left, a"


# ---------------------------------------------------------------- ended from outside

CODE = "import sys; from molnar.app.cli.main import main; main()"


def start(hub: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CODE, "pull", "org/sd", "--yes"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def _size(part: Path) -> int:
    """Count the bytes of a part; a small file may be whole, and gone from there, by now."""
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def wait_for_some(models: Path) -> int:
    """Wait until a part of the largest file is there; return its bytes."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        sizes = [_size(path) for path in models.glob(".pulling/*/*.part")]
        if sizes and max(sizes) > 60_000:
            return max(sizes)
        time.sleep(0.01)
    raise AssertionError("nothing came")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_ended_in_the_middle_and_gone_on_with(
    hub: Any, sd: Any, models: Path, how: signal.Signals
) -> None:
    hub.pause = 0.1
    del sd.files["text_encoder/model.fp16.safetensors"]
    sd.files["text_encoder/model.safetensors"] = b"small"
    with start(hub) as process:
        there = wait_for_some(models)
        process.send_signal(how)
        _, err = process.communicate(timeout=30)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    if how == signal.SIGINT:
        assert err.split("\n")[-4:] == [
            "what came is kept; the same command goes on from there",
            "",  # after the ^C of a terminal
            "interrupted",
            "",
        ]
    assert not (models / "org").exists()
    hub.pause = 0.0
    hub.asked.clear()
    assert say("org/sd", "--yes").exit_code == 0
    assert (models / "org" / "sd" / UNET).read_bytes() == sd.files[UNET]
    [ran] = [ran for path, ran in hub.fetched if path == UNET]
    assert there <= int(ran.removeprefix("bytes=").removesuffix("-")) < 200_000


def test_a_pull_loads_no_torch(hub: Any, sd: Any, models: Path) -> None:
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from molnar.app.cli.main import cli\n"
        "assert CliRunner().invoke(cli, ['pull', 'org/sd', '--yes']).exit_code == 0\n"
        "assert not {'torch', 'diffusers', 'transformers', 'onnxruntime'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
    assert (models / "org" / "sd" / UNET).is_file()
