"""What may have been done already is not asked a second time."""

from venue_server import Asked, Reply, VenueServer, serving_venue

from desk.feeds.transport import BROKEN, Http


class Answering(VenueServer):
    """A server that answers everything."""

    def answer(self, asked: Asked) -> Reply:
        """Nothing but that it was asked."""
        return 200, {}


def test_an_order_that_ends_without_an_answer_is_sent_once() -> None:
    with serving_venue(Answering(faults={0: "taken:drop"})) as served:
        transport = Http()
        transport.get(served.address, {})  # whose connection libcurl keeps
        assert transport.send("POST", served.address, {}, b"{}") is BROKEN
    assert served.asked == ["GET /", "POST /"]
