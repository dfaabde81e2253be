"""What the package shows to others: public names, command-line options, the diagram of the path."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "molnar"
SNAPSHOTS = ROOT / "tests" / "snapshots"


def public_names() -> dict[str, list[str]]:
    """Return `__all__` of the package and of every light folder in it."""
    names = {}
    for path in sorted(PACKAGE.rglob("__init__.py")):
        module = importlib.import_module(".".join(path.parent.relative_to(ROOT).parts))
        if hasattr(module, "__all__"):
            names[module.__name__] = list(module.__all__)
    return names


def cli_options() -> list[str]:
    """Return one line per verb and option: `make --steps`."""
    import click

    from molnar.app.cli.main import cli

    def walk(
        command: click.Command, name: str, parent: click.Context | None = None
    ) -> Iterator[str]:
        # with the command's own settings: click remembers the help option it makes here
        with click.Context(command, parent=parent, **command.context_settings) as context:
            for parameter in command.get_params(context):
                if "--help" in parameter.opts:  # click makes and remembers it as it likes
                    continue
                shown = "/".join([*parameter.opts, *parameter.secondary_opts])
                yield f"{name} {shown}".strip()
            if isinstance(command, click.Group):
                for verb in command.list_commands(context):
                    own = command.get_command(context, verb)
                    yield from walk(own, f"{name} {verb}".strip(), context)

    return sorted(walk(cli, ""))


def write_snapshots() -> None:
    SNAPSHOTS.mkdir(exist_ok=True)
    names = json.dumps(public_names(), indent=1)
    (SNAPSHOTS / "public_names.json").write_text(names + "\n", encoding="utf-8")
    (SNAPSHOTS / "cli_options.txt").write_text("\n".join(cli_options()) + "\n", encoding="utf-8")


REWRITE = "if this is meant, run `python tests/test_public.py` and commit the snapshots"


def test_public_names_change_on_purpose_only() -> None:
    expected = json.loads((SNAPSHOTS / "public_names.json").read_text(encoding="utf-8"))
    assert public_names() == expected, REWRITE
    assert {"Picture", "Request", "load"} <= set(expected["molnar"])


def test_public_names_are_sorted_and_exist() -> None:
    for module, names in public_names().items():
        assert names == sorted(names), f"{module}.__all__ is not sorted"
        missing = [name for name in names if not hasattr(importlib.import_module(module), name)]
        assert not missing, f"{module}.__all__ names what is not there: {missing}"


def test_command_line_options_change_on_purpose_only() -> None:
    expected = (SNAPSHOTS / "cli_options.txt").read_text(encoding="utf-8").splitlines()
    assert cli_options() == expected, REWRITE


def test_the_console_script_exists() -> None:
    entry = re.search(
        r'^molnar = "([\w.]+):(\w+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.M
    )
    assert entry
    assert callable(getattr(importlib.import_module(entry[1]), entry[2]))


# ---------------------------------------------------------------- the diagram is the tree


def diagram_words(text: str) -> list[str]:
    chain = re.search(r"\w+(?:\s*->\s*\w+){5,}", text)
    assert chain, "no `prompt -> ... -> picture` diagram found"
    return re.split(r"\s*->\s*", chain[0])


def package_docstring() -> str:
    source = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or ""


def test_every_word_of_the_diagram_is_a_path() -> None:
    words = diagram_words(package_docstring())
    assert words[0] == "prompt"
    assert words[-1] == "picture"  # the result, not a stage
    paths = {path.stem for path in PACKAGE.rglob("*.py")} | {
        path.name for path in PACKAGE.iterdir()
    }
    assert not [word for word in words[:-1] if word not in paths]


def test_the_readme_draws_the_same_path() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    unlinked = re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r"\1", readme)
    assert diagram_words(unlinked) == diagram_words(package_docstring())


def test_every_path_named_in_the_package_docstring_exists() -> None:
    text = package_docstring()
    named = set(re.findall(r"\b[\w/]+\.py\b", text))
    named |= set(re.findall(r"\b(\w+(?:/\w+)*)/(?=\s|$)", text))
    assert not [name for name in named if not (PACKAGE / name).exists()]


if __name__ == "__main__":
    write_snapshots()
