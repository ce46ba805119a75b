"""`demo`: a seeded show through the real agents, watched on a board in the terminal, then audited and explained."""




SHOW_SECONDS = 90.0
MARK = "demo-home"  # the file that allows a folder to be wiped
SHOW_FILE = "show.ndjson"
_DRAW_SECONDS, _LINE_SECONDS = 0.25, 5.0
_TOP = 5
_INTERRUPTED = 130
