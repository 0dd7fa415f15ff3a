"""One style for every figure of the course, and the one function that shows a figure.

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
    """``plt.subplots`` in the style of the course; the figure is shown by ``show`` alone."""
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
    if not isinstance(alt, str) or len(alt.split()) < 5:
        raise ValueError(f"alt is {alt!r}; expected a sentence that says what the figure shows")
    for number, axes in enumerate(figure.axes):
        if axes.axison and not (axes.get_xlabel() and axes.get_ylabel()):
            raise ValueError(f"axes {number} of the figure lack a label: call set_xlabel and set_ylabel, or axis('off')")
    picture = drawn(figure)
    plt.close(figure)
    with io.BytesIO() as png:
        picture.save(png, format="png", optimize=True)
        data = png.getvalue()
    from IPython.display import display  # only a notebook shows figures; a script that imports this needs no IPython

    width, height = (size // 2 for size in picture.size)  # two dots of the picture in each dot of the page
    metadata = {"image/png": {"alt": alt, "width": width, "height": height}}
    display({"image/png": data, "text/plain": f"Figure: {alt}"}, raw=True, metadata=metadata)


def drawn(figure) -> Image.Image:
    """The figure as a picture of 256 colors: sharp on any screen, and a third of the bytes that all colors take."""
    with io.BytesIO() as png, plt.rc_context(STYLE):
        figure.savefig(png, format="png")
        return Image.open(png).convert("RGB").quantize(256, dither=Image.Dither.NONE)
