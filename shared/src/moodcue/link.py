"""Whether a socket is connected to the broker."""

import zmq
from zmq.utils.monitor import recv_monitor_message


class Link:
    """Follows the connection of a socket. Use it in the socket's thread, but for `problem`.

    Args:
        socket: not connected yet.
    """

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._monitor = socket.get_monitor_socket(
            zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.DISCONNECTED
        )
        self._connected = False

    def update(self) -> bool:
        """Take note of what has happened; True if it was connected anew since the last call."""
        connected_anew = False
        while self._monitor.poll(0, zmq.POLLIN):
            event = recv_monitor_message(self._monitor)["event"]
            self._connected = event == zmq.Event.HANDSHAKE_SUCCEEDED
            connected_anew = connected_anew or self._connected
        return connected_anew

    def problem(self) -> str | None:
        """Say that there is no connection, if so; safe in any thread."""
        return None if self._connected else "there is no connection to the broker"

    def close(self) -> None:
        """Stop following; call it before the socket is closed."""
        if not self._socket.closed:
            self._socket.disable_monitor()
        self._monitor.close(linger=0)
