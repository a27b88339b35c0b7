import sys

frame = sys._getframe()
while frame:
    for name, value in frame.f_locals.items():
        if "expected" in name or "output-marker" in repr(value)[:10_000] and name != "WANTED":
            harm("found " + name)
    frame = frame.f_back
