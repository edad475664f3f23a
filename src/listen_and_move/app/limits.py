"""How much the page takes on: one place for all of it."""

MEGABYTE = 1_000_000
MOST_BYTES = {"sound": 200 * MEGABYTE, "video": 1000 * MEGABYTE}
"""Of one uploaded file, by what it is for."""
ALL_BYTES = 4000 * MEGABYTE
"""Of all uploaded files; the oldest that nobody works on make room."""
LONGEST_SECONDS = {"sound": 15 * 60, "video": 15 * 60}
"""Of one uploaded file."""
UPLOADS_EACH = 6
"""Uploaded files that are kept for a visitor; the oldest goes."""
RESULTS_EACH = 8
"""Finished jobs that are kept for a visitor; the oldest goes."""
JOBS, JOBS_EACH = 8, 3
"""Jobs that may wait or be under way: in all, and of one visitor."""
TRAININGS = 1
"""Trainings that the page runs at the same time: each takes the whole machine."""
MOST_STEPS = 10_000_000
"""Of a training that is begun or resumed here."""
LIVE = 4
"""Visitors who may play live at the same time."""
FIRST_MESSAGE_SECONDS = 5.0
"""In which a visitor who wants to play live says so; a place is theirs when that is understood."""
LIVE_PIXELS = 1920 * 1080
"""Of a picture that is played live: larger ones are made smaller, or refused where they are asked for."""
ANIMATORS = 3
"""Models that are kept loaded for live play."""
BACKLOG_SECONDS = 1.0
"""Sound that may wait to be heard when live; a machine that falls further behind starts afresh with what is
heard now."""
JSON_BYTES = 64_000
"""Of a request that is not a file."""
