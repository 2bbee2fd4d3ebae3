"""The plot: seconds and memory over the size, both axes logarithmic, a line for each quantity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.growth.costs import Growth


def draw(growths: Sequence[Growth], path: Path) -> None:
    """Write the plot to a file; its suffix says of which kind."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (time, memory) = pyplot.subplots(1, 2, figsize=(12, 5), layout="constrained")
    for growth in growths:
        time.loglog(growth.sizes, [cost.seconds for cost in growth.costs], marker="o", label=growth.name)
        memory.loglog(growth.sizes, [cost.peak_mb for cost in growth.costs], marker="o")
    time.set(ylabel="seconds")
    memory.set(ylabel="MB at most")
    for panel in (time, memory):
        panel.set(xlabel="images, trials, slots or approaches")
        panel.grid(alpha=0.3)
    figure.legend(*time.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize="small")
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
