"""Playlists on a real music server."""

from collections.abc import Iterator

import pytest
from gateway_harness import RunningGateway, System, song
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from msgspec.structs import replace
from supysonic_server import PASSWORD, USER, Supysonic, write_song

from moodcue.events import SongMatch

pytestmark = pytest.mark.tools

NAME = "Moodcue \N{EN DASH} living-room"


def match(number: int, title: str, artist: str, path: str) -> SongMatch:
    return replace(song(number, title), artist=artist, path=path)


QUAY = match(1, "Morning on the Quay", "The Composer", "quay/01 morning.flac")
ALRIGHT = match(2, "It's Alright", "Ärzte & Söhne", "elsewhere/alright.ogg")
INTRO = match(3, "Intro", "Elin Marsh", "marsh/intro.flac")
OTHER_INTRO = match(4, "Intro", "November Letters", "letters/intro.flac")
NOWHERE = match(5, "Nowhere", "Nobody", "nowhere.flac")


@pytest.fixture(name="server", scope="module")
def server_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supysonic]:
    """A server that knows four songs, one of them from another place than the index does."""
    made = Supysonic(tmp_path_factory.mktemp("supysonic"), 0)
    for one in (QUAY, INTRO, OTHER_INTRO):
        write_song(made.music / one.path, title=one.title, artist=one.artist, album="All")
    write_song(made.music / "a" / "b.ogg", title=ALRIGHT.title, artist=ALRIGHT.artist, album="All")
    made.set_up()
    yield made
    made.stop()


@pytest.fixture(name="running")
def running_fixture(server: Supysonic, system: System) -> Supysonic:
    server.stop()
    server.port = system.address.port + 7
    server.start()
    server.delete_playlists()
    return server


def start(system: System, server: Supysonic, **settings: str) -> RunningGateway:
    account = {"subsonic_user": USER, "subsonic_password": PASSWORD, "subsonic_login": "password"}
    return system.start(subsonic_url=server.url, **{**account, **settings})


def test_the_songs_of_a_room_are_found_on_the_server_and_later_ones_replace_them(
    system: System, running: Supysonic
) -> None:
    gateway = start(system, running)
    source = system.source()
    source.recommendation("living-room", songs=[QUAY, NOWHERE, ALRIGHT])
    system.eventually(
        lambda: running.playlists() == {NAME: [QUAY.title, ALRIGHT.title]}, "the playlist is there"
    )
    source.recommendation("living-room", songs=[ALRIGHT, INTRO])
    system.eventually(
        lambda: running.playlists() == {NAME: [ALRIGHT.title, INTRO.title]}, "it was replaced"
    )
    source.recommendation("kitchen", songs=[QUAY])
    system.eventually(lambda: len(running.playlists()) == 2, "another room has another one")

    assert gateway.parts.impaired() is None


def test_of_two_songs_of_one_title_the_right_one_is_taken(
    system: System, running: Supysonic
) -> None:
    start(system, running)
    system.source().recommendation("living-room", songs=[OTHER_INTRO])
    system.eventually(lambda: running.playlists() == {NAME: ["Intro"]}, "the playlist is there")

    [playlist] = running.call("getPlaylists")["playlists"]["playlist"]
    [entry] = running.call("getPlaylist", id=playlist["id"])["playlist"]["entry"]
    assert entry["artist"] == OTHER_INTRO.artist


def test_a_playlist_outlives_the_gateway_and_one_that_somebody_deleted_is_made_anew(
    system: System, running: Supysonic
) -> None:
    start(system, running)
    source = system.source()
    source.recommendation("living-room", songs=[QUAY])
    system.eventually(lambda: running.playlists() == {NAME: [QUAY.title]}, "it is there")
    system.stop_gateway()
    system.start_gateway()
    source.recommendation("living-room", songs=[INTRO])
    system.eventually(lambda: running.playlists() == {NAME: [INTRO.title]}, "it is the same one")
    running.delete_playlists()
    source.recommendation("living-room", songs=[ALRIGHT])

    system.eventually(lambda: running.playlists() == {NAME: [ALRIGHT.title]}, "there again")


def test_a_server_that_was_down_gets_the_newest_songs(system: System, running: Supysonic) -> None:
    gateway = start(system, running)
    running.stop()
    source = system.source()
    source.recommendation("living-room", songs=[QUAY])
    system.eventually(lambda: "music server" in (gateway.parts.impaired() or ""), "it is told")
    source.recommendation("living-room", songs=[INTRO])
    running.start()

    system.eventually(lambda: running.playlists() == {NAME: [INTRO.title]}, "the newest songs")
    system.eventually(lambda: gateway.parts.impaired() is None, "all is well")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"subsonic_password": "wrong"}, "Wrong username or password. (40)"),
        ({"subsonic_login": "token"}, "MOODCUE_GATEWAY_SUBSONIC_LOGIN=password"),
    ],
    ids=["a wrong password", "a server that takes no tokens"],
)
def test_why_the_server_lets_nobody_in_is_told(
    system: System, running: Supysonic, settings: dict[str, str], words: str
) -> None:
    gateway = start(system, running, **settings)
    system.source().recommendation("living-room", songs=[QUAY])

    system.eventually(lambda: words in (gateway.parts.impaired() or ""), "it is told")
    assert running.playlists() == {}
