"""
The cables of the lab: joins pairs of network interfaces frame by frame and does to the frames what bad networks do.
Python, because Node cannot open AF_PACKET sockets; needs nothing beyond the standard library. The model is that of
`test/sim/link.ts`, with the same words and units, so that a scene may run on either.

    near interface --(up: queue, rate, loss, delay, jitter, reordering, doubling)--> far interface
    near interface <--(down: the same, set apart)-- far interface

Orders come as JSON lines on standard input, each with an `id`; each is answered by one JSON line. It ends when its
standard input does. `bridge.ts` is the other half of this dialogue.
"""

import gc
import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_IGNORE_OUTGOING = 23
FRAME_BYTES_MAX = 65536
# Frames taken from one interface before the others get their turn.
FRAMES_PER_TURN = 64
SOCKET_BUFFER_BYTES = 4_000_000
# The link layer's own header is not counted against the rate, as in the simulated links.
ETHERNET_BYTES = 14
FAR_FUTURE_S = 3600.0

CALM = {
    "delayMs": 0,
    "jitterMs": 0,
    "loss": 0,
    "lossBurst": 1,
    "duplicate": 0,
    "reorder": 0,
    "reorderMs": 30,
    "bytesPerSecond": None,
    "queueBytes": 64_000,
}


class Direction:
    """One direction of one cable: says when a frame that is put in now comes out."""

    def __init__(self, seed):
        self.settings = dict(CALM)
        # Frames that hold one of these byte strings are dropped, as by a firewall that looks inside.
        self.forbidden = []
        self.chance = random.Random(seed)
        self.losing = False
        self.busy_until = 0.0
        self.last_out = 0.0
        self.counts = {"frames": 0, "bytes": 0, "udpFrames": 0, "tcpFrames": 0, "lost": 0, "forbidden": 0}

    def take(self, now, frame):
        """Moments (seconds) at which the frame comes out: none, one or two."""
        self.count(frame)
        if any(text in frame for text in self.forbidden):
            self.counts["forbidden"] += 1
            return ()
        s = self.settings
        sent = self.serialise(now, len(frame) - ETHERNET_BYTES)
        if sent is None or self.loses():
            self.counts["lost"] += 1
            return ()
        at = sent + (s["delayMs"] + self.chance.random() * s["jitterMs"]) / 1000
        if self.chance.random() < s["reorder"]:
            return (at + s["reorderMs"] / 1000,)
        self.last_out = max(self.last_out, at)
        if self.chance.random() < s["duplicate"]:
            return (self.last_out, self.last_out + s["delayMs"] / 2000)
        return (self.last_out,)

    def serialise(self, now, size):
        """The moment the last bit has left; None when the queue is full."""
        rate = self.settings["bytesPerSecond"]
        if rate is None:
            return now
        waiting = max(0.0, self.busy_until - now) * rate
        if waiting > 0 and waiting + size > self.settings["queueBytes"]:
            return None
        self.busy_until = max(self.busy_until, now) + size / rate
        return self.busy_until

    def loses(self):
        """Gilbert's model: in one state every frame is lost, in the other none."""
        loss, burst = self.settings["loss"], self.settings["lossBurst"]
        if loss <= 0:
            return False
        if burst <= 1 or loss >= 1:
            return self.chance.random() < loss
        stop = 1 / burst
        start = stop * loss / (1 - loss)
        hit = self.chance.random()
        self.losing = hit >= stop if self.losing else hit < start
        return self.losing

    def count(self, frame):
        self.counts["frames"] += 1
        self.counts["bytes"] += len(frame)
        protocol = frame[23] if frame[12:14] == b"\x08\x00" else frame[20] if frame[12:14] == b"\x86\xdd" else None
        if protocol == socket.IPPROTO_UDP:
            self.counts["udpFrames"] += 1
        elif protocol == socket.IPPROTO_TCP:
            self.counts["tcpFrames"] += 1


class Capture:
    """What enters a cable, from both ends, as a pcap file of Ethernet frames."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, FRAME_BYTES_MAX, 1))

    def take(self, frame):
        now = time.time()
        self.file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(frame), len(frame)) + frame)

    def close(self):
        self.file.close()


class Cable:
    def __init__(self, near, far, seed):
        self.near = open_interface(near)
        self.far = open_interface(far)
        self.up = Direction(f"{seed} {near} up")
        self.down = Direction(f"{seed} {near} down")
        self.capture = None


def open_interface(name):
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    try:
        port.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    except OSError:
        pass  # Before Linux 4.20: frames of our own never come back on the socket that sent them either.
    port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
    port.bind((name, 0))
    port.setblocking(False)
    return port


class Bridge:
    def __init__(self):
        self.cables = {}
        self.ways = {}  # Number of the socket a frame comes in by -> its socket, cable, direction and way out.
        self.due = []
        self.sequence = 0
        self.orders = b""

    def run(self):
        stdin = sys.stdin.fileno()
        while True:
            wait = max(0.0, self.due[0][0] - time.monotonic()) if self.due else FAR_FUTURE_S
            # `select`, for its timeout has microseconds where that of `epoll` has milliseconds.
            ready, _, _ = select.select([stdin, *self.ways], [], [], wait)
            for number in ready:
                if number != stdin:
                    self.forward(number)
                elif not self.hear(stdin):
                    return
            self.release()

    def forward(self, number):
        port, cable, direction, out = self.ways[number]
        for _ in range(FRAMES_PER_TURN):
            try:
                frame = port.recv(FRAME_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:
                return  # The interface is down, or gone.
            if cable.capture is not None:
                cable.capture.take(frame)
            now = time.monotonic()
            for at in direction.take(now, frame):
                self.sequence += 1
                heapq.heappush(self.due, (at, self.sequence, out, frame, direction))

    def release(self):
        while self.due and self.due[0][0] <= time.monotonic():
            _, _, out, frame, direction = heapq.heappop(self.due)
            try:
                out.send(frame)
            except OSError:
                direction.counts["lost"] += 1

    def hear(self, stdin):
        """False at the end of the orders."""
        text = os.read(stdin, 65536)
        if text == b"":
            return False
        *lines, self.orders = (self.orders + text).split(b"\n")
        for line in lines:
            order = json.loads(line)
            try:
                result = self.obey(order)
            except (OSError, KeyError, ValueError) as fault:
                result = {"fault": f"{type(fault).__name__}: {fault}"}
            print(json.dumps({"id": order["id"], **result}), flush=True)
        return True

    def obey(self, order):
        if order["do"] == "join":
            cable = Cable(order["near"], order["far"], order["seed"])
            self.cables[order["cable"]] = cable
            self.ways[cable.near.fileno()] = (cable.near, cable, cable.up, cable.far)
            self.ways[cable.far.fileno()] = (cable.far, cable, cable.down, cable.near)
            return {}
        cable = self.cables[order["cable"]]
        if order["do"] == "set":
            direction = cable.up if order["direction"] == "up" else cable.down
            direction.settings.update(order["settings"])
            direction.forbidden = [bytes.fromhex(text) for text in order["forbidden"]]
            return {}
        if order["do"] == "count":
            return {"up": cable.up.counts, "down": cable.down.counts}
        if order["do"] == "capture":
            if cable.capture is not None:
                cable.capture.close()
            cable.capture = Capture(order["file"]) if order["file"] else None
            return {}
        raise ValueError(order["do"])


def main():
    # No cycles are made, and a collection is a pause that every packet in flight would feel.
    gc.disable()
    try:
        os.nice(-10)
    except OSError:
        pass  # Only root may; the cables are then as late as the machine is busy.
    print(json.dumps({"ready": True}), flush=True)
    Bridge().run()


main()
