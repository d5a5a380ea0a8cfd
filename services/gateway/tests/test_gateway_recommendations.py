import pytest
from gateway_harness import Source, System, song
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest

from moodcue.events import Feedback, FeedbackKind, HoldReason, Mode, RecommendationRequest


def test_the_latest_recommendation_is_that_of_the_bus(system: System) -> None:
    gateway = system.start()
    source = system.source()
    source.recommendation("desk")
    sent = source.recommendation("sofa", songs=[song(n) for n in range(5)])
    system.eventually(lambda: gateway.parts.live.journal.last == 2, "both are there")

    body = gateway.client.get("/v1/recommendations/latest").json()

    assert body["id"] == sent.id
    assert body["type"] == "recommendation.v1"
    assert [one["title"] for one in body["songs"]] == [f"Song {n}" for n in range(5)]
    desk = gateway.client.get("/v1/recommendations/latest?camera=desk").json()
    assert desk["camera"] == "desk"


def test_without_any_event_the_answer_is_a_problem_that_says_what_to_wait_for(
    system: System,
) -> None:
    gateway = system.start()
    for path in ("/v1/recommendations/latest", "/v1/windows/latest?camera=desk"):
        answer = gateway.client.get(path)

        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert "first window" in answer.json()["detail"]


def test_the_latest_window_carries_its_hold_and_no_vector(system: System) -> None:
    gateway = system.start()
    system.source().window("desk", hold=HoldReason.NOBODY)
    system.eventually(lambda: gateway.parts.live.journal.last == 1, "it is there")

    body = gateway.client.get("/v1/windows/latest").json()

    assert body["hold"] == "nobody"
    assert body["probabilities"] is None


def test_recommendations_since_a_number_come_oldest_first_and_in_pages(system: System) -> None:
    gateway = system.start()
    source = system.source()
    for _ in range(6):
        source.recommendation("desk")
    source.recommendation("sofa")
    system.eventually(lambda: gateway.parts.live.journal.last == 7, "all are there")
    path = "/v1/recommendations"

    page = gateway.client.get(path, params={"since": 2, "camera": "desk", "limit": 3}).json()
    newest = gateway.client.get(path, params={"limit": 2, "camera": "desk"}).json()

    assert [one["seq"] for one in page["recommendations"]] == [3, 4, 5]
    assert page["complete"] is True
    assert [one["seq"] for one in newest["recommendations"]] == [5, 6]


def test_recommendations_that_fell_out_are_admitted(system: System) -> None:
    gateway = system.start(history_events=10)
    source = system.source()
    for _ in range(15):
        source.recommendation("desk")
    system.eventually(lambda: gateway.parts.live.journal.last == 15, "all are there")

    body = gateway.client.get("/v1/recommendations?since=2").json()

    assert [one["seq"] for one in body["recommendations"]] == list(range(6, 16))
    assert body["complete"] is False


def test_the_history_is_filled_from_the_broker_when_the_gateway_starts_late(
    system: System,
) -> None:
    system.start_broker()
    source = system.source()
    sent = [source.recommendation("desk").id for _ in range(20)]
    gateway = system.start_gateway()

    def ids() -> list[str]:
        body = gateway.client.get("/v1/recommendations").json()
        return [one["id"] for one in body["recommendations"]]

    system.eventually(lambda: ids() == sent, "the history is there, once and in order")


def test_a_broker_that_restarts_costs_no_recommendation(system: System) -> None:
    gateway = system.start()
    source = system.source()
    sent = [source.recommendation("desk").id for _ in range(3)]
    system.eventually(lambda: gateway.parts.live.journal.last == 3, "all three are there")
    system.stop_broker()
    # These wait in the publisher's queue and may be forwarded before the gateway is back.
    sent += [source.recommendation("desk").id for _ in range(3)]
    system.start_broker()

    def ids() -> list[str]:
        body = gateway.client.get("/v1/recommendations").json()
        return [one["id"] for one in body["recommendations"]]

    system.eventually(lambda: ids() == sent, "all six are there, once and in order")


def test_a_mood_is_answered_by_the_recommendation_that_names_the_request(system: System) -> None:
    gateway = system.start()
    asked: list[RecommendationRequest] = []

    def answer(source: Source, request: RecommendationRequest) -> None:
        asked.append(request)
        source.recommendation("manual", request="somebody-else")
        source.recommendation("manual", request=request.id, songs=[song(1)])

    system.answer_requests(answer)

    body = gateway.client.post("/v1/recommend", json={"mood": "calm", "count": 3}).json()

    assert body["request"] == asked[0].id
    assert (asked[0].mood, asked[0].count, asked[0].camera) == ("calm", 3, "manual")
    assert [one["title"] for one in body["songs"]] == ["Song 1"]


def test_emotions_and_points_reach_the_recommender_as_vector_and_point(system: System) -> None:
    gateway = system.start()
    asked: list[RecommendationRequest] = []

    def answer(source: Source, request: RecommendationRequest) -> None:
        asked.append(request)
        source.recommendation("manual", request=request.id)

    system.answer_requests(answer)
    wishes = [{"emotions": {"happiness": 3, "neutral": 1}}, {"point": [0.5, -0.5]}]
    for wish in wishes:
        assert gateway.client.post("/v1/recommend", json=wish).status_code == 200

    assert list(asked[0].probabilities or ()) == [0, 0, 0, 0.75, 0, 0, 0.25]
    assert asked[1].point == (0.5, -0.5)
    assert [one.seq for one in asked] == [1, 2]


def test_a_mode_feedback_and_people_reach_the_recommender_with_their_room(system: System) -> None:
    gateway = system.start()
    asked: list[RecommendationRequest] = []

    def answer(source: Source, request: RecommendationRequest) -> None:
        asked.append(request)
        source.recommendation(request.camera, request=request.id)

    system.answer_requests(answer)
    wishes: list[dict[str, object]] = [
        {"mode": "calm"},
        {"mood": "sad", "mode": "lift"},
        {"feedback": {"song": "00000000000000ab", "kind": "not_now"}},
        {"opt_out": 2},
        {"opt_in": 2},
    ]
    for wish in wishes:
        body = {**wish, "camera": "sofa"}
        assert gateway.client.post("/v1/recommend", json=body).status_code == 200

    told = [
        (one.mode, one.mood, one.feedback, one.opt_out, one.opt_in, one.probabilities)
        for one in asked
    ]
    not_now = Feedback(song="00000000000000ab", kind=FeedbackKind.NOT_NOW)
    assert told == [
        (Mode.CALM, None, None, None, None, None),
        (Mode.LIFT, "sad", None, None, None, None),
        (None, None, not_now, None, None, None),
        (None, None, None, 2, None, None),
        (None, None, None, None, 2, None),
    ]
    assert {one.camera for one in asked} == {"sofa"}


def test_a_mood_that_is_not_understood_is_a_problem_with_the_recommenders_words(
    system: System,
) -> None:
    gateway = system.start()
    detail = "unknown mood 'zesty'; known: calm, happy"
    system.answer_requests(
        lambda source, request: source.recommendation(
            "manual", request=request.id, hold=HoldReason.NOT_UNDERSTOOD, detail=detail
        )
    )

    answer = gateway.client.post("/v1/recommend", json={"mood": "zesty"})

    assert answer.status_code == 422
    assert answer.json()["detail"] == detail


def test_without_a_recommender_a_request_ends_in_time_and_says_why(system: System) -> None:
    gateway = system.start(answer_timeout_seconds=0.3)

    answer = gateway.client.post("/v1/recommend", json={"mood": "calm"})

    assert answer.status_code == 504
    assert answer.headers["content-type"] == "application/problem+json"
    assert "no recommender is running" in answer.json()["detail"]


def test_without_a_broker_a_request_is_refused_at_once(system: System) -> None:
    gateway = system.start_gateway()

    answer = gateway.client.post("/v1/recommend", json={"mood": "calm"})

    assert answer.status_code == 503
    assert f"127.0.0.1:{system.address.port}" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "body: give exactly one"),
        ({"mood": "calm", "point": [0, 0]}, "exactly one"),
        ({"mode": "calm", "opt_out": 1}, "not mode and opt_out"),
        ({"mood": "sad", "mode": "lift", "opt_in": 1}, "not mood and mode and opt_in"),
        ({"mode": "party"}, "'match', 'lift', 'calm', 'energise' or 'hold', not 'party'"),
        ({"feedback": {"song": "1", "kind": "like"}}, "pattern"),
        ({"opt_out": 0}, "greater than or equal to 1"),
        ({"emotions": {"joy": 1}}, "unknown emotion 'joy'; known: anger"),
        ({"emotions": {"anger": 0}}, "at least one"),
        ({"point": [2, 0]}, "less than or equal to 1"),
        ({"mood": "calm", "count": 51}, "less than or equal to 50, not 51"),
        ({"mood": "calm", "camera": "../x"}, "not '../x'"),
        ({"mod": "calm"}, "body.mod: there is no such field"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_with_what_is_wrong(
    system: System, body: dict[str, object], said: str
) -> None:
    answer = system.start_gateway().client.post("/v1/recommend", json=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.text
