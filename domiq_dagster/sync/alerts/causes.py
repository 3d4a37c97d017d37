"""Which troubles become one alert: those with a cause that several properties share; each of the rest. Pure.

In this order, and what one explains is left out by the next:

1. An account that ResMan does not answer (`resman_down`), or whose credentials it refuses (`credentials`). It
   lasts until what was due then has gone across and every property of the account was pulled again.
2. An endpoint that ResMan has not granted (`not_entitled`): what needs it waits. It lasts until the endpoint
   answers, and what waited for it at the account has gone across.
3. A sync that stands still (`standstill`): changes are due and nothing is asked, or pulls neither succeed nor
   fail, at two properties at least, or at any after a time in which nobody watched.
4. Three properties or more in the same trouble, for the same reason where one is on record (`shared:...`).
5. Each property for itself.

What capture could not log (`capture_misses`) is no trouble of a property's, and explains none.

A cause that is known holds on to what it took: until the last of its properties is well, none of them gets an
alert of its own. A property that already has one keeps it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from domiq_dagster.sync.alerts.cases import (
    CAPTURE_MISSES,
    CREDENTIALS,
    NOT_ENTITLED,
    RESMAN_DOWN,
    SHARED,
    STANDSTILL,
    IncidentCase,
    Subject,
    rules_of,
)
from domiq_dagster.sync.alerts.incidents import Incident, Observation, Phase
from domiq_dagster.sync.alerts.thresholds import Thresholds
from domiq_dagster.sync.alerts.watched import (
    ALL_KINDS,
    OUTAGES,
    Reading,
    Readings,
    TroubleKind,
)

SHARED_BY = 3
"""How many properties in the same trouble make one alert."""
_STILL_AT = 2
"""At how many properties nothing moves before the whole counts as standing still."""
_REFUSED = frozenset({"bad_credentials"})
_CONSEQUENCES = frozenset({TroubleKind.NO_PULL, TroubleKind.NO_PUSH, TroubleKind.OLDEST_PENDING})
"""What an outage or a standstill brings about at a property. Failures and divergence are none of it."""


def find_cases(
    readings: Readings,
    incidents: Mapping[Subject, Incident],
    thresholds: Thresholds,
    kinds: Collection[TroubleKind] = ALL_KINDS,
) -> list[IncidentCase]:
    """Finds what there is to notify people of, each trouble in one case.

    Args:
        readings: how the properties look now.
        incidents: the incident of each subject, closed ones too, as the evaluation before left them.
        thresholds: the settings in force, with the times of incidents.
        kinds: those that were read. Outages and standstills are found only where all that they explain was.

    Returns:
        Every subject that is bad or whose incident is not closed, each once.
    """
    attribution = _Attribution(readings, incidents, thresholds)
    found: list[IncidentCase] = []
    if set(kinds) >= _CONSEQUENCES:
        found += attribution.accounts()
        found += attribution.missing_grants()
        found += attribution.standstill()
    found += attribution.shared(kinds)
    found += attribution.single()
    found += attribution.capture_misses()
    return [case for case in found if case.observation.bad or case.subject in attribution.ongoing]


class _Attribution:
    """The readings of one evaluation, each of which goes to the first cause that explains it.

    The causes are asked in the order of the methods: each takes what the ones before it left.
    """

    def __init__(
        self, readings: Readings, incidents: Mapping[Subject, Incident], thresholds: Thresholds
    ) -> None:
        self.ongoing = {
            s: incident for s, incident in incidents.items() if incident.phase is not Phase.CLOSED
        }
        self._readings = readings
        self._thresholds = thresholds
        self._explained: set[tuple[UUID, TroubleKind]] = set()

    def accounts(self) -> Iterator[IncidentCase]:
        """Accounts whose breaker is open, or that are yet to catch up."""
        paused: dict[str, dict[str, str]] = {CREDENTIALS: {}, RESMAN_DOWN: {}}
        for watched in self._readings.properties:
            if watched.open_until is not None:
                reason = watched.open_reason or "unknown"
                kind = CREDENTIALS if reason in _REFUSED else RESMAN_DOWN
                paused[kind][watched.account_id] = reason
        all_paused = {account for reasons in paused.values() for account in reasons}
        for kind, reasons in paused.items():
            # They answer again; what they brought about may not have passed yet.
            answering = self._scope(kind) - all_paused
            yield self._account_case(kind, reasons, answering)

    def _account_case(
        self, kind: str, reasons: Mapping[str, str], answering: Collection[str]
    ) -> IncidentCase:
        members = [r for r in self._free(_CONSEQUENCES) if _is_due_to_accounts(r, reasons, answering)]
        self._explain(members)
        watched = self._readings.properties
        behind = {p.account_id for p in watched if p.account_id in answering and p.catches_up}
        touched = {*reasons, *behind, *(r.watched.account_id for r in members)}
        # What it did is not made up for while an account is behind, though nothing else may show it any more.
        case = self._cause(kind, members, touched, bad=bool(members or reasons or behind))
        properties = tuple(p for p in watched if p.account_id in touched)
        return replace(case, properties=properties, accounts=dict(reasons))

    def missing_grants(self) -> Iterator[IncidentCase]:
        """Endpoints that ResMan has not granted, and the properties that wait for them."""
        lacking = self._readings.missing_grants
        at = {grant.property_id for grant in lacking}
        # What waited there until they were granted may not have gone across yet.
        behind = {name.partition(" ")[0] for name in self._scope(NOT_ENTITLED)}
        members = [
            r
            for r in self._free(_CONSEQUENCES)
            if (r.watched.property_id in at or r.watched.account_id in behind) and _waits_for_grant(r)
        ]
        self._explain(members)
        case = self._cause(NOT_ENTITLED, members, {g.key for g in lacking}, bad=bool(members or lacking))
        touched = at | {r.watched.property_id for r in members}
        accounts: dict[str, list[str]] = {}
        for grant in lacking:
            names = accounts.setdefault(grant.account_id, [])
            names += [grant.endpoint] if grant.endpoint not in names else []
        yield replace(
            case,
            properties=tuple(p for p in self._readings.properties if p.property_id in touched),
            accounts={account: ", ".join(names) for account, names in accounts.items()},
        )

    def standstill(self) -> Iterator[IncidentCase]:
        """Properties at which neither success nor failure is seen, when there are enough of them."""
        free = list(self._free(_CONSEQUENCES))
        still = {r.watched.partition_key for r in free if _shows_standstill(r)}
        unwatched_since = self._unwatched_since()
        taken_before = self._scope(STANDSTILL)
        enough = len(still) >= _STILL_AT or (unwatched_since is not None and bool(still))
        taken = still | taken_before if enough or taken_before else frozenset()
        members = [r for r in free if r.watched.partition_key in taken and not _fails_to_pull(r)]
        self._explain(members)
        case = self._cause(STANDSTILL, members, _keys(members), bad=bool(members))
        yield replace(case, unwatched_since=unwatched_since)

    def _unwatched_since(self) -> datetime | None:
        """When the last evaluation was, if that is longer ago than a pull may be; else None."""
        before = self._readings.evaluated_before
        longest = timedelta(minutes=self._thresholds.of(None).no_pull_minutes)
        return before if before is not None and self._readings.at - before > longest else None

    def shared(self, kinds: Collection[TroubleKind]) -> Iterator[IncidentCase]:
        """Troubles that several properties share, by kind and reason."""
        known = {s.kind: incident.scope for s, incident in self.ongoing.items() if s.kind.startswith(SHARED)}
        groups: dict[str, list[Reading]] = defaultdict(list)
        for name in known:
            if name.split(":")[1] in kinds:
                groups[name] = []
        for reading in self._free(kinds):
            name = _shared_name(reading, known)
            # Without a reason on record, failures need not have anything in common.
            alike = reading.reason is not None or reading.kind is not TroubleKind.FAILED_SYNC
            if name in known or alike:
                groups[name].append(reading)
        for name, members in groups.items():
            if name in known or len(members) >= SHARED_BY:
                self._explain(members)
                yield self._cause(name, members, _keys(members), bad=bool(members))

    def single(self) -> Iterator[IncidentCase]:
        """Each property's troubles by themselves. Of what a cause explains nobody can tell."""
        for reading in self._readings.readings:
            subject = Subject(reading.watched.property_id, reading.kind)
            if not reading.bad and subject not in self.ongoing:
                continue
            explained = (reading.watched.property_id, reading.kind) in self._explained
            observation = Observation(self._readings.at, None if explained else reading.bad)
            rules = rules_of(self._thresholds.of(subject.property_id), reading.kind)
            yield IncidentCase(subject, observation, rules, (reading,), (reading.watched,))

    def capture_misses(self) -> Iterator[IncidentCase]:
        """What capture could not log, which touches every property that sends its changes: any of them may
        lack some."""
        misses = self._readings.misses
        if misses is not None:
            case = self._cause(CAPTURE_MISSES, (), (), bad=misses.changes > 0)
            outbound = tuple(p for p in self._readings.properties if p.outbound)
            yield replace(case, properties=outbound, misses=misses)

    def _cause(
        self, kind: str, members: Sequence[Reading], scope: Iterable[str], *, bad: bool
    ) -> IncidentCase:
        return IncidentCase(
            Subject(None, kind),
            Observation(self._readings.at, bad, frozenset(scope)),
            rules_of(self._thresholds.of(None), kind),
            tuple(members),
            tuple({r.watched.property_id: r.watched for r in members}.values()),
        )

    def _free(self, kinds: Collection[TroubleKind]) -> Iterator[Reading]:
        """Bad readings of these kinds that nothing explains yet, at properties without an alert of their own
        for it."""
        for reading in self._readings.readings:
            if not reading.bad or reading.kind not in kinds:  # so it is with nearly all of them
                continue
            key = (reading.watched.property_id, reading.kind)
            if key not in self._explained and Subject(*key) not in self.ongoing:
                yield reading

    def _explain(self, members: Iterable[Reading]) -> None:
        self._explained.update((r.watched.property_id, r.kind) for r in members)

    def _scope(self, kind: str) -> frozenset[str]:
        """What a cause that is open has taken hold of."""
        incident = self.ongoing.get(Subject(None, kind))
        return incident.scope if incident is not None and incident.is_open else frozenset()


def _is_due_to_accounts(reading: Reading, reasons: Collection[str], answering: Collection[str]) -> bool:
    """Whether a trouble comes of a paused account, or of one that answers again and has to catch up, unless
    the property has a reason of its own."""
    account = reading.watched.account_id
    excused = reading.reason is None or reading.reason in OUTAGES
    return account in reasons or (account in answering and excused)


def _waits_for_grant(reading: Reading) -> bool:
    """Whether a trouble at a property without a grant comes of that: its pulls may fail of something else."""
    return reading.kind is not TroubleKind.NO_PULL or reading.reason == NOT_ENTITLED


def _shows_standstill(reading: Reading) -> bool:
    """Whether nothing moves at a property. That changes wait is no sign of it: they may be tried in vain."""
    pulls_stand = reading.kind is TroubleKind.NO_PULL and reading.reason is None
    return reading.kind is TroubleKind.NO_PUSH or pulls_stand


def _fails_to_pull(reading: Reading) -> bool:
    return reading.kind is TroubleKind.NO_PULL and reading.reason is not None


def _shared_name(reading: Reading, known: Mapping[str, Collection[str]]) -> str:
    """The cause that a trouble is shared by: one that has taken hold of the property, whatever its reason is
    now, else that of its reason."""
    prefix = f"{SHARED}{reading.kind}:"
    key = reading.watched.partition_key
    holding = (name for name, scope in known.items() if name.startswith(prefix) and key in scope)
    return next(holding, f"{prefix}{reading.reason or ''}")


def _keys(members: Iterable[Reading]) -> set[str]:
    return {r.watched.partition_key for r in members}
