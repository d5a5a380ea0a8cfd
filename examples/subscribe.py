"""Print every recommendation of Moodcue, with pyzmq and msgpack alone."""

import sys

import msgpack
import zmq

host, port = sys.argv[1:] or ("127.0.0.1", "5571")

socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
socket.connect(f"tcp://{host}:{port}")
socket.subscribe(b"recommendation/")
seen = set()  # an event can come twice, for instance when somebody else subscribes

while True:
    topic, header = socket.recv_multipart()
    event = msgpack.unpackb(header)
    if event["id"] in seen:
        continue
    seen.add(event["id"])
    if event["hold"]:
        print(f"{event['camera']}: no songs, {event['hold']}", flush=True)
        continue
    print(f"{event['camera']}: {event['emotion']} ({event['confidence']:.0%})", flush=True)
    for song in event["songs"]:
        print(f"  {song['score']:.2f}  {song['title']} - {song['artist']}", flush=True)
