"""Packed training on a tiny model: every run equals the run alone, whatever happens beside it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from lora_alone import Alone, train_alone
from transformers import LlamaConfig, LlamaForCausalLM

from sdc.errors import EngineError
from sdc.pipelines.students.lora import LoraConfig
from sdc.pipelines.students.lora import size as pack_size
from sdc.pipelines.students.lora.instruct import TokenRow
from sdc.pipelines.students.lora.layers import Adapters, Stack, kept_inputs
from sdc.pipelines.students.lora.pack import Pack, packs
from sdc.pipelines.students.lora.passes import Passes
from sdc.pipelines.students.lora.run import PackedRun
from sdc.pipelines.students.protocol import FitFailed

#: Rows of the 8 runs: partial batches, one that is smaller than a batch, with and without held-out rows.
SIZES = (3, 6, 14, 20, 22, 24, 31, 40)
QUICK = LoraConfig(steps=32, warmup_steps=4, learning_rate=2e-2, eval_steps=4, patience=2)


@dataclass(kw_only=True)
class Base:
    """A tiny network with adapters, and the folder that plain peft loads it from."""

    folder: str
    network: Any
    adapters: Adapters


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    found = str(tmp_path_factory.mktemp("llama"))
    torch.manual_seed(0)
    config: Any = LlamaConfig(
        vocab_size=80, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=96, max_position_embeddings=64, initializer_range=0.2, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(found)
    return found


@pytest.fixture(scope="module")
def base(folder: str) -> Base:
    return _base(folder, QUICK)


def _base(folder: str, config: LoraConfig) -> Base:
    network: Any = LlamaForCausalLM.from_pretrained(folder)
    network.eval()
    return Base(
        folder=folder,
        network=network,
        adapters=Adapters(network, config.targets, rank=4, alpha=16, model="tiny"),
    )


def _row(seed: int, label: int) -> TokenRow:
    """Returns a row of 5 to 34 tokens whose answer are 2 or 3 of them."""
    choice = random.Random(seed)
    prompt = [choice.randrange(10, 80) for _ in range(choice.randint(3, 30))]
    return TokenRow(ids=(1, *prompt, *((3, 4, 2) if label else (5, 2))), num_prompt=1 + len(prompt))


def _run(number: int, config: LoraConfig, **seeds: int) -> PackedRun:
    """Returns run `number`: its labels are noise, so that held-out losses rise again."""
    labels = [(i * 7 + number) % 2 for i in range(SIZES[number])]
    rows = [_row(1000 * number + i, label) for i, label in enumerate(labels)]
    seeds = {"init_seed": 100 + number, "order_seed": 200 + number, **seeds}
    return PackedRun(number, rows, labels, config=config, init_seed=seeds["init_seed"], order_seed=seeds["order_seed"])


def _runs(config: LoraConfig) -> list[PackedRun]:
    return [_run(number, config) for number in range(len(SIZES))]


def _pack(base: Base, config: LoraConfig, size: int) -> Pack:
    return Pack(_passes(base, config), config, size=size)


def _passes(base: Base, config: LoraConfig, *, pad_id: int = 0) -> Passes:
    return Passes(
        base.network, base.adapters, dropout=config.dropout, checkpointing=config.checkpointing, pad_id=pad_id,
        device="cpu", model="tiny",
    )  # fmt: skip


def _train(
    base: Base, config: LoraConfig, *, size: int = 8, runs: Sequence[PackedRun] | None = None
) -> dict[int, tuple[PackedRun, Any]]:
    runs = _runs(config) if runs is None else runs
    packs = _pack(base, config, size).train(runs, lambda *_: None)
    return {run.number: (run, result) for ended in packs for run, result in ended}


def _worst(base: Base, values_P: torch.Tensor, alone: Alone, run: PackedRun) -> float:
    """Returns the largest difference of adapters, as a share of the largest change that training made."""
    first_P = base.adapters.initial(run.init_seed)
    changed = (values_P - first_P).abs().max()
    worst = torch.zeros(())
    for layer, (a_RKH, b_ROK) in zip(base.adapters.layers, base.adapters.split(values_P[None]), strict=True):
        for ours, theirs in zip((a_RKH[0], b_ROK[0]), alone.weights[layer.name], strict=True):
            worst = torch.maximum(worst, (ours - theirs).abs().max())
    return float(worst / changed)


def _same(one: dict[int, tuple[PackedRun, Any]], other: dict[int, tuple[PackedRun, Any]]) -> None:
    """Checks that runs which are in both went the same way, up to rounding."""
    for number in one.keys() & other.keys():
        (run, values_P), (other_run, other_values_P) = one[number], other[number]
        assert run.losses == pytest.approx(other_run.losses, rel=1e-3)
        for (step, loss), (other_step, other_loss) in zip(run.dev_losses, other_run.dev_losses, strict=True):
            assert step == other_step
            assert loss == pytest.approx(other_loss, rel=1e-3)
        assert (values_P - other_values_P).abs().max() < 0.01 * values_P.abs().max()


def test_a_run_tells_of_its_steps() -> None:
    seen: list[tuple[int, dict[str, float]]] = []
    config = replace(QUICK, learning_rate=0.1, steps=4, warmup_steps=2)
    rows = [_row(i, i % 2) for i in range(4)]
    run = PackedRun(
        0, rows, [0, 1, 0, 1], config=config, init_seed=1, order_seed=2,
        curve=lambda step, values: seen.append((step, dict(values))),
    )  # fmt: skip
    run.stepped(0.5)
    run.stepped(0.25)
    run.measured(0.75, torch.zeros(1))
    assert seen == [
        (1, {"loss": 0.5, "learning_rate": 0.05}),
        (2, {"loss": 0.25, "learning_rate": 0.1}),
        (2, {"dev_loss": 0.75}),
    ]
    assert (run.step, run.losses) == (2, [0.5, 0.25])


# -- the same as alone --------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # peft asks for it
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_each_of_eight_runs_equals_the_run_alone_with_plain_peft(base: Base, dropout: float) -> None:
    """In fp32: losses within 1e-3 relative, adapters within 1 % of the largest change that training made."""
    config = replace(QUICK, dropout=dropout)
    packed = _train(base, config)
    assert sorted(packed) == list(range(8))
    for number, (run, values_P) in packed.items():
        alone = train_alone(base.folder, _run(number, config), base.adapters, config)
        assert run.losses == pytest.approx(alone.losses, rel=1e-3)
        assert [step for step, _ in run.dev_losses] == [step for step, _ in alone.dev_losses]
        assert [loss for _, loss in run.dev_losses] == pytest.approx([loss for _, loss in alone.dev_losses], rel=1e-3)
        assert _worst(base, values_P, alone, run) < 0.01
    ends = {run.step for run, _ in packed.values()}
    assert len(ends) > 1 or not dropout  # with dropout, some stop early while the others go on


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_in_double_precision_nothing_but_the_last_digits_differs(folder: str) -> None:
    """What differs in fp32 is rounding: it is a millionth of that in fp64 (norms are fp32 in both)."""
    config = replace(QUICK, dropout=0.2, steps=12)
    base = _base(folder, config)
    base.network.double()
    base.adapters.dtype = torch.float64
    packed = _train(base, config, runs=[_run(number, config) for number in (1, 4, 7)])
    for number, (run, values_P) in packed.items():
        plan = _run(number, config)
        alone = train_alone(base.folder, plan, base.adapters, config, dtype=torch.float64)
        assert run.losses == pytest.approx(alone.losses, rel=1e-9)
        assert _worst(base, values_P, alone, run) < 1e-9


def test_how_many_train_at_once_changes_no_result(base: Base) -> None:
    """With 3 at once there are three packs, the last of them smaller."""
    config = replace(QUICK, dropout=0.2)
    together, in_turns = _train(base, config), _train(base, config, size=3)
    assert len({run.step for run, _ in together.values()}) > 1
    _same(together, in_turns)


def test_the_same_seeds_give_the_same_bits_and_each_seed_its_own_change(base: Base) -> None:
    config = replace(QUICK, steps=6)

    def trained(**seeds: int) -> tuple[list[float], list[float]]:
        (_, (run, values_P)) = _train(base, config, runs=[_run(4, config, **seeds)]).popitem()
        return run.losses, values_P.tolist()

    def batches(**seeds: int) -> list[list[TokenRow]]:
        run = _run(4, config, **seeds)
        return [run.next_batch() for _ in range(6)]

    first = trained()
    torch.rand(3)  # the caller's random state must not matter
    assert trained() == first
    assert trained(init_seed=9) != first
    assert trained(order_seed=9) != first
    assert batches(init_seed=9) == batches() != batches(order_seed=9)


# -- what happens beside a run ------------------------------------------------------------------------------------


class _Diverging(PackedRun):
    """A run whose rate explodes in its fifth step."""

    @property
    def learning_rate(self) -> float:
        return 1e30 if self.step == 4 else super().learning_rate


def test_a_run_that_diverges_fails_alone(base: Base) -> None:
    healthy = _train(base, QUICK)
    runs = _runs(QUICK)
    runs[3].__class__ = _Diverging
    beside = _train(base, QUICK, runs=runs)
    run, failure = beside.pop(3)
    assert isinstance(failure, FitFailed)
    assert "not finite at step 6" in failure.reason
    assert failure.details["steps"] == run.step == 5
    assert len(beside) == 7
    _same(healthy, beside)


def test_an_adapter_of_nan_never_reaches_its_neighbours(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even in the step that finds it: losses and gradients of the others are the same bits."""
    passes, batches = _passes(base, QUICK), [_run(n, QUICK).next_batch() for n in (2, 3, 4)]
    values_RP = torch.stack([base.adapters.initial(seed) for seed in (1, 2, 3)])
    found = []
    for sick in (False, True):
        stack = Stack(base.adapters, values_RP.clone(), trained=True)
        if sick:
            stack.values_RP[1] = torch.nan
        losses_R = passes.gradients(stack, batches, [1, 2, 3])
        found.append((losses_R, stack.grads_RP))
    (losses_R, grads_RP), (sick_losses_R, sick_grads_RP) = found
    assert sick_losses_R.isnan().tolist() == [False, True, False]
    assert sick_grads_RP[1].isnan().any()
    for run in (0, 2):
        assert sick_losses_R[run] == losses_R[run]
        assert torch.equal(sick_grads_RP[run], grads_RP[run])
    assert grads_RP.abs().sum(dim=1).min() > 0


def test_a_held_out_loss_that_is_not_finite_fails_the_run(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(QUICK, steps=4)
    runs = [_run(number, config) for number in (3, 7)]
    measured = Passes.losses

    def losses(self: Passes, batches: Any) -> Any:
        losses_R, counts = measured(self, batches)
        return (losses_R if losses_R.requires_grad else losses_R * torch.tensor([1.0, torch.inf])), counts

    monkeypatch.setattr(Passes, "losses", losses)
    found = _train(base, config, runs=runs)
    assert isinstance(found[7][1], FitFailed)
    assert found[7][1].reason == "the held-out loss is not finite at step 4"
    assert isinstance(found[3][1], torch.Tensor)


def test_early_stopping_goes_back_to_the_best_adapter(base: Base) -> None:
    config = replace(QUICK, dropout=0.2)
    stopped = [(run, values_P) for run, values_P in _train(base, config).values() if run.step < config.steps]
    run, values_P = stopped[0]
    details = run.details()
    assert details["best_step"] == details["steps"] - 2 * config.eval_steps
    assert details["dev_rows"] >= 2
    assert details["rows"] + details["dev_rows"] == SIZES[run.number]
    assert not {row.ids for row in run.dev} & {row.ids for row in run.trained}
    with torch.inference_mode(), base.adapters.using(Stack(base.adapters, values_P[None])):
        losses_R, _ = _passes(base, config).losses([run.dev])
    assert losses_R.item() == pytest.approx(min(loss for _, loss in run.dev_losses), rel=1e-5)
    assert losses_R.item() == pytest.approx(details["dev_loss"], rel=1e-5)


# -- padding, memory ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_padding_changes_nothing(base: Base, dropout: float) -> None:
    config = replace(QUICK, dropout=dropout)
    short = _run(2, config).next_batch()[:3]
    long = [TokenRow(ids=(1, *range(10, 70), 3, 2), num_prompt=61)] * 4
    first, second = base.adapters.initial(1), base.adapters.initial(2)
    for values_P in (first, second):
        values_P[1::2] += 0.02  # B is not zero, so that A has a gradient

    def gradients(pad_id: int, *batches: list[TokenRow]) -> tuple[float, torch.Tensor]:
        passes = _passes(base, config, pad_id=pad_id)
        stack = Stack(base.adapters, torch.stack([first, second][: len(batches)]), trained=True)
        losses_R = passes.gradients(stack, batches, [5, 6][: len(batches)])
        return losses_R[0].item(), stack.grads_RP[0]

    loss, grads_P = gradients(0, short)
    padded_loss, padded_grads_P = gradients(0, short, long)
    assert padded_loss == pytest.approx(loss, rel=1e-5)
    assert (padded_grads_P - grads_P).abs().max() < 1e-4 * grads_P.abs().max()
    other_loss, other_grads_P = gradients(77, short, long)
    assert other_loss == padded_loss
    assert torch.equal(other_grads_P, padded_grads_P)


def test_checkpointing_computes_twice_and_changes_nothing(folder: str) -> None:
    found = []
    for wanted in (False, True):
        config = replace(QUICK, dropout=0.2, steps=5, checkpointing=wanted)
        base = _base(folder, config)
        calls: list[int] = []
        base.network.model.layers[0].mlp.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        runs = [_run(number, config) for number in (0, 1)]  # nothing held out: every pass is a training step
        found.append((_train(base, config, runs=runs), len(calls)))
    (plain, once), (checkpointed, twice) = found
    assert (once, twice) == (5, 10)
    _same(plain, checkpointed)


def test_a_pack_that_is_too_large_for_the_memory_is_halved(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(QUICK, steps=8)
    expected = _train(base, config)
    gradients = Passes.gradients
    sizes = []

    def limited(self: Passes, stack: Stack, batches: Any, seeds: Any) -> torch.Tensor:
        sizes.append(len(batches))
        if len(batches) > 2 and len(sizes) > 3:  # it went well for a while
            raise torch.OutOfMemoryError("CUDA out of memory")
        return gradients(self, stack, batches, seeds)

    monkeypatch.setattr(Passes, "gradients", limited)
    _same(expected, _train(base, config))
    assert sizes[:6] == [8, 8, 8, 8, 4, 2]
    assert max(sizes[5:]) == 2


def test_no_memory_for_a_single_run_is_an_engine_error(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Passes, "gradients", full)
    with pytest.raises(EngineError, match=r"ran out of memory.*--batch-size or --max-length"):
        _train(base, QUICK)


def test_a_run_on_a_cpu_trains_alone(base: Base) -> None:
    rows = [TokenRow(ids=(5,) * 10, num_prompt=2)] * 18
    assert pack_size.choose(_passes(base, QUICK), rows, rows_per_run=4) == 1


@pytest.mark.parametrize(
    ("tokens", "free_bytes", "size"),
    [(10, 2**40, 512), (64, 2**40, 128), (4000, 2**40, 2), (64, 100_000, 64), (64, 101_000, 64), (64, 1000, 1)],
)
def test_the_size_of_a_pack_follows_the_tokens_of_a_step_and_the_memory_of_a_gpu(
    base: Base, monkeypatch: pytest.MonkeyPatch, tokens: int, free_bytes: int, size: int
) -> None:
    passes = _passes(base, QUICK)
    passes.device = "cuda"
    monkeypatch.setattr(pack_size, "_free_bytes", lambda: free_bytes)
    monkeypatch.setattr(pack_size, "_bytes_per_run", lambda passes, longest: 1000)
    assert pack_size.choose(passes, [TokenRow(ids=(5,) * tokens, num_prompt=2)] * 6, rows_per_run=4) == size


def test_who_trains_together_goes_by_the_numbers_of_runs_and_not_by_who_is_missing() -> None:
    runs = [_run(number, QUICK) for number in (0, 2, 3, 4, 7)]
    assert [[run.number for run in pack] for pack in packs(runs, 4)] == [[0, 2, 3], [4, 7]]
    assert [[run.number for run in pack] for pack in packs(runs, 2)] == [[0], [2, 3], [4], [7]]


def test_packs_that_are_halved_are_those_of_the_half_size_from_the_first_on(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a command that was killed after memory ran out trains what is left as it would have."""
    config = replace(QUICK, steps=4)
    gradients = Passes.gradients

    def limited(self: Passes, stack: Stack, batches: Any, seeds: Any) -> torch.Tensor:
        if len(batches) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return gradients(self, stack, batches, seeds)

    monkeypatch.setattr(Passes, "gradients", limited)
    whole, left = _train(base, config), _train(base, config, runs=_runs(config)[2:])
    assert all(torch.equal(left[number][1], whole[number][1]) for number in left)


# -- dropout ------------------------------------------------------------------------------------------------------


def test_dropout_has_a_stream_of_its_own_for_every_run_step_and_layer() -> None:
    def kept(seed: int, place: int) -> torch.Tensor:
        return kept_inputs(seed, place, (4, 50, 100), rate=0.1, device="cpu")

    masks = [kept(1, 0), kept(1, 1), kept(2, 0), kept(2**31 - 1, 0)]
    for i, mask in enumerate(masks):
        assert mask.float().mean().item() == pytest.approx(0.9, abs=0.01)
        for other in masks[:i]:
            assert (mask == other).float().mean().item() == pytest.approx(0.9**2 + 0.1**2, abs=0.01)
    torch.rand(5)
    assert torch.equal(kept(1, 0), masks[0])


def test_nothing_is_dropped_where_nothing_is_trained(base: Base) -> None:
    config = replace(QUICK, dropout=0.9)
    passes, row = _passes(base, config), _run(2, config).next_batch()
    values_P = base.adapters.initial(1) + 0.02
    seen = set()
    with torch.inference_mode(), base.adapters.using(Stack(base.adapters, values_P[None])):
        for _ in range(3):
            seen.add(passes.losses([row])[0].item())
    assert len(seen) == 1
