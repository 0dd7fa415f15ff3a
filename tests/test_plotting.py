"""The one function that shows a figure: it insists on labels and alt text."""

import io

import IPython.display
import matplotlib.pyplot as plt
import pytest
from course_utils import plotting
from PIL import Image

ALT = "A straight line that rises from 0 to 1."


@pytest.fixture
def shown(monkeypatch):
    """What `show` handed to the notebook."""
    calls = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw, metadata: calls.append((data, metadata)))
    yield calls
    plt.close("all")


@pytest.fixture
def figure():
    figure, axes = plotting.subplots()
    axes.plot([0.0, 1.0], label="a line")
    axes.set_xlabel("time in years")
    axes.set_ylabel("price")
    return figure


def test_figure_comes_with_its_alt_text(figure, shown):
    plotting.show(figure, alt=ALT)
    ((data, metadata),) = shown
    assert data["image/png"].startswith(b"\x89PNG")
    assert data["text/plain"] == f"Figure: {ALT}"
    assert metadata == {"image/png": {"alt": ALT, "width": 700, "height": 360}}
    assert Image.open(io.BytesIO(data["image/png"])).size == (1400, 720)
    assert not plt.fignum_exists(figure.number)


def test_same_figure_same_bytes(shown):
    for _ in range(2):
        figure, axes = plotting.subplots()
        axes.plot([0.0, 1.0])
        axes.set(xlabel="time in years", ylabel="price")
        plotting.show(figure, alt=ALT)
    assert shown[0] == shown[1]


@pytest.mark.parametrize("alt", ["", "A plot", None, 5])
def test_missing_alt_text_is_refused(figure, shown, alt):
    with pytest.raises(ValueError, match="alt is"):
        plotting.show(figure, alt=alt)
    assert not shown


@pytest.mark.parametrize("label", ["set_xlabel", "set_ylabel"])
def test_missing_label_is_refused(figure, shown, label):
    getattr(figure.axes[0], label)("")
    with pytest.raises(ValueError, match="axes 0 of the figure lack a label"):
        plotting.show(figure, alt=ALT)
    assert not shown


def test_picture_without_scales_needs_no_labels(shown):
    figure, axes = plotting.subplots()
    axes.imshow([[0.0, 1.0]])
    axes.axis("off")
    plotting.show(figure, alt="Two pixels, a dark one and a light one.")
    assert len(shown) == 1


def test_lines_differ_in_color_and_in_dashes():
    assert len(set(plotting.PALETTE)) == len(plotting.PALETTE) == len(set(plotting.DASHES))
