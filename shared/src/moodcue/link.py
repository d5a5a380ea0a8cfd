"""Whether a socket is connected to the broker."""

import zmq
from zmq.utils.monitor import recv_monitor_message

_NOT_LET_IN = (
    "the broker does not let our key in; put its public key into the folder `authorized` of the "
    "broker, and start the broker and this again"
)
_ONE_HAS_KEYS = (
    "only one of the broker and this has keys; set MOODCUE_CURVE_DIR (of a command: --curve-dir) "
    "for both or for neither, and start this again"
)


class Link:
    """Follows the connection of a socket. Use it in the socket's thread, but for `problem`.

    Args:
        socket: not connected yet.

    Attributes:
        refusal: why the broker will not have us, if so; ZeroMQ does not try again.
    """

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._monitor = socket.get_monitor_socket(
            zmq.Event.HANDSHAKE_SUCCEEDED
            | zmq.Event.HANDSHAKE_FAILED_AUTH
            | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
            | zmq.Event.DISCONNECTED
        )
        self._connected = False
        self.refusal: str | None = None

    def update(self) -> bool:
        """Take note of what has happened; True if it was connected anew since the last call."""
        connected_anew = False
        while self._monitor.poll(0, zmq.POLLIN):
            message = recv_monitor_message(self._monitor)
            self._connected = message["event"] == zmq.Event.HANDSHAKE_SUCCEEDED
            connected_anew = connected_anew or self._connected
            if message["event"] == zmq.Event.HANDSHAKE_FAILED_AUTH:
                self.refusal = _NOT_LET_IN
            elif message["value"] == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
                self.refusal = _ONE_HAS_KEYS
        return connected_anew

    def problem(self) -> str | None:
        """Say that there is no connection, if so; safe in any thread."""
        if self._connected:
            return None
        return self.refusal or "there is no connection to the broker"

    def close(self) -> None:
        """Stop following; call it before the socket is closed."""
        if not self._socket.closed:
            self._socket.disable_monitor()
        self._monitor.close(linger=0)
