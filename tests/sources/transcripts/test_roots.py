"""Where transcripts are looked for, in real directories."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ccledger.sources.transcripts.roots import Found, Root, find_roots, list_files, look_at

not_root = pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def paths(roots: list[Root]) -> list[str]:
    return [root.path for root in roots]


def write(path: Path, text: str = "{}\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_any_word_claudes_usual_directories_are_read(home: Path) -> None:
    assert paths(find_roots({}, home)) == [str(home / ".config/claude"), str(home / ".claude")]


def test_the_usual_directory_follows_xdg(home: Path) -> None:
    roots = find_roots({"XDG_CONFIG_HOME": str(home / "conf")}, home)
    assert paths(roots) == [str(home / "conf/claude"), str(home / ".claude")]
    assert paths(find_roots({"XDG_CONFIG_HOME": ""}, home))[0] == str(home / ".config/claude")


def test_directories_named_in_flags_come_before_any_variable(home: Path) -> None:
    environment = {"CLAUDE_CONFIG_DIR": "/config", "CLAUDE_DATA_DIR": "/data", "XDG_CONFIG_HOME": "/xdg"}
    assert paths(find_roots(environment, home, ["/flag", "/other"])) == ["/flag", "/other"]
    assert paths(find_roots(environment, home)) == ["/config"]
    del environment["CLAUDE_CONFIG_DIR"]
    assert paths(find_roots(environment, home)) == ["/data"]


@pytest.mark.parametrize("value", ["", " ", ",", " , ,"])
def test_a_variable_that_names_nothing_counts_as_not_set(home: Path, value: str) -> None:
    roots = find_roots({"CLAUDE_CONFIG_DIR": value, "CLAUDE_DATA_DIR": value}, home)
    assert paths(roots) == [str(home / ".config/claude"), str(home / ".claude")]


def test_a_variable_may_list_several_directories(home: Path) -> None:
    assert paths(find_roots({"CLAUDE_CONFIG_DIR": "/one, /two/,,~/three,~"}, home)) == [
        "/one",
        "/two",
        str(home / "three"),
        str(home),
    ]


@pytest.mark.parametrize(
    "name", ["/c/.claude", "/c/.claude/", "/c/.claude/projects", "/c/.claude/projects/", "/c//.claude/x/.."]
)
def test_a_directory_may_be_named_by_its_projects(home: Path, name: str) -> None:
    assert paths(find_roots({"CLAUDE_CONFIG_DIR": name}, home)) == ["/c/.claude"]


def test_only_the_own_home_is_expanded(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert paths(find_roots({"CLAUDE_CONFIG_DIR": "~other/x,~x"}, home)) == [
        str(tmp_path / "~other/x"),
        str(tmp_path / "~x"),
    ]


def test_claude_desktops_sessions_are_found_at_any_depth(home: Path) -> None:
    mac, linux = home / "Library/Application Support/Claude", home / ".config/Claude"
    expected = [
        mac / "local-agent-mode-sessions/a/b/.claude",
        mac / "claude-code-sessions/.claude",
        linux / "claude-code-sessions/c/.claude",
    ]
    hidden = [
        mac / "other/.claude",
        mac / "claude-code-sessions/.claude/inside/.claude",
        linux / "claude-code-sessions/node_modules/x/.claude",
        linux / "claude-code-sessions/.git/.claude",
    ]
    for folder in (*expected, *hidden):
        folder.mkdir(parents=True, exist_ok=True)
    assert paths(find_roots({}, home))[2:] == list(map(str, expected))
    assert len(find_roots({"CLAUDE_CONFIG_DIR": "/c"}, home)) == 1


def test_a_directory_is_read_once_whatever_its_names(home: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / "projects").mkdir(parents=True)
    (tmp_path / "link").symlink_to(real)
    home.mkdir()
    (home / ".claude").symlink_to(real)
    roots = find_roots({"CLAUDE_CONFIG_DIR": f"{tmp_path}/link,{real},{real}/projects,~/.claude"}, home)
    assert roots == [Root(str(real), found=True)]


def test_a_directory_without_projects_is_named_but_not_found(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a" / "projects").mkdir(parents=True)
    write(tmp_path / "b" / "projects")
    roots = find_roots({}, home, [str(tmp_path / name) for name in "abc"])
    assert [root.found for root in roots] == [True, False, False]


def listed(root: Path) -> list[str]:
    return [found.path.removeprefix(f"{root}/projects/") for found in list_files(str(root))]


def test_a_sessions_file_is_listed_before_its_sub_agents(tmp_path: Path) -> None:
    names = [
        "-a/s1.jsonl",
        "-a/s2.jsonl",
        "-a/s1/subagents/agent-x.jsonl",
        "-a/s1/subagents/workflows/w/agent-y.jsonl",
        "-a/s2/subagents/agent-z.jsonl",
        "-b/s3.jsonl",
    ]
    for name in reversed(names):
        write(tmp_path / "projects" / name)
    assert listed(tmp_path) == names


def test_only_transcripts_are_listed(tmp_path: Path) -> None:
    for name in ("-a/s.jsonl", "-a/w/journal.jsonl", "-a/s.meta.json", "-a/s.jsonl.bak", "-a/sjsonl", "loose.jsonl"):
        write(tmp_path / "projects" / name)
    (tmp_path / "projects/-a/folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "projects/-a/pipe.jsonl")
    write(tmp_path / "s.jsonl")
    assert listed(tmp_path) == ["-a/s.jsonl"]


def test_odd_names_are_names(tmp_path: Path) -> None:
    names = ["-a b/ü.jsonl", "проект 项目/.hidden/s,1.jsonl"]
    for name in names:
        write(tmp_path / "projects" / name)
    assert listed(tmp_path) == names
    assert all(look_at(found.path, str(tmp_path)) == found for found in list_files(str(tmp_path)))


@pytest.mark.parametrize("name", ["-a/\udcff.jsonl", "\udcff/s.jsonl"])
def test_a_name_that_no_store_can_hold_is_left_out(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "projects" / name)
    assert listed(tmp_path) == []
    assert look_at(str(path), str(tmp_path)) is None


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside/s.jsonl")
    write(tmp_path / "root/projects/-a/own.jsonl")
    projects = tmp_path / "root/projects"
    (projects / "-a/link.jsonl").symlink_to(outside)
    (projects / "-a/inside").symlink_to(outside.parent)
    (projects / "-linked").symlink_to(outside.parent)
    (projects / "-a/loop").symlink_to(projects)
    (projects / "-a/broken.jsonl").symlink_to(tmp_path / "nothing")
    assert listed(tmp_path / "root") == ["-a/own.jsonl"]
    for name in ("-a/link.jsonl", "-a/inside/s.jsonl", "-linked/s.jsonl", "-a/loop/-a/own.jsonl", "-a/broken.jsonl"):
        assert look_at(str(projects / name), str(tmp_path / "root")) is None


def test_a_listing_shows_what_tells_that_a_file_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "projects/-a/s.jsonl", "12345")
    os.utime(path, ns=(1, 1_790_000_000_123_456_789))
    (found,) = list_files(str(tmp_path))
    assert found == Found(str(path), str(tmp_path), "-a", path.stat().st_ino, 5, 1_790_000_000_123_456_789)


def test_a_root_without_projects_has_no_files(tmp_path: Path) -> None:
    assert listed(tmp_path / "nowhere") == []
    write(tmp_path / "projects")
    assert listed(tmp_path) == []


def test_directories_that_vanish_while_listing_are_left_out(tmp_path: Path) -> None:
    for name in ("-a/s.jsonl", "-b/s.jsonl", "-b/s/subagents/agent-x.jsonl", "-c/s.jsonl"):
        write(tmp_path / "projects" / name)
    listing = list_files(str(tmp_path))
    assert next(listing).folder == "-a"
    shutil.rmtree(tmp_path / "projects/-b")
    assert [found.folder for found in listing] == ["-c"]


@not_root
def test_a_directory_that_is_closed_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "projects/-a/s.jsonl")
    closed = write(tmp_path / "projects/-b/s.jsonl").parent
    closed.chmod(0)
    try:
        assert listed(tmp_path) == ["-a/s.jsonl"]
    finally:
        closed.chmod(0o700)


def test_a_file_looked_at_alone_is_the_one_that_is_listed(tmp_path: Path) -> None:
    for name in ("-a/s.jsonl", "-a/s/subagents/agent-x.jsonl"):
        write(tmp_path / "projects" / name)
    files = list(list_files(str(tmp_path)))
    assert [look_at(found.path, str(tmp_path)) for found in files] == files


def test_a_projects_folder_may_lie_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "big-disk/-a/s.jsonl")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/projects").symlink_to(tmp_path / "big-disk")
    (root,) = find_roots({}, tmp_path, [str(tmp_path / "root")])
    assert root.found
    (found,) = list_files(root.path)
    assert look_at(found.path, root.path) == found


@pytest.mark.parametrize(
    "name",
    [
        "root/projects/-a/gone.jsonl",
        "root/projects/-a/journal.jsonl",
        "root/projects/-a/s.txt",
        "root/projects/-a/folder.jsonl",
        "root/projects/loose.jsonl",
        "root/projects/../projects/-a/s.jsonl",
        "root/projects/-a/../../../elsewhere/-a/s.jsonl",
        "root/s.jsonl",
        "root-too/projects/-a/s.jsonl",
        "elsewhere/-a/s.jsonl",
    ],
)
def test_what_is_no_transcript_of_the_root_is_refused(tmp_path: Path, name: str) -> None:
    for present in ("-a/s.jsonl", "-a/journal.jsonl", "-a/s.txt", "loose.jsonl"):
        for top in ("root/projects", "root-too/projects", "elsewhere"):
            write(tmp_path / top / present)
    write(tmp_path / "root/s.jsonl")
    (tmp_path / "root/projects/-a/folder.jsonl").mkdir()
    assert look_at(f"{tmp_path}/{name}", str(tmp_path / "root")) is None
