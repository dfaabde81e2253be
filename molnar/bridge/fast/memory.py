"""Ask the C library to keep what a step frees for the next step.

glibc maps each large block anew and gives it back at once; of a step of Stable Diffusion that is
gigabytes of pages cleared again and again.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from molnar.bridge.fast.buffers import forget

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_LARGE = 32 << 20  # the most that glibc takes; larger blocks, a decoder's, are mapped as ever


def keep_freed() -> bool:
    """Keep freed memory in the process from now on; False where the C library knows no such wish.

    What was freed stays the process's until `trim` or its end.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt") or not hasattr(library, "gnu_get_libc_version"):
        return False
    return bool(
        library.mallopt(_MMAP_THRESHOLD, _LARGE) and library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    )


def trim() -> None:
    """Give memory that is free in the process back to the system."""
    if sys.platform.startswith("linux"):
        library = ctypes.CDLL(None)
        if hasattr(library, "malloc_trim"):
            library.malloc_trim(0)


def before_decoding(vae: Any) -> None:
    """Give back what steps needed before a decoder starts, and let it overwrite its own results.

    Args:
        vae: An `AutoencoderKL`, changed in place; anything else is left as it is. Its activations
            follow normalisations whose results nothing else reads (it has no time embedding).
    """
    if type(vae).__name__ != "AutoencoderKL":
        return
    for module in vae.modules():
        if type(module).__name__ == "SiLU":
            module.inplace = True
    decode = vae.decode

    def decoded(*args: Any, **named: Any) -> Any:
        forget()
        trim()
        return decode(*args, **named)

    vae.decode = decoded
