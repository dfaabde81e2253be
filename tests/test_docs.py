"""README.md and docs/: Python blocks run, commands are ones that molnar has, links lead somewhere.

The Python blocks of a page share one namespace and run in order in an empty folder. A bash block
is parsed against the command line; one marked `<!-- run -->` also runs, one with `<!-- slow -->` in
the slow tests. A block marked `<!-- model -->` draws with the shipped model; it is left out of a
checkout without one.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

import molnar
from molnar.app.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]
HAS_MODEL = (ROOT / "molnar" / "models" / "sticker" / "bundle.json").exists()
BLOCK = re.compile(
    r"^(?P<marks>(?:<!-- [a-z]+ -->\n)*)```(?P<language>\w*)\n(?P<code>.*?)^```", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    code: str
    line: int  # of the first line of code
    marks: frozenset[str]


def blocks_of(page: Path, *languages: str) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("code")) + 1
        marks = frozenset(re.findall(r"<!-- (\w+) -->", match["marks"]))
        found.append(Block(page, match["language"], match["code"], line, marks))
    runnable = [block for block in found if HAS_MODEL or "model" not in block.marks]
    return [block for block in runnable if block.language in languages]


def test_blocks_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("text\n<!-- run -->\n```bash\nmolnar doctor\n```\n\n```python\nx = 1\n```\n")
    first, second = blocks_of(page, "bash", "python")
    assert (first.code, first.line, first.marks) == ("molnar doctor\n", 4, {"run"})
    assert (second.code, second.line, second.marks) == ("x = 1\n", 8, frozenset())


# ---------------------------------------------------------------- Python


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = blocks_of(page, "python")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": page.stem}
    for block in blocks:
        # Blank lines in front, so that a traceback names the line of the page.
        code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
        exec(code, namespace)


# ---------------------------------------------------------------- commands


def commands_of(code: str) -> Iterator[list[str]]:
    """Yield the arguments of every `molnar` in a bash block."""
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        while words:
            ends = [i for i, word in enumerate(words) if word in {"&&", "||", "|", ";", ">", "2>"}]
            end = ends[0] if ends else len(words)
            command = words[:end]
            while command and re.fullmatch(r"[A-Z_]+=.*", command[0]):
                command = command[1:]
            if command[:1] == ["molnar"]:
                yield command[1:]
            words = words[end + 1 :]


def check_command(words: list[str]) -> None:
    """Raise click.UsageError when a verb or an option is not one of ours."""
    command: click.Command = cli
    context = click.Context(cli, info_name="molnar")
    if not words or words[0] in {"--help", "--version"}:
        return
    if words[0] not in cli.list_commands(context):
        words = ["make", *words]  # the verb may be left out
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"no verb {words[0]!r}")
        command, context, words = found, click.Context(found, parent=context), words[1:]
    with context:
        command.make_parser(context).parse_args(list(words))


def test_commands_are_split() -> None:
    code = (
        'cd x && molnar "a dog" \\\n  --seed 1 | head  # note\nA=1 molnar doctor > out\npip list\n'
    )
    assert list(commands_of(code)) == [["a dog", "--seed", "1"], ["doctor"]]


def test_an_unknown_option_is_noticed() -> None:
    check_command(["make", "a dog", "--seed", "1"])
    with pytest.raises(click.UsageError):
        check_command(["make", "a dog", "--sede", "1"])


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_exist(page: Path) -> None:
    for block in blocks_of(page, "bash"):
        for words in commands_of(block.code):
            try:
                check_command(words)
            except click.UsageError as error:
                pytest.fail(f"{page.name}:{block.line}: molnar {shlex.join(words)}: {error}")


def run_commands(page: Path, mark: str, folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    for block in blocks_of(page, "bash"):
        if mark in block.marks:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.code],
                cwd=folder,
                env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{page.name}:{block.line}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_marked_commands_run(page: Path, tmp_path: Path) -> None:
    run_commands(page, "run", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_slow_commands_run(page: Path, tmp_path: Path) -> None:
    run_commands(page, "slow", tmp_path)


# ---------------------------------------------------------------- links and completeness


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.S)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    local = [target.split("#")[0] for target in targets if not re.match(r"https?://|#", target)]
    assert not [target for target in local if not (page.parent / target).exists()]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_every_public_name_is_documented() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    names = [name for name in molnar.__all__ if not name.startswith("__")]
    assert not [name for name in names if not re.search(rf"\bmolnar\.{name}\b", text)]


def test_every_verb_and_option_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "12-command-line.md").read_text(encoding="utf-8")
    missing = []
    for line in (ROOT / "tests" / "snapshots" / "cli_options.txt").read_text("utf-8").splitlines():
        verb, _, options = line.rpartition(" ")
        long = max(options.split("/"), key=len)
        if long.startswith("--") and long != "--help" and f"`{long}" not in reference:
            missing.append(f"{verb} {long}")
        if verb and f"molnar {verb}" not in reference:
            missing.append(verb)
    assert not missing
