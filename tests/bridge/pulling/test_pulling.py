from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from molnar.base.errors import NotThereError, PullError, RequestError
from molnar.bridge import placing, pulling
from molnar.bridge.fetching import Hub
from molnar.bridge.placing import remove
from molnar.bridge.taking import Wanted

UNET = "unet/diffusion_pytorch_model.fp16.safetensors"
TAKEN = {
    "model_index.json",
    UNET,
    "unet/config.json",
    "text_encoder/model.fp16.safetensors",
    "text_encoder/config.json",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "README.md",
    "LICENSE.md",
}


def bring(models: Path, name: str = "org/sd", **asked: Any) -> Path:
    here = Hub()
    revision = asked.pop("revision", None)
    return pulling.pull(here, pulling.plan(here, models, name, revision, Wanted(**asked)))


def inside(folder: Path) -> dict[str, bytes]:
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name != "molnar.json"}


def manifest(folder: Path) -> Any:
    return json.loads((folder / "molnar.json").read_text())


def half(models: Path) -> list[Path]:
    return list((models / ".pulling").glob("*/*"))


def test_a_pipeline_comes_whole_and_is_listed(hub: Any, sd: Any, models: Path) -> None:
    folder = bring(models)
    assert folder == models / "org" / "sd"
    assert inside(folder) == {path: sd.files[path] for path in TAKEN}
    said = manifest(folder)
    assert (said["repo"], said["revision"], said["licence"]) == ("org/sd", sd.commit, "openrail++")
    assert said["licence_at"].endswith(f"/org/sd/blob/{sd.commit}/LICENSE.md")
    for path, entry in said["files"].items():
        assert entry["bytes"] == len(sd.files[path])
        assert entry["sha256"] == hashlib.sha256(sd.files[path]).hexdigest()
    assert not half(models)
    [agent] = hub.agents
    assert agent.startswith("molnar/")
    assert "torch" not in agent  # no telemetry


def test_the_same_revision_again_asks_for_no_file(hub: Any, sd: Any, models: Path) -> None:
    bring(models)
    hub.asked.clear()
    bring(models)
    assert [path for path, _ in hub.asked] == ["/api/models/org/sd"]


def test_full_precision_and_parts(sd: Any, models: Path) -> None:
    folder = bring(models, variant="full")
    assert "unet/diffusion_pytorch_model.safetensors" in inside(folder)
    assert UNET not in inside(folder)
    bring(models, only=("unet",))
    found = inside(folder)
    assert UNET in found
    assert "unet/diffusion_pytorch_model.safetensors" not in found  # replaced, not added
    assert "text_encoder/model.safetensors" in found  # not asked for, so as it was


def test_a_cut_connection_goes_on_with_a_range(hub: Any, sd: Any, models: Path) -> None:
    hub.cuts[UNET] = [90_000, 150_000]
    folder = bring(models)
    assert (folder / UNET).read_bytes() == sd.files[UNET]
    assert [ran for path, ran in hub.fetched if path == UNET] == [
        None,
        "bytes=90000-",
        "bytes=150000-",
    ]


def test_a_dead_line_is_given_up_and_later_gone_on_with(hub: Any, sd: Any, models: Path) -> None:
    hub.cuts[UNET] = [90_000] * 6
    with pytest.raises(PullError, match=r"no connection to http.*goes on from here"):
        bring(models)
    assert not (models / "org").exists()
    hub.cuts.clear()
    hub.asked.clear()
    assert (bring(models) / UNET).read_bytes() == sd.files[UNET]
    fetched = dict(hub.fetched)
    assert fetched[UNET] == "bytes=90000-"
    assert "README.md" not in fetched  # came whole the first time


def test_a_hub_that_ignores_ranges_sends_all_anew(hub: Any, sd: Any, models: Path) -> None:
    hub.cuts[UNET], hub.whole = [90_000], True
    assert (bring(models) / UNET).read_bytes() == sd.files[UNET]


def test_a_busy_hub_is_asked_again(
    hub: Any, sd: Any, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    here = Hub()
    made = pulling.plan(here, models, "org/sd")
    hub.down = [503, 429]
    assert UNET in inside(pulling.pull(here, made))


@pytest.mark.parametrize("path", [UNET, "unet/config.json"])
def test_altered_content_is_refused_and_nothing_stays(
    hub: Any, sd: Any, models: Path, path: str
) -> None:
    hub.bad.add(path)
    with pytest.raises(PullError, match=rf"{path}: .* is \w+, expected \w+; what came was deleted"):
        bring(models)
    assert not (models / "org").exists()
    digest = hashlib.sha256(sd.files[path]).hexdigest()
    assert not [file for file in half(models) if file.name.startswith(digest)]
    hub.bad.clear()
    assert inside(bring(models))[path] == sd.files[path]


def test_what_is_half_there_and_altered_is_found_out(hub: Any, sd: Any, models: Path) -> None:
    digest = hashlib.sha256(sd.files[UNET]).hexdigest()
    part = models / ".pulling" / "org--sd" / f"{digest}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"\0" * 1000)
    with pytest.raises(PullError, match="sha256"):
        bring(models)
    assert (bring(models) / UNET).read_bytes() == sd.files[UNET]


def test_a_new_revision_replaces_and_fetches_what_changed(hub: Any, sd: Any, models: Path) -> None:
    folder = bring(models)
    (folder / "mine.txt").write_text("a note")
    sd.commit = "d" * 40
    sd.files["text_encoder/model.fp16.safetensors"] = b"better"
    del sd.files["tokenizer/merges.txt"]
    hub.asked.clear()
    bring(models)
    large = {path for path, _ in hub.fetched if path.endswith(".safetensors")}
    assert large == {"text_encoder/model.fp16.safetensors"}
    found = inside(folder)
    assert found.pop("mine.txt") == b"a note"
    assert found == {path: sd.files[path] for path in TAKEN - {"tokenizer/merges.txt"}}
    assert manifest(folder)["revision"] == "d" * 40


def test_a_file_that_rotted_here_is_not_carried_along(hub: Any, sd: Any, models: Path) -> None:
    folder = bring(models)
    (folder / UNET).write_bytes(os.urandom(200_000))
    sd.commit = "d" * 40
    bring(models)
    assert (folder / UNET).read_bytes() == sd.files[UNET]


def test_a_swap_that_was_cut_off_is_taken_back(
    hub: Any, sd: Any, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bring(models)
    before = inside(folder)
    sd.commit, sd.files["README.md"] = "d" * 40, b"# Another\n"

    def half_way(half: Path, tree: Path, folder: Path) -> None:
        folder.rename(half / "old")
        raise KeyboardInterrupt

    monkeypatch.setattr(pulling, "swap", half_way)
    with pytest.raises(KeyboardInterrupt):
        bring(models)
    monkeypatch.setattr(pulling, "swap", placing.swap)
    assert not folder.exists()
    pulling.plan(Hub(), models, "org/sd")  # looks, and so takes back
    assert inside(folder) == before
    assert inside(bring(models))["README.md"] == b"# Another\n"


def test_two_pulls_at_once_are_refused(sd: Any, models: Path) -> None:
    with (
        placing.alone(placing.half_of(models, "org/sd"), "org/sd"),
        pytest.raises(PullError, match="is being pulled already"),
    ):
        bring(models)


def test_one_file_and_what_tells_its_licence(hub: Any, models: Path) -> None:
    files = {f"ink-{n}.safetensors": b"ink" * n for n in (1, 2)} | {"LICENSE": b"CC0"}
    repo = hub.add("org/inks", files)
    found = bring(models, "org/inks:ink-1.safetensors")
    assert found == models / "org" / "inks" / "ink-1.safetensors"
    assert set(inside(found.parent)) == {"ink-1.safetensors", "LICENSE"}
    repo.commit = "d" * 40
    bring(models, "org/inks:ink-2.safetensors")
    assert set(inside(found.parent)) == set(files)  # the first one stays
    listed = manifest(found.parent)["files"]
    assert listed["ink-1.safetensors"]["revision"] == "c" * 40


def test_a_file_asked_for_alone_outlives_a_pull_of_the_rest(sd: Any, models: Path) -> None:
    bring(models, "org/sd:v1-5-pruned.safetensors")
    folder = bring(models)
    assert set(inside(folder)) == {*TAKEN, "v1-5-pruned.safetensors"}


def test_no_room(sd: Any, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=100_000)
    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(PullError, match=r"needs 250 kB more, and 100 kB are free in .*MOLNAR_HOME"):
        bring(models)


@pytest.mark.parametrize("token", [None, "another"])
def test_gated(
    hub: Any, sd: Any, models: Path, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    sd.gated, sd.token = True, "secret"
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(PullError, match=rf"gated.*accepted at {hub.address}/org/sd .*HF_TOKEN"):
        bring(models)
    assert not hub.fetched
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert UNET in inside(bring(models))


def test_what_is_not_there(hub: Any, sd: Any, models: Path) -> None:
    with pytest.raises(PullError, match=r"no model org/no at .* or it is private"):
        bring(models, "org/no")
    with pytest.raises(RequestError, match="no revision 'v2'"):
        bring(models, revision="v2")
    with pytest.raises(RequestError, match=r"no file 'v1-5.safetensors'.*mean 'v1-5-pruned"):
        bring(models, "org/sd:v1-5.safetensors")
    with pytest.raises(RequestError, match="no part 'vae'; this has unet"):
        bring(models, only=("vae",))
    for name in ("sd", "a/b/c", "../x", "org/..", "org/sd:", "-a/b"):
        with pytest.raises(RequestError, match="no name on the hub"):
            bring(models, name)


def test_a_folder_of_somebody_else_is_left_alone(sd: Any, models: Path) -> None:
    (models / "org" / "sd").mkdir(parents=True)
    (models / "org" / "sd" / "mine").write_text("x")
    with pytest.raises(PullError, match="was not pulled by molnar"):
        bring(models)


def test_what_the_hub_says_is_not_trusted(hub: Any, models: Path) -> None:
    hub.add("org/bad", {"model_index.json": b"[]"})
    with pytest.raises(PullError, match="is no JSON object"):
        bring(models, "org/bad")
    hub.add("org/film", {"model_index.json": b'{"_class_name": "LTXPipeline"}'})
    with pytest.raises(PullError, match="a LTXPipeline makes no pictures"):
        bring(models, "org/film")
    hub.add("org/out", {"../../out.safetensors": b"x"})
    with pytest.raises(PullError, match="no plain path"):
        bring(models, "org/out")
    assert not list(models.rglob("out*"))


@pytest.mark.parametrize("name", ["MOLNAR_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline(hub: Any, sd: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(PullError, match=f"{name} is set"):
        Hub()
    assert not hub.asked


def test_remove_takes_what_was_pulled_and_no_more(hub: Any, sd: Any, models: Path) -> None:
    folder = bring(models)
    (folder / "unet" / "mine.txt").write_text("x")
    size = sum(len(sd.files[path]) for path in TAKEN)
    assert remove(models, "org/sd") >= size
    assert [p.name for p in folder.rglob("*") if p.is_file()] == ["mine.txt"]
    with pytest.raises(NotThereError):
        remove(models, "org/sd")
    hub.cuts[UNET] = [90_000] * 6
    shutil.rmtree(folder)
    with pytest.raises(PullError):
        bring(models)
    assert remove(models, "org/sd") >= 90_000  # what was half there
    assert not half(models)
