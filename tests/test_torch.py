"""Notebook A1's program in PyTorch beside the one in JAX: the notebook's own cells are executed, and their results compared."""

from pathlib import Path

import jax
import numpy as np
import pytest
from anatomy import Notebook

NOTEBOOK = Notebook(Path(__file__).parents[1] / "notebooks/A1_from_pytorch_and_julia.ipynb")
COMPARISON = next(place for place, cell in enumerate(NOTEBOOK.code) if "timing" in cell.tags)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch isn't installed, so notebook A1's comparison with it was not run: pip install torch")


@pytest.fixture(scope="module")
def names(torch):
    """What the notebook has defined before the cell that compares."""
    names = {}
    for cell in NOTEBOOK.code[1:COMPARISON]:
        exec(compile(cell.source, f"cell {cell.id}", "exec"), names)
    assert names["torch"] is torch
    return names


def test_loss_gradient_and_training_agree(names):
    (loss, gradient, after), (loss_there, gradient_there, after_there) = names["compare"]()
    assert loss_there == pytest.approx(loss, rel=1e-5)
    assert after_there == pytest.approx(after, rel=1e-3)
    assert after < loss / 3, "fifty steps should have learned something"
    assert set(gradient) == set(gradient_there) == set(names["state"])
    for name, leaf in gradient.items():
        np.testing.assert_allclose(gradient_there[name], leaf, rtol=1e-3, atol=1e-5, err_msg=name)


def test_stacked_modules_have_the_names_and_shapes_of_what_is_carried_across(names):
    stacked = names["torch_stacked"]()
    assert {name: tuple(tensor.shape) for name, tensor in stacked.items()} == {name: array.shape for name, array in names["state"].items()}


def test_each_entry_of_the_stack_is_the_module_of_its_date(names, torch):
    state = {name: torch.tensor(array) for name, array in names["state"].items()}
    x = torch.tensor(np.array(names["x"]))[:-1]
    together = names["torch_continuation"](state, x)  # (dates-1, paths)
    for date in (0, 8):
        module = names["torch_network"]()
        module.load_state_dict({name: tensor[date] for name, tensor in state.items()})
        torch.testing.assert_close(module(x[date])[:, 0], together[date], rtol=1e-4, atol=1e-5)


def test_comparison_finds_a_kernel_that_was_not_transposed(names, torch):
    wrong = names["state"] | {"2.weight": names["state"]["2.weight"].swapaxes(1, 2)}  # square, so nothing is raised
    tensors = [jax.tree.map(lambda array: torch.tensor(np.array(array)), tree) for tree in (wrong, names["x"], names["values"])]
    assert float(names["torch_loss"](*tensors)) != pytest.approx(float(names["start"]), rel=1e-2)


def test_stored_output_is_that_of_a_run_with_pytorch():
    """The comparison goes uncompared, so that it may be skipped; what a reader sees is one that ran, and agreed."""
    text = NOTEBOOK.code[COMPARISON].text
    lines = [line for line in text.splitlines() if line.startswith("loss")]
    assert len(lines) == 2 and "PyTorch" in text
    for line in lines:
        here, there = line.partition("JAX")[2].split()[0], line.split()[-1]
        assert float(here) == pytest.approx(float(there), rel=1e-3)


def test_without_pytorch_one_line_says_so(capsys):
    exec(NOTEBOOK.code[COMPARISON].source, {"torch": None})
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("PyTorch isn't installed here: not compared")
