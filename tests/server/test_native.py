"""Our own API, on a real server with the shipped model."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "molnar/models/sticker/bundle.json").exists(), reason="no model in this checkout"
)
SMALL = {"width": 128, "height": 128, "steps": 2}


@pytest.fixture
def client(server: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def told(client: httpx.Client, job: str, after: str | None = None) -> list[tuple[int, str, Any]]:
    """Follow a job to its end: number, kind, data of each event."""
    headers = {} if after is None else {"Last-Event-ID": after}
    found: list[tuple[int, str, Any]] = []
    number, kind = 0, ""
    with client.stream("GET", f"/api/jobs/{job}/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                found.append((number, kind, json.loads(line[6:])))
    return found


def done(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    last = told(client, answer.json()["id"])[-1]
    assert last[1] == "done", last
    return dict(last[2]["job"])


def make(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    return done(client, client.post("/api/jobs", json={**SMALL, "prompt": "a red fox", **fields}))


def pixels(client: httpx.Client, url: str) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(client.get(url).raise_for_status().content)))


def test_a_job_from_asking_to_its_pictures(client: httpx.Client) -> None:
    answer = client.post("/api/jobs", json={**SMALL, "prompt": "a flurble", "count": 2, "seed": 7})
    assert answer.status_code == 202
    events = told(client, answer.json()["id"])
    kinds = [kind for _, kind, _ in events]
    assert kinds[0] == "queued"
    assert kinds[-1] == "done"
    assert kinds.count("step") == 4
    assert kinds.count("picture") == 2
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    job = events[-1][2]["job"]
    assert [picture["seed"] for picture in job["pictures"]] == [7, 8]
    assert job["unknown"][0]["word"] == "flurble"
    assert "/" not in json.dumps(job["pictures"][0]["reference"])
    assert str(Path.home()) not in json.dumps(job)
    for picture in job["pictures"]:
        assert pixels(client, picture["url"]).shape[:2] == (128, 128)
        assert max(pixels(client, picture["thumbnail"]).shape) <= 256


def test_steps_tell_of_the_whole_job_and_show_what_it_will_be(client: httpx.Client) -> None:
    answer = client.post("/api/jobs", json={**SMALL, "prompt": "a red circle", "count": 3})
    steps = [data for _, kind, data in told(client, answer.json()["id"]) if kind == "step"]
    fractions = [step["fraction"] for step in steps]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < fractions[-1] <= 1
    assert {step["picture"] for step in steps} == {1, 2, 3}
    for step in steps:
        data = base64.b64decode(step["preview"])
        assert len(data) <= 6_000
        assert max(Image.open(io.BytesIO(data)).size) <= 128


def test_who_comes_back_goes_on_where_it_was(client: httpx.Client) -> None:
    job = make(client)["id"]
    every = told(client, job)
    assert told(client, job, after="2") == every[2:]
    assert told(client, job, after=str(every[-1][0])) == []


def test_a_grid_is_four_and_one_that_shows_them_all(client: httpx.Client) -> None:
    job = make(client, count=4, grid=True)
    assert len(job["pictures"]) == 4
    assert pixels(client, job["grid"]["url"]).shape[:2] == (256, 256)


def test_several_prompts_in_one_are_several_jobs(client: httpx.Client) -> None:
    body = {**SMALL, "prompt": "a {red, blue} circle --ar 1:1"}
    answer = client.post("/api/jobs", json=body)
    assert answer.status_code == 202
    assert len(answer.json()["also"]) == 1
    prompts = {answer.json()["prompt"]} | {
        client.get(f"/api/jobs/{job}").json()["prompt"] for job in answer.json()["also"]
    }
    assert prompts == {"a red circle", "a blue circle"}


@pytest.mark.parametrize(
    ("verb", "body", "shape"),
    [
        ("vary", {"count": 2, "strong": True, "seed": 3}, (128, 128)),
        ("upscale", {"scale": 2}, (256, 256)),
        ("zoom", {"factor": 1.5, "seed": 3}, (192, 192)),
        ("pan", {"way": "left", "seed": 3}, (128, 192)),
        ("edit", {"region": [0, 0, 64, 64], "prompt": "a blue star", "seed": 3}, (128, 128)),
        ("again", {"seed": 3}, (128, 128)),
    ],
)
def test_every_verb_on_a_picture(
    client: httpx.Client, verb: str, body: dict[str, Any], shape: tuple[int, int]
) -> None:
    parent = make(client, seed=1)
    name = parent["pictures"][0]["reference"]
    child = done(client, client.post(f"/api/jobs/{name.replace('.', '/')}/{verb}", json=body))
    assert child["verb"] == verb
    assert pixels(client, child["pictures"][0]["url"]).shape[:2] == shape
    assert child["parents"][0]["reference"].startswith(parent["id"])
    line = client.get(f"/api/jobs/{child['id']}/1/lineage").json()
    assert line["ancestors"][0]["job"] == parent["id"]


def test_an_edit_changes_nothing_outside_its_region(client: httpx.Client) -> None:
    parent = make(client, seed=1)
    before = pixels(client, parent["pictures"][0]["url"])
    body = {"region": [0, 0, 32, 32], "prompt": "a star", "feather": 0, "seed": 2}
    after = done(client, client.post(f"/api/jobs/{parent['id']}/1/edit", json=body))
    new = pixels(client, after["pictures"][0]["url"])
    assert np.array_equal(before[40:], new[40:])
    assert np.array_equal(before[:, 40:], new[:, 40:])


def test_a_picture_that_comes_in_brings_its_settings_and_can_be_worked_on(
    client: httpx.Client,
) -> None:
    job = make(client, seed=11, negative_prompt="a dog")
    data = client.get(job["pictures"][0]["url"]).content
    answer = client.post("/api/pictures", content=data, headers={"Content-Type": "image/png"})
    told_ = answer.json()
    assert (told_["width"], told_["height"], told_["prompt"]) == (128, 128, "a red fox")
    assert told_["wishes"]["seed"] == 11
    again = client.post("/api/jobs", json=told_["wishes"])
    same = done(client, again)
    assert same["pictures"][0]["sha256"] != ""
    first, second = (pixels(client, one["pictures"][0]["url"]) for one in (job, same))
    assert np.array_equal(first, second)
    varied = client.post("/api/verbs/upscale", json={"picture": told_["picture"], "scale": 2})
    assert pixels(client, done(client, varied)["pictures"][0]["url"]).shape[:2] == (256, 256)


def test_two_pictures_become_one(client: httpx.Client) -> None:
    names = [make(client, prompt=text)["pictures"][0]["reference"] for text in ("a cat", "a star")]
    body = {"pictures": names, "seed": 5}
    assert len(done(client, client.post("/api/verbs/blend", json=body))["pictures"]) == 1


def test_the_same_key_gives_the_same_job(client: httpx.Client) -> None:
    body, headers = {**SMALL, "prompt": "a green star"}, {"Idempotency-Key": "once-only"}
    first = client.post("/api/jobs", json=body, headers=headers)
    second = client.post("/api/jobs", json=body, headers=headers)
    assert first.json()["id"] == second.json()["id"]
    other = client.post("/api/jobs", json={**body, "prompt": "a dog"}, headers=headers)
    assert other.status_code == 409
    assert "once-only" in other.json()["error"]["message"]


def test_favourites_searching_and_going_on(client: httpx.Client) -> None:
    jobs = [make(client, prompt=f"a xylophone number {k}")["id"] for k in range(3)]
    assert client.put(f"/api/jobs/{jobs[1]}/1/favourite").json()["favourite"] is True
    found = client.get("/api/jobs", params={"search": "xylophone", "favourites": True}).json()
    assert [job["id"] for job in found["jobs"]] == [jobs[1]]
    assert client.delete(f"/api/jobs/{jobs[1]}/1/favourite").json()["favourite"] is False
    seen: list[str] = []
    query: dict[str, Any] = {"search": "xylophone", "limit": 1}
    while True:
        page = client.get("/api/jobs", params=query).json()
        seen += [job["id"] for job in page["jobs"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert seen == jobs[::-1]


def test_what_is_deleted_is_gone(client: httpx.Client) -> None:
    job = make(client, count=2)
    url = job["pictures"][0]["url"]
    assert client.delete(f"/api/jobs/{job['id']}/1").status_code == 204
    assert client.get(url).status_code == 404
    assert len(client.get(f"/api/jobs/{job['id']}").json()["pictures"]) == 1
    assert client.delete(f"/api/jobs/{job['id']}").status_code == 204
    assert client.get(f"/api/jobs/{job['id']}").status_code == 404


def test_a_job_is_cancelled_between_steps(client: httpx.Client) -> None:
    body = {"prompt": "a red fox", "steps": 150, "count": 8}
    job = client.post("/api/jobs", json=body).json()["id"]
    kinds: list[str] = []
    with client.stream("GET", f"/api/jobs/{job}/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("event: "):
                kinds.append(line[7:])
            if kinds.count("step") == 2 and "asked" not in kinds:
                assert client.post(f"/api/jobs/{job}/cancel").status_code == 200
                kinds.append("asked")
    assert kinds[-1] == "cancelled"
    assert kinds[kinds.index("asked") :].count("step") <= 3 * 8  # in flight, of 8 pictures
    assert client.get(f"/api/jobs/{job}").json()["state"] == "cancelled"
    assert client.post(f"/api/jobs/{job}/cancel").json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": "a fox", "steps": 0}, "steps"),
        ({"prompt": "a fox", "steps": "8"}, "steps"),
        ({"prompt": "a fox", "width": 100}, "width"),
        ({"prompt": "a fox", "stps": 8}, "stps"),
        ({"prompt": "   "}, "prompt"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({}, "prompt"),
        ({"prompt": "a fox", "image": "/etc/passwd"}, "image"),
        ({"prompt": "a fox", "image": "https://example.org/a.png"}, "image"),
        ({"prompt": "a fox", "seed": -1}, "seed"),
    ],
)
def test_a_wrong_field_is_named(client: httpx.Client, body: dict[str, Any], field: str) -> None:
    answer = client.post("/api/jobs", json=body)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert field in error["field"]
    assert "\n" not in error["message"]


def test_what_cannot_be_done_is_said_in_one_line(client: httpx.Client) -> None:
    huge = {"prompt": "a fox", "width": 2048, "height": 2048, "steps": 150, "count": 64}
    for body in (huge, {"prompt": "a fox --flurb 3"}):
        answer = client.post("/api/jobs", json=body)
        assert answer.status_code == 409, answer.text
        assert "expected" in answer.json()["error"]["message"]
    missing = client.post("/api/jobs/z9999/1/vary", json={})
    assert missing.status_code == 404
    assert client.get("/api/jobs/z9999").status_code == 404
    assert client.get("/files/z9999.1.png").status_code == 404
    assert client.get("/api/nothing").status_code == 404
    assert client.put("/api/jobs").status_code == 405
    broken = client.post("/api/jobs", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 422
    for answer in (missing, broken):
        assert set(answer.json()["error"]) == {"message", "field"}


def test_a_picture_as_other_files_keeps_what_it_says_of_itself(client: httpx.Client) -> None:
    from molnar.base import metadata

    name = make(client, seed=4)["pictures"][0]["reference"]
    for kind in ("png", "jpg", "webp"):
        answer = client.get(f"/files/{name}.{kind}")
        known = metadata.read(answer.content)
        assert known.generated
        assert known.record is not None
        assert known.record["seed"] == 4
        again = client.get(
            f"/files/{name}.{kind}", headers={"If-None-Match": answer.headers["etag"]}
        )
        assert again.status_code == 304


def test_how_a_prompt_is_read(client: httpx.Client) -> None:
    answer = client.post("/api/read", json={"prompt": "a flurble and a dog"}).json()
    assert [one["word"] for one in answer["unknown"]] == ["flurble"]
    assert 0 < answer["tokens"] < answer["limit"]
    long = client.post("/api/read", json={"prompt": "a red dog and " * 60}).json()
    assert long["lost"]


def test_what_is_in_a_picture_and_where(client: httpx.Client) -> None:
    name = make(client, prompt="a red circle", steps=8, seed=3)["pictures"][0]["reference"]
    described = client.post("/api/describe", json={"picture": name}).json()
    assert len(described["prompts"]) == 4
    found = client.post("/api/where", json={"picture": name, "words": "circle"}).json()
    mask = pixels(client, f"/files/{found['picture']}.png")
    assert 0.02 < (mask > 127).mean() < 0.9


def test_what_the_server_says_of_itself(client: httpx.Client) -> None:
    status = client.get("/api/status").json()
    assert status["worker"] in ("ready", "drawing")
    assert status["offline"] is True
    [model] = client.get("/api/models").json()["models"]
    assert model["name"] == "sticker"
    fields = client.get("/api/fields").json()["fields"]
    assert fields["steps"]["maximum"] == 150
    assert client.get("/healthz").json() == {"status": "ok"}
    metrics = client.get("/metrics").text
    assert 'molnar_jobs_ended_total{state="done"}' in metrics
    assert "a red fox" not in metrics
    for page in ("/", "/docs", "/studio/reference.js"):
        assert client.get(page).status_code == 200
    described = client.get("/openapi.json").json()
    assert "/api/jobs" in described["paths"]


def test_the_three_addresses_are_printed(server: Any) -> None:
    assert [line.split()[0] for line in server.printed] == ["studio", "a1111", "openai"]
    assert server.printed[2].split()[1] == f"{server.url}/v1"
