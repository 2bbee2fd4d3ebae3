"""Directories of studies that broke the program once."""

from __future__ import annotations

from functools import partial

from tests.fuzz.corpus import known

refused = partial(known.refused, "study directories")
TRIAL, RUN = "records/fine_tune-r0-0000", "predictions/better_cnn-r0-seed0.parquet"
STARTED, ENDED = f"{TRIAL}/0000-started.json", f"{TRIAL}/0002-cut.json"
FEWER = {"fine_tune": {"approach": "better_cnn", "image_size": [16, 16]}}
CORPUS = (
    refused("a study file that is not UTF-8", "resumed", ("bytes", "study.yaml", ("splice", 50, 1, b"\xff"))),
    refused("a study file of two thousand brackets", "resumed", ("whole", "study.yaml", b"name: " + b"[" * 2000)),
    refused("an approach fewer", "resumed", ("put", "study.yaml", "approaches", FEWER)),
    refused("a record of another study", "resumed", ("put", STARTED, "approach", "other")),
    refused("a record that lacks a hyperparameter", "resumed", ("put", STARTED, "params", {"lr": 0.001})),
    refused("no replicates", "plain", ("put", "study.yaml", "replicates", 0)),
    refused("a list for the environment", "plain", ("whole", "environment.json", b"[]")),
    refused("seconds below zero", "plain", ("put", ENDED, "charged_s", -5)),
    refused("an end before the beginning", "plain", ("put", ENDED, "time", 0)),
    refused("an accuracy below zero", "plain", ("put", ENDED, "best_accuracy", -1)),
    refused("a copied record", "plain", ("copy", STARTED, "{stem} (1){suffix}")),
    refused("a lost record", "plain", ("delete", STARTED)),
    refused("a gap in the records", "plain", ("delete", f"{TRIAL}/0001-validated.json")),
    refused("lost predictions", "plain", ("delete", RUN)),
    *(
        refused(f"predictions: {how}", "plain", ("frame", RUN, how))
        for how in (
            *(
                "no rows",
                "half",
                "twice",
                "p_99",
                "p = 2",
                "no p_1",
                "list",
                "text label",
                "text prediction",
                "text seed",
            ),
            *("no label", "nan", "other seed", "other approach", "all right"),
        )
    ),
)
