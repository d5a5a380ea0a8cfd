"""A room over time: its mode, the mood that its songs are for, and whether faces follow.

Pure: every window or wish turns one `Room` into the next.
"""

from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from moodcue.events import EmotionWindow, Guidance, HoldReason, Mode
from moodcue.taxonomy import EMOTIONS, dominant_emotion, emotions_at, valence_arousal_of
from moodcue_recommender.groups import GroupPolicy, gather
from moodcue_recommender.modes import GOALS, came_nearer, next_target, with_step
from moodcue_recommender.vectors import Point, target_of

Seven = tuple[float, ...]


@dataclass(frozen=True)
class RoomRules:
    """How a room's mood becomes songs.

    Attributes:
        dwell_windows: how many windows a new emotion must last before the songs turn to it.
        clear_lead: how far it must lead the old one for one window to be enough.
        step: length of a step of a mode on the valence-arousal plane.
        group: whose mood counts where several people are.
        turn_windows: how many windows one person's turn lasts.
    """

    dwell_windows: int
    clear_lead: float
    step: float
    group: GroupPolicy
    turn_windows: int


class Mood(msgspec.Struct, frozen=True, kw_only=True):
    """What a room's songs are for.

    Attributes:
        window: id of the window that it was last seen in; empty if it was set by hand.
        start: of that window, in nanoseconds.
        end: likewise.
        confidence: of that window.
        seen: the seven probabilities of that window, of those who count; none on a hold.
        place: of these on the valence-arousal plane.
        point: that songs are asked for at, where somebody has named one.
        probabilities: those that the songs are for: as seen, or of an earlier window while a new
            emotion has not lasted.
        turning: that new emotion.
        lasted: how many windows it has lasted.
        people: how many counted.
        disagreement: how far they differ, 0 to 1.
        leader: track whose mood it is; 0: that of all.
        led: how many windows that one has led.
        hold: why there are no songs.
        detail: of the hold, in a sentence.
    """

    window: str = ""
    start: int = 0
    end: int = 0
    confidence: float = 1.0
    seen: Seven | None = None
    place: Point | None = None
    point: Point | None = None
    probabilities: Seven | None = None
    turning: str = ""
    lasted: int = 0
    people: int = 0
    disagreement: float = 0.0
    leader: int = 0
    led: int = 0
    hold: HoldReason | None = None
    detail: str = ""

    @property
    def aim(self) -> Point | None:
        """Where the songs lie that fit the mood; none on a hold."""
        if self.point is not None or self.probabilities is None:
            return self.point
        return target_of(self.probabilities)


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a room from window to window.

    Attributes:
        mode: which songs its mood asks for.
        mood: the latest; none before the first window.
        target: the point that the songs of the latest window were chosen for, in a mode that leads
            somewhere.
        guidance: whether the faces followed since the mode was set.
        answered: the seven probabilities that the last songs were chosen for.
        songs: ids of these.
        asked: the mood set by hand that they were chosen for; none if it was the room's own.
        asked_mode: in which mode.
    """

    mode: Mode = Mode.MATCH
    mood: Mood | None = None
    target: Point | None = None
    guidance: Guidance = Guidance()
    answered: Seven | None = None
    songs: tuple[int, ...] = ()
    asked: Mood | None = None
    asked_mode: Mode = Mode.MATCH


def by_hand(probabilities: Seven, point: Point | None = None) -> Mood:
    """Return the mood that somebody has asked for; it is certain.

    Args:
        probabilities: of it.
        point: where it lies, if it was asked for as a point.
    """
    total = sum(probabilities)
    place = point or valence_arousal_of([p / total for p in probabilities])
    return Mood(seen=probabilities, place=place, point=point, probabilities=probabilities)


def after_window(room: Room, window: EmotionWindow, rules: RoomRules) -> Room:
    """Return a room after one more window."""
    room = replace(room, asked=None)
    before = room.mood or Mood()
    next_turn = before.led >= rules.turn_windows
    group = gather(window, rules.group, leader=before.leader, next_turn=next_turn)
    mood = Mood(
        window=window.id,
        start=window.start,
        end=window.end,
        confidence=window.confidence,
        seen=group.probabilities,
        place=valence_arousal_of(group.probabilities) if group.probabilities else None,
        probabilities=group.probabilities,
        people=group.people,
        disagreement=group.disagreement,
        leader=group.leader,
        led=before.led + 1 if group.leader == before.leader else 1,
        hold=group.hold,
    )
    if mood.hold is not None:
        kept = before.probabilities if room.mode is Mode.HOLD else None
        return replace(room, mood=replace(mood, probabilities=kept), target=None)
    after = replace(room, mood=_dwelling(mood, room, rules), guidance=_scored(room, mood))
    return _aimed(after, rules)


def _dwelling(mood: Mood, room: Room, rules: RoomRules) -> Mood:
    """Return the mood that the songs are for: the one before while the new one has not lasted."""
    before = room.mood
    if before is None or before.probabilities is None or mood.seen is None:
        return mood
    if room.mode is Mode.HOLD:
        return replace(mood, probabilities=before.probabilities)
    new, old = dominant_emotion(mood.seen), dominant_emotion(before.probabilities)
    lead = max(mood.seen) - mood.seen[EMOTIONS.index(old)]
    lasted = before.lasted + 1 if new == before.turning else 1
    if (
        not before.window
        or mood.leader != before.leader
        or new == old
        or lead >= rules.clear_lead * sum(mood.seen)
        or lasted >= rules.dwell_windows
    ):
        return mood
    return replace(mood, probabilities=before.probabilities, turning=new, lasted=lasted)


def _scored(room: Room, mood: Mood) -> Guidance:
    before = room.mood.place if room.mood else None
    if room.target is None or before is None or mood.place is None:
        return room.guidance
    followed = came_nearer(GOALS[room.mode], before=before, now=mood.place)
    return with_step(room.guidance, followed=followed)


def with_mode(room: Room, mode: Mode, rules: RoomRules) -> Room:
    """Return a room in another mode, from its latest mood on; what is counted begins anew."""
    mood = room.mood
    if mood is not None:
        mood = replace(mood, probabilities=mood.seen, turning="", lasted=0)
    before = replace(room, mode=mode, mood=mood, target=None, guidance=Guidance(), asked=None)
    return _aimed(before, rules)


def with_asked(room: Room, mood: Mood, mode: Mode) -> Room:
    """Return a room in which somebody has set a mood by hand, for one answer.

    In a room that no camera sees, such moods are all there is, so a later mode begins at it.
    """
    seen = room.mood is not None and room.mood.window
    return replace(room, mood=room.mood if seen else mood, asked=mood, asked_mode=mode)


def answered_for(room: Room, rules: RoomRules) -> Room:
    """Return the room that the last songs were for: as it is, or with the mood set by hand."""
    if room.asked is None:
        return room
    return _aimed(Room(mode=room.asked_mode, mood=room.asked), rules)


def without_people(room: Room) -> Room:
    """Return a room in which nothing is left of those who were seen there, but for its counts."""
    return replace(room, mood=None, target=None, asked=None)


def _aimed(room: Room, rules: RoomRules) -> Room:
    """Return a room with the next target on its mode's way, from its mood's songs on."""
    start = room.target or (room.mood.aim if room.mood else None)
    goal = GOALS.get(room.mode)
    target = next_target(start, goal, step=rules.step) if start and goal else None
    return replace(room, target=target)


def wanted(room: Room) -> Seven | None:
    """Return the seven probabilities that a room's songs are chosen for; none on a hold."""
    if room.mood is None or room.mood.hold is not None:
        return None
    if room.target is not None:
        return emotions_at(valence=room.target[0], arousal=room.target[1])
    return room.mood.probabilities


def holds_on(before: Room, after: Room) -> bool:
    """Say whether the songs that a room was given before are for its mood still."""
    new = wanted(after)
    if before.answered is None or new is None:
        return False
    return dominant_emotion(before.answered) == dominant_emotion(new)
