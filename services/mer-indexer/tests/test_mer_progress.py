import io
import sys

import pytest
from structlog.testing import capture_logs

from moodcue_mer_indexer.progress import show_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_and_all_items_come(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    assert list(show_progress(range(3), total=3, label="Listening")) == [0, 1, 2]

    assert "Listening" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert "/s" in terminal.getvalue()


def test_elsewhere_a_line_comes_now_and_then_and_nothing_on_stdout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = iter([0.0, 1.0, 16.0, 20.0])

    with capture_logs() as lines:
        shown = show_progress("abc", total=3, label="Listening", clock=lambda: next(clock))
        assert list(shown) == ["a", "b", "c"]

    assert lines == [
        {
            "event": "step.progress",
            "log_level": "info",
            "step": "Listening",
            "done": 2,
            "total": 3,
            "per_second": 0.12,
            "seconds_left": 8,
        }
    ]
    assert capsys.readouterr().out == ""
