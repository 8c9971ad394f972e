import subprocess
import sys
from pathlib import Path

import pytest

from ccledger.core.errors import LedgerBusy, StoreError
from ccledger.ledger.lock import hold, is_held, prepare_directory

HOLD_AND_WAIT = """
import sys
from pathlib import Path
from ccledger.ledger.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_data_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    prepare_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_directory_that_others_can_read_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    prepare_directory(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_directory_of_other_things_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    tmp_path.chmod(0o755)
    with pytest.raises(StoreError, match="for the ledger alone"):
        prepare_directory(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_file_in_the_way_is_named_with_what_helps(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StoreError, match="CCLEDGER_DATA_DIR"):
        prepare_directory(tmp_path / "data")


def test_the_lock_can_be_taken_again_once_it_is_free(tmp_path: Path) -> None:
    for _ in range(2):
        with hold(tmp_path):
            assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_another_process_holds_the_lock_until_it_ends_however_it_ends(tmp_path: Path) -> None:
    with subprocess.Popen(
        (sys.executable, "-c", HOLD_AND_WAIT, str(tmp_path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(LedgerBusy, match="another ccledger"), hold(tmp_path):
            pass
        with pytest.raises(LedgerBusy), hold(tmp_path, wait_seconds=0.1):
            pass
        other.kill()
        with hold(tmp_path, wait_seconds=10):
            pass


def test_whether_it_is_held_is_told_without_a_trace(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with hold(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    with hold(tmp_path):
        assert is_held(tmp_path)
