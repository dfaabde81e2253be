"""The shape of the repository: which way imports point, sizes, names."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "molnar"
SOURCES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted([*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "recipes").rglob("*.py")])
TESTS = sorted((ROOT / "tests").rglob("*.py"))

HEAVY = {"torch", "diffusers", "transformers", "torchvision"}
# A picture is drawn by these alone. Entries are files or folders of the package.
WITHOUT_TORCH = [
    "__init__.py",
    "pipeline.py",
    "bundle.py",
    "canvas.py",
    "choosing.py",
    "drawn.py",
    "reading.py",
    "resolving.py",
    "starting.py",
    "verbs.py",
    "text/__init__.py",
    "text/attention.py",
    "text/braces.py",
    "text/comments.py",
    "text/expansion.py",
    "text/grammar.py",
    "text/kinds.py",
    "text/meaning.py",
    "text/mentions.py",
    "text/names.py",
    "text/permutations.py",
    "text/phrases.py",
    "text/prompt.py",
    "text/styles.py",
    "text/tables.py",
    "text/timing.py",
    "text/tokens.py",
    "text/trailing.py",
    "text/variants.py",
    "text/wildcards.py",
    "text/words.py",
    "plan/__init__.py",
    "plan/changes.py",
    "plan/items.py",
    "plan/paint.py",
    "plan/writing.py",
    "diffusion/__init__.py",
    "diffusion/flow.py",
    "diffusion/flowmap.py",
    "diffusion/schedule.py",
    "diffusion/samplers.py",
    "diffusion/guidance.py",
    "diffusion/seamless.py",
    "latent/__init__.py",
    "latent/format.py",
    "latent/preview.py",
    "upscale/__init__.py",
    "clip/__init__.py",
    "engines/__init__.py",
    "engines/lanes.py",
    "engines/onnx.py",
    "engines/sharing.py",
    "explain",
    "seeing",
    "base",
    "app",
]
FUNCTION_LINES = 60
LOOP_LINES = 120  # the training loop is read in one piece
LOOPS = {("lab/train/loop.py", "train")}
FILE_LINES = 350
DRAWERS = {"utils", "util", "helpers", "helper", "misc", "common", "core"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def run_python(code: str, *args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *args], cwd=cwd, capture_output=True, text=True, check=False
    )


# ---------------------------------------------------------------- which way imports point

LINT = (
    "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
)


def test_imports_point_one_way() -> None:
    done = run_python(LINT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_import_contract_can_fail(tmp_path: Path) -> None:
    for path in SOURCES:
        stub = tmp_path / relative(path)
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text("")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert run_python(LINT, cwd=tmp_path).returncode == 0
    sideways = "def hidden():\n    import molnar.text.tokens\n"
    (tmp_path / "molnar" / "latent" / "format.py").write_text(sideways)
    done = run_python(LINT, cwd=tmp_path)
    assert done.returncode == 1
    assert "molnar.latent.format -> molnar.text.tokens" in done.stdout


def files_without_torch() -> Iterator[Path]:
    for entry in WITHOUT_TORCH:
        where = PACKAGE / entry
        assert where.exists(), f"{entry} is listed in WITHOUT_TORCH but does not exist"
        files = sorted(where.rglob("*.py")) if where.is_dir() else [where]
        yield from (path for path in files if "base/nn" not in relative(path))


def imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno


def typing_only(tree: ast.Module) -> set[int]:
    """Return the lines under `if TYPE_CHECKING:`, which never run."""
    tests = (node for node in ast.walk(tree) if isinstance(node, ast.If))
    blocks = [node for node in tests if "TYPE_CHECKING" in ast.dump(node.test)]
    return {line for n in blocks for line in range(n.lineno, (n.end_lineno or n.lineno) + 1)}


def test_the_way_to_a_picture_names_no_torch() -> None:
    found = []
    for path in files_without_torch():
        tree = tree_of(path)
        skipped = typing_only(tree)
        found += [
            f"{relative(path)}:{line} imports {name}"
            for name, line in imported(tree)
            if name.split(".")[0] in HEAVY and line not in skipped
        ]
    assert not found, "\n".join(found)


LOADED = "import json, sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"


def loaded_by(code: str, cwd: Path = ROOT) -> set[str]:
    done = run_python(f"{code}\n{LOADED}", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_everything_torch_free_loads_no_torch() -> None:
    names = [relative(path)[:-3].replace("/", ".") for path in files_without_torch()]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    heavy = loaded_by("\n".join(f"import {name}" for name in names)) & HEAVY
    assert not heavy


def test_help_loads_neither_torch_nor_onnxruntime() -> None:
    code = "\n".join(
        [
            "from click.testing import CliRunner",
            "from molnar.app.cli.main import cli",
            "assert CliRunner().invoke(cli, ['--help']).exit_code == 0",
        ]
    )
    assert not loaded_by(code) & {*HEAVY, "onnxruntime", "scipy"}


def test_drawing_a_picture_loads_no_torch(tmp_path: Path) -> None:
    code = "\n".join(
        [
            "import molnar",
            "request = molnar.Request(prompt='a red circle', steps=1, seed=0)",
            "assert len(molnar.load()(request)) == 1",
        ]
    )
    loaded = loaded_by(code, cwd=tmp_path)
    assert "onnxruntime" in loaded
    assert not loaded & HEAVY


# ---------------------------------------------------------------- sizes and names


def test_files_are_short() -> None:
    counts = {relative(path): path.read_bytes().count(b"\n") for path in SOURCES + SCRIPTS + TESTS}
    assert not {name: n for name, n in counts.items() if n > FILE_LINES}


def test_functions_are_short() -> None:
    long = []
    for path in SOURCES + SCRIPTS:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                loop = (relative(path).removeprefix("molnar/"), node.name) in LOOPS
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > (LOOP_LINES if loop else FUNCTION_LINES):
                    long.append(f"{relative(path)}:{node.lineno} {node.name} has {lines} lines")
    assert not long, "\n".join(long)


def test_no_drawers() -> None:
    assert not [relative(p) for p in SOURCES if p.stem in DRAWERS or p.stem.endswith("_lib")]


def test_every_module_and_public_name_has_a_docstring() -> None:
    bare = []
    for path in SOURCES:
        tree = tree_of(path)
        if not ast.get_docstring(tree):
            bare.append(relative(path))
        bare += [f"{relative(path)}:{node.lineno} {node.name}" for node in undocumented(tree)]
    assert not bare, "\n".join(bare)


def undocumented(tree: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            overload = any("overload" in ast.dump(d) for d in node.decorator_list)
            if not ast.get_docstring(node) and not overload:
                yield node
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node)


def test_nobody_prints_but_the_app() -> None:
    found = [
        f"{relative(path)}:{node.lineno}"
        for path in SOURCES
        if "molnar/app/" not in relative(path)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not found


# ---------------------------------------------------------------- nothing of one machine


def committed_files() -> list[Path]:
    """Return what git tracks or would track; in an unpacked archive, what lies in its folders."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        return [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    folders = (path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


# Written in pieces, so that this file does not find itself.
OF_ONE_MACHINE = re.compile(
    r"(?<![\w.])/(?:wor" + r"k|ro" + r"ot|opt/py" + r"pi)/|py" + r"pi-more|extra-inde" + r"x-url"
)
TEXT = {".py", ".md", ".toml", ".txt", ".json", ".cfg", ".yml", ".sh", ".html", ".css", ".js", ""}


def test_no_committed_file_names_a_machine() -> None:
    found = []
    for path in committed_files():
        if path.suffix in TEXT and path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [
                f"{relative(path)}:{n}"
                for n, line in enumerate(lines, 1)
                if OF_ONE_MACHINE.search(line)
            ]
    assert not found, "\n".join(found[:20])
