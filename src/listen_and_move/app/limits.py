"""How much the page takes on: one place for all of it."""

MEGABYTE = 1_000_000
MOST_BYTES = {"sound": 200 * MEGABYTE, "video": 1000 * MEGABYTE}
"""Of one uploaded file, by what it is for."""
ALL_BYTES = 4000 * MEGABYTE
"""Of all uploaded files, those on their way with what has come of them; the oldest that nobody works on make
room. What is announced and has not come takes no room: otherwise four visitors who announce much and send
little would close the page to all others."""
LONGEST_SECONDS = {"sound": 15 * 60, "video": 15 * 60}
"""Of one uploaded file."""
UPLOADS, UPLOADS_EACH = 300, 6
"""Uploaded files, those on their way too: in all, and of a visitor; the oldest goes."""
RESULTS, RESULTS_EACH = 200, 8
"""Finished jobs that are kept: in all, and for a visitor; the oldest goes."""
RESULT_BYTES = 4000 * MEGABYTE
"""Of all results that are kept, videos and archives together; the oldest make room for a new one."""
JOBS, JOBS_EACH = 8, 3
"""Jobs that may wait or be under way: in all, and of one visitor."""
TRAININGS = 1
"""Trainings that the page runs at the same time: each takes the whole machine."""
MOST_TRAINING_STEPS = 10_000_000
"""Of a training that is begun or resumed here."""
MOST_SHARED_BYTES = 1000 * MEGABYTE
"""Of a page that is exported here; more is for the command line."""
LIVE = 4
"""Visitors who may play live at the same time."""
LIVE_CHANNELS = 8
"""Of sound that is played live."""
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
CONNECTIONS, CONNECTIONS_EACH = 200, 64
"""Open at the same time: in all, fewer than the files that any system lets a process open, and of one
address. A browser opens six for a page, and one for each live play."""
REQUEST_SECONDS = 15.0
"""In which a connection says what it wants: the head of a request is whole."""
STALL_SECONDS, STALL_BYTES = 30.0, 16_000
"""Of a body that comes: in each such time as many bytes, or all that is left."""
ANSWER_SECONDS, SENT_BYTES = 600.0, 65_536
"""In which more of an answer is taken, and bytes of it that lie ready in the system: a browser reads a film
as it plays, and not while it is paused."""
IDLE_SECONDS = 5
"""That a connection may wait between an answer and the next request."""
PING_SECONDS = 20.0
"""Between two pings of a WebSocket, and for the answer to one."""
SILENCE_SECONDS = 60.0
"""Without a message of a visitor who plays live: a microphone sends silence too."""
LONGEST_PASSWORD = 256
"""Characters."""
WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0
"""Before a wrong password is answered: twice as long each time, and at most. The right one never waits."""
GUESSERS = 1000
"""Addresses whose wrong passwords are remembered; the one that has guessed least lately is forgotten."""

WORKER_BYTES = 4000 * MEGABYTE
"""Memory of a process that works on visitors' files. Measured: 0.2 GB at rest, 0.8 GB while it looks at H.264
and 1.3 GB while it looks at ProRes of 7680x4320, 1.6 GB while it inspects that or ten minutes of a small
film. A machine with CUDA has no limit for drawing, since the driver takes as much as it likes."""
WORKER_FILES = 128
"""Open files of such a process; it has 5 at rest, and opens one film at most three times."""
TASK_SECONDS = {
    "look": 10 * 60,
    "melody": 60,
    "picture": 10 * 60,
    "inspect": 2 * 3600,
    "prepare": 2 * 3600,
    "animate": 24 * 3600,
    "share": 2 * 3600,
}
"""Processor time of a task, of all threads together. To inspect ten minutes of a small film takes 58 s; to
animate may take hours, with a large model and no graphics card."""
TRAINING_SHARE = 0.75
"""Of the machine's memory, for a training: the page and live play go on beside it."""
TRAINING_FILES = 1024
"""Open files of a training."""
