from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analysis.records.storage import Storage
from tests.support.bombs import Bomb, bombs
from tests.support.workers import CNN, LONG, config_of, run, start, worked
from trainables.checkpoints import CheckpointStore, StateError, check_state, packed, unpacked
from trainables.errors import UnreachableError

pytestmark = pytest.mark.usefixtures("dictated_time")


class TestCheckpoints:
    def test_a_trial_goes_on_in_a_new_process_from_its_last_checkpoint(self, places):
        whole = run(start(config_of(trial="undisturbed", params=LONG), {"cnn": CNN}, places))
        interrupted(places)  # after 56 s
        resumed = run(start(config_of(params=LONG), {"cnn": CNN}, places))
        assert resumed[0]["resumed_at_s"] == 40
        assert worked(resumed) == worked(whole)[3:]

    def test_the_process_of_a_trial_that_ends_leaves_it_until_the_end_is_on_record(self, places):
        interrupted(places)
        run(start(config_of(params=LONG), {"cnn": CNN}, places))
        assert checkpoints(places) == ["cnn-r0-0000.state"]

    def test_another_trial_does_not_take_it(self, places):
        interrupted(places)
        other = start(config_of(trial="cnn-r0-0001", params=LONG), {"cnn": CNN}, places)
        assert other.step()["resumed_at_s"] == 0

    def test_the_next_one_is_due_after_as_long_as_ever_also_in_a_trial_that_goes_on(self, places):
        interrupted(places)
        resumed = start(config_of(params=LONG), {"cnn": CNN}, places)
        assert [resumed.step()["charged_s"] for _ in range(2)] == [56, 68]
        assert CheckpointStore(places["checkpoints"], "cnn-r0-0000").load()["charged_s"] == 40

    def test_a_damaged_one_is_said_to_be_and_the_trial_starts_from_the_beginning(self, places, caplog):
        interrupted(places)
        file = Path(places["checkpoints"].location, "cnn-r0-0000.state")
        file.write_bytes(file.read_bytes()[:1000])
        assert start(config_of(params=LONG), {"cnn": CNN}, places).step()["resumed_at_s"] == 0
        assert "cnn-r0-0000.state: left out as damaged" in caplog.text

    def test_a_trial_that_cannot_write_one_goes_on(self, places, caplog):
        Path(places["checkpoints"].location).write_text("a file where the folder should be")
        worker = start(config_of(params=LONG), {"cnn": CNN}, places)
        assert [worker.step()["event"] for _ in range(4)] == ["heartbeat", "validated", "heartbeat", "validated"]
        assert "cnn-r0-0000: no checkpoint written" in caplog.text


def interrupted(places: dict[str, Any]) -> None:
    """Leave a trial in the middle, as a process that is killed does, 16 s after its last checkpoint."""
    killed = start(config_of(params=LONG), {"cnn": CNN}, places)
    for _ in range(4):
        killed.step()
    assert "cnn-r0-0000.state" in checkpoints(places)


def checkpoints(places: dict[str, Any]) -> list[str]:
    return [file.name for file in Path(places["checkpoints"].location).iterdir()]


class TestCheckpointStore:
    def test_gives_back_what_was_saved_last(self, tmp_path):
        store = CheckpointStore(Storage(f"{tmp_path}/deep/below"), "a")
        assert store.load() is None
        store.save({"steps": 1, "weights": torch.arange(3)})
        store.save({"steps": 2, "weights": torch.arange(4)})
        loaded = CheckpointStore(Storage(f"{tmp_path}/deep/below"), "a").load()
        assert loaded["steps"] == 2
        assert torch.equal(loaded["weights"], torch.arange(4))
        store.delete()
        assert store.load() is None
        store.delete()  # a second time does no harm

    def test_ignores_what_a_crash_left_half_written(self, tmp_path):
        (tmp_path / "a.state.part").write_bytes(b"half")
        store = CheckpointStore(Storage(str(tmp_path)), "a")
        assert store.load() is None
        store.save({"steps": 1})
        assert store.load() == {"steps": 1}

    def test_that_cannot_be_read_is_not_taken_for_none(self):
        """The trial would begin anew, and what it has done would be done twice."""
        with pytest.raises(UnreachableError, match=r"a: checkpoint not read \(ConnectionError: no route"):
            CheckpointStore(Unreachable(), "a").load()

    def test_that_cannot_be_deleted_does_no_harm(self, caplog):
        CheckpointStore(Unreachable(), "a").delete()
        assert "a: checkpoint not removed (ConnectionError: no route to the store)" in caplog.text


class Unreachable:
    """Files in a store that cannot be reached."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError("no route to the store")


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
NUMBERS = arrays.boolean_dtypes() | arrays.integer_dtypes() | arrays.floating_dtypes() | arrays.complex_number_dtypes()
ARRAYS = arrays.arrays(NUMBERS, arrays.array_shapes(min_dims=0, min_side=0, max_side=4))
STATES = st.recursive(
    PLAIN | ARRAYS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


def same(given: Any, expected: Any) -> bool:
    """Equal in kind, value and bits."""
    if type(given) is not type(expected):
        return False
    if isinstance(given, torch.Tensor):
        bits = [one.contiguous().reshape(-1).view(torch.uint8) for one in (given, expected)]
        return given.dtype == expected.dtype and given.shape == expected.shape and torch.equal(*bits)
    if isinstance(given, np.ndarray | np.generic):
        return (given.dtype, given.shape) == (expected.dtype, expected.shape) and given.tobytes() == expected.tobytes()
    if isinstance(given, dict):
        return list(given) == list(expected) and all(same(given[key], expected[key]) for key in given)
    if isinstance(given, list | tuple):
        return len(given) == len(expected) and all(map(same, given, expected))
    return given == expected or (given != given and expected != expected)


class TestAState:
    @given(st.dictionaries(st.text() | st.integers(), STATES))
    def test_comes_back_as_it_was_to_the_last_bit(self, state):
        assert same(unpacked(packed(state)), state)

    @pytest.mark.parametrize(
        "dtype", [torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.bool, torch.complex64, torch.uint8]
    )
    def test_keeps_tensors_of_every_kind_and_the_order_in_which_they_lie_in_memory(self, dtype):
        image = torch.arange(120).reshape(2, 3, 4, 5).to(dtype).to(memory_format=torch.channels_last)
        tensors = {"image": image, "part": image[:, 1:, ::2], "number": image[0, 0, 0, 1], "none": image[:0]}
        back = unpacked(packed(tensors))
        assert same(back, tensors)
        assert back["image"].is_contiguous(memory_format=torch.channels_last)
        back["image"].zero_()  # it is nobody's view
        fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
        assert unpacked(packed({"f": fortran}))["f"].flags.f_contiguous

    def test_keeps_generators_and_an_optimizer_with_all_that_is_in_them(self):
        optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2, 2))])
        optimizer.param_groups[0]["params"][0].sum().backward()
        optimizer.step()
        state = {
            "optimizer": optimizer.state_dict(),
            "torch": torch.get_rng_state(),
            "numpy": [kind(3).state for kind in (np.random.PCG64, np.random.MT19937)],
            "scalars": [np.float64(0.1), np.float32(0.1), np.int64(3), np.bool_(True)],
            "words": np.array(["a", "longer"]),
        }
        assert same(unpacked(packed(state)), state)

    def test_that_shares_a_tensor_with_itself_can_be_kept(self):
        weight = torch.arange(3.0)
        back = unpacked(packed({"a": weight, "b": weight, "c": [weight[1:]]}))
        assert same(back, {"a": weight, "b": weight, "c": [weight[1:]]})

    @pytest.mark.parametrize(
        ("state", "words"),
        [
            ({"model": Bomb(Path("x"))}, "state['model'] is a Bomb"),
            ({"deep": [1, {"er": (2, {3})}]}, "state['deep'][1]['er'][1] is a set"),
            ({"a": np.array([None])}, "state['a'] is an array of 'object'"),
            ({"a": np.zeros(2, dtype=[("x", "f4")])}, "state['a'] is an array of \"[('x', '<f4')]\""),
            ({"a": np.ma.array([1, 2], mask=True)}, "state['a'] is an array of 'int64'"),
            ({"a": torch.eye(2).to_sparse()}, "state['a'] is a tensor that is not plain (sparse_coo, on cpu)"),
            ({"a": torch.empty(2, device="meta")}, "state['a'] is a tensor that is not plain (strided, on meta)"),
            ({"a": {(1, 2): 3}}, "state['a'] has the key (1, 2); the keys of a state are strings or integers"),
            ({"a": np.random.default_rng(0)}, "state['a'] is a Generator"),
        ],
    )
    def test_that_only_a_pickle_could_hold_is_refused_with_the_place(self, state, words):
        for check in (packed, check_state):
            with pytest.raises(StateError) as error:
                check(state)
            assert str(error.value).startswith(words)
            assert len(str(error.value)) <= 300

    def test_however_deep_the_place_the_message_stays_short(self):
        state: dict[str, Any] = {"x" * 500: object()}
        for _ in range(50):
            state = {"level": [state]}
        with pytest.raises(StateError) as error:
            check_state(state, "model_state()")
        assert len(str(error.value)) <= 300

    @pytest.mark.parametrize("at", [0, 40, 200, -1])
    def test_of_which_a_bit_has_changed_is_damaged(self, at):
        content = bytearray(packed({"weights": torch.arange(100.0)}))
        content[at] ^= 1
        with pytest.raises(ValueError, match="its checksum is not that of its content"):
            unpacked(bytes(content))

    @pytest.mark.parametrize("name", ["O", "object", "|O8", "no such"])
    def test_that_somebody_has_written_to_do_harm_makes_no_objects(self, monkeypatch, name):
        monkeypatch.setattr(
            "trainables.checkpoints._array", lambda *_: {"part": "0", "dtype": name, "shape": [1], "order": [0]}
        )
        with pytest.raises((TypeError, ValueError, KeyError)):
            unpacked(packed({"a": np.zeros(1), "b": b"12345678"}))


@pytest.mark.parametrize("form", list(bombs(Path("x"))))
def test_a_pickle_in_a_checkpoints_place_is_never_unpickled(tmp_path, places, caplog, form):
    mark = tmp_path / "mark"
    for suffix in ("state", "pt"):
        places["checkpoints"].write_bytes(f"cnn-r0-0000.{suffix}", bombs(mark)[form])
    assert start(config_of(params=LONG), {"cnn": CNN}, places).step()["resumed_at_s"] == 0
    assert "cnn-r0-0000.state: left out as damaged" in caplog.text
    assert not mark.exists()
