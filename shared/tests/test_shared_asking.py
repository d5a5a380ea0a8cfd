import pytest
from fixtures import BrokerProcess

from moodcue.asking import ask
from moodcue.bus import BusAddress
from moodcue.cli import main
from moodcue.errors import ProtocolError


def test_without_a_broker_the_command_ends_in_time_and_says_so(
    address: BusAddress, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mood", "calm", "--port", str(address.port), "--timeout", "0.3"]) == 1
    assert f"no broker at tcp://127.0.0.1:{address.port + 1}" in capsys.readouterr().err


def test_without_a_recommender_the_command_ends_in_time_and_says_so(
    address: BusAddress, broker: BrokerProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    assert broker
    assert main(["mood", "calm", "--port", str(address.port), "--timeout", "4"]) == 1
    assert "is a recommender running?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--point", "warm"], "write valence and arousal as 0.6,-0.7"),
        (["--emotions", "joy=1"], "unknown emotion 'joy'"),
        (["--emotions", "happiness"], "write them as happiness=0.8,neutral=0.2"),
        (["--mode", "party"], "choose from 'match', 'lift'"),
        (["--point", "5,0"], "from -1 to 1"),
        (["--point", "nan,0"], "from -1 to 1"),
        (["calm", "--count", "0"], "'0' is no whole number from 1 to 50"),
        (["calm", "--count", "51"], "'51' is no whole number from 1 to 50"),
        (["calm", "--timeout", "-1"], "'-1' is no number of seconds above 0"),
        (["calm", "--port", "65532"], "'65532' is no whole number from 1 to 65531"),
        (["calm", "--point", "0,0"], "not allowed with"),
    ],
)
def test_words_that_say_no_mood_are_refused_with_the_remedy(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["mood", *words])
    assert said in capsys.readouterr().err


def test_without_a_wish_the_command_says_what_it_could_be(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["mood"]) == 1
    assert "a word such as calm, --point, --emotions or --mode" in capsys.readouterr().err


def test_a_wish_that_the_broker_would_refuse_is_refused_before_it_is_sent(
    address: BusAddress,
) -> None:
    with pytest.raises(ProtocolError, match=r"count"):
        ask("kitchen", address=address, mood="calm", count=51)


def test_a_room_that_cannot_stand_in_a_topic_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mood", "calm", "--room", "living room"]) == 1
    assert "no usable name" in capsys.readouterr().err
