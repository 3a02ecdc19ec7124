"""The files below /etc/netns, in a folder of the test's own."""

from __future__ import annotations

import os
import resource
import signal
import stat
from pathlib import Path

import pytest

from netwright.backends.files import NetnsFiles
from netwright.errors import BackendError, Refused
from netwright.model.names import SHARED_FILE
from netwright.model.netns import HOST, NetnsRef, container, named
from netwright.model.operation import DeleteNetns, RemoveFile, WriteFile
from netwright.ports import OperationFailed

HOSTS = "# netwright:shop\n10.3.0.2\tweb web.shop\n"
RESOLV = "# netwright:shop\nnameserver 10.3.0.53\n"
A, B = named("a"), named("b")


def files_of(folder: Path, stack: str = "shop") -> NetnsFiles:
    files = NetnsFiles(str(folder))
    files.observe(frozenset(), stack)
    return files


def write(files: NetnsFiles, *contents: tuple[NetnsRef, str, str]) -> None:
    files.execute(
        [WriteFile(netns=netns, name=name, content=content, why="in the file") for netns, name, content in contents], lambda _: None
    )


def remove(files: NetnsFiles, *names: tuple[NetnsRef, str]) -> None:
    files.execute([RemoveFile(netns=netns, name=name, why="not in the file") for netns, name in names], lambda _: None)


def tree(folder: Path) -> dict[str, str]:
    """Everything below, links as `-> TARGET`, folders as `/`."""
    return {
        str(path.relative_to(folder)): f"-> {path.readlink()}" if path.is_symlink() else "/" if path.is_dir() else path.read_text()
        for path in sorted(folder.rglob("*"))
    }


def test_a_stacks_file_is_there_once_and_each_namespace_has_a_link_to_it(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    write(files, (HOST, "hosts", HOSTS), (A, "hosts", SHARED_FILE), (B, "hosts", SHARED_FILE), (B, "resolv.conf", RESOLV))
    assert tree(tmp_path) == {
        ".netwright": "/",
        ".netwright/shop": "/",
        ".netwright/shop/hosts": HOSTS,
        "a": "/",
        "a/hosts": "-> ../.netwright/shop/hosts",
        "b": "/",
        "b/hosts": "-> ../.netwright/shop/hosts",
        "b/resolv.conf": RESOLV,
    }
    assert (tmp_path / "a" / "hosts").read_text() == HOSTS


def test_what_was_written_is_observed_and_nothing_of_others(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    write(files, (HOST, "hosts", HOSTS), (A, "hosts", SHARED_FILE), (B, "hosts", SHARED_FILE), (B, "resolv.conf", RESOLV))
    (tmp_path / "a" / "resolv.conf").write_text("nameserver 192.0.2.1\n")
    (tmp_path / "b" / "passwd").write_text("# netwright:other\n")
    (tmp_path / "b" / "nsswitch.conf").symlink_to("/nowhere")
    (tmp_path / "b" / "ssl").mkdir()
    asked = frozenset({HOST, A, B, named("c"), container("web")})
    assert files.observe(asked, "shop") == {
        HOST: {"hosts": HOSTS},
        A: {"hosts": SHARED_FILE},
        B: {"hosts": SHARED_FILE, "resolv.conf": RESOLV},
        named("c"): {},
    }
    assert files.observe(asked, "other") == {HOST: {}, A: {}, B: {"passwd": "# netwright:other\n"}, named("c"): {}}


def test_one_more_name_is_one_write_that_all_namespaces_see(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    write(files, (HOST, "hosts", HOSTS), (A, "hosts", SHARED_FILE), (B, "hosts", SHARED_FILE))
    more = HOSTS + "10.3.0.3\tdb db.shop\n"
    write(files, (HOST, "hosts", more))
    assert [(tmp_path / name / "hosts").read_text() for name in "ab"] == [more, more]


def test_a_reader_has_the_old_file_or_the_new_one_and_nothing_is_left_over(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    write(files, (A, "resolv.conf", RESOLV))
    with (tmp_path / "a" / "resolv.conf").open() as reader:
        write(files, (A, "resolv.conf", "# netwright:shop\nnameserver 10.3.0.54\n"))
        assert reader.read() == RESOLV
    assert tree(tmp_path) == {"a": "/", "a/resolv.conf": "# netwright:shop\nnameserver 10.3.0.54\n"}


def test_what_a_crash_left_over_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".resolv.conf.netwright").write_text("# netwright:sh")
    write(files_of(tmp_path), (A, "resolv.conf", RESOLV))
    assert tree(tmp_path) == {"a": "/", "a/resolv.conf": RESOLV}


def test_a_link_becomes_a_file_and_a_file_a_link(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    write(files, (HOST, "hosts", HOSTS), (A, "hosts", SHARED_FILE), (A, "hosts", RESOLV))
    assert (tmp_path / ".netwright" / "shop" / "hosts").read_text() == HOSTS
    assert (tmp_path / "a" / "hosts").read_text() == RESOLV
    write(files, (A, "hosts", SHARED_FILE), (A, "hosts", SHARED_FILE))
    assert (tmp_path / "a" / "hosts").readlink() == Path("../.netwright/shop/hosts")


def test_everybody_may_read_them_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write(files_of(tmp_path), (A, "resolv.conf", RESOLV))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a" / "resolv.conf").stat().st_mode) == 0o644


def test_removing_leaves_no_file_no_link_and_no_empty_folder(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    write(files, (HOST, "hosts", HOSTS), (A, "hosts", SHARED_FILE), (B, "resolv.conf", RESOLV))
    remove(files, (HOST, "hosts"), (A, "hosts"), (B, "resolv.conf"))
    assert tree(tmp_path) == {}


def test_removing_what_is_gone_is_fine(tmp_path: Path) -> None:
    files = files_of(tmp_path / "never")
    remove(files, (HOST, "hosts"), (A, "hosts"))
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("content", ["10.0.0.1 mine\n", "# netwright:other\n10.0.0.1 theirs\n"])
def test_somebody_elses_file_is_neither_replaced_nor_removed(tmp_path: Path, content: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "hosts").write_text(content)
    files = files_of(tmp_path)
    for mine in (SHARED_FILE, HOSTS):
        with pytest.raises(OperationFailed) as failed:
            write(files, (A, "hosts", mine))
        assert isinstance(failed.value.cause, Refused)
    remove(files, (A, "hosts"))
    assert tree(tmp_path) == {"a": "/", "a/hosts": content}


def test_the_refusal_says_what_is_in_the_way_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "hosts").write_text("10.0.0.1 mine\n")
    with pytest.raises(OperationFailed) as failed:
        write(files_of(tmp_path), (A, "hosts", HOSTS))
    assert str(failed.value.cause) == f"{tmp_path}/a/hosts is there already, and no stack made it."
    assert failed.value.cause.hint == f"move it away: mv {tmp_path}/a/hosts {tmp_path}/a/hosts.old"  # type: ignore[attr-defined]


def test_another_stacks_link_is_that_stacks(tmp_path: Path) -> None:
    write(files_of(tmp_path, "other"), (A, "hosts", SHARED_FILE))
    with pytest.raises(OperationFailed) as failed:
        write(files_of(tmp_path), (A, "hosts", SHARED_FILE))
    assert str(failed.value.cause) == f"{tmp_path}/a/hosts belongs to the stack other."


def test_a_link_whose_file_was_lost_is_still_ours(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    write(files, (HOST, "hosts", HOSTS), (A, "hosts", SHARED_FILE))
    (tmp_path / ".netwright" / "shop" / "hosts").unlink()
    assert files.observe(frozenset({HOST, A}), "shop") == {HOST: {}, A: {"hosts": SHARED_FILE}}
    remove(files, (A, "hosts"))
    assert tree(tmp_path) == {}


def test_a_stacks_file_whose_mark_was_edited_away_is_drift_and_is_written_again(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    write(files, (HOST, "hosts", HOSTS))
    (tmp_path / ".netwright" / "shop" / "hosts").write_text("10.9.9.9 nonsense\n")
    assert files.observe(frozenset({HOST}), "shop") == {HOST: {"hosts": "10.9.9.9 nonsense\n"}}
    write(files, (HOST, "hosts", HOSTS))
    assert files.observe(frozenset({HOST}), "shop") == {HOST: {"hosts": HOSTS}}


def test_what_cannot_be_written_fails_the_operation_and_those_before_it_are_done(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("a file where a folder should be")
    told: list[int] = []
    bad = WriteFile(netns=B, name="resolv.conf", content=RESOLV, why="in the file")
    with pytest.raises(OperationFailed) as failed:
        files_of(tmp_path).execute([WriteFile(netns=A, name="resolv.conf", content=RESOLV, why="in the file"), bad], told.append)
    assert failed.value.operation is bad
    assert isinstance(failed.value.cause, BackendError)
    assert str(failed.value.cause) == f"{tmp_path}/b cannot be written: File exists."
    assert told == [1]
    assert (tmp_path / "a" / "resolv.conf").read_text() == RESOLV


def test_an_operation_of_another_kind_is_a_mistake() -> None:
    with pytest.raises(TypeError):
        NetnsFiles("/nowhere").execute([DeleteNetns(netns=A, why="gone")], lambda _: None)


def test_what_a_crash_has_left_beside_a_file_is_seen_and_removed(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    write(files, (HOST, "hosts", HOSTS), (A, "resolv.conf", RESOLV))
    for left in (".netwright/shop/.hosts.netwright", "a/.resolv.conf.netwright"):
        (tmp_path / left).write_text("# netwri")
    (tmp_path / "a" / ".theirs").write_text("a file of somebody else's")
    assert files.observe(frozenset({HOST, A}), "shop") == {
        HOST: {"hosts": HOSTS, ".hosts.netwright": ""},
        A: {"resolv.conf": RESOLV, ".resolv.conf.netwright": ""},
    }
    remove(files, (HOST, ".hosts.netwright"), (A, ".resolv.conf.netwright"), (HOST, "hosts"), (A, "resolv.conf"))
    assert tree(tmp_path) == {"a": "/", "a/.theirs": "a file of somebody else's"}


def test_a_file_that_cannot_be_written_whole_leaves_nothing_and_is_named(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # write(2) fails when a part of it is done, as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (7, hard))
    try:
        with pytest.raises(OperationFailed) as failed:
            write(files, (A, "resolv.conf", RESOLV))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert str(failed.value) == f"{tmp_path}/a/.resolv.conf.netwright cannot be written: File too large."
    assert tree(tmp_path) == {}
