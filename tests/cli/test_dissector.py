"""`pilesim dissector`: what it writes and says."""

from __future__ import annotations

from pathlib import Path

from called import called

from pilesim.library import firmware_folder


def test_it_writes_a_dissector_and_says_how_its_fields_are_called(tmp_path: Path) -> None:
    done = called("dissector", "--protocol", "ykc-1.6", "--name", "ykc", "-o", "a.lua", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("a.lua: 54 messages of ykc-1.6, ")
    assert "names begin with ykc." in done.stdout
    assert '"ykc.bill.pile"' in (tmp_path / "a.lua").read_text(encoding="utf-8")


def test_it_takes_a_dialect(tmp_path: Path) -> None:
    file = firmware_folder() / "dialects" / "other-tails.yaml"
    assert called("dissector", "--protocol", str(file), "-o", "a.lua", cwd=tmp_path).returncode == 0


def test_it_refuses_a_name_that_no_filter_can_have(tmp_path: Path) -> None:
    done = called("dissector", "--name", "EV Link", "-o", "a.lua", cwd=tmp_path)
    assert done.returncode == 2
    assert "--name: expected small letters, digits and _, such as pile_7; found 'EV Link'" in done.stderr
