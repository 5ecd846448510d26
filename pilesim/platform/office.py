"""What all connections of the reference platform share.

Owns who is served by which connection, and what an order is made of. What is decided lies in `behaviour`, what an
order has come to in `orders`, what it costs in `ledger`. Must not know bytes, or what a connection does.
"""

from __future__ import annotations

from collections.abc import Sequence

from pilesim.contract.contract import Contract
from pilesim.faulty import FaultChoice, Mishap
from pilesim.platform.behaviour import Behaviour
from pilesim.platform.faults import with_faults
from pilesim.platform.ledger import Ledger
from pilesim.platform.orders import Order, OrderBook
from pilesim.platform.settings import Settings, check_tariff
from pilesim.wire.messages import Login
from pilesim.wire.protocol import Protocol


class Office:
    """Orders, ledger, decisions. UsageError where the tariff does not fit the protocol."""

    def __init__(
        self,
        *,
        protocol: Protocol,
        contract: Contract,
        world_start_ns: int,
        settings: Settings | None = None,
        seed: int = 0,
        faults: Sequence[FaultChoice] = (),
    ) -> None:
        self.protocol = protocol
        self.contract = contract
        self.world_start_ns = world_start_ns
        self.settings = settings or Settings()
        check_tariff(self.settings.tariff, protocol, "the platform's tariff")
        self.book = OrderBook()
        self.ledger = Ledger(self.book, self.settings, world_start_ns, protocol.normal_account)
        self.dead = False
        """Garbage has killed it: only a fault does that."""
        self.changes = 0
        """Counts who is known to be at which connection, and its death; as the book counts what changes there."""
        self._mishaps: list[Mishap] = []
        self.behaviour = with_faults(Behaviour(self.settings, contract), faults, seed, self._mishaps)
        self._connections: dict[str, object] = {}
        self._serial = 0

    @property
    def mishaps(self) -> tuple[Mishap, ...]:
        """Each time a fault took effect."""
        return tuple(self._mishaps)

    def order(self, pile: str, number: str) -> Order | None:
        """What has become of an order, by the number that a person gives."""
        return self.book.find(pile, self.protocol.normal_order(number))

    def new_order(self, pile: str, gun: int, now_ns: int) -> str:
        """A number that no order of this pile has, be it one that a person gave."""
        while True:
            self._serial += 1
            made = self.protocol.new_order(pile, gun, self.world_start_ns + now_ns, self._serial)
            number = self.protocol.normal_order(made)
            if self.book.find(pile, number) is None:
                return number

    def make_order(
        self, now_ns: int, *, pile: str, firmware: str, gun: int, number: str, account: str, login: Login
    ) -> Order:
        """An order with what the account has, of which the pile has no answer to give. It is not in the book yet."""
        return Order(
            pile=pile,
            gun=gun,
            number=number,
            account=account,
            login=login,
            balance_mfen=max(0, self.ledger.balance_mfen(account) or 0),
            tariff=self.settings.tariff,
            firmware=firmware,
            authorised_ns=now_ns,
            answered_ns=now_ns,
        )

    def take_over(self, pile: str, connection: object) -> None:
        """A pile was heard on this connection: commands to it go there from now on."""
        if self._connections.get(pile) is not connection:
            self._connections[pile] = connection
            self.changes += 1

    def die(self) -> None:
        """Nothing is answered, sent or cancelled any more."""
        self.dead = True
        self.changes += 1

    def connection_of(self, pile: str) -> object:
        """Where commands to `pile` go; None where it was never heard."""
        return self._connections.get(pile)

    def is_at(self, pile: str, connection: object) -> bool:
        return self.connection_of(pile) is connection
