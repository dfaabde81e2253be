import torch

from molnar.base.nn.modulation import Modulation, ModulationTable, SharedModulation


def test_it_starts_as_the_identity_with_open_gates() -> None:
    shared = SharedModulation(8, branches=2)(torch.randn(3, 8))
    for modulation in ModulationTable(8, branches=2)(shared):
        x = torch.randn(3, 5, 8)
        assert torch.equal(modulation.enter(x), x)
        assert torch.equal(modulation.leave(x), x)


def test_shift_scale_and_gate_do_what_they_say() -> None:
    modulation = Modulation(torch.tensor(1.0), torch.tensor(2.0), torch.tensor(0.5))
    assert modulation.enter(torch.tensor(10.0)) == 31.0
    assert modulation.leave(torch.tensor(10.0)) == 5.0


def test_a_table_adds_its_own_to_what_is_shared() -> None:
    table = ModulationTable(2, branches=2)
    shared = torch.arange(12.0)[None]  # 2 branches x (shift, scale, gate) x 2
    first, second = table(shared)
    assert first.shift.tolist() == [[[0.0, 1.0]]]
    assert first.gate.tolist() == [[[5.0, 6.0]]]  # 4, 5 and a gate that is open
    assert second.scale.tolist() == [[[8.0, 9.0]]]


def test_samples_of_a_batch_are_modulated_apart() -> None:
    shared = SharedModulation(8, branches=1)
    torch.nn.init.normal_(shared.network.weight)
    (modulation,) = ModulationTable(8, branches=1)(shared(torch.randn(3, 8)))
    assert modulation.shift.shape == (3, 1, 8)
    assert not torch.allclose(modulation.shift[0], modulation.shift[1])
