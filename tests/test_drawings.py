"""The drawings: each can be read, by everybody, and says what the code does."""

import inspect
import re
from itertools import combinations

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from course_utils import drawings, networks, plotting


def save(balance, deposit):
    return 1.05 * balance + deposit, 0.05 * balance


DEPOSITS = jnp.array([100.0, 100.0, 0.0, 50.0])
DRAWINGS = {
    "mapped_tree": drawings.mapped_tree,
    "stacked_tree": drawings.stacked_tree,
    "scan": lambda: drawings.scan(save, 0.0, DEPOSITS),
    "scan in reverse": lambda: drawings.scan(save, 0.0, DEPOSITS, reverse=True),
    "vmapped": drawings.vmapped,
    "backward_induction": drawings.backward_induction,
    "martingale_game": drawings.martingale_game,
    "sharded_paths": drawings.sharded_paths,
}
each_drawing = pytest.mark.parametrize("name", DRAWINGS)


@pytest.fixture
def made(monkeypatch):
    """A function that makes a drawing: its figure, not closed yet, and its alt text."""
    shown = []
    monkeypatch.setattr(plotting, "show", lambda figure, alt: shown.append((figure, alt)))
    yield lambda draw: draw() or shown[-1]
    plt.close("all")


def texts(figure):
    """The words of the figure, each with the box around it in inches."""
    figure.canvas.draw()
    found = [text for text in figure.axes[0].texts if text.get_text()]
    return [(text, text.get_window_extent().transformed(figure.dpi_scale_trans.inverted())) for text in found]


def test_every_drawing_is_tested():
    helpers = {"sheet", "write", "box", "arrow"}
    public = {name for name, made in inspect.getmembers(drawings, inspect.isfunction) if made.__module__ == drawings.__name__}
    assert public - helpers == {name.partition(" ")[0] for name in DRAWINGS}


@each_drawing
def test_drawing_is_described(name, made):
    figure, alt = made(DRAWINGS[name])
    assert len(alt.split()) >= 5 and alt.endswith(".")
    assert len(figure.axes) == 1 and not figure.axes[0].axison


@each_drawing
def test_words_are_large_and_inside_and_apart(name, made):
    figure, _ = made(DRAWINGS[name])
    width, height = figure.get_size_inches()
    assert width <= 7.0
    found = texts(figure)
    assert len(found) > 4 and all(text.get_fontsize() >= 11 for text, _ in found)
    assert [text.get_text() for text, area in found if area.x0 < 0 or area.y0 < 0 or area.x1 > width or area.y1 > height] == []
    assert [(a.get_text(), b.get_text()) for (a, one), (b, other) in combinations(found, 2) if one.overlaps(other)] == []


@each_drawing
def test_words_in_a_box_fit_into_it(name, made):
    figure, _ = made(DRAWINGS[name])
    inches = figure.dpi_scale_trans.inverted()
    boxes = [patch.get_window_extent().transformed(inches) for patch in figure.axes[0].patches if isinstance(patch, plt.Rectangle)]
    for text, area in texts(figure):
        x, y = (area.x0 + area.x1) / 2, (area.y0 + area.y1) / 2
        for around in [box for box in boxes if box.x0 < x < box.x1 and box.y0 < y < box.y1][-1:]:  # the one in front
            assert around.x0 < area.x0 and area.x1 < around.x1 and around.y0 < area.y0 and area.y1 < around.y1, text.get_text()


def words(figure):
    return [text.get_text() for text, _ in texts(figure)]


def test_words_that_overlap_are_seen(made):
    figure, axes = drawings.sheet(20, 10)
    drawings.write(axes, 10, 5, "one")
    drawings.write(axes, 11, 5, "other")
    (_, one), (_, other) = texts(figure)
    assert one.overlaps(other)


def test_mapped_tree_is_what_jax_makes_of_the_network_of_notebook_04(made):
    figure, _ = made(drawings.mapped_tree)
    network = {
        "hidden": {"kernel": jnp.ones((3, 4)), "bias": jnp.zeros(4)},
        "output": {"kernel": jnp.ones((4, 1)), "bias": jnp.zeros(1)},
    }
    trees = network, jax.tree.map(jnp.sum, network)
    leaves = [f"{leaf.shape}\n{leaf.dtype}" for tree in trees for leaf in jax.tree.leaves(tree)]
    assert [word for word in words(figure) if "\n" in word] == leaves
    keys = [jax.tree_util.keystr(path[-1:], simple=True) for tree in trees for path, _ in jax.tree.leaves_with_path(tree)]
    assert [word for word in words(figure) if word in ("bias", "kernel")] == keys
    for tree in trees:
        assert f"structure of both: {str(jax.tree.structure(tree)).removeprefix('PyTreeDef(').removesuffix(')')}" in words(figure)


def test_stacked_tree_has_the_shapes_of_the_networks(made):
    figure, _ = made(drawings.stacked_tree)
    init = lambda key: networks.init(key, (3, 64, 64, 1))
    one = jax.eval_shape(init, jax.random.key(0))
    all_dates = jax.eval_shape(jax.vmap(init), jax.random.split(jax.random.key(0), 49))
    expected = []
    for (path, leaf), stacked in zip(jax.tree.leaves_with_path(one), jax.tree.leaves(all_dates)):
        name = jax.tree_util.keystr(path)
        expected += [name, str(leaf.shape), name, str(stacked.shape)]
    assert [word for word in words(figure) if re.match(r"[\[(]", word)] == expected


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_has_the_numbers_of_scan(made, reverse):
    figure, alt = made(lambda: drawings.scan(save, 0.0, DEPOSITS, reverse))
    last, outputs = jax.lax.scan(save, 0.0, DEPOSITS, reverse=reverse)
    where = {height: [] for height in (27.25, 17, 6.75)}  # of inputs, steps and outputs, read from the left
    for text in sorted(figure.axes[0].texts, key=lambda text: text.get_position()[0]):
        for height, row in where.items():
            if text.get_text() and abs(text.get_position()[1] - 0.2 - height) < 0.1:
                row.append(text.get_text())
    number = lambda x: f"{x:.4g}"
    steps = [f"step {k}" for k in (4, 3, 2, 1)] if reverse else [f"step {k}" for k in (1, 2, 3, 4)]
    assert list(where.values()) == [list(map(number, DEPOSITS)), steps, list(map(number, outputs))]
    assert alt.endswith(f"{number(last)} at last.")


def test_vmapped_has_the_numbers_of_vmap(made):
    figure, _ = made(drawings.vmapped)
    a, b = jnp.arange(6.0).reshape(3, 2), jnp.array([10.0, 1.0])
    by_rows, by_columns = jax.vmap(jnp.dot, (0, None))(a, b), jax.vmap(jnp.dot, (1, 1))(a, a)
    numbers = [int(word) for word in words(figure) if word.isdigit()]
    assert numbers[:2] == b.tolist()
    assert numbers[4:11:3] == by_rows.tolist()
    assert numbers[14::4] == by_columns.tolist()
    assert {str(by_rows.shape), str(by_columns.shape), str(a.shape)} <= set(words(figure))


def test_game_pays_above_the_mean_and_is_paid_below_it(made):
    figure, _ = made(drawings.martingale_game)
    said = words(figure)
    assert said.index("luck: it pays") < said.index("bad luck:\nit is paid") and said.count("their mean") == 2
    means = [line.get_ydata()[0] for line in figure.axes[0].lines if line.get_linewidth() == 2.5 and line.get_color() == "black"]
    path = next(line for line in figure.axes[0].lines if line.get_color() == drawings.BLUE)
    assert path.get_ydata()[2] > means[0] and path.get_ydata()[3] < means[1]
    ends = [line.get_ydata() for line in figure.axes[0].lines if line.get_marker() == "o" and line.get_color() == "0.6"]
    assert means == pytest.approx([np.mean(ends[:4]), np.mean(ends[4:])])
