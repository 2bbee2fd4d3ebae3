"""Correctness of runs whose true accuracy is known: a probit model of seeds and images.

Run s of approach k classifies image i correctly when its latent score is above -m_k,

    l_ksi = t_i + w_ki + u_ks + c_ks + z_ksi     t ~ N(0, 1)                 difficulty, shared by all approaches
                                                 w ~ N(0, interaction_sd^2)  images that suit this approach
                                                 u ~ N(0, seed_sd^2)         the luck of a seed, on all images
                                                 c ~ N(0, matched_sd^2)      the same luck for run s of all approaches
                                                 z ~ N(0, run_sd^2)          the luck of one run on one image

all independent but for c, which approaches with matched seeds have in common. Over seeds and images the accuracy of
approach k is Phi(m_k / sqrt(sum of the five variances)), so any true accuracy, and so any true difference, can be set
exactly, whatever the variances. Grouped images (frames of one boat) share t, w and half the variance of z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats


@dataclass(frozen=True)
class Variation:
    """How one approach varies; standard deviations on the scale where the difficulty of images has 1.

    At an accuracy of 0.8 a `seed_sd` of 0.05 spreads the accuracies of seeds by about 0.011, 0.2 by about 0.046.
    """

    seed_sd: float = 0.0
    matched_sd: float = 0.0
    run_sd: float = 0.5
    interaction_sd: float = 0.5

    @property
    def total_sd(self) -> float:
        """Standard deviation of the latent scores."""
        variances = (self.interaction_sd, self.seed_sd, self.matched_sd, self.run_sd)
        return float(np.sqrt(1 + np.square(variances).sum()))

    def threshold(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """m of the module's notation: what gives this approach that accuracy, or these on single images."""
        quantile: NDArray[np.float64] = stats.norm.ppf(accuracy)
        return quantile * self.total_sd


@dataclass(frozen=True)
class Design:
    """Approaches, seeds S of each, images N in common.

    Attributes:
        sizes: of the groups of images; () for no groups.
        runs: of each seed, which share its luck, as the final runs of a replicate do; they follow each other.
    """

    approaches: tuple[Variation, ...]
    seeds: int
    images: int
    sizes: tuple[int, ...] = ()
    runs: int = 1

    def __post_init__(self) -> None:
        if self.sizes and sum(self.sizes) != self.images:
            raise ValueError(f"groups of {sum(self.sizes)} images in all and {self.images} images; give as many")

    @property
    def groups(self) -> NDArray[np.intp]:
        """(N,) the group of each image; its own for every image where there are no groups."""
        sizes = self.sizes or (1,) * self.images
        return np.repeat(np.arange(len(sizes)), sizes)


def four_to_ten(images: int) -> tuple[int, ...]:
    """Sizes of groups that hold 4, 5 ... 10, 4, 5 ... images, the last one what is left."""
    sizes: list[int] = []
    while left := images - sum(sizes):
        sizes.append(min(4 + len(sizes) % 7, left))
    return tuple(sizes)


def latent(design: Design, draws: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Latent scores of `draws` independent studies, (draws, K, S, N); S counts the runs of all seeds."""
    groups, K, S = design.groups, len(design.approaches), design.seeds * design.runs
    G = groups[-1] + 1

    def normal(*shape: int) -> NDArray[np.float32]:
        return rng.standard_normal((draws, *shape), dtype=np.float32)

    def sd(name: str) -> NDArray[np.float32]:
        return np.array([getattr(a, name) for a in design.approaches], dtype=np.float32)[:, None, None]

    per_unit = normal(1, 1, G) + sd("interaction_sd") * normal(K, 1, G)  # (draws, K, 1, G)
    scores = sd("run_sd") * normal(K, S, design.images)  # (draws, K, S, N)
    if design.sizes:
        scores *= np.float32(np.sqrt(0.5))
        per_unit = per_unit + np.float32(np.sqrt(0.5)) * sd("run_sd") * normal(K, S, G)  # (draws, K, S, G)
    scores += per_unit[..., groups]
    luck = sd("seed_sd") * normal(K, design.seeds, 1) + sd("matched_sd") * normal(1, design.seeds, 1)
    scores += np.repeat(luck, design.runs, axis=2)
    return scores


def correct(design: Design, scores: NDArray[np.float32], accuracies: Sequence[ArrayLike]) -> NDArray[np.bool_]:
    """Correctness (draws, K, S, N) of the same runs when the approaches have these true accuracies.

    Args:
        accuracies: of each approach; (N,) where they differ from image to image, as from class to class.
    """
    thresholds = [
        np.broadcast_to(a.threshold(p), design.images) for a, p in zip(design.approaches, accuracies, strict=True)
    ]
    return scores > -np.array(thresholds, dtype=np.float32)[:, None, :]
