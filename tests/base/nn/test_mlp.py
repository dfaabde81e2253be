import torch
import torch.nn.functional as F

from molnar.base.nn.mlp import SwiGLU


def test_it_starts_as_zero() -> None:
    assert torch.equal(SwiGLU(8, 16)(torch.randn(2, 3, 8)), torch.zeros(2, 3, 8))


def test_it_is_the_gated_network_of_the_paper() -> None:
    network = SwiGLU(8, 16)
    torch.nn.init.normal_(network.out.weight)
    x = torch.randn(5, 8)
    gate, value = network.open.weight.chunk(2)
    wanted = (F.silu(x @ gate.T) * (x @ value.T)) @ network.out.weight.T
    torch.testing.assert_close(network(x), wanted)


def test_each_vector_goes_by_itself() -> None:
    network = SwiGLU(8, 16)
    torch.nn.init.normal_(network.out.weight)
    x = torch.randn(1, 4, 8)
    torch.testing.assert_close(network(x)[:, 2:3], network(x[:, 2:3]))
