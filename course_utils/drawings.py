"""Drawings of what the course is about: stacks, maps, loops, and the way back from the last date.

Each function makes one drawing and shows it with its alt text. A drawing is boxes, arrows and words on a sheet whose
unit is a tenth of an inch: whoever wants to move a box measures with a ruler.
"""

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch, Rectangle

from course_utils import plotting

BLUE, ORANGE, GREEN, *_ = plotting.PALETTE
GRAY = "#606060"


def sheet(width: float, height: float):
    """An empty sheet, in tenths of an inch: the figure, and the axes that fill it."""
    figure, axes = plotting.subplots(figsize=(width / 10, height / 10))
    axes.set_position((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def write(axes, x, y, text, **options):
    """Words around (x, y)."""
    centered = {"ha": "center", "va": "center_baseline", "fontsize": 11, "linespacing": 1.35}
    axes.text(x, y + 0.2, text, **centered | options)


def box(axes, x, y, width, height, text="", color=BLUE, tint=0.16):
    """A box with words in it: its lower left corner, its size, and how much of its color fills it, from 0, white, to 1."""
    fill = [1 - tint * (1 - channel) for channel in to_rgb(color)]
    axes.add_patch(Rectangle((x, y), width, height, facecolor=fill, edgecolor=color, linewidth=1.3))
    write(axes, x + width / 2, y + height / 2, text)


def arrow(axes, start, end, color="black", style="-|>,head_length=5,head_width=2.5"):
    """An arrow from the point ``start`` to the point ``end``."""
    look = {"arrowstyle": style, "color": color, "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(FancyArrowPatch(start, end, capstyle="butt", **look))


def mapped_tree() -> None:
    """What ``jax.tree.map`` does to a tree: to the list of its leaves something, to its structure nothing."""
    figure, axes = sheet(70, 41)
    tree = {"hidden": {"bias": (4,), "kernel": (3, 4)}, "output": {"bias": (1,), "kernel": (4, 1)}}
    for left, title, up in ((0.5, "network", False), (38.5, "jax.tree.map(jnp.sum, network)", True)):
        write(axes, left + 15.5, 39.5, title)
        box(axes, left + 12.5, 34.5, 6, 3, "dict", GRAY)
        box(axes, left, 7.5, 31, 4.4, color=GRAY, tint=0.04)
        write(axes, left + 15.5, 13.3, "unflatten" if up else "flatten")
        for branch, (key, layer) in enumerate(tree.items()):
            x = left + 7.75 + 15.5 * branch
            axes.plot((left + 15.5, x), (34.5, 32.5), "-", color=GRAY, linewidth=1.3)
            write(axes, x, 31.2, key)
            box(axes, x - 3, 26.8, 6, 3, "dict", GRAY)
            for name, shape in layer.items():
                across = x + (3.6 if name == "kernel" else -3.6)
                axes.plot((x, across), (26.8, 24.8), "-", color=GRAY, linewidth=1.3)
                write(axes, across, 23.5, name)
                shape, color = () if up else shape, BLUE if name == "kernel" else ORANGE
                height, width = (0.6 * size for size in (1, 1, *shape)[-2:])
                for y in (20.8, 9.7):
                    box(axes, across - width / 2, y - height / 2, width, height, color=color, tint=0.35)
                write(axes, across, 17.1, f"{shape}\nfloat32")
                arrow(axes, (across, 12 if up else 15), (across, 15 if up else 12))
    arrow(axes, (31.5, 9.7), (38.5, 9.7), GREEN)
    write(axes, 35, 11.2, "jnp.sum")
    write(axes, 35, 5.7, "the leaves, in a list")
    structure = "{'hidden': {'bias': *, 'kernel': *}, 'output': {'bias': *, 'kernel': *}}"
    box(axes, 0.5, 0.7, 69, 3.4, f"structure of both: {structure}", GRAY)
    plotting.show(
        figure,
        alt="On the left a tree: a dictionary of two dictionaries, hidden and output, and in each of them two leaves, bias and "
        "kernel. Flattened, its four leaves are a list. An arrow, jnp.sum, leads from there to a list of four single numbers, "
        "and put together again they are a tree with the same dictionaries and the same keys. Below both trees stands their "
        "structure, with a star in the place of each leaf.",
    )


def stacked_tree() -> None:
    """Forty-nine trees become one: every leaf gains a leading axis."""
    figure, axes = sheet(70, 34.5)
    for behind in (3, 2, 1, 0):
        box(axes, 2 + 0.8 * behind, 1 + 0.8 * behind, 23, 28, color=GRAY, tint=0.04)
    box(axes, 39, 1, 29, 28, color=GRAY, tint=0.04)
    write(axes, 14.5, 33, "49 trees, one for each date")
    write(axes, 53.5, 33, "one tree")
    write(axes, 33.2, 30.5, "leaf by leaf")
    shapes = {"[0].kernel": (3, 64), "[0].bias": (64,), "[1].kernel": (64, 64), "[1].bias": (64,)}
    shapes |= {"[2].kernel": (64, 1), "[2].bias": (1,)}
    for row, (name, shape) in enumerate(shapes.items()):
        y, color = 26.5 - 4.6 * row, BLUE if "kernel" in name else ORANGE
        height, width = (0.7 + 2.5 * size / 64 for size in (1, *shape)[-2:])
        for shift in (1.4, 1.05, 0.7, 0.35, 0):  # the first one in front
            box(axes, 42.5 + shift - width / 2, y - 0.7 + shift - height / 2, width, height, color=color, tint=0.35)
        box(axes, 5 - width / 2, y - height / 2, width, height, color=color, tint=0.35)
        for x, text in ((8, name), (17.5, shape), (47, name), (56.5, (49, *shape))):
            write(axes, x, y, str(text), ha="left")
        arrow(axes, (29, y), (37.5, y))
    plotting.show(
        figure,
        alt="On the left a pile of 49 trees with six leaves each, from the first kernel, (3, 64), to the last bias, (1,). "
        "An arrow leads from each leaf to one tree on the right, where the 49 leaves of its name stand one behind the other: "
        "(49, 3, 64) to (49, 1).",
    )


def scan(step, carry, inputs, reverse: bool = False) -> None:
    """What ``jax.lax.scan`` does with a ``step`` on numbers: four inputs or so, each with its output, and the carry."""
    figure, axes = sheet(70, 33)
    pitch, width, order = 56 / len(inputs), 32 / len(inputs), range(len(inputs))
    side, ends = (-1, (63, 7)) if reverse else (1, (7, 63))
    number = lambda x: f"{float(x):.4g}"
    said = number(carry)
    for count, k in enumerate(order[::side], start=1):
        middle = 7 + pitch * (k + 0.5)
        into = middle - side * width / 2
        start = ends[0] - side * 6 if count == 1 else into - side * (pitch - width)
        write(axes, (start + into) / 2, 18.7, number(carry))
        arrow(axes, (start, 17), (into, 17), ORANGE)
        carry, output = step(carry, inputs[k])
        box(axes, middle - pitch / 2, 25, pitch, 4.5, number(inputs[k]), BLUE)
        box(axes, middle - width / 2, 14, width, 6, f"step {count}", GRAY)
        box(axes, middle - pitch / 2, 4.5, pitch, 4.5, number(output), GREEN)
        arrow(axes, (middle, 25), (middle, 20), BLUE)
        arrow(axes, (middle, 14), (middle, 9), GREEN)
    out = middle + side * width / 2
    arrow(axes, (out, 17), (ends[1] + side * 6, 17), ORANGE)
    write(axes, (out + ends[1] + side * 6) / 2, 18.7, number(carry))
    for end, words in zip(ends, ("first", "last")):
        write(axes, end + (0.9 if end > 35 else -0.9), 13.9, f"{words}\ncarry")
    write(axes, 7, 31.3, "inputs: an entry for each step", ha="left")
    write(axes, 7, 2.7, "outputs, stacked: each stands where its input does", ha="left")
    plotting.show(
        figure,
        alt=f"A row of {len(inputs)} steps, the first at the {'right' if reverse else 'left'}. Into each come an input from "
        "above and the carry from the step before; out of it go an output, below its input, and the next carry. "
        f"The carry is {said} at first and {number(carry)} at last.",
    )


def vmapped() -> None:
    """What ``jax.vmap`` hands to each call: a row or a column of what is mapped, all of what is shared."""
    figure, axes = sheet(70, 34)
    a, b, colors = np.arange(6).reshape(3, 2), np.array([10, 1]), (BLUE, ORANGE, GREEN)
    write(axes, 19, 32, "in_axes=(0, None)")
    write(axes, 16.7, 27, "b", ha="right")
    write(axes, 2, 22.9, "a", ha="left")
    axes.plot((18.5, 18.5), (25, 5.5), "-", color=GRAY, linewidth=1.5, solid_capstyle="projecting")  # to all the calls
    for k, entry in enumerate(b):
        box(axes, 18.5 + 4.5 * k, 25, 4.5, 4, str(entry), GRAY)
    for row, color in enumerate(colors):
        y = 15.5 - 6 * row
        for column in (0, 1):
            box(axes, 2 + 4.5 * column, y, 4.5, 6, str(a[row, column]), color)
        box(axes, 22, y + 0.6, 7, 4.8, "dot", GRAY)
        box(axes, 33, y, 4.5, 6, str(a[row] @ b), color)
        arrow(axes, (11, y + 4), (22, y + 4), color)
        arrow(axes, (18.5, y + 2), (22, y + 2), GRAY)
        arrow(axes, (29, y + 3), (33, y + 3), color)
    write(axes, 6.5, 1.7, "(3, 2)")
    write(axes, 35.25, 1.7, "(3,)")
    write(axes, 57, 32, "in_axes=(1, 1)")
    write(axes, 47, 23, "a", ha="right")
    for column, color in enumerate(colors[:2]):
        x = 48 + 9 * column
        for row in range(3):
            box(axes, x, 25 - 4 * row, 9, 4, str(a[row, column]), color)
        box(axes, x + 1, 8.8, 7, 4.8, "dot", GRAY)
        box(axes, x, 1, 9, 4.5, str(a[:, column] @ a[:, column]), color)
        for side in (3, 6):
            arrow(axes, (x + side, 17), (x + side, 13.6), color)
        arrow(axes, (x + 4.5, 8.8), (x + 4.5, 5.5), color)
    write(axes, 47, 3.2, "(2,)", ha="right")
    plotting.show(
        figure,
        alt="On the left each of the three rows of a goes to a call of dot of its own, and b goes to all three; out come "
        "three numbers. On the right each of the two columns of a goes twice to a call of its own; out come two numbers.",
    )


def backward_induction() -> None:
    """From the last date to the first: fit what waiting is worth, decide, and hand the cash to the date before."""
    figure, axes = sheet(70, 36)
    luck = np.random.default_rng(4)
    price, inside = np.array([0.05, 0.6, 0.95]), np.linspace(0.05, 0.6, 30)  # the strike is 0.6
    waiting = lambda price: 0.2 * np.log1p(np.exp((0.55 - price) / 0.2))
    for place, date in enumerate((1, 2, 48, 49, 50)):
        x = 1 + 14.6 * place
        write(axes, x + 4.8, 34.3, f"date {date}")
        box(axes, x, 19, 9.6, 13.5, color=GRAY, tint=0.04)
        axes.plot(x + 9.6 * price, 20 + 20 * np.maximum(0.6 - price, 0), color=BLUE, linestyle="-")
        if date == 50:
            write(axes, x + 4.8, 15.8, "take what\nit pays")
            write(axes, x + 4.8, 7.2, "the policy:\n49 curves")
            break
        drawn = luck.uniform(0.06, 0.59, 40)
        cash = waiting(drawn) * luck.gamma(2, 0.5, 40)
        axes.plot(x + 9.6 * drawn[cash < 0.6], 20 + 20 * cash[cash < 0.6], ".", color="0.6", markersize=4)
        axes.plot(x + 9.6 * inside, 20 + 20 * waiting(inside), color=ORANGE, linestyle="-")
        write(axes, x + 4.8, 15.8, "fit, then\ndecide")
        arrow(axes, (x + 4.8, 13.4), (x + 4.8, 9.5), ORANGE)
        box(axes, x, 5, 9.6, 4.5, f"curve {date}", ORANGE)
        arrow(axes, (x + 14.6, 25), (x + 9.6, 25))
        write(axes, x + 12.2, 26.7, "…" if date == 2 else "cash")
    axes.plot((1, 4), (2, 2), "-", color=BLUE)
    axes.plot((18.2, 21.2), (2, 2), "-", color=ORANGE)
    axes.plot(48, 2, ".", color="0.6", markersize=7)
    for x, words in ((5, "pays now"), (22.2, "worth of waiting, fitted"), (49.5, "what one path pays later")):
        write(axes, x, 2, words, ha="left")
    plotting.show(
        figure,
        alt="Five dates, 1, 2, 48, 49 and 50, and arrows that carry the cash from each to the one before. At the last date "
        "a path takes what the option pays. At each other date a curve is fitted to a cloud of points, compared with what "
        "exercising pays now, and kept: the 49 curves are the policy.",
    )


def martingale_game() -> None:
    """Whoever sees the future pays at each date for what was luck, and is paid for what was bad luck."""
    figure, axes = sheet(70, 34.5)
    dates, own, others = (17, 37, 57), (16, 26, 21), ((8, 12, 17.5, 22.5), (23.5, 27, 29.5, 32))
    for x, date in zip(dates, ("t − 1", "t", "t + 1")):
        axes.plot((x, x), (4, 33), "-", color="0.8", linewidth=1)
        write(axes, x, 2, f"date {date}")
    for x, y, now, ends in zip(dates, own, own[1:], others):
        for end in ends:
            axes.plot((x, x + 20), (y, end), "-", color="0.6", linewidth=1.2)
            axes.plot(x + 20, end, "o", color="0.6", markersize=5)
        mean, luck = sum(ends) / len(ends), now > sum(ends) / len(ends)
        axes.plot((x + 19, x + 22), (mean, mean), "-", color="black", linewidth=2.5)
        write(axes, x + 22.8, mean, "their mean", ha="left")
        arrow(axes, (x + 21.5, now), (x + 21.5, mean), ORANGE if luck else GREEN)
        write(axes, x + 22.8, (now + mean) / 2, "luck: it pays" if luck else "bad luck:\nit is paid", ha="left")
    axes.plot((5, *dates), (12, *own), "o-", color=BLUE, linewidth=2.5, markersize=8)
    write(axes, 9.5, 18, "the path")
    write(axes, 25.5, 7.5, "others that start\nwhere it was")
    arrow(axes, (2, 4), (2, 30.5), GRAY)
    write(axes, 1, 32.5, "value", ha="left")
    plotting.show(
        figure,
        alt="A path over three dates, and at each date four others that start where it was a date before. At date t its "
        "value is above their mean, and an arrow down to the mean says that it pays; at the next date it is below, and an "
        "arrow up says that it is paid.",
    )


def sharded_paths() -> None:
    """An array of paths cut for eight devices; all that they send each other is sums."""
    figure, axes = sheet(70, 33)
    write(axes, 35, 31.3, "prices: 10 dates, 131,072 paths, cut in eight")
    for device in range(8):
        x = 3 + 8.1 * device
        box(axes, x, 20.5, 7.3, 9, color=BLUE)
        for date in range(1, 10):
            axes.plot((x, x + 7.3), (20.5 + 0.9 * date,) * 2, "-", color=BLUE, linewidth=0.5)
        arrow(axes, (x + 3.65, 20.5), (x + 3.65, 17.5), BLUE)
        box(axes, x, 12, 7.3, 5.5, f"device\n{device}", GRAY)
        arrow(axes, (x + 3.65, 12), (x + 3.65, 6.5), ORANGE, "<|-|>,head_length=5,head_width=2.5")
    box(axes, 3, 1.5, 64, 5, "all-reduce: sums over all paths, and so the parameters, on every device", ORANGE)
    plotting.show(
        figure,
        alt="A wide array of ten dates is cut across its paths into eight pieces, and an arrow leads from each to a device "
        "of its own. Arrows in both directions join all eight devices to one bar below them: the sums over all paths, and so "
        "the parameters, which every device has.",
    )
