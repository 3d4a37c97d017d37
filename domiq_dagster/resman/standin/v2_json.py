"""How records look in API v2: the JSON of prospects, leases, properties and employees, key by key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from .instants import iso
from .reading import spelled
from .records import Employee, Event, Lease, Person, Property, Prospect, encode
from .switches import Switches

_INTERACTION: Final = {
    "EmailToProspect": "Email", "EmailFromProspect": "Email", "EmailFromILS": "Email", "Email": "Email",
    "CallToProspect": "Phone", "CallFromProspect": "Phone", "Phone": "Phone",
    "TextToProspect": "Text", "TextFromProspect": "Text",
    "Show": "Visit", "WalkIn": "Visit", "Appointment": "Visit",
}  # fmt: skip


class DateText:
    """Writes instants in the chosen style: 'z' and 'offset' name UTC, 'naive' leaves it to be known."""

    def __init__(self, style: str) -> None:
        self._ending = {"z": "Z", "offset": "+00:00", "naive": ""}[style]

    def __call__(self, instant: datetime | None) -> str | None:
        return None if instant is None else iso(instant)[:-1] + self._ending


def prospect_json(
    prospect: Prospect, record: Property, date: DateText, with_log: bool, switches: Switches
) -> dict[str, Any]:
    """A prospect. `lease` and `communicationLog` are absent, not null, when they are not due."""
    source = record.source(prospect.transaction_source_id)
    answer = {
        "prospectId": prospect.prospect_id,
        "propertyId": prospect.property_id,
        "mainPersonId": prospect.main_person_id,
        "lastModified": date(prospect.last_modified),
        "transactionSourceId": prospect.transaction_source_id,
        "prospectSourceId": source.prospect_source_id if source is not None else None,
        "prospectSourceName": source.name if source is not None else None,
        "status": spelled(prospect.status, switches),
        "firstContactMethod": prospect.first_contact_method,
        "firstContactDate": date(prospect.first_contact_date),
        "firstContactCommunicationLogId": prospect.first_contact_communication_log_id,
        "lostDate": date(prospect.lost_date),
        "lostReason": prospect.lost_reason,
        "leasingAgent": _agent_json(record.agent(prospect.agent_id)),
        "people": [encode(person) for person in prospect.people],
        "events": None,
    }
    if with_log:
        answer["communicationLog"] = [_log_row(event, record, date) for event in prospect.events]
    if prospect.lease is not None:
        lease = encode(prospect.lease)
        del lease["lastModified"]
        answer["lease"] = lease
    return answer


def _log_row(event: Event, record: Property, date: DateText) -> dict[str, Any]:
    row = {
        "communicationLogId": event.event_id,
        "date": date(event.date),
        "interactionType": _INTERACTION.get(event.type, "Other"),
        "contactType": event.type,
        "description": event.reasons,
        "note": event.comments,
        "timestamp": date(event.posted_at),
    }
    employee = _agent_json(record.agent(event.agent_id))
    return row if employee is None else {**row, "employee": employee}


def _agent_json(employee: Employee | None) -> dict[str, Any] | None:
    if employee is None:
        return None
    ids = {"agentId": employee.agent_id, "personId": employee.person_id}
    return {**ids, "firstName": employee.first_name, "lastName": employee.last_name}


def property_json(record: Property, now: datetime) -> dict[str, Any]:
    own = encode(record)
    for hidden in ("accountId", "sources", "employees"):
        del own[hidden]
    month = now.astimezone(UTC).replace(day=1)
    team = [
        {
            "personId": e.person_id,
            "firstName": e.first_name,
            "lastName": e.last_name,
            "role": e.security_group,
        }
        for e in record.employees
    ]
    period = {"start": month.strftime("%Y-%m-01"), "end": now.strftime("%Y-%m-%d")}
    return {**own, "type": "Multi-Family", "manager": None, "currentPeriod": period, "managementTeam": team}


def employee_json(employee: Employee, property_ids: list[str]) -> dict[str, Any]:
    return {
        "personId": employee.person_id,
        "userId": employee.user_id,
        "firstName": employee.first_name,
        "lastName": employee.last_name,
        "preferredName": employee.first_name,
        "phone": None,
        "email": employee.email,
        "securityGroup": employee.security_group,
        "isLeasing": employee.is_leasing,
        "isMaintenance": not employee.is_leasing,
        "isCorporate": False,
        "terminationDate": None,
        "propertyIds": property_ids,
    }


def lease_json(
    lease: Lease, prospect: Prospect, record: Property, date: DateText, history: bool
) -> dict[str, Any]:
    source, agent = record.source(prospect.transaction_source_id), record.agent(prospect.agent_id)
    own = encode(lease)
    status = own.pop("status")
    answer = {
        **own,
        "propertyId": record.property_id,
        "prospectId": prospect.prospect_id,
        "prospectSourceId": source.prospect_source_id if source is not None else None,
        "prospectSourceName": source.name if source is not None else None,
        "leaseStatus": status,
        "leasingAgentPersonId": agent.person_id if agent is not None else None,
        "leasingAgentName": f"{agent.first_name} {agent.last_name}" if agent is not None else None,
        "leaseStartDate": lease.scheduled_move_in_date,
        "leaseEndDate": None,
        "lastModified": date(lease.last_modified),
        "people": [_lease_person(person, prospect) for person in prospect.people],
    }
    if history:
        answer["leaseHistory"] = [
            {"leaseId": lease.lease_id, "status": status, "startDate": answer["leaseStartDate"]}
        ]
    return answer


def _lease_person(person: Person, prospect: Prospect) -> dict[str, Any]:
    return {**encode(person), "residencyStatus": "Current" if prospect.status == "Resident" else "Pending"}
