"""One style for every figure of the course, and the two functions that show them: one figure, or many in a row.

The palette is Okabe and Ito's, which people with any of the three common color-vision deficiencies can tell apart
(M. Okabe, K. Ito, "Color Universal Design", 2008). Lines differ in their dashes as well, so a figure survives being
printed in gray.
"""

import io

import matplotlib.pyplot as plt
from cycler import cycler
from PIL import Image

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))

STYLE = {
    "axes.prop_cycle": cycler(color=PALETTE) + cycler(linestyle=DASHES),
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "figure.figsize": (7.0, 3.6),
    "font.size": 11.0,
    "grid.alpha": 0.3,
    "image.cmap": "cividis",
    "lines.linewidth": 1.8,
    "savefig.dpi": 200,
}


def subplots(rows: int = 1, columns: int = 1, **options):
    """``plt.subplots`` in the style of the course; the figure is shown by ``show`` or ``animate`` alone."""
    with plt.rc_context(STYLE), plt.ioff():
        return plt.subplots(rows, columns, **options)


def show(figure, alt: str) -> None:
    """Show ``figure`` with the text ``alt`` for who can't see it, and close it.

    ``alt`` says in one or two sentences what the figure shows, not that it is a figure. Both axes must be labeled
    (``set_xlabel``, ``set_ylabel``), with their units where they have one. A picture without scales
    is exempt after ``axis("off")``.

    Raises:
        ValueError: without an alt text, or with an axis that has no label.
    """
    described(alt)
    display_png([drawn(figure).quantize(256, dither=Image.Dither.NONE)], alt)


def animate(figures, alt: str, seconds: float = 2.4) -> None:
    """Show ``figures`` one after the other, twice, and stop at the last; where nothing moves, the last is what is seen.

    So the last comes first as well, for a moment, and its colors are those of all. They have the same size; give their
    axes the same limits. A generator may make them, or change one figure again and again: each is drawn before the next
    is asked for. ``alt`` says what moves and how it ends. The result is an animated PNG, which needs no kernel.

    Args:
        seconds: of one run. At most 2.5, since whatever moves by itself for longer than five seconds must have a button
            that stops it (WCAG 2.2, criterion 2.2.2).

    Raises:
        ValueError: without an alt text, for fewer than two figures, a run that is too long, or an axis that has no label.
    """
    described(alt)
    pictures = []
    for figure in figures:
        pictures.append(drawn(figure))
        figure.set_layout_engine("none")  # or the axes would shift as what is in them moves
    if len(pictures) < 2 or not 0 < seconds <= 2.5:
        raise ValueError(f"{len(pictures)} figures in {seconds} seconds; expected two or more in at most 2.5")
    colors = pictures[-1].quantize(64, dither=Image.Dither.NONE)
    pictures = [picture.quantize(palette=colors, dither=Image.Dither.NONE) for picture in pictures]
    palette, paper = colors.getpalette(), pictures[0].getpixel((0, 0))
    palette[3 * paper : 3 * paper + 3] = 255, 255, 255  # few colors leave white a little gray
    for picture in pictures:
        picture.putpalette(palette)
    pause, step = round(150 * seconds), round(700 * seconds / (len(pictures) - 1))  # milliseconds
    durations = [pause, *[step] * (len(pictures) - 1), pause]
    display_png(pictures[-1:] + pictures, alt, save_all=True, duration=durations, loop=2)


def described(alt: str) -> None:
    """Refuse an alt text that doesn't say what there is to see."""
    if not isinstance(alt, str) or len(alt.split()) < 5:
        raise ValueError(f"alt is {alt!r}; expected a sentence that says what the figure shows")


def drawn(figure) -> Image.Image:
    """The figure, which is closed, as a picture in all its colors."""
    for number, axes in enumerate(figure.axes):
        if axes.axison and not (axes.get_xlabel() and axes.get_ylabel()):
            raise ValueError(f"axes {number} of the figure lack a label: call set_xlabel and set_ylabel, or axis('off')")
    with io.BytesIO() as png, plt.rc_context(STYLE):
        figure.savefig(png, format="png", pil_kwargs={"compress_level": 1})
        plt.close(figure)
        return Image.open(png).convert("RGB")


def display_png(pictures, alt: str, **options) -> None:
    """Show the first of ``pictures``, or all of them as Pillow's ``options`` say; few colors, and so few bytes."""
    with io.BytesIO() as png:
        pictures[0].save(png, format="png", optimize=True, append_images=pictures[1:], **options)
        data = png.getvalue()
    from IPython.display import display  # only a notebook shows figures; a script that imports this needs no IPython

    width, height = (size // 2 for size in pictures[0].size)  # two dots of the picture in each dot of the page
    metadata = {"image/png": {"alt": alt, "width": width, "height": height}}
    display({"image/png": data, "text/plain": f"Figure: {alt}"}, raw=True, metadata=metadata)
