"""Make the bundled backbone: a small network that has learned to read rendered letters and digits.

    python scripts/pretrain_glyphs.py       (about eight minutes on one CPU thread; writes trainables/weights/)

Nothing is downloaded: the glyphs come from the fonts that Matplotlib ships, rendered by Pillow and distorted anew in
every batch. The distortions end with a loss of resolution, because the network is meant to be transferred to small
images such as scikit-learn's 8 x 8 digits enlarged to 32 x 32. Three fonts, one a family, are never trained on; the
accuracy on them is the source accuracy that the file states.
"""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import matplotlib
import numpy as np
import PIL
import torch
import torchvision
import typer
from PIL import Image, ImageDraw, ImageFont
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

# Every other font of Matplotlib lacks letters or digits, or has symbols in their place.
TRAIN_FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralBolIta"),
    *("cmr10", "cmb10", "cmti10", "cmmi10", "cmtt10"),
)
HELD_OUT_FONTS = ("DejaVuSansMono-BoldOblique", "STIXGeneralItalic", "cmss10")
CHARACTERS = string.digits + string.ascii_letters
# Small letters that, at the same height, are their capitals: one class with them (the merged classes of EMNIST;
# Cohen, Afshar, Tapson & van Schaik 2017, arXiv:1702.05373).
MERGED = "cijklmopsuvwxyz"
SIDE = 32
MASTER_SIDE = 2 * SIDE
WEIGHTS = Path(__file__).resolve().parents[1] / "trainables" / "weights" / "glyphs.safetensors"


def main(
    out: Annotated[Path, typer.Option(help="The file to write.")] = WEIGHTS,
    model: Annotated[str, typer.Option(help="A torchvision classification model.")] = "shufflenet_v2_x0_5",
    steps: Annotated[int, typer.Option(min=1, help="Batches to train on.")] = 6000,
    batch_size: Annotated[int, typer.Option(min=2, help="Glyphs in a batch.")] = 128,
    lr: Annotated[float, typer.Option(help="Highest learning rate of the one-cycle schedule.")] = 4e-3,
    characters: Annotated[str, typer.Option(help="The characters to learn.")] = CHARACTERS,
    test_glyphs: Annotated[int, typer.Option(min=1, help="Held-out glyphs to measure the accuracy on.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Train a network on rendered glyphs and write its weights with the facts about them."""
    torch.set_num_threads(1)  # the order of a sum, and with it the file, would depend on their number
    torch.manual_seed(seed)
    sample = Glyphs(TRAIN_FONTS, characters, seed=seed)
    network = torchvision.models.get_model(model, weights=None, num_classes=len(sample.classes))
    mean, std = sample.statistics()
    train(network, sample, steps=steps, batch_size=batch_size, lr=lr, mean=mean, std=std)
    held_out = Glyphs(HELD_OUT_FONTS, characters, seed=seed + 1)
    accuracy = measure(network, held_out, glyphs=test_glyphs, mean=mean, std=std)
    print(f"accuracy {accuracy:.4f} on {test_glyphs:,} glyphs of held-out fonts ({', '.join(HELD_OUT_FONTS)})")
    facts = {
        "model": model,
        "classes": json.dumps(sample.classes),
        "mean": json.dumps([mean] * 3),
        "std": json.dumps([std] * 3),
        "source": "rendered glyphs of the fonts that Matplotlib ships",
        "source_accuracy": f"{accuracy:.4f}",
        "settings": json.dumps({"steps": steps, "batch_size": batch_size, "lr": lr, "seed": seed}),
        "versions": json.dumps({p.__name__: p.__version__ for p in (torch, torchvision, matplotlib, PIL)}),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), out, metadata=facts)
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")


def render(font: str, character: str) -> np.ndarray:
    """One glyph, white on black, centred, seven eighths of the image high (or wide, when wider): (64, 64) uint8."""
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    canvas = Image.new("L", (4 * MASTER_SIDE, 4 * MASTER_SIDE))
    ImageDraw.Draw(canvas).text(
        (2 * MASTER_SIDE, 2 * MASTER_SIDE),
        character,
        font=ImageFont.truetype(path, 2 * MASTER_SIDE, layout_engine=ImageFont.Layout.BASIC),
        fill=255,
        anchor="mm",
    )
    glyph = canvas.crop(canvas.getbbox())
    scale = 0.875 * MASTER_SIDE / max(glyph.size)
    width, height = (max(1, round(scale * side)) for side in glyph.size)
    glyph = glyph.resize((width, height), Image.Resampling.BOX)
    master = Image.new("L", (MASTER_SIDE, MASTER_SIDE))
    master.paste(glyph, ((MASTER_SIDE - width) // 2, (MASTER_SIDE - height) // 2))
    return np.asarray(master)


class Glyphs:
    """An endless, seeded stream of distorted glyphs.

    Attributes:
        classes: their names, in the order of their indices.
    """

    def __init__(self, fonts: Sequence[str], characters: str, *, seed: int) -> None:
        masters = [render(font, character) for font in fonts for character in characters]
        self.masters = torch.from_numpy(np.stack(masters)).float() / 255  # (fonts x characters, 64, 64)
        self.classes = sorted({class_of(character) for character in characters})
        self.labels = torch.tensor([self.classes.index(class_of(c)) for c in characters]).repeat(len(fonts))
        self.generator = torch.Generator().manual_seed(seed)

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Images (size, 1, 32, 32) in [0, 1] and their classes (size,)."""
        chosen = torch.randint(len(self.masters), (size,), generator=self.generator)
        return distort(self.masters[chosen, None], self.generator), self.labels[chosen]

    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the pixels, over 4,096 glyphs, to four decimal places."""
        pixels, _ = self.batch(4096)
        return round(pixels.mean().item(), 4), round(pixels.std().item(), 4)


def class_of(character: str) -> str:
    """The class's name: a small letter that looks like its capital shares the capital's."""
    return character.upper() if character in MERGED else character


def distort(masters: Tensor, generator: torch.Generator) -> Tensor:
    """Bend (B, 1, 64, 64) glyphs, vary their strokes, coarsen and soil them: (B, 1, 32, 32) in [0, 1]."""
    bent = functional.grid_sample(masters, warp(len(masters), generator), align_corners=False)
    images = coarsen(vary_strokes(functional.avg_pool2d(bent, 2), generator), generator)
    brightest = images.amax((1, 2, 3), keepdim=True).clamp(min=0.1)
    gain = uniform(0.6, 1.2, len(images), generator)[:, None, None, None]
    noise = uniform(0.0, 0.08, len(images), generator)[:, None, None, None]
    return (gain * images / brightest + noise * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def warp(count: int, generator: torch.Generator) -> Tensor:
    """Sampling grids (B, 64, 64, 2): a random affine map plus a smooth random displacement, as hands make."""
    angle = uniform(-0.3, 0.3, count, generator)  # radians
    shear = uniform(-0.35, 0.35, count, generator)
    width, height = uniform(0.75, 1.5, count, generator), uniform(0.8, 1.15, count, generator)
    shift = uniform(-0.12, 0.12, 2 * count, generator).view(count, 2)
    cos, sin = angle.cos(), angle.sin()
    rows = (
        width * cos,
        width * (shear * cos - sin),
        shift[:, 0],
        height * sin,
        height * (shear * sin + cos),
        shift[:, 1],
    )
    grid = functional.affine_grid(
        torch.stack(rows, 1).view(count, 2, 3), [count, 1, MASTER_SIDE, MASTER_SIDE], align_corners=False
    )
    bumps = 0.09 * torch.randn(count, 2, 4, 4, generator=generator)
    bumps = functional.interpolate(bumps, size=16, mode="bicubic", align_corners=True)
    bumps = functional.interpolate(bumps, size=MASTER_SIDE, mode="bilinear", align_corners=True)  # smooth enough
    return grid + bumps.permute(0, 2, 3, 1)  # (B, 64, 64, 2)


def vary_strokes(images: Tensor, generator: torch.Generator) -> Tensor:
    """Blend each (1, 32, 32) glyph with one of strokes two pixels thicker or thinner."""
    weight = uniform(-0.3, 1.0, len(images), generator)[:, None, None, None]
    thick = functional.max_pool2d(images, 3, stride=1, padding=1)
    thin = -functional.max_pool2d(-images, 3, stride=1, padding=1)
    return torch.where(weight > 0, images.lerp(thick, weight), images.lerp(thin, -weight))


def coarsen(images: Tensor, generator: torch.Generator) -> Tensor:
    """Reduce each (1, 32, 32) image to 8 x 8 (half of them), 10, 12, 16 or all pixels a side, and enlarge it again."""
    sides = torch.tensor([8, 8, 8, 8, 10, 12, 16, SIDE])
    side_of = sides[torch.randint(len(sides), (len(images),), generator=generator)]
    coarse = images.clone()
    for side in side_of.unique().tolist():  # type: ignore[no-untyped-call]
        small = functional.adaptive_avg_pool2d(images[side_of == side], side)
        coarse[side_of == side] = functional.interpolate(small, size=SIDE, mode="bilinear", align_corners=False)
    return coarse


def uniform(low: float, high: float, count: int, generator: torch.Generator) -> Tensor:
    """`count` numbers from [low, high): (count,) float32."""
    return low + (high - low) * torch.rand(count, generator=generator)


def train(
    network: nn.Module, sample: Glyphs, *, steps: int, batch_size: int, lr: float, mean: float, std: float
) -> None:
    """Cross-entropy, unsmoothed (smoothed labels transfer worse: Kornblith et al. 2021), AdamW, one cycle."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps + 1)
    network.train()
    for step in range(1, steps + 1):
        images, labels = sample.batch(batch_size)
        logits = network(as_input(images, mean, std))
        loss = functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 500 == 0:
            print(f"step {step:,}: loss {loss.item():.3f}, accuracy {(logits.argmax(1) == labels).float().mean():.3f}")


@torch.no_grad()
def measure(network: nn.Module, sample: Glyphs, *, glyphs: int, mean: float, std: float) -> float:
    """Accuracy over `glyphs` fresh glyphs."""
    network.eval()
    images, labels = sample.batch(glyphs)
    right = 0
    for start in range(0, glyphs, 500):
        some, truth = images[start : start + 500], labels[start : start + 500]
        right += int((network(as_input(some, mean, std)).argmax(1) == truth).sum())
    return right / glyphs


def as_input(images: Tensor, mean: float, std: float) -> Tensor:
    """Normalise (B, 1, 32, 32) and repeat the gray channel: (B, 3, 32, 32)."""
    return ((images - mean) / std).expand(-1, 3, -1, -1)


if __name__ == "__main__":
    typer.run(main)
