"""Words -> the jobs whose prompts hold them, newest first.

What people type is text, never a query: every word is quoted, and stands for all words that begin
with it ("berets" is found by "ber"). FTS5 keeps an index of words, which whoever searches brings up
to date, so that adding a job costs nothing; an SQLite without FTS5, a text without letters and
scripts that put no space between words are searched as they stand.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass

from molnar.app.jobs_schema import OPEN

MAX_WORDS, MAX_CHARACTERS = 64, 2_000  # of a search; what is beyond is not looked at
UNFINISHED = ("queued", "running")
_WORD = re.compile(r"[^\W_]+")
# Thai, Lao, Khmer, Myanmar, Chinese, Japanese, and Korean, whose particles join the word.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
_ESCAPED, _ESCAPE = re.compile(r"[%_\\]"), r"\\\g<0>"  # what LIKE takes for more than itself
_TOKENIZE = "unicode61 remove_diacritics 2"


@dataclass(frozen=True)
class Filter:
    """Which jobs to list.

    Example:
        >>> Filter(words="fox", favourites=True).favourites
        True
    """

    words: str = ""
    favourites: bool = False
    verb: str | None = None
    state: str | None = None
    before: int | None = None  # serial number: only jobs that are older


def update_index(connection: sqlite3.Connection) -> bool:
    """Bring the index of words up to date; False where SQLite has none. To be called in a write."""
    if not _has_index(connection):
        return False
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS words USING "
        f"fts5(prompt, prefix = '2 3', tokenize = '{_TOKENIZE}')"
    )
    connection.execute(
        "INSERT INTO words (rowid, prompt) SELECT serial, prompt FROM jobs WHERE serial > "
        "coalesce((SELECT rowid FROM words ORDER BY rowid DESC LIMIT 1), 0)"
    )
    return True


def is_indexed(connection: sqlite3.Connection) -> bool:
    """Tell whether the index of words can be asked and holds the newest job."""
    if not _has_index(connection) or not _has_table(connection):
        return False
    [behind] = connection.execute(
        "SELECT coalesce((SELECT max(serial) FROM jobs), 0) > "
        "coalesce((SELECT rowid FROM words ORDER BY rowid DESC LIMIT 1), 0)"
    ).fetchone()
    return not behind


def renew(connection: sqlite3.Connection, serial: int, prompt: str) -> None:
    """Let the index of words follow a prompt that changed; to be called in a write."""
    if _has_index(connection) and _has_table(connection):
        # Nothing happens where the job is not in the index yet: it will be, with this prompt.
        connection.execute("UPDATE words SET prompt = ? WHERE rowid = ?", (prompt, serial))


def forget(connection: sqlite3.Connection) -> None:
    """Take the prompts of jobs that are gone out of the index: deleted means deleted."""
    if _has_index(connection) and _has_table(connection):
        connection.execute(
            "DELETE FROM words WHERE rowid IN "
            "(SELECT rowid FROM words EXCEPT SELECT serial FROM jobs)"
        )


def needs_index(words: str) -> bool:
    """Tell whether a search for these words would ask the index."""
    return bool(_WORD.search(words)) and not _UNSPACED.search(words)


def condition(wanted: Filter, indexed: bool) -> tuple[str, list[object]]:
    """Write a filter as the condition of a query on `jobs`, and its values."""
    terms, values = ["1"], list[object]()
    words = " ".join(wanted.words.replace("\0", " ").split()[:MAX_WORDS])[:MAX_CHARACTERS]
    words = words.encode("utf-8", "replace").decode()
    if words and indexed and needs_index(words):
        terms.append("serial IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(" ".join(f'"{word}"*' for word in _WORD.findall(words)))
    elif words:
        for word in words.split():
            terms.append(r"prompt LIKE ? ESCAPE '\'")
            values.append(f"%{_ESCAPED.sub(_ESCAPE, word)}%")
    if wanted.favourites:
        terms.append("serial IN (SELECT job FROM pictures WHERE favourite)")
    if wanted.verb is not None:
        terms.append("verb = ?")
        values.append(wanted.verb)
    if wanted.state is not None:
        # The second term is that of the index of unfinished jobs, which are few among many.
        terms.append(f"state = ? AND {OPEN}" if wanted.state in UNFINISHED else "state = ?")
        values.append(wanted.state)
    if wanted.before is not None:
        terms.append("serial < ?")
        values.append(wanted.before)
    return " AND ".join(terms), values


def _has_index(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchone()
    return found is not None


def _has_table(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'words'").fetchone()
    return found is not None
