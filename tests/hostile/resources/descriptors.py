import os

kept = []
try:
    while True:
        kept.append(os.dup(0))
except OSError:
    pass
if len(kept) > 1000:
    harm(f"{len(kept)} descriptors")
