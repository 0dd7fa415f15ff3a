"""The two functions that show figures: they insist on labels and alt text."""

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


def growing(steps=3):
    """A line that grows, in one figure."""
    figure, axes = plotting.subplots()
    (line,) = axes.plot([], [])
    axes.set(xlabel="time in years", ylabel="price", xlim=(0, steps), ylim=(0, steps))
    for step in range(steps):
        line.set_data([0, step], [0, step])
        yield figure


def test_moving_picture_starts_and_ends_with_the_last_and_plays_twice(shown):
    plotting.animate(growing(), alt="A straight line grows from 0 to 2.")
    ((data, metadata),) = shown
    assert metadata == {"image/png": {"alt": "A straight line grows from 0 to 2.", "width": 700, "height": 360}}
    picture = Image.open(io.BytesIO(data["image/png"]))
    assert picture.is_animated and picture.n_frames == 4 and picture.info["loop"] == 2 and picture.mode == "P"
    seen, milliseconds = [], []
    for frame in range(picture.n_frames):
        picture.seek(frame)
        seen.append(picture.convert("RGB").tobytes())
        milliseconds.append(picture.info["duration"])
    assert seen[0] == seen[-1] and len(set(seen)) == 3
    assert 2 * sum(milliseconds) <= 5000
    assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert not plt.get_fignums()


def test_same_moving_picture_same_bytes(shown):
    for _ in range(2):
        plotting.animate(growing(), alt="A straight line grows from 0 to 2.")
    assert shown[0] == shown[1]


def test_figures_may_be_made_one_by_one(shown):
    def figures():
        for end in (1.0, 2.0):
            figure, axes = plotting.subplots()
            axes.plot([0.0, end])
            axes.set(xlabel="time in years", ylabel="price", ylim=(0, 2))
            yield figure

    plotting.animate(figures(), alt="A straight line that becomes steeper.")
    assert len(shown) == 1 and not plt.get_fignums()


@pytest.mark.parametrize(
    ("figures", "options", "said"),
    [
        (growing(), {"alt": "A line"}, "alt is"),
        (growing(1), {"alt": ALT}, "1 figures in 2.4 seconds"),
        (growing(), {"alt": ALT, "seconds": 3}, "3 figures in 3 seconds"),
        (growing(), {"alt": ALT, "seconds": 0}, "3 figures in 0 seconds"),
    ],
)
def test_what_animate_refuses(shown, figures, options, said):
    with pytest.raises(ValueError, match=said):
        plotting.animate(figures, **options)
    assert not shown


def test_moving_picture_needs_labels_too(shown):
    figure, axes = plotting.subplots()
    with pytest.raises(ValueError, match="axes 0 of the figure lack a label"):
        plotting.animate([figure, figure], alt=ALT)
