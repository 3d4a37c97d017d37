"""What to do about failed changes, by what they failed of: one line each. Pure."""

from __future__ import annotations

_ADVICE = {
    "refused": "ResMan refused what was sent, in the words below: correct the lead or the setting there",
    "unknown_source": "set a source that ResMan has there: domiq-sync doctor, then connect --source",
    "unmapped_status": "add the status to domiq_sync.domiq_status_map",
    "unknown_resman_status": "add ResMan's word to domiq_sync.resman_status_map",
    "no_contact": "give the person an e-mail address or phone in DomIQ",
    "no_name": "give the person a last name in DomIQ",
    "ambiguous_lead": "several leads fit: decide with domiq-sync conflicts",
    "lead_not_found": "the lead is gone at ResMan: link another with domiq-sync conflicts --link",
    "bad_request": "ResMan cannot read what was sent: see domiq-sync explain",
    "unreadable_record": "ResMan shows the lead in a form that cannot be read: have it mended there",
    "no_conversation": "nothing to do: the change names no conversation",
    "no_status": "nothing to do: the change names no status",
    "same_move": "see the change that it repeats",
}
_OTHERWISE = "see domiq-sync explain with the id of the change"


def advice(reason: str) -> str:
    """What mends it, before it is put back with `domiq-sync retry`; no full stop."""
    return _ADVICE.get(reason, _OTHERWISE)
