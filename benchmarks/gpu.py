"""What this program does with a GPU, beside a plain loop in bfloat16 and timm's: one table last, in under six minutes.

    python benchmarks/gpu.py --wheels wheels                  (on a machine with a GPU, Ray not needed)
    python benchmarks/gpu.py --device cpu --quick             (whether it works, anywhere)

What it needs and the machine lacks can lie beside it as wheels, which are unpacked, not installed; made elsewhere by

    python -m pip download --only-binary=:all: --dest wheels --python-version 3.12 \
        pydantic safetensors filelock threadpoolctl scikit-learn skops

of which the last three are for the rows of the SVM. PyTorch, torchvision, NumPy and Pillow have to be there.
Images are on the device as uint8, networks compute in bfloat16 with channels last, weights are random: they cost as
much. The share of the rate is images a second, times the floating-point operations of an image, over what a large
torch.mm in bfloat16 reaches in the same run. A row that fails says why; rows that no longer fit into --deadline are
left out. With --data (a folder of images) it also says after how many charged seconds the seed study's accuracies were
reached; for ResNet50 give its weights with --weights.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # else its own folder

if TYPE_CHECKING:
    import torch

    from benchmarks.training.cases import Case
    from benchmarks.training.meter import Meter, Speed
    from benchmarks.training.peers import Faster

HEAD = ("images/s", "this", "plain loop", "timm", "this / plain", "of the GEMM rate", "GB: this, plain")
TARGETS = {"better_cnn": 0.758, "fine_tune": 0.861}  # of the seed study's table
Cells = Sequence[str]


@dataclass(frozen=True)
class Setting:
    """Where everything is measured: folder of the pictures, device, seconds and batches of each loop."""

    folder: Path
    device: torch.device
    for_s: float
    most: int


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="small networks, two batches each")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement (4)")
    parser.add_argument("--deadline", type=float, default=330.0, help="seconds after which no row is begun (330)")
    parser.add_argument("--wheels", type=Path, help="a folder of wheels that this machine may lack")
    parser.add_argument("--data", type=Path, help="a folder of images, for the time to the seed study's accuracies")
    parser.add_argument("--weights", help="a file with ResNet50's weights, for the same")
    parser.add_argument("--into", type=Path, metavar="README.md", help="write the table there too, between its marks")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        if given.wheels is not None:
            unpack(given.wheels, Path(temporary) / "site")
        measure(given, Path(temporary), began + given.deadline)


def unpack(wheels: Path, site: Path) -> None:
    """Make the packages of wheels importable, behind those that are installed."""
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    sys.path.append(str(site))


def measure(given: argparse.Namespace, folder: Path, until: float) -> None:
    import torch

    from benchmarks.tables import Table, machine, publish
    from benchmarks.training import pictures

    device = torch.device(given.device)
    cases = quick_cases() if given.quick else all_cases()
    pictures.write(folder, [case.size for case in cases], times=1 if given.quick else 4)
    setting = Setting(folder, device, given.seconds, 2 if given.quick else 1_000_000)
    rows = []
    for name, row in rows_of(given, cases, setting):
        if time.monotonic() > until:
            rows.append((name, "left out: no time", *[""] * (len(HEAD) - 2)))
            continue
        try:
            rows.append((name, *row()))
        except Exception as error:  # whatever a library does there: the other rows are worth more than its stack trace
            rows.append((name, f"failed: {type(error).__name__}: {str(error)[:80]}", *[""] * (len(HEAD) - 2)))
        print(" ".join(rows[-1]), flush=True)
        gc.collect()
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "No GPU: a test of this script"
    publish(Table("gpu", HEAD, rows, [f"{where}; {machine()}."]), given.into)


def all_cases() -> list[Case]:
    from benchmarks.training.cases import Case

    wide, square = (240, 800), (224, 224)
    return [
        Case("ResNet50 fine-tuned, 240 x 800", "fine_tune", wide, 64, "resnet50"),
        Case("ResNet50 fine-tuned, 224 x 224", "fine_tune", square, 128, "resnet50"),
        Case("ViT-B/16 fine-tuned, 224 x 224", "fine_tune", square, 128, "vit_b_16"),  # torchvision: no ViT-S, squares
        Case("ResNet50 features, 240 x 800", "extract", wide, 128, "resnet50"),
        Case("ResNet50 features, 224 x 224", "extract", square, 256, "resnet50"),
        Case("ViT-B/16 features, 224 x 224", "extract", square, 256, "vit_b_16"),
        Case("BetterCNN, 30 x 100", "better_cnn", (30, 100), 128),
    ]


def quick_cases() -> list[Case]:
    from benchmarks.training.cases import Case

    size = (48, 160)
    return [
        Case("ResNet18 fine-tuned, 48 x 160", "fine_tune", size, 4, "resnet18"),
        Case("ResNet18 features, 48 x 160", "extract", size, 4, "resnet18"),
        Case("BetterCNN, 30 x 100", "better_cnn", (30, 100), 16),
    ]


def rows_of(
    given: argparse.Namespace, cases: list[Case], setting: Setting
) -> Iterator[tuple[str, Callable[[], Cells]]]:
    """The rows of the table, and how each is measured."""
    from benchmarks.training.peers import compiled, graphed

    for case in cases:
        yield case.name, partial(compared, case, setting)
    backend = "eager" if given.quick else "inductor"
    ways: dict[str, Faster] = {"torch.compile": compiled(graphs=False, backend=backend)}
    if setting.device.type == "cuda":
        ways |= {"torch.compile, CUDA graphs": compiled(graphs=True), "CUDA graphs": graphed}
    for name, faster in ways.items():
        yield f"BetterCNN, plain loop, {name}", partial(paying, cases[-1], setting, faster)
    for target in TARGETS if given.data else ():
        yield f"{target}: charged s to {TARGETS[target]}", partial(time_to, target, given.data, given.weights, setting)
    yield "SVM, 2,048 features: s of a later trial", partial(svm, setting, 200 if given.quick else 3474)
    yield "its Gram matrix on the device, s", partial(gram, setting, 200 if given.quick else 3474)


def compared(case: Case, setting: Setting) -> Cells:
    """This, the plain loop and, where it is installed, timm's."""
    import torch

    from benchmarks.tables import ratio
    from benchmarks.training.peers import timm_loop
    from benchmarks.training.rates import flops_per_image, product_rate
    from benchmarks.training.ways import this, tuned

    ours, ours_gb = speed(partial(this, case, setting.folder, setting.device), setting)
    plain, plain_gb = speed(partial(tuned, case, setting.folder, setting.device), setting)
    timm = "–"
    if case.model:
        with suppress(ImportError):
            timm = f"{speed(partial(timm_loop, case, setting.folder, setting.device), setting)[0].images_per_s:,.0f}"
    dtype = torch.bfloat16 if setting.device.type == "cuda" else torch.float32
    share = ours.images_per_s * flops_per_image(case) / product_rate(setting.device, dtype)
    rates = f"{ours.images_per_s:,.0f}", f"{plain.images_per_s:,.0f}", timm
    return [*rates, ratio(ours.images_per_s / plain.images_per_s), f"{100 * share:.0f} %", f"{ours_gb}, {plain_gb}"]


def paying(case: Case, setting: Setting, faster: Faster) -> Cells:
    """The plain loop made faster, and after how many seconds that has paid for what it took."""
    from benchmarks.training.peers import made_faster
    from benchmarks.training.ways import tuned

    plain, _ = speed(partial(tuned, case, setting.folder, setting.device), setting)
    loop, took_s = made_faster(case, setting.folder, setting.device, faster)
    fast, gb = speed(loop, setting)
    gained = 1 - plain.images_per_s / fast.images_per_s
    pays = f"pays after {took_s / gained:.0f} s" if gained > 0 else "never pays"
    return ["–", f"{fast.images_per_s:,.0f}", "–", f"{took_s:.1f} s, {pays}", "–", gb]


def speed(loop: Callable[[Meter], None], setting: Setting) -> tuple[Speed, str]:
    """How fast a loop is, and the GB that the device held at most."""
    import torch

    from benchmarks.training.meter import Enough, Meter

    on_gpu = setting.device.type == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    meter = Meter(setting.for_s, setting.most, torch.cuda.synchronize if on_gpu else lambda: None)
    with suppress(Enough):
        loop(meter)
    return meter.speed(), f"{torch.cuda.max_memory_allocated() / 1e9:.1f}" if on_gpu else "–"


def time_to(target: str, data: Path, weights: str | None, setting: Setting) -> Cells:
    """Charged seconds until the validation accuracy is that of the seed study's table, at most a minute."""
    from benchmarks.training.cases import LR
    from trainables.approach import Examples, Task
    from trainables.approaches import APPROACHES
    from trainables.clock import clock_for
    from trainables.data.dataset import open_dataset
    from trainables.data.folders import FolderData
    from trainables.driver import Driver

    kind = APPROACHES.find(target)
    size = (30, 100) if target == "better_cnn" else (120, 400)
    fixed = {} if target == "better_cnn" else {"backbone": {"model": "resnet50", "weights": weights}}
    dataset = open_dataset(FolderData(source="folder", path=str(data)))
    train, valid = (Examples(dataset.images(one, size), dataset.splits[one].labels) for one in ("train", "valid"))
    approach = kind(
        Task(train, valid, len(dataset.classes)),
        kind.settings_type.model_validate({"image_size": size, **fixed}),
        kind.hyperparameters_type.model_validate({"lr": LR if target == "better_cnn" else LR / 10, "epochs": 10}),
        seed=0,
        device=setting.device,
    )
    driver = Driver(approach, valid, allowance_s=60.0, clock=clock_for(setting.device))
    while not (report := driver.advance()).done and (report.best_accuracy or 0) < TARGETS[target]:
        pass
    reached = (report.best_accuracy or 0) >= TARGETS[target]
    told = f"{report.best_at_s:.1f}" if reached else f"{report.best_accuracy or 0:.3f} in {report.charged_s:.0f} s"
    return [told, *["–"] * (len(HEAD) - 2)]


def svm(setting: Setting, images: int) -> Cells:
    """The second trial of two that are alike but for C, beside scikit-learn's SVC."""
    from benchmarks.svm import configurations, features, plain, this
    from benchmarks.tables import ratio, seconds

    data = features(images, 2048)
    first = configurations(1)[0]
    tried = [first, first | {"C": 10.0}]
    with threads_given_back():
        ours, sklearn = this(data, tried, setting.device.type)[-1], plain(data, tried[-1:])[-1]
    return [seconds(ours.wall_s), seconds(sklearn.wall_s), "–", ratio(sklearn.wall_s / ours.wall_s), "–", "–"]


@contextmanager
def threads_given_back() -> Iterator[None]:
    """Afterwards this process has as many threads as before, whatever it was held to meanwhile."""
    import torch
    from threadpoolctl import threadpool_limits

    threads, variable = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    try:
        with threadpool_limits():
            yield
    finally:
        torch.set_num_threads(threads)
        os.environ.pop("OMP_NUM_THREADS", None)
        os.environ.update({} if variable is None else {"OMP_NUM_THREADS": variable})


def gram(setting: Setting, images: int) -> Cells:
    """The matrix of an RBF kernel over all images, float32, brought to the host; scikit-learn's beside it."""
    import torch
    from sklearn.metrics.pairwise import rbf_kernel

    from benchmarks.svm import features
    from benchmarks.tables import ratio, seconds

    X, _ = features(images, 2048)
    gamma = 1 / (X.shape[1] * float(X.var()))

    def on_device() -> float:
        began = time.monotonic()
        rows = torch.from_numpy(X).to(setting.device)
        torch.exp(-gamma * torch.cdist(rows, rows).square()).cpu()
        return time.monotonic() - began

    on_device()  # warms up
    ours = on_device()
    began = time.monotonic()
    rbf_kernel(X, gamma=gamma)
    sklearn = time.monotonic() - began
    return [seconds(ours), seconds(sklearn), "–", ratio(sklearn / ours), "–", "–"]


if __name__ == "__main__":
    main()
