"""A small table of predictions, every cell as text, and what is done to its columns, cells and rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

IMAGES, CLASSES, NAMED = 12, ("0", "1", "2"), ("cat", "dog", "eel")
UNDONE = (LookupError, ValueError, TypeError, ArithmeticError, AttributeError)  # of a change that no longer applies
HOWS: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "title": str.title,
    "blank behind": lambda text: f"{text} ",
    "blank before": lambda text: f" {text}",
    "from one": lambda text: str(int(text) + 1) if text.isdigit() else text,
    "zeros": lambda text: text.zfill(2),
    "point": lambda text: f"{text}.0",
    "big": lambda text: f"{text}00000",
    "same": lambda _: "0",
}


def table(names: str) -> pd.DataFrame:
    """Two approaches of two runs each on a dozen images."""
    rng = np.random.default_rng(0)
    called = NAMED if names == "names" else CLASSES
    written = []
    for approach, level in (("a", 0.6), ("b", 0.9)):
        for seed, n in ((seed, n) for seed in range(2) for n in range(IMAGES)):
            label = n % 3
            predicted = label if rng.random() < level else (label + 1) % 3
            row = {"approach": approach, "seed": seed, "image": f"i{n}", "label": called[label]}
            row |= {"prediction": called[predicted]} | ({"group": n // 3} if names == "groups" else {})
            if names == "probabilities":
                row |= {f"p_{c}": 0.8 if c == predicted else 0.1 for c in range(3)}
            written.append(row)
    return pd.DataFrame(written).astype(str).astype(object)


def _cell(frame: pd.DataFrame, column: str, row: int, value: str) -> pd.DataFrame:
    changed = frame.copy()
    changed.iat[row % len(frame), list(frame.columns).index(column)] = value
    return changed


def _class(frame: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
    both = frame[["label", "prediction"]].replace({old: new, NAMED[int(old)]: new})
    return frame.assign(label=both.label, prediction=both.prediction).rename(columns={f"p_{old}": f"p_{new}"})


def _as_written_by(frame: pd.DataFrame, approach: str, column: str, how: str) -> pd.DataFrame:
    own = frame.approach == approach if approach else frame.approach.notna()
    return frame.assign(**{column: frame[column].where(~own, frame[column].map(HOWS[how]))})


def _numbered_from(frame: pd.DataFrame, numbers: str) -> pd.DataFrame:
    """Classes 0, 1, 2 called by other numbers."""
    called = dict(zip(CLASSES, numbers.split(), strict=True))
    return frame.assign(label=frame.label.replace(called), prediction=frame.prediction.replace(called))


def _rows(frame: pd.DataFrame, which: str) -> pd.DataFrame:
    chosen: dict[str, Callable[[], pd.DataFrame]] = {
        "first": lambda: frame.head(1),
        "half": lambda: frame.head(len(frame) // 2 - 3),
        "none": lambda: frame.head(0),
        "twice": lambda: pd.concat([frame, frame.head(5)]),
        "shuffled": lambda: frame.sample(frac=1, random_state=0),
        "one run": lambda: frame[frame.approach != "b"],
        "one seed": lambda: frame[(frame.approach != "b") | (frame.seed == "0")],
        "one image": lambda: frame[frame.image == "i0"],
    }
    return chosen[which]()


CHANGES: dict[str, Callable[..., pd.DataFrame]] = {
    "drop": lambda frame, column: frame.drop(columns=column),
    "rename": lambda frame, old, new: frame.rename(columns={old: new}),
    "twice": lambda frame, column: pd.concat([frame, frame[[column]]], axis=1),
    "cell": _cell,
    "all": lambda frame, column, value: frame.assign(**{column: value}),
    "class": _class,
    "classes": _numbered_from,
    "approach": lambda frame, name: frame.assign(approach=frame.approach.replace({"b": name})),
    "written": _as_written_by,
    "rows": _rows,
    "matched": lambda frame, who: frame.assign(seed=frame.seed.mask(frame.approach == who, frame.seed + "7")),
}
