from collections.abc import Iterator
from dataclasses import replace

import pytest
from gateway_harness import RunningGateway, System, song
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from subsonic_server import SubsonicServer, subsonic_server

from moodcue.errors import SettingsError
from moodcue.settings import load_settings
from moodcue_gateway.settings import GatewaySettings
from moodcue_gateway.subsonic.client import ServerSong, SubsonicAccount, SubsonicLogin
from moodcue_gateway.subsonic.matching import best_match, queries_for

NAME = "Moodcue \N{EN DASH} living-room"


@pytest.fixture(name="server")
def server_fixture() -> Iterator[SubsonicServer]:
    with subsonic_server() as made:
        made.songs = [
            {"id": f"s{n}", "title": f"Song {n}", "artist": f"Artist {n}", "path": f"a/b{n}.mp3"}
            for n in range(1, 9)
        ]
        yield made


def start(system: System, server: SubsonicServer) -> RunningGateway:
    account = {"subsonic_user": server.user, "subsonic_password": server.password}
    return system.start(subsonic_url=server.url, **account)


def test_the_songs_of_a_room_become_its_playlist_and_later_ones_replace_them(
    system: System, server: SubsonicServer
) -> None:
    gateway = start(system, server)
    source = system.source()
    source.recommendation("living-room", songs=[song(1), song(2)])
    system.eventually(lambda: server.contents(NAME) == ["s1", "s2"], "the playlist is there")
    source.recommendation("living-room", songs=[song(3), song(1)])
    system.eventually(lambda: server.contents(NAME) == ["s3", "s1"], "it was replaced")
    source.recommendation("kitchen", songs=[song(4)])
    system.eventually(lambda: len(server.names) == 2, "another room has another one")

    assert server.contents(NAME) == ["s3", "s1"]
    assert gateway.parts.impaired() is None


def test_a_playlist_of_an_earlier_run_is_found_and_replaced(
    system: System, server: SubsonicServer
) -> None:
    server.names["old"] = NAME
    server.playlists["old"] = ["s8"]
    start(system, server)
    system.source().recommendation("living-room", songs=[song(1)])

    system.eventually(lambda: server.playlists == {"old": ["s1"]}, "it was replaced")


def test_a_hold_leaves_the_playlist_and_songs_that_are_not_there_are_left_out(
    system: System, server: SubsonicServer
) -> None:
    gateway = start(system, server)
    source = system.source()
    source.recommendation("living-room", songs=[song(1), song(77, "Nowhere")])
    system.eventually(lambda: server.contents(NAME) == ["s1"], "the one that is there")
    source.recommendation("living-room")
    source.recommendation("living-room", songs=[song(2)])
    system.eventually(lambda: server.contents(NAME) == ["s2"], "the next songs")

    assert server.calls.count("createPlaylist") == 2
    assert gateway.parts.impaired() is None


def test_a_playlist_that_somebody_deleted_is_made_anew(
    system: System, server: SubsonicServer
) -> None:
    start(system, server)
    source = system.source()
    source.recommendation("living-room", songs=[song(1)])
    system.eventually(lambda: server.contents(NAME) == ["s1"], "it is there")
    source.recommendation("living-room", songs=[song(2)])
    system.eventually(lambda: server.contents(NAME) == ["s2"], "its id is known")
    server.names.clear()
    server.playlists.clear()
    source.recommendation("living-room", songs=[song(3)])

    system.eventually(lambda: server.contents(NAME) == ["s3"], "it is there again")


def test_a_server_that_is_down_is_told_and_gets_the_newest_songs_when_it_is_back(
    system: System, server: SubsonicServer
) -> None:
    gateway = start(system, server)
    server.down = True
    source = system.source()
    source.recommendation("living-room", songs=[song(1)])
    system.eventually(
        lambda: "MOODCUE_GATEWAY_SUBSONIC_URL" in (gateway.parts.impaired() or ""), "it is told"
    )
    source.recommendation("living-room", songs=[song(2)])
    server.down = False
    system.eventually(lambda: server.contents(NAME) == ["s2"], "the newest songs came")
    system.eventually(lambda: gateway.parts.impaired() is None, "all is well")


def test_a_wrong_password_is_told_in_the_words_of_the_server(
    system: System, server: SubsonicServer
) -> None:
    server.password = "another"
    gateway = start(system, server)
    server.password = "sesame"
    system.source().recommendation("living-room", songs=[song(1)])
    system.eventually(
        lambda: "Wrong username or password (40)" in (gateway.parts.impaired() or ""), "it is told"
    )
    assert not server.calls


def test_the_password_is_sent_only_if_that_was_asked_for() -> None:
    account = SubsonicAccount(
        "http://music", "listener", "s\N{LATIN SMALL LETTER E WITH DIAERESIS}same"
    )

    assert set(account.credentials()) == {"u", "t", "s"}
    assert account.credentials()["s"] != account.credentials()["s"]
    assert replace(account, login=SubsonicLogin.PASSWORD).credentials() == {
        "u": "listener",
        "p": "enc:73c3ab73616d65",
    }


def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODCUE_GATEWAY_SUBSONIC_URL", "navidrome:4533")

    with pytest.raises(SettingsError, match="MOODCUE_GATEWAY_SUBSONIC_URL=navidrome:4533"):
        load_settings(GatewaySettings)


def test_a_song_is_known_by_its_path_first_and_then_by_its_tags() -> None:
    wanted = song(1, "It's Alright")
    same_path = ServerSong("path", "Other", "Other", "/music/all/song1.wav")
    same_tags = ServerSong(
        "tags",
        "it\N{RIGHT SINGLE QUOTATION MARK}s  alright!",
        "ARTIST 1",
        "Artist 1/01 - Alright.mp3",
    )
    other = ServerSong("other", "It's Alright", "Artist 2", "resong1.wav")

    assert queries_for(wanted) == ("it s alright artist 1", "It's Alright")
    assert best_match(wanted, [other, same_tags, same_path]) == same_path
    assert best_match(wanted, [other, same_tags]) == same_tags
    assert best_match(wanted, [other]) is None
