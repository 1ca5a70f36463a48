"""The story of one intent as a page: the facts, and a picture of who told whom what. One file, nothing from outside."""

from html import escape

from api import moment
from story import Line, Story

LANES = (
    "customer",
    "subscribe",
    "subscriptions",
    "payments",
    "fraud-proxy",
    "payment-proxy",
    "content-access",
    "case",
    "ledger",
)
"""Whose column stands where; whoever is not named stands after these."""
LEFT, LANE, TOP, ROW = 110, 150, 56, 44
LONGEST_SELF = 46
"""Characters of a text that is drawn at its own lane."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5b6b7b; --line: #c9d3dc; --paper: #fbfcfd; --arrow: #1769aa;
  --bad: #b3261e; --good: #1b7f4b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9fb0c0; --line: #33414e; --paper: #11181f;
  --arrow: #7cc0ff; --bad: #ff8a80; --good: #7fd8a5; } }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.picture { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
svg { display: block; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .lane { font-weight: 600; } svg .time, svg .name { fill: var(--soft); }
svg .life { stroke: var(--line); stroke-dasharray: 3 4; }
svg .arrow { stroke: var(--arrow); stroke-width: 1.5; fill: none; }
svg .dot { fill: var(--arrow); } svg .tip { fill: var(--arrow); }
ol { padding-left: 1.2rem; } li { margin: .2rem 0; } time { color: var(--soft); font-variant-numeric: tabular-nums; }
code { color: var(--soft); }
"""


def page(told: Story) -> str:
    """The whole page."""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in told.facts.items())
    lines = "".join(
        f"<li><time>{clock(line.at)}</time> <b>{escape(line.who)}</b> {escape(line.what)}"
        f"{f' <code>{escape(line.event)}</code>' if line.event else ''}</li>"
        for line in told.lines
    )
    status = escape(told.facts["status"])
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Intent {escape(told.facts['intent'][:8])}: {status}</title><style>{STYLE}</style>"
        f"<h1>Intent {escape(told.facts['intent'][:8])}…: {status}</h1>"
        f"<p>Begun {moment(told.lines[0].at)}. Times are UTC.</p><dl>{facts}</dl>"
        f'<h2>Who told whom</h2><div class="picture" tabindex="0">{picture(told.lines)}</div>'
        f"<h2>In words</h2><ol>{lines}</ol></html>\n"
    )


def clock(at: int) -> str:
    """The time of day, with milliseconds."""
    return f"{moment(at)[11:19]}.{at % 1000:03}"


def picture(lines: list[Line]) -> str:
    """A sequence diagram: a column for each who, a row for each thing that happened."""
    seen = {line.who for line in lines} | {to for line in lines for to in line.to}
    lanes = [lane for lane in LANES if lane in seen] + sorted(seen - set(LANES))
    at = {lane: LEFT + LANE // 2 + place * LANE for place, lane in enumerate(lanes)}
    width, height = LEFT + LANE * len(lanes), TOP + ROW * len(lines) + 24
    drawn = [
        f'<text class="lane" x="{x}" y="24" text-anchor="middle">{escape(lane)}</text>'
        f'<line class="life" x1="{x}" y1="36" x2="{x}" y2="{height - 12}"/>'
        for lane, x in at.items()
    ]
    for place, line in enumerate(lines):
        drawn.append(row(line, TOP + place * ROW + 12, at))
    return (
        f'<svg role="img" aria-label="Who told whom, in order; the list below says the same" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}">{"".join(drawn)}</svg>'
    )


def row(line: Line, y: int, at: dict[str, int]) -> str:
    """One thing that happened: a dot at who did it, and an arrow to each who is told."""
    x = at[line.who]
    parts = [
        f'<text class="time" x="8" y="{y + 4}">{clock(line.at)}</text>',
        f'<circle class="dot" cx="{x}" cy="{y}" r="4"/>',
    ]
    for to in line.to:
        end = at[to]
        step = 6 if end > x else -6
        parts.append(
            f'<line class="arrow" x1="{x}" y1="{y}" x2="{end - step}" y2="{y}"/>'
            f'<path class="tip" d="M{end} {y} l{-2 * step} -5 l0 10 z"/>'
        )
    said = line.event or line.what
    said = said if len(said) <= LONGEST_SELF else said[: LONGEST_SELF - 1] + "…"
    style = "name" if line.event else ""
    # Beside an arrow that goes to the left, and at the last lane, there is room on the other side.
    ends = [at[to] for to in line.to]
    if (ends and max(ends) < x) or (not ends and x == max(at.values())):
        parts.append(f'<text class="{style}" x="{x - 10}" y="{y - 7}" text-anchor="end">{escape(said)}</text>')
    else:
        parts.append(f'<text class="{style}" x="{x + 10}" y="{y - 7}">{escape(said)}</text>')
    return f"<g><title>{escape(line.who)} {escape(line.what)}</title>{''.join(parts)}</g>"
