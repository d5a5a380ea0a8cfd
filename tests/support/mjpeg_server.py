"""An IP camera: an endless multipart stream that a test can break, silence and restore."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np


class MjpegServer:
    """Serves grey pictures from a thread.

    Attributes:
        broken: requests are refused, streams end.
        silent: connections are kept, and nothing is sent.
        level: brightness of the pictures, 0 to 255.
        connections: how many streams were begun.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.broken = threading.Event()
        self.silent = threading.Event()
        self.level = 50
        self.connections = 0
        self._closing = threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if camera.broken.is_set():
                    self.send_error(503)
                    return
                camera.connections += 1
                if not camera.silent.is_set():
                    self.send_response(200)
                    self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                    self.end_headers()
                while not (camera.broken.is_set() or camera._closing.wait(0.02)):
                    if not camera.silent.is_set():
                        self._send_picture()

            def _send_picture(self) -> None:
                image = np.full((48, 64, 3), camera.level, np.uint8)
                jpeg = cv2.imencode(".jpg", image)[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                try:
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                except OSError:
                    camera._closing.wait(0.02)

            def log_message(self, *args: object) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://{host}:{self._server.server_address[1]}/stream.mjpg"

    def close(self) -> None:
        """End all streams."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
