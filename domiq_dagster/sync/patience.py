"""Every patience of the sync, in seconds: how each follows from how long one exchange with ResMan may last.

Two promises stand over all of them. After a crash, or when a worker stands still (frozen, with its database
session alive), others go on within `TAKEOVER`. And nobody asks an account while a request of somebody else
may still be under way there. So a request ends before its mark does, whoever has sent it and whatever befell
them; a lease outlasts the request that is made under it; and both end early enough for the next worker to
start.

What one exchange is given, the wire itself says (`resman.deadline`, and `resman.outcomes.MAX_WAIT` of a pause
that ResMan asks for), and what a statement is, the database (`db.engine`): neither knows the sync. How long
whoever tries again pauses in between is a rule of theirs: `BreakerRules`, `DeliveryRules`, `SendingRules`.
"""

from domiq_dagster.db.engine import LOCK_WAIT_SECONDS
from domiq_dagster.resman.deadline import READ_SECONDS, WRITE_SECONDS

TAKEOVER = 60.0
"""Until others go on, whatever has died or stands still."""
STOP_GRACE = 5.0
"""What a request under way is given once its worker is told to stop. Its end is then unknown, and read
back."""

POLL = 0.9
"""How often a worker that goes on looks for what is due where nothing wakes it. What DomIQ's people are
promised without a NOTIFY, a second, has room for the look itself."""
SERVICE_GRACE = 25.0
"""How long such a worker may take to end: less than the 30 s that Kubernetes and Docker Compose give it at
most before they kill it."""

# An account's slot.

CLOCK_MARGIN = 5.0
"""What two clocks, and the statement before the first byte, may make of a difference."""
LONGEST_REQUEST = WRITE_SECONDS + CLOCK_MARGIN + 5.0
"""How long a slot's mark says that a request is under way (40): longer than any exchange that does not renew
it. So long an account rests whose worker is gone, since ResMan may still be working on its request."""
MARK_RENEWED = LONGEST_REQUEST / 4
"""How often the mark of a long read is renewed (10)."""
HEAR = 2.0
"""How often whoever waits for a slot, or has a request under way, asks whether to go on. A slot whose holder
stands still is taken over at the second look."""
SLOT_WAIT = 120.0
"""How long a slot is waited for."""
SLOTS_KNOWN = 10.0
"""How long it is taken for known how many slots an account has."""
SHORT_PAUSE = 10.0
"""A pause that ResMan asks for and that is no longer is waited out: whoever asks goes on after it."""

# A delivery.

HEARTBEAT = 10.0
LEASE = max(3 * HEARTBEAT + LOCK_WAIT_SECONDS, WRITE_SECONDS + CLOCK_MARGIN)
"""Three beats may be lost (40). It outlasts the exchange that begins under it, so that nobody reads back, or
sends again, while the request of a worker that died may still be sent."""
LONGEST_HOLD = SLOT_WAIT + READ_SECONDS + 2 * WRITE_SECONDS + 60.0
"""For how long a lease is renewed (300): one wait for the slot, a read, the two posts that a change may take,
and a minute for all else."""
UNKNOWN_PAUSE = LONGEST_REQUEST / 2
"""The least time before an unknown outcome is read back (20): ResMan may still be working on it."""

# A post in doubt.

LATEST_COMMIT = 300.0
"""How long after its request a post may still take effect at ResMan."""
READS_LAG = 120.0
"""By how much a read at ResMan may be behind what was posted there."""
READ_BACKS = (UNKNOWN_PAUSE, 60.0, 150.0, LATEST_COMMIT, LATEST_COMMIT + READS_LAG)
"""How long after a post of unknown outcome it is looked for. Only when it was not there at the last look, by
which time whatever arrived can be seen, is it sent again."""
LEAST_READ_BACKS = 2
"""How often it is looked for at least, however late the first look was."""
READ_AGAIN = 30.0
"""How long after a look that came late, or a read that lags, the next one comes."""

# A notice.

NOTICE_LEASE = LEASE
"""For preparing one."""
SENDING_LEASE = 300.0
"""Once it is marked: longer than the longest conversation with a mail server. What became of a notice whose
sender died then nobody knows, and no other waits for it."""

# Who is alive.

BEAT = 5.0
WORKER = 5 * BEAT
"""How long a worker may be silent that is taken to be alive (25): four beats may be lost."""
LOOK_FOR_WORK = 10.0
"""How often a sensor looks whether a push is to start. Dagster's daemon comes round every 5 s."""
LOOK_SELDOM = 15.0
"""The same of a pull that is overdue, and of notices."""
LOOK_AT_CHECKS = 240.0
"""The same of Dagster's checks: what is mended is green within five minutes."""
BURY = 10.0
"""How often a sensor looks whether a run is dead."""
RUN_START = 10.0
"""How long the start of a run takes, on two busy cores."""
LONGEST_RUN_START = TAKEOVER - LOOK_FOR_WORK - RUN_START
"""How long it may take until a run says for the first time that it is alive (40). Nobody starts another
meanwhile."""
BURIED = LONGEST_RUN_START + 15.0
"""How long after its start a run without a word is taken for dead (55). Longer than that, since it cannot be
undone."""

# Waiting for locks.

PERSON_WAIT = 5.0
"""How long somebody else's search for a person is waited for. Whoever stands still with that lock loses it:
PostgreSQL ends a session that is idle in a transaction (`db.engine`)."""

# What ResMan has not granted.

GRANT = 900.0
"""How long an endpoint is not asked that was refused for want of a grant (15 min): people give it, in
days."""

# A pull by a worker that goes on.

PULL_LEASE = 3 * HEARTBEAT + LOCK_WAIT_SECONDS
"""For how long a property is claimed, and its claim renewed (40): a worker that died keeps nobody from it for
longer."""
PULL_FLOOR = 600.0
"""How long a property may wait for its next pull, where its account's budget allows that. It is how often
Dagster pulls where no worker does."""
