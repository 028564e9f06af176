"""binance-connector's stream client; its callback appends the message as it came."""

from __future__ import annotations

import threading

from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient
from lines import ORDER, Lines  # type: ignore[import-not-found, unused-ignore]

if __name__ == "__main__":
    lines = Lines()
    client = SpotWebsocketStreamClient(
        stream_url=ORDER["ws_url"],
        on_message=lambda _, text: lines.write(text),
        is_combined=True,
        time_unit="microsecond",
    )
    client.subscribe([f"{symbol.lower()}@trade" for symbol in ORDER["symbols"]])
    threading.Event().wait()
