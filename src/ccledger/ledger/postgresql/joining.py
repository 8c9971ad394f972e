"""The part of the PostgreSQL store by which it becomes one of several nodes; it reads and books nothing."""

from typing import TYPE_CHECKING

from ccledger.core.errors import StoreError

if TYPE_CHECKING:
    from ccledger.ledger.cluster import Member
    from ccledger.ledger.postgresql.cluster import PostgresqlCluster
    from ccledger.ledger.postgresql.link import Link
    from ccledger.ledger.postgresql.pen import Pen


class Joining:
    """Fulfils `ledger.cluster.Shared`."""

    _link: "Link"
    _pen: "Pen | None"
    node: int

    def join(self, member: "Member") -> "PostgresqlCluster":
        """See `Shared.join`."""
        from ccledger.ledger.postgresql.cluster import PostgresqlCluster
        from ccledger.ledger.postgresql.nodes import Lease

        if self._pen is None:
            raise StoreError("this ledger was opened to be read, and only who writes is a node")
        lease = Lease(member, self._take_number)
        cluster = PostgresqlCluster(self._link, lease)
        cluster.begin()
        self._pen.lease = lambda: lease.text
        return cluster

    def _take_number(self, number: int) -> None:
        self.node = number
