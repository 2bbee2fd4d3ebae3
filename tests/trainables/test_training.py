from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the customary name

from tests.support.stand_ins import features, images
from trainables.approach import Examples, Settings
from trainables.batches import PREDICT_VALUES, augmentation, normalised, prediction_batches, shifted, to_float
from trainables.precision import in_bfloat16
from trainables.training import Training, TrainingHyperparameters

CPU = torch.device("cpu")


def training(
    train: Examples | None = None, *, network: nn.Module | None = None, seed: int = 0, **hyperparameters: object
) -> Training:
    """A linear layer on 8 features, in float32, unless told otherwise."""
    torch.manual_seed(7)
    return Training(
        network or nn.Linear(8, 3),
        train or features(20),
        TrainingHyperparameters(**({"batch_size": 6, "lr": 0.1, "epochs": 3} | hyperparameters)),
        prepare=Tensor.float,
        seed=seed,
        device=CPU,
        bfloat16=False,
    )


class Narrow(nn.Sequential):
    """A network on a device that runs out of memory where more than so many examples go through it at a time."""

    def __init__(self, *layers: nn.Module, room: int) -> None:
        super().__init__(*layers)
        self.room = room
        self.seen: list[int] = []
        self.error: Exception = torch.OutOfMemoryError("out of memory")

    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = super().forward(input)  # so that dropout has drawn already when the memory runs out
        if len(input) > self.room:
            raise self.error
        self.seen.append(len(input))
        return result


def narrow(room: int, *more: nn.Module) -> Narrow:
    torch.manual_seed(7)
    return Narrow(nn.Linear(8, 16), *more, nn.ReLU(), nn.Linear(16, 3), room=room)


class TestABatchThatDoesNotFitTheMemory:
    @pytest.mark.parametrize(("room", "micro"), [(6, None), (5, 3), (3, 3), (2, 2), (1, 1)])
    def test_is_halved_until_it_does_and_trains_the_same(self, room, micro):
        whole, halved = (training(network=narrow(much)) for much in (6, room))
        for _ in range(8):
            expected, step = whole.step(), halved.step()
            assert step.loss == pytest.approx(expected.loss, rel=1e-5)
            assert (step.accuracy, step.lr, step.examples) == (expected.accuracy, expected.lr, expected.examples)
            assert (expected.micro_batch, step.micro_batch) == (None, micro)
        for name, value in whole.model_state().items():
            torch.testing.assert_close(halved.model_state()[name], value, rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize("more", [(), (nn.BatchNorm1d(16),)])
    def test_is_halved_in_a_prediction_and_predicts_the_same(self, more):
        inputs = features(50, seed=1).inputs
        whole, halved = (training(network=narrow(room, *more)).predict(inputs) for room in (50, 7))
        np.testing.assert_array_equal(halved.labels, whole.labels)
        np.testing.assert_allclose(halved.probabilities, whole.probabilities, rtol=1e-5)

    def test_of_a_single_example_fails_a_prediction_with_that_error(self):
        with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
            training(network=narrow(0)).predict(features(5).inputs)

    def test_is_halved_where_it_is_the_memory_of_the_machine(self):
        """PyTorch raises a bare RuntimeError there, in these words."""
        network = narrow(3)
        network.error = RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory")
        assert training(network=network).step().micro_batch == 3

    def test_is_not_halved_where_something_else_is_wrong(self):
        network = narrow(3)
        network.error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        with pytest.raises(RuntimeError, match="shapes"):
            training(network=network).step()

    def test_is_halved_once_and_not_tried_whole_again(self):
        network = narrow(3)
        trained = training(network=network)
        for _ in range(4):  # of 6, 6, 6 and 2 examples
            trained.step()
        assert network.seen == [3, 3, 3, 3, 3, 3, 2]

    def test_repeats_itself_also_where_dropout_had_drawn_before_the_memory_ran_out(self):
        first = training(network=narrow(3, nn.Dropout(0.5)))
        losses = [first.step().loss for _ in range(8)]
        second = training(network=narrow(3, nn.Dropout(0.5)))
        assert [second.step().loss for _ in range(4)] == losses[:4]
        state = second.training_state()
        resumed = training(network=narrow(3, nn.Dropout(0.5)), seed=1)
        resumed.load_training_state(state)
        assert [resumed.step().loss for _ in range(4)] == losses[4:]

    def test_fails_with_the_mend_where_batch_norm_would_learn_from_the_parts(self):
        trained = training(network=narrow(3, nn.BatchNorm1d(16)))
        with pytest.raises(torch.OutOfMemoryError, match=r"batch_size: a step on 6 images .+; set it to at most 3, or"):
            trained.step()

    def test_is_halved_where_batch_norm_only_repeats_what_it_has_learnt(self):
        class Settled(nn.BatchNorm1d):
            def train(self, mode: bool = True) -> Settled:
                return super().train(False)

        trained = training(network=narrow(3, Settled(16)))
        assert trained.step().micro_batch == 3

    def test_fails_where_a_single_example_does_not_fit(self):
        with pytest.raises(torch.OutOfMemoryError, match="a step on a single image needs more memory"):
            training(network=narrow(0)).step()


class TestSteps:
    @pytest.mark.parametrize(("optimizer", "reference"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
    def test_are_those_of_a_plain_loop(self, optimizer, reference):
        train = features(20)
        trained = training(train, optimizer=optimizer, weight_decay=0.05, seed=3)
        reports = [trained.step() for _ in range(8)]  # two epochs of 6 + 6 + 6 + 2

        torch.manual_seed(7)
        network = nn.Linear(8, 3)
        plain = reference(network.parameters(), lr=0.1, weight_decay=0.05)
        generator = torch.Generator().manual_seed(3)
        inputs, labels = torch.tensor(train.inputs), torch.tensor(train.labels)
        losses = []
        for _ in range(2):
            for rows in torch.randperm(20, generator=generator).split(6):
                plain.zero_grad()
                loss = F.cross_entropy(network(inputs[rows]), labels[rows])
                loss.backward()
                plain.step()
                losses.append(loss.item())
        assert [report.loss for report in reports] == losses
        assert torch.equal(trained.network.get_parameter("weight"), network.weight)

    def test_report_loss_accuracy_rate_and_size(self):
        trained = training(lr=0.25)
        with torch.no_grad():
            trained.network.get_parameter("weight").zero_()
            trained.network.get_parameter("bias").copy_(torch.tensor([0.0, 1.0, 0.0]))
        step = trained.step()
        assert step.examples == 6
        assert step.lr == 0.25
        assert step.loss > 0
        assert step.accuracy * 6 == pytest.approx(round(step.accuracy * 6))

    @given(count=st.integers(1, 40), batch_size=st.integers(1, 12), seed=st.integers(0, 99))
    def test_use_every_example_once_an_epoch_in_another_order_each_time(self, count, batch_size, seed):
        seen: list[int] = []

        def note(batch: Tensor) -> Tensor:
            seen.extend(batch[:, 0].int().tolist())
            return batch

        numbered = Examples(np.arange(count, dtype=np.float32)[:, None], np.zeros(count, dtype=np.int64))
        given_ = TrainingHyperparameters(batch_size=batch_size, epochs=2)
        trained = Training(nn.Linear(1, 2), numbered, given_, prepare=note, seed=seed, device=CPU, bfloat16=False)
        while trained.epoch < 2:
            trained.step()
        first, second = seen[:count], seen[count:]
        assert sorted(first) == sorted(second) == list(range(count))
        assert first != second or count < 8

    @given(count=st.integers(2, 60), batch_size=st.integers(2, 12))
    def test_never_leave_a_single_example_to_batch_norm(self, count, batch_size):
        trained = training(features(count), batch_size=batch_size)
        sizes = [trained.step().examples for _ in range(trained.steps_per_epoch)]
        assert trained.epoch == 1
        assert sum(sizes) == count
        assert min(sizes) >= 2
        assert max(sizes) <= batch_size + 1

    def test_do_not_depend_on_whether_somebody_predicts_between_them(self):
        network = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
        alone = training(network=network)
        state = alone.training_state()
        undisturbed = [alone.step().loss for _ in range(6)]
        alone.load_training_state(state)
        watched = []
        for _ in range(6):
            watched.append(alone.step().loss)
            alone.predict(features(5).inputs)
        assert watched == undisturbed


class TestSchedule:
    def test_constant_stays(self):
        trained = training(lr=0.03)
        assert {trained.step().lr for _ in range(12)} == {0.03}

    def test_cosine_is_pytorchs_down_to_zero_over_the_epochs(self):
        trained = training(lr=0.2, schedule="cosine", epochs=5)
        steps = 5 * trained.steps_per_epoch
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.2)
        reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
        expected = []
        for _ in range(steps):
            expected.append(reference.get_last_lr()[0])
            optimizer.step()
            reference.step()
        assert [trained.step().lr for _ in range(steps)] == pytest.approx(expected, abs=1e-12)
        assert trained.lr() == pytest.approx(0, abs=1e-12)

    def test_the_optimizer_uses_the_rate_that_is_reported(self):
        trained = training(schedule="cosine")
        for _ in range(5):
            assert trained.step().lr == trained.optimizer.param_groups[0]["lr"]


class TestPredictions:
    def test_are_softmax_probabilities_and_the_most_probable_class(self):
        trained = training()
        inputs = features(10).inputs
        predictions = trained.predict(inputs)
        with torch.no_grad():
            expected = trained.network(torch.tensor(inputs)).softmax(dim=1).numpy()
        np.testing.assert_allclose(predictions.probabilities, expected, rtol=1e-6)
        assert predictions.probabilities.dtype == np.float32
        assert predictions.labels.dtype == np.int64
        assert (predictions.labels == expected.argmax(axis=1)).all()

    def test_do_not_depend_on_the_size_of_the_batches(self, monkeypatch):
        trained = training()
        inputs = features(50).inputs
        whole = trained.predict(inputs).probabilities
        monkeypatch.setitem(PREDICT_VALUES, "cpu", 7 * inputs.shape[1])  # batches of seven and a rest of one
        np.testing.assert_allclose(trained.predict(inputs).probabilities, whole, rtol=1e-6)

    @given(count=st.integers(0, 40), side=st.integers(1, 9), values=st.integers(1, 999))
    def test_are_made_in_batches_that_hold_everything_once_and_no_more_than_fits(self, count, side, values):
        inputs = np.empty((count, side, side, 3), dtype=np.uint8)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(PREDICT_VALUES, "cpu", values)
            batches = list(prediction_batches(inputs, CPU))
        assert [row for start, stop in batches for row in range(start, stop)] == list(range(count))
        assert all(stop - start == 1 or inputs[start:stop].size <= values for start, stop in batches)

    def test_images_may_be_read_only_as_those_in_shared_memory_are(self):
        train = features(20)
        train.inputs.setflags(write=False)
        train.labels.setflags(write=False)
        trained = training(train)
        trained.step()
        assert len(trained.predict(train.inputs).labels) == 20


class TestStates:
    def test_a_kept_model_state_is_not_changed_by_further_steps(self):
        trained = training()
        kept = trained.model_state()
        before = {name: value.clone() for name, value in kept.items()}
        trained.step()
        assert all(torch.equal(kept[name], before[name]) for name in kept)

    def test_training_goes_on_exactly_from_inside_an_epoch(self):
        network = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 3))
        first = training(network=network, schedule="cosine")
        for _ in range(5):
            first.step()
        state = first.training_state()
        whole = [first.step() for _ in range(6)]
        second = training(network=nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 3)), schedule="cosine")
        second.load_training_state(state)
        assert [second.step() for _ in range(6)] == whole


class TestAugmentation:
    def test_of_nothing_is_nothing(self):
        assert augmentation(flip=False, crop=0) is None

    @pytest.mark.parametrize(("flip", "crop"), [(True, 0), (False, 3), (True, 3)])
    def test_depends_on_the_generator_alone(self, flip, crop):
        augment = augmentation(flip=flip, crop=crop)
        batch = torch.tensor(images(12).inputs)
        once, again, other = (augment(batch, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
        assert torch.equal(once, again)
        assert not torch.equal(once, other)

    def test_leaves_the_batch_itself_alone(self):
        batch = torch.tensor(images(12).inputs)
        before = batch.clone()
        augmentation(flip=True, crop=2)(batch, torch.Generator())
        assert torch.equal(batch, before)

    def test_flips_about_half_of_the_images_left_to_right_and_none_upside_down(self):
        batch = torch.randint(0, 256, (200, 4, 6, 3), dtype=torch.uint8)
        flipped = augmentation(flip=True, crop=0)(batch, torch.Generator().manual_seed(0))
        kept = (flipped == batch).flatten(1).all(dim=1)
        mirrored = (flipped == batch[:, :, range(5, -1, -1)]).flatten(1).all(dim=1)
        assert (kept ^ mirrored).all()
        assert 70 <= mirrored.sum() <= 130

    @given(
        count=st.integers(1, 5),
        height=st.integers(1, 9),
        width=st.integers(1, 9),
        by=st.integers(1, 4),
        seed=st.integers(0, 99),
    )
    def test_shifts_as_padding_and_cropping_one_image_after_the_other(self, count, height, width, by, seed):
        batch = torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8)
        fast = shifted(batch, by, torch.Generator().manual_seed(seed))
        down, right = torch.randint(-by, by + 1, (2, count, 1), generator=torch.Generator().manual_seed(seed))
        for image, result, dy, dx in zip(batch.numpy(), fast.numpy(), down, right, strict=True):
            padded = np.pad(image, ((by, by), (by, by), (0, 0)), mode="edge")
            top, left = by + int(dy), by + int(dx)
            np.testing.assert_array_equal(result, padded[top : top + height, left : left + width])

    def test_shifts_by_every_distance_up_to_the_limit(self):
        ramp = torch.arange(11, dtype=torch.uint8)[None, :, None, None].expand(300, 11, 11, 3)
        middles = shifted(ramp, 2, torch.Generator().manual_seed(0))[:, 5, 5, 0]
        assert set(middles.tolist()) == {3, 4, 5, 6, 7}


class TestPreparation:
    def test_pixels_become_numbers_from_0_to_1_channels_first(self):
        pixels = torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)  # one pixel
        torch.testing.assert_close(to_float(pixels), torch.tensor([0, 0.2, 1]).reshape(1, 3, 1, 1))

    def test_normalising_subtracts_the_mean_and_divides_by_the_deviation_of_each_channel(self):
        prepare = normalised((0.5, 0.2, 0.0), (0.5, 0.1, 2.0), device=CPU)
        pixels = torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)
        torch.testing.assert_close(prepare(pixels), torch.tensor([-1, 0, 0.5]).reshape(1, 3, 1, 1))


class TestPrecision:
    def test_is_what_the_settings_say(self):
        assert in_bfloat16(Settings(image_size=(8, 8), precision="bfloat16"), CPU)
        assert not in_bfloat16(Settings(image_size=(8, 8), precision="float32"), CPU)

    @pytest.mark.parametrize(("capability", "fast"), [("avx512_bf16", True), ("amx_bf16", True), ("avx2", False)])
    def test_is_bfloat16_by_itself_where_the_processor_has_it(self, monkeypatch, capability, fast):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {capability: True})
        assert in_bfloat16(Settings(image_size=(8, 8)), CPU) is fast
