import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gateway_harness import System, song, write_index
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest

from moodcue.identity import NS_PER_SECOND
from moodcue_gateway.playlists import Playlist, as_jspf, as_m3u


def test_a_recommendation_is_a_playlist_that_a_player_can_play(system: System) -> None:
    gateway = system.start()
    source = system.source()
    source.recommendation("sofa", songs=[song(9)])
    source.recommendation("desk", songs=[song(1), song(2, "Two\nlines")])
    source.recommendation("desk", hold=None)
    system.eventually(lambda: gateway.parts.live.journal.last == 3, "all are there")

    answer = gateway.client.get("/v1/playlists/latest.m3u", params={"camera": "desk"})

    assert answer.headers["content-type"] == "audio/x-mpegurl; charset=utf-8"
    assert answer.text.splitlines() == [
        "#EXTM3U",
        "#PLAYLIST:Moodcue - desk - happiness",
        "#EXTINF:-1,Artist 1 - Song 1",
        f"{gateway.url}/v1/songs/{1:016x}/audio",
        "#EXTINF:-1,Artist 2 - Two lines",
        f"{gateway.url}/v1/songs/{2:016x}/audio",
    ]


def test_a_playlist_has_no_songs_that_the_library_has_lost(system: System, tmp_path: Path) -> None:
    gateway = system.start()
    system.source().recommendation("desk", songs=[song(1), song(2), song(3)])
    system.eventually(lambda: gateway.parts.live.journal.last == 1, "it is there")
    write_index(tmp_path, ["song1.wav", "song2.wav"])

    answer = gateway.client.get("/v1/playlists/today.m3u", params={"paths": True})
    assert [line for line in answer.text.splitlines() if line[0] != "#"] == [
        "song1.wav",
        "song2.wav",
    ]

    system.source("test/two").recommendation("sofa", songs=[song(3)])
    system.eventually(lambda: gateway.parts.live.journal.last == 2, "it is there")
    answer = gateway.client.get("/v1/playlists/latest.m3u", params={"camera": "sofa"})
    assert answer.status_code == 404
    assert "none of the songs is in the library any more" in answer.json()["detail"]


def test_a_playlist_as_jspf_carries_the_reasons(system: System) -> None:
    gateway = system.start()
    sent = system.source().recommendation("desk", songs=[song(1)])
    system.eventually(lambda: gateway.parts.live.journal.last == 1, "it is there")

    answer = gateway.client.get("/v1/playlists/latest.jspf", params={"paths": True})

    assert answer.headers["content-type"] == "application/jspf+json"
    playlist = json.loads(answer.text)["playlist"]
    assert playlist["title"] == "Moodcue - happiness"
    assert playlist["track"] == [
        {
            "location": ["song1.wav"],
            "identifier": [f"urn:moodcue:song:{1:016x}"],
            "title": "Song 1",
            "creator": "Artist 1",
            "annotation": "mostly happiness, as in the window",
        }
    ]
    date = datetime.fromisoformat(playlist["date"])
    assert abs(date - datetime.fromtimestamp(sent.time / NS_PER_SECOND, UTC)) < timedelta(seconds=1)


def test_the_list_of_today_has_each_song_once_in_the_order_they_came(system: System) -> None:
    gateway = system.start()
    source = system.source()
    first = source.recommendation("desk", songs=[song(1), song(2)])
    source.recommendation("sofa", songs=[song(2), song(3)])
    system.eventually(lambda: gateway.parts.live.journal.last == 2, "both are there")
    address = "/v1/playlists/today.m3u"
    gateway.parts.clock = lambda: first.time

    lines = gateway.client.get(address, params={"paths": True}).text.splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "song1.wav",
        "song2.wav",
        "song3.wav",
    ]
    day = 24 * 3600 * NS_PER_SECOND
    gateway.parts.clock = lambda: first.time + 2 * day
    assert gateway.client.get(address).status_code == 404


def test_the_addresses_in_a_playlist_lead_to_audio(system: System) -> None:
    music = write_index(system.folder, ["song1.wav"])
    (music / "song1.wav").write_bytes(b"RIFF")
    gateway = system.start()
    system.source().recommendation("desk", songs=[song(1)])
    system.eventually(lambda: gateway.parts.live.journal.last == 1, "it is there")

    address = gateway.client.get("/v1/playlists/latest.m3u").text.splitlines()[-1]
    key = address.split("/")[-2]
    listed = gateway.client.get("/v1/songs").json()["songs"][0]["song"]

    assert key == f"{1:016x}"
    assert gateway.client.get(address.replace(key, listed)).content == b"RIFF"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/playlists/latest.m3u", 404),
        ("/v1/playlists/today.jspf?camera=desk", 404),
        ("/v1/playlists/tomorrow.m3u", 422),
        ("/v1/playlists/latest.pls", 404),
    ],
)
def test_where_there_is_no_list_the_answer_says_so(system: System, path: str, status: int) -> None:
    answer = system.start_gateway().client.get(path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_empty_list_and_strange_titles_are_still_playlists() -> None:
    strange = Playlist("a\nb", 0, (song(1, '"#EXTINF: \u2028'),))

    assert as_m3u(Playlist("", 0, ()), str) == "#EXTM3U\n#PLAYLIST:\n"
    assert len(as_m3u(strange, lambda one: one.path).splitlines()) == 4
    assert json.loads(as_jspf(strange, lambda one: one.path))["playlist"]["title"] == "a\nb"
