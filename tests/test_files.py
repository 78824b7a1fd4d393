"""denoiser/files.py."""

from pathlib import Path

import pytest

from denoiser import files


def test_atomic_write_replaces_a_folder_only_on_success(workspace: Path) -> None:
    with files.atomic_write("out/folder") as path:
        path.mkdir()
        (path / "a").touch()
    with pytest.raises(ZeroDivisionError), files.atomic_write("out/folder") as path:
        path.mkdir()
        (path / "b").write_text(str(1 / 0))
    assert [str(path) for path in Path("out").rglob("*")] == ["out/folder", "out/folder/a"]
    with files.atomic_write("out/folder") as path:
        path.mkdir()
        (path / "c").touch()
    assert [str(path) for path in Path("out").rglob("*")] == ["out/folder", "out/folder/c"]


def test_atomic_write_does_not_write_through_links(workspace: Path) -> None:
    Path("cached").write_text("cached")
    Path("hard").hardlink_to("cached")
    Path("soft").symlink_to("cached")
    for name in ("hard", "soft"):
        with files.atomic_write(name) as path:
            path.write_text("new")
        assert Path(name).read_text() == "new"
    assert Path("cached").read_text() == "cached"
