"""tone: writes a tone to a WAV file and finds it again in a recording (Goertzel's algorithm)."""
import array
import math
import sys
import wave

WINDOW = 0.5  # seconds


def write_tone(path, hertz, seconds=30, rate=8000, level=0.35):
    samples = array.array("h", (round(32767 * level * math.sin(2 * math.pi * hertz * i / rate))
                                for i in range(int(seconds * rate))))
    with wave.open(path, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(samples.tobytes())


def read_samples(path):
    """(rate, samples of the first channel). Recorders that are still open or were killed leave sizes of 0 in
    the header, so the data runs to the end of the file whatever the header says."""
    with open(path, "rb") as f:
        raw = f.read()
    start = raw.find(b"data")
    if raw[:4] != b"RIFF" or start < 0:
        return 0, array.array("h")
    channels, rate = int.from_bytes(raw[22:24], "little") or 1, int.from_bytes(raw[24:28], "little")
    body = raw[start + 8:]
    samples = array.array("h")
    samples.frombytes(body[:len(body) // 2 * 2])
    return rate, samples[::channels]


def tone_share(window, rate, hertz):
    """Which part of the window's energy lies at that frequency: 1.0 is a pure tone, 0 is silence."""
    energy = sum(v * v for v in window)
    if energy < 100 * len(window):  # under 10 of 32768: silence
        return 0.0
    c = 2 * math.cos(2 * math.pi * hertz / rate)
    s1 = s2 = 0.0
    for v in window:
        s1, s2 = v + c * s1 - s2, s1
    return (s1 * s1 + s2 * s2 - c * s1 * s2) * 2 / len(window) / energy


def seconds_of_tone(path, hertz, share=0.8):
    """For how many seconds of the recording that tone carries most of the energy."""
    rate, samples = read_samples(path)
    n = int(rate * WINDOW)
    if n == 0:
        return 0.0
    return WINDOW * sum(tone_share(samples[i:i + n], rate, hertz) >= share for i in range(0, len(samples) - n + 1, n))


if __name__ == "__main__":
    print(f"{seconds_of_tone(sys.argv[1], float(sys.argv[2]))} s with {sys.argv[2]} Hz")
