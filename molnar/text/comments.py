"""A text with notes to oneself in, the text without them out.

`# ...` to the end of the line (A1111), `// ...` to the end of the line and `/* ... */` (ComfyUI). A
mark counts only where a note can begin: "a #1 fan", "#ff0000" and "https://" are not notes.
"""

from __future__ import annotations

import re

_COMMENT = re.compile(
    r"""
      \\\#                          # an escaped mark stays, without its backslash
    | /\*.*?\*/                     # /* anywhere, over lines */
    | ^\#(?!\d)[^\n]*               # at the start of a line, unless it counts: "#1 dad"
    | (?<=\s)\#(?=\s|\Z)[^\n]*      # after a space, only if a space follows
    | (?:^|(?<=\s))//[^\n]*
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def uncommented(text: str) -> str:
    r"""Leave comments out.

    Args:
        text: As typed. `\#` is a plain `#`; a `/*` that is never closed is text.

    Returns:
        The text; if something was left out, without the space around it.

    Example:
        >>> uncommented("a #1 fan # not sure about him")
        'a #1 fan'
    """
    kept = _COMMENT.sub(lambda match: "#" if match.group() == r"\#" else "", text)
    if kept == text:
        return text
    lines = (" ".join(line.split()) for line in kept.split("\n"))
    return "\n".join(line for line in lines if line)
