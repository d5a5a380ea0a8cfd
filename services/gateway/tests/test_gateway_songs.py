from pathlib import Path

import pytest
from gateway_harness import RunningGateway, System, write_index, write_tone
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest

from moodcue_gateway.library import audio_file
from moodcue_gateway.problems import ProblemError

FORMATS = {
    "a.mp3": "audio/mpeg",
    "b.flac": "audio/flac",
    "c.ogg": "audio/ogg",
    "d.opus": "audio/ogg; codecs=opus",
    "e.wav": "audio/wav",
}


def audio(number: int) -> str:
    return f"/v1/songs/{number:016x}/audio"


@pytest.fixture
def gateway(system: System, tmp_path: Path) -> RunningGateway:
    music = write_index(tmp_path, list(FORMATS))
    for name in FORMATS:
        write_tone(music / name)
    # The audio needs no bus.
    return system.start_gateway()


def test_every_format_is_served_whole_with_its_type(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    for number, (name, media_type) in enumerate(FORMATS.items(), start=1):
        answer = gateway.client.get(audio(number))

        assert answer.status_code == 200
        assert answer.headers["content-type"] == media_type
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.content == (tmp_path / "music" / name).read_bytes()


@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [
        (".M4A", "audio/mp4"),
        (".aac", "audio/aac"),
        (".aif", "audio/aiff"),
        (".aiff", "audio/aiff"),
        (".wma", "audio/x-ms-wma"),
    ],
)
def test_a_file_has_its_type(tmp_path: Path, suffix: str, media_type: str) -> None:
    (tmp_path / f"song{suffix}").write_bytes(b"x")

    assert audio_file(tmp_path, f"song{suffix}")[1] == media_type


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=100-", 100, None), ("bytes=-50", -50, None)],
)
def test_a_range_is_answered_with_just_that_part(
    gateway: RunningGateway, tmp_path: Path, wanted: str, first: int, last: int | None
) -> None:
    content = (tmp_path / "music" / "a.mp3").read_bytes()
    part = content[first:] if last is None else content[first : last + 1]

    answer = gateway.client.get(audio(1), headers={"Range": wanted})

    start = first % len(content)
    expected = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
    assert answer.status_code == 206
    assert answer.headers["content-range"] == expected
    assert answer.content == part


def test_several_ranges_come_as_parts(gateway: RunningGateway) -> None:
    answer = gateway.client.get(audio(1), headers={"Range": "bytes=0-1,4-5"})

    assert answer.status_code == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges")


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ("bytes=99999999-", 416),
        ("bytes=-0", 416),
        ("lines=1-2", 400),
        ("bytes=x-y", 400),
        ("bytes=-", 400),
        ("bytes=0-1,zzz", 400),
        ("bytes=9-2", 400),
        ("bytes=99999999-,99999999-", 416),
    ],
)
def test_a_range_that_cannot_be_is_a_problem(
    gateway: RunningGateway, tmp_path: Path, wanted: str, status: int
) -> None:
    answer = gateway.client.get(audio(1), headers={"Range": wanted})

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 416:
        size = (tmp_path / "music" / "a.mp3").stat().st_size
        assert answer.headers["content-range"] == f"bytes */{size}"


def test_head_tells_size_and_tag_without_a_body(gateway: RunningGateway) -> None:
    head, whole = gateway.client.head(audio(1)), gateway.client.get(audio(1))

    assert head.content == b""
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers["etag"] == whole.headers["etag"]


def test_a_changed_file_is_sent_whole_instead_of_a_range_that_does_not_fit(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    tag = gateway.client.head(audio(1)).headers["etag"]
    fitting = {"Range": "bytes=0-9", "If-Range": tag}
    assert gateway.client.get(audio(1), headers=fitting).status_code == 206

    write_tone(tmp_path / "music" / "a.mp3", seconds=1)

    assert gateway.client.get(audio(1), headers=fitting).status_code == 200


def test_an_unknown_song_and_a_missing_file_are_problems(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    (tmp_path / "music" / "b.flac").unlink()
    for path, said in ((audio(99), "no song"), (audio(2), "b.flac")):
        answer = gateway.client.get(path)

        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in answer.json()["detail"]


def test_nothing_outside_the_music_folder_can_be_had(system: System, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    write_tone(outside / "secret.wav")
    paths = [
        "../outside/secret.wav",
        str(outside / "secret.wav"),
        "link.wav",
        "linked/secret.wav",
        "a/../../outside/secret.wav",
        "nul\0.wav",
        "notes.txt",
        "folder.wav",
        "inside.wav",
    ]
    music = write_index(tmp_path, paths)
    (music / "a").mkdir()
    (music / "folder.wav").mkdir()
    (music / "notes.txt").write_text("not audio")
    (music / "link.wav").symlink_to(outside / "secret.wav")
    (music / "linked").symlink_to(outside)
    write_tone(music / "real.wav")
    (music / "inside.wav").symlink_to(music / "real.wav")
    client = system.start_gateway().client

    statuses = [client.get(audio(number)).status_code for number in range(1, len(paths) + 1)]

    assert statuses == [404] * 8 + [200]


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "..\\x"])
def test_a_song_id_is_never_a_path(gateway: RunningGateway, name: str) -> None:
    assert gateway.client.get(f"/v1/songs/{name}/audio").status_code == 404


def test_the_music_folder_of_the_settings_wins(system: System, tmp_path: Path) -> None:
    write_index(tmp_path, ["x.wav"])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_tone(elsewhere / "x.wav")

    gateway = system.start_gateway(music_dir=elsewhere)

    assert gateway.client.get(audio(1)).status_code == 200


def test_songs_are_listed_in_pages_and_found_by_words(gateway: RunningGateway) -> None:
    everything = gateway.client.get("/v1/songs?offset=1&limit=2").json()
    found = gateway.client.get("/v1/songs", params={"query": "ARTIST 3 ogg"}).json()

    assert everything["total"] == 5
    assert [one["path"] for one in everything["songs"]] == ["b.flac", "c.ogg"]
    assert [one["title"] for one in found["songs"]] == ["Song 3"]
    assert found["songs"][0]["song"] == f"{3:016x}"


def test_a_new_index_is_followed_and_a_damaged_one_is_not(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    def generation() -> str:
        return str(gateway.client.get("/v1/songs").json()["generation"])

    assert generation() == "g1"
    write_index(tmp_path, ["a.mp3"], generation="g2")
    assert generation() == "g2"
    (tmp_path / "index" / "manifest.json").write_text("{")
    assert generation() == "g2"


def test_without_an_index_the_problem_names_the_command(system: System) -> None:
    answer = system.start_gateway().client.get("/v1/songs")

    assert answer.status_code == 503
    assert "moodcue-mer-indexer build" in answer.json()["detail"]


def test_a_path_is_resolved_before_it_is_compared(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    write_tone(tmp_path / "music-secret.wav")

    with pytest.raises(ProblemError):
        audio_file(tmp_path / "music", "../music-secret.wav")
