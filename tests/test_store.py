"""Storing outputs: the same bytes twice, timings kept, and a failing notebook left alone."""

import nbformat
import pytest
import store


@pytest.fixture
def notebook(tmp_path):
    """A notebook of four cells: two lines in two pieces, a picture's worth of metadata, a timing, a figure."""
    sources = {
        "print": "import sys\nprint('one', flush=True); sys.stdout.flush()\nprint('two')",
        "value": "6 * 7",
        "clock": "import time; print(time.perf_counter())",
    }
    cells = [nbformat.v4.new_markdown_cell("# 07 · Sample", id="title")]
    cells += [nbformat.v4.new_code_cell(source, id=name) for name, source in sources.items()]
    cells[-1].metadata = {"tags": ["timing"], "execution": {"iopub.status.busy": "now"}}
    path = tmp_path / "07_sample.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"widgets": {"state": {}}, "language_info": {"name": "python"}}), path)
    return path


def read(path):
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def test_same_bytes_twice(notebook):
    store.store(notebook)
    first = notebook.read_bytes()
    cells = read(notebook)
    assert cells["print"].outputs == [{"output_type": "stream", "name": "stdout", "text": "one\ntwo\n"}]
    assert cells["value"].outputs[0].data == {"text/plain": "42"}
    assert [cells[name].execution_count for name in ("print", "value", "clock")] == [1, 2, 3]
    assert cells["clock"].metadata == {"tags": ["timing"]}
    assert nbformat.read(notebook, as_version=4).metadata == store.METADATA
    store.store(notebook)
    assert notebook.read_bytes() == first
    store.store(notebook, timing=True)
    assert read(notebook)["clock"].outputs != cells["clock"].outputs


@pytest.mark.parametrize(("source", "said"), [("1 / 0", "ZeroDivisionError"), ("import os; os._exit(1)", "died")])
def test_failure_leaves_the_file_alone(notebook, source, said):
    broken = nbformat.read(notebook, as_version=4)
    broken.cells.insert(2, nbformat.v4.new_code_cell(source, id="broken"))
    nbformat.write(broken, notebook)
    before = notebook.read_bytes()
    with pytest.raises(store.CellFailed, match=rf"(?s)07_sample.ipynb, cell broken.*{said}"):
        store.store(notebook)
    assert notebook.read_bytes() == before
    assert [path.name for path in notebook.parent.iterdir()] == [notebook.name]


def test_only_what_changed_is_run(notebook, tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    notebook = notebook.rename(tmp_path / "notebooks" / notebook.name)
    monkeypatch.setattr(store, "ROOT", tmp_path)

    def ran(*arguments):
        assert store.main(arguments) == 0
        return "unchanged" not in capsys.readouterr().out

    assert ran()
    assert not ran()
    assert not ran("07")
    assert ran("--timing")
    (tmp_path / "course_utils").mkdir()
    (tmp_path / "course_utils" / "simulate.py").write_text("# changed")
    assert ran()
    notebook.write_text(notebook.read_text().replace("6 * 7", "6 * 8"))
    assert ran()
    assert read(notebook)["value"].outputs[0].data == {"text/plain": "48"}
    with pytest.raises(SystemExit):
        store.main(["99"])
