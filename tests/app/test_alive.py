from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from molnar.app.alive import Worker, alive, bury

WORK = """
import sys, time
from pathlib import Path
from molnar.app.alive import Worker
print(Worker(Path(sys.argv[1])).name, flush=True)
time.sleep(60)
"""


def test_a_worker_lives_until_it_is_closed(tmp_path: Path) -> None:
    one, two = Worker(tmp_path), Worker(tmp_path)
    assert one.name != two.name
    assert alive(tmp_path, one.name)
    assert alive(tmp_path, two.name)
    one.close()
    assert not alive(tmp_path, one.name)
    bury(tmp_path)
    assert alive(tmp_path, two.name)
    two.close()
    assert not list(tmp_path.iterdir())


def test_a_killed_process_is_dead_at_once(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORK, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert alive(tmp_path, name)
        process.kill()
        process.wait()
    assert not alive(tmp_path, name)
    assert list(tmp_path.iterdir())
    bury(tmp_path)
    assert not list(tmp_path.iterdir())


def test_nobody_is_dead(tmp_path: Path) -> None:
    assert not alive(tmp_path, None)
    assert not alive(tmp_path, "unheard-of")
