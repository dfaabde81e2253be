"""Fidelity: figures that can be computed by hand."""

import numpy as np
import pytest

from molnar.base.images import to_model
from molnar.lab.data.heldout import is_held_out
from molnar.lab.evaluate import fidelity
from molnar.lab.evaluate.fidelity import compare, cost, diversity, held_out_drawings, to_pixels
from molnar.lab.evaluate.stickers import describe_by_rule


def flat(value, alpha=255, side=16):
    image = np.full((side, side, 4), value, np.uint8)
    image[..., 3] = alpha
    return image


class Codec:
    """Loses `step` grey levels in every decoded channel, and nothing in the upscaler."""

    def __init__(self, step):
        self.step = step

    def encode(self, image):
        return image

    def decode(self, latent):
        return latent - self.step * 2 / 255

    def upscale(self, image):
        return image.repeat(4, 2).repeat(4, 3)


def test_psnr_is_the_textbook_value():
    white, rgba, _, _ = compare(flat(100), flat(110))
    assert white == pytest.approx(20 * np.log10(255 / 10), abs=1e-3)
    assert rgba == pytest.approx(20 * np.log10(255 / 10) + 10 * np.log10(4 / 3), abs=1e-3)


def test_equal_pictures_are_said_to_be_equal():
    assert compare(flat(7), flat(7)) == (100, 100, 100, 0)


def test_lost_transparency_shows_over_rgba_even_where_white_hides_it():
    truth, got = flat(0, alpha=0), flat(255, alpha=255)  # clear, and white: equal on white
    white, rgba, _, colour = compare(truth, got)
    assert white == 100
    assert colour == 0
    assert rgba == pytest.approx(0)


def test_edges_are_measured_apart():
    truth, got = flat(250), flat(250)
    truth[:, 8:, :3] = got[:, 8:, :3] = 0
    got[:, 7, :3] = 150  # wrong only at the edge
    white, _, edges, _ = compare(truth, got)
    assert edges < white - 3


def test_model_pixels_survive_the_way_there_and_back():
    image = held_out_drawings(64, 1)[0](64)
    assert (to_pixels(to_model(image[None])) == image).all()


def test_what_a_codec_loses_is_what_is_reported():
    pictures = held_out_drawings(128, 4)
    exact = fidelity.autoencoder_loss(Codec(0), pictures)
    assert exact is not None
    assert exact.psnr_white == 100
    assert exact.num_pictures == 4
    poor = fidelity.autoencoder_loss(Codec(8), pictures)
    assert poor is not None
    assert 25 < poor.psnr_rgba < 35
    assert poor.colour_de < 12
    assert fidelity.autoencoder_loss(Codec(0), []) is None


def test_the_upscaler_stands_beside_bicubic():
    blocky, bicubic = fidelity.upscaler_loss(Codec(0), held_out_drawings(128, 4))
    assert blocky is not None
    assert bicubic is not None
    assert 10 < blocky.psnr_white < bicubic.psnr_white < 60


def test_without_a_pack_held_out_combinations_are_drawn(monkeypatch):
    seen = []
    monkeypatch.setattr(
        fidelity,
        "_rendered",
        lambda world, spec: seen.append(spec) or (lambda size: flat(0, side=size)),
    )
    assert [draw(32).shape for draw in held_out_drawings(32, 6)] == [(32, 32, 4)] * 6
    assert all(is_held_out(spec) for spec in seen)


def test_a_collapsed_model_has_no_diversity():
    draw = held_out_drawings(32, 10)
    varied = {
        p: [draw[k](64)[..., :3] for k in own] for p, own in (("a", (0, 1, 5)), ("b", (3, 4, 6)))
    }
    collapsed = {prompt: [images[0]] * 3 for prompt, images in varied.items()}
    within, between = diversity(varied, describe_by_rule)
    assert within > 0.05
    assert between > 0.05
    assert diversity(collapsed, describe_by_rule)[0] == pytest.approx(0, abs=1e-5)
    assert diversity({"a": varied["a"]}, describe_by_rule) is None


def test_cost_leaves_out_the_cold_picture_and_weighs_the_folder(tmp_path):
    (tmp_path / "weights").write_bytes(bytes(2_500_000))
    found = cost([9.0, 1.0, 2.0, 3.0], tmp_path)
    assert (found["seconds_median"], found["num_timed"], found["megabytes"]) == (2.0, 3, 2.5)
    assert cost([], tmp_path)["seconds_median"] is None
