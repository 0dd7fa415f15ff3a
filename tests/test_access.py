"""Figures for every eye: the palette and the color maps under the three common color-vision deficiencies, by simulation.

Alt texts, axis labels, headings and tables are rules of tests/tools/anatomy.py and tests/test_words.py.
"""

import re
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from course_utils import plotting
from matplotlib.colors import to_rgb

# What eyes that lack one kind of cone see, as matrices on linear RGB: G. Machado, M. Oliveira, L. Fernandes, "A physiologically-based
# model for simulation of color vision deficiency", IEEE Transactions on Visualization and Computer Graphics 15, 2009, severity 1.
EYES = {
    "all three cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
every_eye = pytest.mark.parametrize("eye", EYES)

# Large patches side by side are told apart from a distance of about 2.3 in CIELAB on (M. Mahy, L. Van Eycken, A. Oosterlinck,
# Color Research and Application 19, 1994). Thin lines apart from each other, matched with a legend, need several times that: six.
TOLD_APART = 6 * 2.3

# sRGB (IEC 61966-2-1) to XYZ for the white of D65; then CIELAB.
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])


def linear(color):
    """A color of matplotlib's, or an array (…, 3) of RGB -> linear RGB."""
    rgb = np.array(to_rgb(color) if isinstance(color, str) else color)
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(color, eye="all three cones"):
    """CIELAB coordinates (…, 3) of a color as ``eye`` sees it."""
    seen = np.clip(linear(color) @ np.transpose(EYES[eye]), 0, 1)
    ratio = seen @ XYZ.T / XYZ.sum(axis=1)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def too_close(palette, eye):
    distances = {pair: np.linalg.norm(lab(pair[0], eye) - lab(pair[1], eye)) for pair in combinations(palette, 2)}
    return {pair: round(float(distance), 1) for pair, distance in distances.items() if distance < TOLD_APART}


def test_coordinates_are_those_of_the_literature():
    assert lab("white") == pytest.approx([100, 0, 0], abs=0.01)
    assert lab("#ff0000") == pytest.approx([53.24, 80.09, 67.20], abs=0.02)  # sRGB red, D65
    assert lab("#808080", "deuteranopia") == pytest.approx(lab("#808080"), abs=0.01)  # gray stays gray
    red, green = lab("#a00000", "protanopia"), lab("#404000", "protanopia")
    assert np.linalg.norm(red - green) < 30 < np.linalg.norm(lab("#a00000") - lab("#404000"))  # and these two come closer


@every_eye
def test_palette_is_told_apart(eye):
    assert too_close([*plotting.PALETTE, "white"], eye) == {}


@pytest.mark.parametrize(("eye", "pair"), [("protanopia", ("#ff7f0e", "#2ca02c")), ("deuteranopia", ("#d62728", "#2ca02c"))])
def test_simulation_finds_the_pairs_that_are_known_to_be_confused(eye, pair):
    """Orange and green, red and green, of matplotlib's own cycle."""
    assert too_close(pair, "all three cones") == {}
    assert list(too_close(pair, eye)) == [pair]


def test_first_four_colors_stand_out_from_white():
    """Three to one is what WCAG 2.1 asks of graphics (criterion 1.4.11); few figures have more than four lines."""
    luminances = [float(linear(color) @ XYZ[1]) for color in plotting.PALETTE[:4]]
    assert min(1.05 / (luminance + 0.05) for luminance in luminances) > 3


def test_lines_of_a_figure_differ_in_style_as_well():
    cycle = plotting.STYLE["axes.prop_cycle"].by_key()
    assert len(set(cycle["linestyle"])) == len(cycle["linestyle"]) == len(plotting.PALETTE)
    figure, axes = plotting.subplots()
    lines = [axes.plot([0, 1], [0, number])[0] for number in range(len(plotting.PALETTE))]
    assert [line.get_color() for line in lines] == list(plotting.PALETTE)
    assert [line.get_linestyle() for line in lines[:4]] == ["-", "--", "-.", ":"]
    matplotlib.pyplot.close(figure)


def color_maps():
    source = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].glob("notebooks/*.ipynb"))
    return sorted({plotting.STYLE["image.cmap"], *re.findall(r'cmap=\\?"(\w+)', source)})


@every_eye
@pytest.mark.parametrize("name", color_maps())
def test_color_maps_are_ordered_by_lightness(name, eye):
    """From one end to the other, or, where the middle is zero, from the middle to both ends, which are told apart."""
    seen = lab(matplotlib.colormaps[name](np.linspace(0, 1, 33))[:, :3], eye)
    lightness = seen[:, 0]
    if np.all(np.diff(lightness) > 0) or np.all(np.diff(lightness) < 0):
        return
    middle = lightness.argmax()
    assert 12 <= middle <= 20
    assert np.all(np.diff(lightness[: middle + 1]) > 0) and np.all(np.diff(lightness[middle:]) < 0)
    assert np.linalg.norm(seen[0] - seen[-1]) > TOLD_APART
