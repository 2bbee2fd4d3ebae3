"""Networks to transfer from: torchvision's classification models, their weights by name, from a file or bundled.

Approaches see a backbone in one of three forms: as it was trained (`load`), with a fresh last layer for classes of
their own (`with_head`), or without its last layer (`as_feature_extractor`). No code in a weights file is ever run, and
no function here depends on torch's global random state or changes it. Whatever is wrong ends as a BackboneError.
torchvision is imported by the functions that need it, as that takes a second.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import reprlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from pydantic import BaseModel, ConfigDict, FiniteFloat, TypeAdapter, ValidationError
from torch import Tensor, nn

from trainables.approach import Settings
from trainables.backbones.downloads import fetch
from trainables.backbones.weight_files import SUFFIXES, content_digest, misfit, read_metadata, read_state
from trainables.errors import BackboneError, first_line, shown

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

Statistics = tuple[float, float, float]
_THREE_NUMBERS = TypeAdapter(tuple[FiniteFloat, FiniteFloat, FiniteFloat])
BUNDLED = "bundled"
BUNDLED_FILE = Path(__file__).resolve().parents[1] / "weights" / "glyphs.safetensors"
# Of ImageNet's red, green and blue in [0, 1]
IMAGENET_MEAN: Statistics = (0.485, 0.456, 0.406)
IMAGENET_STD: Statistics = (0.229, 0.224, 0.225)
LEAST_STD = 1e-6  # of pixels in [0, 1]; a network sees nothing but infinities behind a division by less
AUXILIARY_HEADS = ("aux1", "aux2", "AuxLogits")  # of googlenet and inception_v3


class Backbone(BaseModel):
    """A network and where its weights come from.

    Attributes:
        model: a torchvision classification model, e.g. `resnet50`.
        weights: the name of torchvision's weights for it (`IMAGENET1K_V1`, `DEFAULT`), which torch downloads once; or
            a file (.pth, .pt, .safetensors) with the network's state dict; or `bundled`, the network that ships with
            this project, trained on rendered glyphs (weights/README.md); or None, random weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str
    weights: str | None = None


GLYPHS = Backbone(model="shufflenet_v2_x0_5", weights=BUNDLED)  # the one that comes with the program


def load(backbone: Backbone, *, seed: int = 0) -> nn.Module:
    """The network as it was trained, last layer included, without auxiliary heads; in training mode, on the CPU.

    Args:
        backbone: the network and its weights.
        seed: of the random weights, where `backbone.weights` is None.

    Raises:
        BackboneError: the model or the name of its weights is unknown, the download failed, or the file is missing, is
            no weights file, or holds the weights of another network. A file may have been trained for any number
            of classes.
    """
    _check_model(backbone.model)
    if _is_name(backbone):
        return _download(backbone.model, _named_weights(backbone))
    with _seeded(seed):
        network = _build(backbone.model, pretrained=backbone.weights is not None)
    if backbone.weights is not None:
        _fill(network, read_state(_file(backbone)), backbone)
    return network


def with_head(backbone: Backbone, classes: int, *, seed: int) -> nn.Module:
    """The network with a fresh last layer: (N, 3, H, W) images to (N, classes) logits, in training mode as well.

    `seed` decides the new layer, and all other weights too where `backbone.weights` is None.

    Raises:
        BackboneError: as for `load`.
    """
    network = load(backbone, seed=seed)
    with _seeded(seed):
        _resize_head(network, classes)
    return network


def as_feature_extractor(backbone: Backbone) -> tuple[nn.Module, int]:
    """The network up to its last layer, in eval mode, and D: (N, 3, H, W) images to (N, D) pooled features.

    Raises:
        BackboneError: as for `load`.
    """
    network = load(backbone)
    name = head_name(network)
    width = _width(network.get_submodule(name))
    network.set_submodule(name, nn.Identity())
    return network.eval(), width


def head_name(network: nn.Module) -> str:
    """Qualified name of the last layer, the one that gives the logits: `fc`, `classifier.1`, `heads.head` ..."""
    # torchvision declares a network's layers in the order they are used
    names = [name for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return str(names[-1])


def normalise(backbone: Backbone) -> tuple[Statistics, Statistics]:
    """Mean and standard deviation per channel, for pixels in [0, 1], that the weights expect.

    Named weights have torchvision's. For files and random weights they are ImageNet's, unless a .safetensors file
    states others in its metadata, as the bundled one does.

    Raises:
        BackboneError: the file is missing or damaged, states something else than three numbers, or the model or the
            name of its weights is unknown.
    """
    if _is_name(backbone):
        preset = _named_weights(backbone).transforms()
        return tuple(preset.mean), tuple(preset.std)
    facts = {} if backbone.weights is None else read_metadata(_file(backbone))
    if not {"mean", "std"} <= facts.keys():
        return IMAGENET_MEAN, IMAGENET_STD
    return _stated(backbone, "mean", facts["mean"]), _stated(backbone, "std", facts["std"])


def content_key(backbone: Backbone) -> str:
    """16 hexadecimal digits that differ between any two backbones: SHA-256 of model and weights (a file's content).

    Raises:
        BackboneError: the file is missing, or the model or the name of its weights is unknown.
    """
    digest = hashlib.sha256(f"{backbone.model}\n".encode())
    if backbone.weights is None:
        digest.update(b"random")
    elif _is_name(backbone):
        digest.update(_named_weights(backbone).name.encode())  # what DEFAULT stands for, not the word
    else:
        digest.update(content_digest(_file(backbone)))
    return digest.hexdigest()[:16]


def check_image_size(backbone: Backbone, image_size: tuple[int, int]) -> None:
    """Load the network once and try it on an image of (height, width) pixels, shapes only.

    Raises:
        BackboneError: as for `load` and `normalise`, or the network cannot take images of this size.
    """
    normalise(backbone)
    network = load(backbone).to("meta").eval()
    problem = _refusal(network, *image_size)
    if problem is None:
        return
    fitting = next((side for side in (64, 128, 224, 384, 512) if _refusal(network, side, side) is None), None)
    mend = f"image_size [{fitting}, {fitting}] works" if fitting else "choose another model"
    height, width = image_size
    raise BackboneError(f"{backbone.model}: cannot take images of {height} x {width} ({problem}); {mend}")


def backbone_of(settings: Settings) -> Backbone | None:
    """The backbone that an approach's settings name, if they name one."""
    backbone = getattr(settings, "backbone", None)
    return backbone if isinstance(backbone, Backbone) else None


def _check_model(name: str) -> None:
    from torchvision import models

    known = models.list_models(module=models)
    if name in known:
        return
    close = difflib.get_close_matches(name, known) or ["resnet50", "mobilenet_v2", "shufflenet_v2_x0_5"]
    raise BackboneError(
        f"{shown(name, 60)}: not a torchvision classification model; did you mean {' or '.join(close)}?"
    )


def _is_name(backbone: Backbone) -> bool:
    """Whether the weights are some that torchvision knows by name, not a file."""
    weights = backbone.weights
    return weights is not None and weights != BUNDLED and not weights.endswith(SUFFIXES) and "/" not in weights


def _named_weights(backbone: Backbone) -> WeightsEnum:
    from torchvision import models

    _check_model(backbone.model)
    known: Mapping[str, WeightsEnum] = models.get_model_weights(backbone.model).__members__
    if str(backbone.weights) not in known:
        choice = ", ".join(known)
        raise BackboneError(
            f"{shown(backbone.weights, 60)}: no weights that torchvision has for {backbone.model}; choose one of "
            f"{choice}, 'bundled' or a file (.pth, .pt, .safetensors)"
        )
    return known[str(backbone.weights)]


def _download(model: str, weights: WeightsEnum) -> nn.Module:
    """The network by torchvision's own builder, which knows how these weights want the network built."""
    from torchvision import models

    fetch(model, weights)
    with _seeded(0):
        return _without_auxiliary_heads(models.get_model(model, weights=weights, progress=False))


def _build(model: str, *, pretrained: bool) -> nn.Module:
    from torchvision import models

    options = {}
    if model in ("googlenet", "inception_v3"):
        # Their weights were trained on pixels in [-1, 1]; this makes them take ImageNet's normalisation like the rest.
        options = {"init_weights": not pretrained, "transform_input": pretrained}
    return _without_auxiliary_heads(models.get_model(model, weights=None, **options))


def _without_auxiliary_heads(network: nn.Module) -> nn.Module:
    """With them, the two Inception networks return a tuple in training mode."""
    if hasattr(network, "aux_logits"):
        setattr(network, "aux_logits", False)  # noqa: B010 - mypy takes every attribute for a module
        for name in AUXILIARY_HEADS:
            if hasattr(network, name):
                setattr(network, name, None)
    return network


def _resize_head(network: nn.Module, classes: int) -> None:
    name = head_name(network)
    old = network.get_submodule(name)
    new: nn.Module
    if isinstance(old, nn.Conv2d):  # squeezenet classifies before it pools
        new = nn.Conv2d(old.in_channels, classes, kernel_size=1)
    else:
        new = nn.Linear(_width(old), classes, bias=getattr(old, "bias", None) is not None)
    network.set_submodule(name, new)


def _width(head: nn.Module) -> int:
    return int(head.in_channels if isinstance(head, nn.Conv2d) else head.in_features)  # type: ignore[arg-type]


def _file(backbone: Backbone) -> Path:
    return BUNDLED_FILE if backbone.weights == BUNDLED else Path(os.path.expanduser(str(backbone.weights)))


def _stated(backbone: Backbone, key: str, text: str) -> Statistics:
    where, stated_as = shown(_file(backbone)), f"its metadata give {key} as {reprlib.repr(text)}"
    example = list(IMAGENET_STD if key == "std" else IMAGENET_MEAN)
    try:
        stated = _THREE_NUMBERS.validate_json(text)
    except ValidationError as error:
        raise BackboneError(f"{where}: {stated_as}; give three numbers, such as {example}") from error
    if key == "std" and min(stated) < LEAST_STD:
        raise BackboneError(
            f"{where}: {stated_as}, and pixels are divided by it; give three numbers above 0, such as {example}"
        )
    return stated


def _fill(network: nn.Module, state: dict[str, Tensor], backbone: Backbone) -> None:
    """Load the state dict, after giving the last layer as many outputs as it has there."""
    state = {name: tensor for name, tensor in state.items() if not name.startswith(AUXILIARY_HEADS)}
    head = state.get(f"{head_name(network)}.weight")
    if head is not None and head.ndim > 0:
        with _seeded(0):
            _resize_head(network, len(head))
    problem = misfit(network.state_dict(), state)
    if problem:
        what, mend = shown(_file(backbone)), "give the model that the file was saved from"
        if backbone.weights == BUNDLED:
            what, mend = "the bundled weights", f"set model to {read_metadata(BUNDLED_FILE)['model']}"
        raise BackboneError(f"{what}: not those of {backbone.model} ({problem}); {mend}")
    network.load_state_dict(state, strict=False)  # not strict: see misfit on old files


def _refusal(network: nn.Module, height: int, width: int) -> str | None:
    """Why the network cannot take images of this size, or None."""
    try:
        with torch.no_grad():
            network(torch.empty(1, 3, height, width, device="meta"))
    except (RuntimeError, AssertionError, ValueError) as error:
        return first_line(error)
    return None


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Random numbers from `seed` for what is built inside; the state outside stays as it was (on GPUs too)."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
