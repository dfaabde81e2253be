"""The constant is the version that is installed."""

from importlib.metadata import version

import molnar


def test_the_constant_is_the_installed_version() -> None:
    assert molnar.__version__ == version("molnar")
