"""Every approach tried on for size: built once with the first and the last values of its search space."""

from __future__ import annotations

import numpy as np
import torch

from analysis.records.schema import HyperparameterValue
from study.config.approaches import ApproachConfig
from study.config.models import StudyConfig
from trainables.approach import Examples, Settings, Task
from trainables.backbones.networks import as_feature_extractor, backbone_of, check_image_size
from trainables.data.dataset import Dataset
from trainables.errors import ApproachError, InputError, one_line


def rehearse(config: StudyConfig, dataset: Dataset) -> None:
    """Build every approach once on a handful of images.

    Raises:
        InputError: weights are missing or do not fit, images are too small for the layers, and the like.
    """
    labels = dataset.splits["train"].labels[:2]
    for name, approach in config.approaches.items():
        try:
            _rehearse(name, approach, config.settings(name), labels, len(dataset.classes))
        except InputError:
            raise
        except Exception as error:  # whatever somebody else's class does
            raise ApproachError(
                f"approaches.{name}: {approach.kind.__name__} cannot be built ({one_line(error)}); mend it"
            ) from error


def _rehearse(name: str, approach: ApproachConfig, settings: Settings, labels: np.ndarray, classes: int) -> None:
    backbone = backbone_of(settings)
    if backbone is not None:
        check_image_size(backbone, settings.image_size)
    if approach.kind.learns_from(settings) == "features":
        if backbone is None:
            raise ApproachError(
                f"approaches.{name}: learns from features, but has no backbone that they could come from; "
                f"{approach.kind.settings_type.__name__} needs a field `backbone: Backbone`"
            )
        _, width = as_feature_extractor(backbone)
        inputs = np.zeros((len(labels), width), dtype=np.float32)
    else:
        inputs = np.zeros((len(labels), *settings.image_size, 3), dtype=np.uint8)
    task = Task(Examples(inputs, labels), None, classes)
    for params in corner_params(approach):
        hyperparameters = approach.kind.hyperparameters_type.model_validate(params)
        approach.kind(task, settings, hyperparameters, seed=0, device=torch.device("cpu"))


def corner_params(approach: ApproachConfig) -> list[dict[str, HyperparameterValue]]:
    """Two configurations that the search could try: the first value of everything, and the last."""
    return [
        dict(approach.constants) | {name: given.bounds[end] for name, given in approach.varied.items()}
        for end in (0, -1)
    ]
