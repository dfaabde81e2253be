import math

import pytest
import torch

from molnar.clip.objective import pair_loss, retrieved

EYE = torch.eye(2, dtype=torch.bool)


def test_undecided_pairs_cost_one_bit_each() -> None:
    assert pair_loss(torch.zeros(2, 2), EYE).item() == pytest.approx(2 * math.log(2))


def test_the_loss_is_the_sum_over_texts_of_each_pairs_own_question() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])
    positives = torch.tensor([[True, False, False], [False, True, True]])
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, positives.float(), reduction="sum"
    )
    torch.testing.assert_close(pair_loss(logits, positives), wanted / 2)


def test_several_texts_may_be_right() -> None:
    logits = torch.tensor([[9.0, 9.0], [9.0, 9.0]])
    assert pair_loss(logits, torch.ones(2, 2, dtype=torch.bool)) < 1e-3
    assert pair_loss(logits, EYE) > 8


def test_retrieved_counts_pictures_whose_best_text_is_right() -> None:
    assert retrieved(torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]), torch.eye(2, 3) > 0) == 0.5


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(2, 2\)"):
        pair_loss(torch.zeros(2, 3), EYE)
