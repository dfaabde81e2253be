from __future__ import annotations

import pytest

from molnar.base import errors


@pytest.mark.parametrize(
    ("kind", "code", "also"),
    [
        (errors.RequestError, 2, ValueError),
        (errors.ConfigError, 2, ValueError),
        (errors.BundleError, 1, Exception),
        (errors.WeightsError, 1, Exception),
        (errors.DataError, 1, Exception),
        (errors.PullError, 1, Exception),
        (errors.TrainingError, 1, Exception),
    ],
)
def test_every_error_is_ours_and_has_its_exit_code(kind, code, also):
    error = kind("what, what else, what to do")
    assert isinstance(error, errors.MolnarError)
    assert isinstance(error, also)
    assert error.exit_code == code


def test_a_missing_extra_says_how_to_get_it():
    error = errors.MissingExtraError("torch", "train")
    assert isinstance(error, ImportError)
    assert "pip install 'molnar[train]'" in str(error)
    assert error.exit_code == 1


def test_strangers_cannot_break_a_line():
    assert errors.one_line("a\nb\x1b[31m\u2028c") == "a b [31m c"
    assert len(errors.one_line("x" * 999)) == 200
