"""The file system of one container: paths, links, mounts, images shared until they are changed."""

import pytest

from podwalk.containers.files import Device, Directory, File, FileError, FileSystem, publish, tree


@pytest.fixture
def files() -> FileSystem:
    return FileSystem()


def reason(error: pytest.ExceptionInfo[FileError]) -> str:
    return error.value.reason


def test_a_written_file_is_read_back_and_listed(files: FileSystem) -> None:
    files.write("/greeting", "hello\n")
    files.append("/greeting", "world\n")
    assert files.read("/greeting") == b"hello\nworld\n"
    assert files.list("/") == ["greeting"]
    assert files.stat("/greeting").size == 12


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/none", "No such file or directory"),
        ("/none/below", "No such file or directory"),
        ("/file/below", "Not a directory"),
        ("/file/", "Not a directory"),
        ("/directory", "Is a directory"),
        ("/loop", "Symbolic link loop"),
    ],
)
def test_reading_fails_with_the_system_calls_words(files: FileSystem, path: str, expected: str) -> None:
    files.write("/file", "")
    files.mkdir("/directory")
    files.symlink("/loop", "/loop")
    with pytest.raises(FileError) as error:
        files.read(path)
    assert reason(error) == expected


def test_links_are_followed_from_where_they_are(files: FileSystem) -> None:
    files.mkdir("/a/b", parents=True)
    files.write("/a/file", "x")
    files.symlink("../file", "/a/b/link")
    files.symlink("/a/b", "/short")
    assert files.read("/short/link") == b"x"
    assert files.resolve("/short/link") == "/a/file"
    assert files.resolve("/short/..") == "/a"


def test_a_link_is_removed_and_not_what_it_leads_to(files: FileSystem) -> None:
    files.write("/file", "x")
    files.symlink("/file", "/link")
    files.remove("/link")
    assert files.list("/") == ["file"]


def test_a_directory_with_entries_is_not_removed(files: FileSystem) -> None:
    files.mkdir("/a/b", parents=True)
    with pytest.raises(FileError) as error:
        files.remove("/a")
    assert reason(error) == "Directory not empty"


def test_a_mounted_directory_is_shared_by_all_who_mount_it() -> None:
    volume = Directory()
    first, second = FileSystem(), FileSystem()
    first.mount("/data", volume)
    second.mount("/deep/er", volume)
    first.write("/data/note", "from the first")
    assert second.read("/deep/er/note") == b"from the first"


def test_a_mount_hides_what_the_image_had_there() -> None:
    files = FileSystem(tree({"etc/app/default": "image"}).freeze())
    files.mount("/etc/app", tree({"mounted": "volume"}))
    assert files.list("/etc/app") == ["mounted"]


def test_a_single_file_can_be_mounted() -> None:
    files = FileSystem(tree({"etc/nginx/nginx.conf": "image", "etc/nginx/mime.types": "m"}).freeze())
    files.mount("/etc/nginx/nginx.conf", File(data=bytearray(b"mine")), read_only=True)
    assert files.read("/etc/nginx/nginx.conf") == b"mine"
    assert files.list("/etc/nginx") == ["mime.types", "nginx.conf"]
    with pytest.raises(FileError) as error:
        files.write("/etc/nginx/nginx.conf", "theirs")
    assert reason(error) == "Read-only file system"


def test_a_read_only_mount_refuses_every_change() -> None:
    files = FileSystem()
    files.mount("/config", tree({"key": "value"}), read_only=True)
    for change in (
        lambda: files.write("/config/key", "x"),
        lambda: files.write("/config/new", "x"),
        lambda: files.remove("/config/key"),
        lambda: files.mkdir("/config/sub"),
        lambda: files.chmod("/config/key", 0o600),
    ):
        with pytest.raises(FileError) as error:
            change()
        assert reason(error) == "Read-only file system"


def test_a_read_only_root_leaves_its_volumes_writable() -> None:
    files = FileSystem(read_only=True)
    files.mount("/tmp", Directory())
    files.write("/tmp/x", "1")
    with pytest.raises(FileError) as error:
        files.write("/x", "1")
    assert reason(error) == "Read-only file system"


def test_containers_of_one_image_do_not_see_each_others_changes() -> None:
    image = tree({"etc/motd": "hello", "usr/share/doc": "d"}).freeze()
    first, second = FileSystem(image), FileSystem(image)
    first.append("/etc/motd", " first")
    first.mkdir("/etc/new")
    first.remove("/usr/share/doc")
    assert first.read("/etc/motd") == b"hello first"
    assert second.read("/etc/motd") == b"hello"
    assert second.list("/etc") == ["motd"]
    assert second.list("/usr/share") == ["doc"]


def test_a_container_shares_what_it_does_not_change_with_its_image() -> None:
    image = tree({"etc/motd": "hello", "usr/share/doc": "d"}).freeze()
    files = FileSystem(image)
    files.write("/etc/motd", "changed")
    assert files.stat("/usr") is image.entries["usr"]


def test_hard_links_share_their_content(files: FileSystem) -> None:
    files.write("/a", "1")
    files.place("/b", files.stat("/a"))
    files.append("/a", "2")
    assert files.read("/b") == b"12"


def test_a_file_moves_within_a_mount_and_not_across(files: FileSystem) -> None:
    files.mount("/volume", Directory())
    files.write("/a", "1")
    files.rename("/a", "/b")
    assert files.read("/b") == b"1"
    with pytest.raises(FileError) as error:
        files.rename("/b", "/volume/b")
    assert reason(error) == "Cross-device link"


def test_a_directory_does_not_move_into_itself(files: FileSystem) -> None:
    files.mkdir("/a/b", parents=True)
    with pytest.raises(FileError) as error:
        files.rename("/a", "/a/b/c")
    assert reason(error) == "Invalid argument"


def test_a_user_other_than_root_is_held_to_the_modes() -> None:
    image = tree({"etc/shadow": File(data=bytearray(b"s"), mode=0o640), "home/": ""}).freeze()
    files = FileSystem(image, uid=1000, gid=1000)
    for change in (
        lambda: files.read("/etc/shadow"),
        lambda: files.write("/x", "1"),
        lambda: files.remove("/etc/shadow"),
    ):
        with pytest.raises(FileError) as error:
            change()
        assert reason(error) == "Permission denied"


def test_times_of_change_come_from_the_clock() -> None:
    files = FileSystem(clock=lambda: 42.0)
    files.write("/a", "")
    assert files.stat("/a").mtime == 42.0
    files.touch("/a", 7.0)
    assert files.stat("/a").mtime == 7.0


def test_a_computed_file_is_read_anew_each_time(files: FileSystem) -> None:
    count = iter(range(10))
    files.mkdir("/proc")
    files.place("/proc/uptime", File(source=lambda: f"{next(count)}\n".encode()))
    assert [files.read("/proc/uptime"), files.read("/proc/uptime")] == [b"0\n", b"1\n"]


def test_opening_a_device_for_writing_gives_the_device(files: FileSystem) -> None:
    files.mkdir("/dev")
    files.place("/dev/null", Device(kind="null"))
    assert isinstance(files.create("/dev/null"), Device)


def test_a_file_does_not_outgrow_the_disk(files: FileSystem) -> None:
    with pytest.raises(FileError) as error:
        files.write("/big", b"x" * (64 * 1024 * 1024 + 1))
    assert reason(error) == "No space left on device"


def test_a_config_map_volume_changes_all_at_once() -> None:
    volume = Directory()
    publish(volume, {"index.html": b"one", "old": b"gone"}, "2026_01_01_00_00_00.1")
    files = FileSystem()
    files.mount("/usr/share/nginx/html", volume, read_only=True)
    assert files.read("/usr/share/nginx/html/index.html") == b"one"
    publish(volume, {"index.html": b"two"}, "2026_01_01_00_01_00.2")
    assert files.read("/usr/share/nginx/html/index.html") == b"two"
    assert files.list("/usr/share/nginx/html") == ["..2026_01_01_00_01_00.2", "..data", "index.html"]


def test_publish_keeps_paths_below_the_volume() -> None:
    volume = Directory()
    publish(volume, {"certs/ca.crt": b"pem"}, "1")
    files = FileSystem()
    files.mount("/var/run/secrets", volume)
    assert files.read("/var/run/secrets/certs/ca.crt") == b"pem"
