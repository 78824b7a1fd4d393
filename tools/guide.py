"""`make guide`: runs guide.ipynb and stores its outputs."""

import nbformat
from nbclient import NotebookClient

from denoiser.base import files

NOTEBOOK = "guide.ipynb"


def main() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    execute(notebook)
    with files.atomic_write(NOTEBOOK) as path:
        nbformat.write(notebook, path)


def execute(notebook: nbformat.NotebookNode) -> None:
    """Runs all cells in the current folder, and replaces their outputs.

    Messages on standard error are omitted: they are logs of TensorFlow about the machine.
    """
    NotebookClient(notebook, record_timing=False).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
            for out in cell.outputs:
                if " at 0x" in out.get("data", {}).get("text/plain", ""):  # a memory address
                    del out.data["text/plain"]  # a table is also in text/html


if __name__ == "__main__":
    main()
