"""The risk-coverage figure as an SVG picture."""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 150, 24, 56
_LOWEST = 0.4
"""The axis of shares begins here, so that the curves are seen."""

_CURVES = (
    ("read_right", "emotion read right", "#1f6f8b"),
    ("agreement", "songs agree", "#b3541e"),
)


def draw_risk_coverage(points: Sequence[Mapping[str, float]]) -> str:
    """Draw agreement over the share of windows that are answered.

    Args:
        points: as `risk_coverage` gives them, by rising threshold.

    Returns:
        The text of an SVG file.
    """
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_WIDTH} {_HEIGHT}",
            "font-family": "sans-serif",
            "font-size": "13",
            "role": "img",
        },
    )
    SubElement(svg, "title").text = "Agreement over the share of windows that are answered"
    SubElement(svg, "rect", {"width": "100%", "height": "100%", "fill": "white"})
    _draw_axes(svg)
    for name, text, colour in _CURVES:
        _draw_curve(svg, points, name=name, text=text, colour=colour)
    indent(svg)
    return tostring(svg, encoding="unicode") + "\n"


def _draw_axes(svg: Element) -> None:
    for step in range(4, 11):
        share = step / 10
        y = _y(share)
        _line(svg, (_LEFT, y), (_x(1), y), "#dddddd")
        _text(svg, (_LEFT - 8, y + 4), f"{share:.0%}", anchor="end")
    for step in range(0, 11, 2):
        x = _x(step / 10)
        _line(svg, (x, _y(_LOWEST)), (x, _y(_LOWEST) + 5), "#555555")
        _text(svg, (x, _y(_LOWEST) + 20), f"{step / 10:.0%}")
    _line(svg, (_LEFT, _y(_LOWEST)), (_x(1), _y(_LOWEST)), "#555555")
    _text(svg, ((_LEFT + _x(1)) / 2, _HEIGHT - 12), "windows that are answered")


def _draw_curve(
    svg: Element, points: Sequence[Mapping[str, float]], *, name: str, text: str, colour: str
) -> None:
    corners = [(_x(point["answered"]), _y(point[name])) for point in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    SubElement(
        svg, "polyline", {"points": path, "fill": "none", "stroke": colour, "stroke-width": "2"}
    )
    last_at = ""
    for (x, y), point in zip(corners, points, strict=True):
        at = f"{x:.0f}"
        if at == last_at:
            continue
        last_at = at
        dot = {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "3", "fill": colour}
        SubElement(SubElement(svg, "circle", dot), "title").text = (
            f"confidence from {point['min_confidence']:.2f} on: {point['answered']:.0%} answered, "
            f"{point[name]:.0%} {text}"
        )
    _text(svg, (_x(1) + 10, corners[0][1] + 4), text, anchor="start", fill=colour)


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _TOP + (1 - share) / (1 - _LOWEST) * (_HEIGHT - _TOP - _BOTTOM)


def _line(svg: Element, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    ends = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
    values = {name: f"{value:.1f}" for name, value in ends.items()}
    SubElement(svg, "line", {**values, "stroke": colour})


def _text(
    svg: Element,
    at: tuple[float, float],
    text: str,
    *,
    anchor: str = "middle",
    fill: str = "#333333",
) -> None:
    place = {"x": f"{at[0]:.1f}", "y": f"{at[1]:.1f}", "text-anchor": anchor, "fill": fill}
    SubElement(svg, "text", place).text = text
