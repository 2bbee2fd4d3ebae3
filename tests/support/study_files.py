"""Study files and turns for the tests: small, complete, and varied by keyword."""

from __future__ import annotations

import copy
from typing import Any

from study.config.approaches import ApproachConfig
from study.config.models import StudyConfig

# Everything that takes long is as small as it can be; three approaches, one of each kind.
SMALL: dict[str, Any] = {
    "name": "small",
    "data": {"source": "digits", "train_per_class": 5, "valid_per_class": 5},
    "backbones": {"glyphs": {"model": "shufflenet_v2_x0_5", "weights": "bundled"}},
    "approaches": {
        "better_cnn": {
            "approach": "better_cnn",
            "image_size": [16, 16],
            "space": {"lr": {"loguniform": [1e-4, 1e-2]}, "epochs": {"int": [1, 30]}, "batch_size": 16},
            "published": {"lr": 1e-3, "epochs": 10},
        },
        "fine_tune": {
            "approach": "fine_tune",
            "backbone": "glyphs",
            "image_size": [32, 32],
            "space": {"lr": {"loguniform": [1e-4, 1e-2]}, "epochs": {"int": [1, 5]}},
            "published": {"lr": 1e-3, "epochs": 2},
        },
        "feature_svm": {
            "approach": "feature_svm",
            "backbone": "glyphs",
            "image_size": [32, 32],
            "space": {"C": {"loguniform": [1e-2, 1e3]}, "kernel": {"categorical": ["rbf", "linear"]}},
            "published": {"C": 1.0, "kernel": "rbf"},
            "max_trials": 3,
        },
    },
    "budget": {"search_seconds": 4, "trial_seconds": 2},
    "replicates": 1,
    "final": {"runs": 2},
    "slot": {"cpus": 1, "gpus": 0},
}
# The whole of a machine of two cores, for studies in which it does not matter that trials run side by side: a process
# of trials takes longer to start than such a study's trials take.
ONE_SLOT: dict[str, Any] = {"cpus": 2, "gpus": 0}


def small_study(**changes: object) -> dict[str, Any]:
    """The small study as the content of a study file, with values put in by dotted key (dots written as `__`)."""
    content = copy.deepcopy(SMALL)
    for key, value in changes.items():
        section: Any = content
        *parents, last = key.split("__")
        for parent in parents:
            section = section[parent]
        section[last] = value
    return content


def small_config(**changes: object) -> StudyConfig:
    return StudyConfig.model_validate(small_study(**changes))


def approach(space: dict[str, Any], **more: object) -> ApproachConfig:
    """A BetterCNN with this search space."""
    return ApproachConfig.model_validate({"approach": "better_cnn", "space": space, **more})
