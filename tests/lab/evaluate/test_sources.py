"""Pictures that are kept: drawn once, never confused, mended when damaged."""

import numpy as np

from molnar.lab.evaluate.sources import Kept


class Counting:
    def __init__(self, channels=3):
        self.calls, self.channels = 0, channels

    def __call__(self, prompt, seed):
        self.calls += 1
        return (
            np.random.default_rng(seed).integers(0, 256, (16, 16, self.channels)).astype(np.uint8)
        )


def test_a_kept_picture_is_drawn_once_and_read_back_exactly(tmp_path):
    for channels in (3, 4):
        source = Counting(channels)
        kept = Kept(source, tmp_path / str(channels), "model a")
        first = kept("a red circle", 3)
        assert (Kept(source, tmp_path / str(channels), "model a")("a red circle", 3) == first).all()
        assert source.calls == 1


def test_another_model_seed_or_prompt_is_another_picture(tmp_path):
    source = Counting()
    for identity, prompt, seed in [("a", "x", 0), ("b", "x", 0), ("a", "y", 0), ("a", "x", 1)]:
        Kept(source, tmp_path, identity)(prompt, seed)
    assert source.calls == 4


def test_half_a_file_is_drawn_again(tmp_path):
    source = Counting()
    kept = Kept(source, tmp_path, "a")
    truth = kept("x", 0)
    (path,) = tmp_path.rglob("*.png")
    path.write_bytes(path.read_bytes()[:60])
    assert (kept("x", 0) == truth).all()
    assert source.calls == 2
