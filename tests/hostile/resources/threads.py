import threading
import time

threading.stack_size(1 << 15)
started = 0
try:
    while started < 100_000:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        started += 1
except RuntimeError:
    pass
if started > 20_000:
    harm(f"{started} threads")
