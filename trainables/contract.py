"""The contract of approach.py as laws that can be checked, for whoever writes an approach:

    from trainables.contract import check_approach

    def test_my_approach_keeps_the_contract():
        check_approach(MyApproach)

Each law is tried on each of the class's `examples`, with a tiny task made here. A law that is broken raises a
BrokenContractError, which is an AssertionError, so that any test runner shows it as a failed test.
"""

from __future__ import annotations

import ast
import math
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from trainables.approach import Approach, Example, Examples, Hyperparameters, Settings, Step, Task
from trainables.approaches import APPROACHES
from trainables.backbones.networks import Backbone
from trainables.checkpoints import StateError, check_state, packed, unpacked
from trainables.errors import one_line

CLASSES = 3
IMAGES, FEATURES, VALID = 24, 1100, 12  # of features so many that an SVM makes two fits of them
WIDTH = 8  # of features
MOST_STEPS = 100_000  # whatever takes more has no end
CLOCKS = {"time", "datetime"}
CPU = torch.device("cpu")


class BrokenContractError(AssertionError):
    """An approach that breaks a law; the message says which, and how."""


def check_approach(kind: type[Approach]) -> None:
    """Check that an approach keeps every law in every form it has.

    Raises:
        BrokenContractError: it does not.
    """
    check_class(kind)
    for form, example in kind.examples.items():
        for law in LAWS:
            check_law(law, kind, form, example)


def check_class(kind: type[Approach]) -> None:
    """Check what the class says about itself, without training anything."""
    says_what_it_needs(kind)
    never_reads_the_clock(kind)


def check_law(law: Law, kind: type[Approach], form: str, example: Example) -> None:
    """Check one law in one form. Threads are held to one: exact repetition needs their number to stay the same."""
    try:
        with _one_thread():
            law(kind, example)
    except BrokenContractError as error:
        raise BrokenContractError(_broken(law, kind, form, str(error))) from None
    except Exception as error:
        raise BrokenContractError(_broken(law, kind, form, one_line(error))) from error


def says_what_it_needs(kind: type[Approach]) -> None:
    """Settings, hyperparameters with defaults, a line of documentation and examples; importable by its name."""
    name = getattr(kind, "__name__", repr(kind))
    unfit = APPROACHES.unfit(kind)
    _must(unfit is None, f"{name} is an approach: {unfit}")
    for attribute, base in (("settings_type", Settings), ("hyperparameters_type", Hyperparameters)):
        _must(_extends(getattr(kind, attribute), base), f"{name}.{attribute} extends {base.__name__}")
    needed = [field for field, about in kind.hyperparameters_type.model_fields.items() if about.is_required()]
    _must(not needed, f"every hyperparameter has a default, so that study files stay short; not so: {needed}")
    _must(bool(re.fullmatch(r"\S[^\n]*\S", str(getattr(kind, "summary", "")))), f"{name}.summary is one line")
    _must(bool(getattr(kind, "examples", None)), f"{name}.examples has an Example of each of its forms")
    for form, example in kind.examples.items():
        _check_example(kind, form, example)
    _must(_is_importable(kind), f"{name} can be imported by its name, from a file, not from {kind.__module__}")


def never_reads_the_clock(kind: type[Approach]) -> None:
    """The driver owns the clock: no module in which a part of the approach is written imports one."""
    for ancestor in kind.__mro__:
        if issubclass(ancestor, Approach):
            clocks = CLOCKS & imports(Path(str(sys.modules[ancestor.__module__].__file__)))
            _must(
                not clocks, f"{ancestor.__module__} imports {', '.join(sorted(clocks))}: only the driver sees the clock"
            )


def has_a_backbone_where_it_learns_from_features(kind: type[Approach], example: Example) -> None:
    """Whose features it would be: the study extracts them, with the settings' `backbone`."""
    if kind.learns_from(example.settings) == "features":
        backbone = getattr(example.settings, "backbone", None)
        _must(isinstance(backbone, Backbone), f"{kind.settings_type.__name__} has a field `backbone: Backbone`")


def ends_with_its_last_epoch(kind: type[Approach], example: Example) -> None:
    """Epochs and costs are such that the driver can tell how far it is and what the next step takes."""
    approach = made(kind, example)
    _must(approach.epoch == 0, f"it begins at epoch 0, not {approach.epoch}")
    for _ in range(MOST_STEPS):
        before = approach.epoch
        _must(0 < approach.next_cost < math.inf, f"next_cost is positive and finite, not {approach.next_cost}")
        approach.step()
        _must(approach.epoch > before, f"every step goes on; epoch stayed {before}")
        if approach.epoch >= approach.epochs:
            break
    _must(approach.epoch == approach.epochs, f"it ends at epoch {approach.epochs} exactly, not {approach.epoch}")


def predicts_classes_it_knows(kind: type[Approach], example: Example) -> None:
    """With probabilities that sum to one, where `probabilities` promises some; also once it is calibrated."""
    approach = trained(made(kind, example))
    _check_predictions(approach, _task(kind, example))
    approach.calibrate()
    _check_predictions(approach, _task(kind, example))


def hands_over_states_that_can_be_kept(kind: type[Approach], example: Example) -> None:
    """Without a pickle, so that nothing is run where they are read; see `Approach`."""
    approach = made(kind, example)
    approach.step()
    try:
        check_state(approach.model_state(), "model_state()")
        check_state(approach.training_state(), "training_state()")
    except StateError as error:
        raise BrokenContractError(str(error)) from None


def keeps_all_that_predicting_needs_in_its_model_state(kind: type[Approach], example: Example) -> None:
    """The driver puts the best state back into the approach, or into another one, on another machine."""
    first, second = trained(made(kind, example)), made(kind, example, seed=1)
    second.load_model_state(unpacked(packed(first.model_state())))
    _must_equal(decisions(second, kind, example), decisions(first, kind, example))


def goes_on_from_its_training_state_as_if_never_interrupted(kind: type[Approach], example: Example) -> None:
    """After a crash, in another process: the same steps, and in the end the same predictions."""
    whole = made(kind, example)
    whole.step()
    state = unpacked(packed(whole.training_state()))
    expected = _remaining_steps(whole)
    resumed = made(kind, example)
    resumed.load_training_state(state)
    _must(_remaining_steps(resumed) == expected, "a resumed training reports the same steps as one never interrupted")
    _must_equal(decisions(resumed, kind, example), decisions(whole, kind, example))


def repeats_itself_with_the_same_seed(kind: type[Approach], example: Example) -> None:
    """Whatever ran before in the process."""
    first = decisions(trained(made(kind, example, seed=5)), kind, example)
    torch.rand(3)
    np.random.default_rng(0).random(3)
    trained(made(kind, example, seed=6))
    _must_equal(decisions(trained(made(kind, example, seed=5)), kind, example), first)


def differs_with_another_seed(kind: type[Approach], example: Example) -> None:
    """Unless its class says `by_chance = False`: final runs with several seeds measure what chance does."""
    if not kind.by_chance:
        return
    one, other = (decisions(trained(made(kind, example, seed=seed)), kind, example) for seed in (0, 1))
    _must(bool((one != other).any()), "another seed gives other predictions; if it cannot, say by_chance = False")


def trains_without_validation_images(kind: type[Approach], example: Example) -> None:
    """As with `refit: train_and_valid`, and when a study is rehearsed on two images before it begins."""
    task = _task(kind, example)
    few = Examples(task.train.inputs[:2], task.train.labels[:2])
    kind(Task(few, None, CLASSES), example.settings, example.hyperparameters, seed=0, device=CPU)
    approach = kind(Task(task.train, None, CLASSES), example.settings, example.hyperparameters, seed=0, device=CPU)
    approach.step()
    approach.calibrate()


Law = Callable[[type[Approach], Example], None]
LAWS: tuple[Law, ...] = (
    has_a_backbone_where_it_learns_from_features,
    ends_with_its_last_epoch,
    predicts_classes_it_knows,
    hands_over_states_that_can_be_kept,
    keeps_all_that_predicting_needs_in_its_model_state,
    goes_on_from_its_training_state_as_if_never_interrupted,
    repeats_itself_with_the_same_seed,
    differs_with_another_seed,
    trains_without_validation_images,
)


def made(kind: type[Approach], example: Example, *, seed: int = 0) -> Approach:
    """The approach in one of its forms, with a tiny task."""
    return kind(_task(kind, example), example.settings, example.hyperparameters, seed=seed, device=CPU)


def trained(approach: Approach) -> Approach:
    """The same, trained to its end."""
    _remaining_steps(approach)
    return approach


def decisions(approach: Approach, kind: type[Approach], example: Example) -> np.ndarray:
    """What it predicts for the validation images, as exactly as it says it: (N, C) probabilities, or (N,) classes."""
    valid = _task(kind, example).valid
    assert valid is not None
    predictions = approach.predict(valid.inputs)
    return predictions.labels if predictions.probabilities is None else predictions.probabilities


def imports(path: Path) -> set[str]:
    """Top-level names of what a file imports, at its top or inside its functions."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.split(".")[0] for name in plain | {str(n.module) for n in nodes if isinstance(n, ast.ImportFrom)}}


def _task(kind: type[Approach], example: Example) -> Task:
    """Classes that can be told apart, the same at every call. Nobody may write to the arrays, which workers share."""
    if kind.learns_from(example.settings) == "features":
        return Task(_features(FEATURES, seed=0), _features(VALID, seed=1), CLASSES)
    size = example.settings.image_size
    return Task(_images(IMAGES, size, seed=0), _images(VALID, size, seed=1), CLASSES)


def _images(count: int, size: tuple[int, int], *, seed: int) -> Examples:
    """Noise that is brighter from class to class: (N, H, W, 3)."""
    labels = np.arange(count) % CLASSES
    noise = np.random.default_rng(seed).integers(0, 80, (count, *size, 3))
    return _read_only((noise + 80 * labels[:, None, None, None]).astype(np.uint8), labels)


def _features(count: int, *, seed: int) -> Examples:
    """Clouds around one corner for each class: (N, D)."""
    labels = np.arange(count) % CLASSES
    noise = np.random.default_rng(seed).normal(size=(count, WIDTH))
    return _read_only((noise + 2 * np.eye(WIDTH)[labels]).astype(np.float32), labels)


def _read_only(inputs: np.ndarray, labels: np.ndarray) -> Examples:
    inputs.flags.writeable = labels.flags.writeable = False
    return Examples(inputs, labels)


def _remaining_steps(approach: Approach) -> list[Step]:
    steps: list[Step] = []
    while approach.epoch < approach.epochs:
        steps.append(approach.step())
        _must(len(steps) < MOST_STEPS, f"it ends; after {MOST_STEPS} steps it was at epoch {approach.epoch}")
    return steps


def _check_predictions(approach: Approach, task: Task) -> None:
    assert task.valid is not None
    predictions = approach.predict(task.valid.inputs)
    _check_labels(predictions.labels)
    _must(predictions.labels.shape == (VALID,), f"one label for each image: {predictions.labels.shape}")
    _must(set(predictions.labels) <= set(range(CLASSES)), f"labels are classes: {sorted(set(predictions.labels))}")
    gives = "none" if predictions.probabilities is None else "some"
    promised = approach.probabilities
    _must((promised == "none") == (gives == "none"), f"`probabilities` promises {promised}, but predict gives {gives}")
    if predictions.probabilities is not None:
        shape, sums = predictions.probabilities.shape, predictions.probabilities.sum(axis=1)
        _must(shape == (VALID, CLASSES), f"probabilities are (images, classes), not {shape}")
        _must(bool(np.allclose(sums, 1, atol=1e-5)), f"probabilities sum to one, not {sums[:3]}")


def _check_labels(labels: object) -> None:
    of_integers = isinstance(labels, np.ndarray) and np.issubdtype(labels.dtype, np.integer)
    _must(of_integers, f"labels are an array of integers, not {getattr(labels, 'dtype', type(labels).__name__)}")


def _check_example(kind: type[Approach], form: str, example: object) -> None:
    _must(isinstance(example, Example), f"{kind.__name__}.examples[{form!r}] is an Example")
    for part, base in (("settings", kind.settings_type), ("hyperparameters", kind.hyperparameters_type)):
        given = getattr(example, part, None)
        law = f"the {part} of {kind.__name__}.examples[{form!r}] are {base.__name__}, not {type(given).__name__}"
        _must(isinstance(given, base), law)


def _extends(found: object, base: type) -> bool:
    return isinstance(found, type) and issubclass(found, base)


def _is_importable(kind: type) -> bool:
    try:
        return kind.__module__ != "__main__" and pickle.loads(pickle.dumps(kind)) is kind
    except (AttributeError, ImportError, pickle.PicklingError):
        return False


def _broken(law: Law, kind: type[Approach], form: str, how: str) -> str:
    return f"{kind.__name__} ({form}): not so that it {law.__name__.replace('_', ' ')}: {how}"


def _must_equal(given: np.ndarray, expected: np.ndarray) -> None:
    differing = (given != expected).reshape(len(expected), -1).any(axis=1).sum()
    _must(not differing, f"the predictions are the same to the last bit; {differing} of {len(expected)} images differ")


def _must(holds: bool, law: str) -> None:
    if not holds:
        raise BrokenContractError(law)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
