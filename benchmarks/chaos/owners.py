"""Which message a submit or a PDU was: by its reference, and by its text where none was ever learned."""

from __future__ import annotations

from collections import defaultdict

from benchmarks.chaos.evidence import Evidence, Part
from benchmarks.chaos.told import Told

AIR = 10.0
"""Seconds from the last octet of a PDU within which the network has taken it, at the slowest."""


class Owners:
    """Messages by what can be seen of them. Messages that cannot be told apart share what was sent."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._alike: dict[tuple[str, str], list[Told]] = defaultdict(list)
        self._attempt: dict[tuple[str, int, int, str], list[Told]] = defaultdict(list)
        self._lost: set[str] = set()
        """Ids of messages of which something may have gone without a reference."""
        for told in evidence.ledger.told:
            self._alike[told.to, told.token].append(told)
            for row in evidence.attempts.get(told.id, ()):
                if row["mr"] is not None:
                    self._attempt[row["imsi"], row["mr"], row["part"], told.to].append(told)
                elif row["submitted_boot"] is not None and row["state"] != "refused":
                    self._lost.add(told.id)
        self._texts: dict[tuple[str, str], list[Told]] = defaultdict(list)
        self._known: dict[str, set[str]] = defaultdict(set)
        """Ids of the messages to a number one of whose texts is known."""
        for parts in evidence.submits.values():
            for part in parts:
                owners = self._texts[part.to, part.text]
                owners += [told for told in self._by_reference(part) if told not in owners]
                self._known[part.to].update(told.id for told in owners)

    def of_text(self, part: Part) -> list[Told]:
        """Messages that are known to have this text."""
        alike = self.alike(part)
        return alike if len(alike) == 1 else self._texts.get((part.to, part.text), [])

    def floating(self, part: Part) -> list[Told]:
        """Messages to that number whose text nobody knows, since each of their answers was lost."""
        known = self._known.get(part.to, set())
        return [told for told in self.alike(part) if told.id in self._lost and told.id not in known]

    def alike(self, part: Part) -> list[Told]:
        """Every message that it may have been, by its number and token."""
        return self._alike.get((part.to, part.token), [])

    def of_pdu(self, pdu: Part) -> list[Told]:
        """Messages that a PDU was: by the submit that it became, else by its text, else all that are alike."""
        became = [
            one
            for one in self._evidence.submits.get(pdu.to, ())
            if one.imsi == pdu.imsi and one.text == pdu.text and 0 <= one.at - pdu.at < AIR
        ]
        owners = self._by_reference(min(became, key=lambda one: one.at)) if became else []
        return owners or [*self.of_text(pdu), *self.floating(pdu)] or self.alike(pdu)

    def _by_reference(self, part: Part) -> list[Told]:
        alike = self.alike(part)
        found = self._attempt.get((part.imsi, part.reference, part.number, part.to), [])
        return [told for told in found if told in alike]
