import hashlib
import threading

data = bytes(1 << 28)
for _ in range(8):
    threading.Thread(target=lambda: [hashlib.sha256(data) for _ in range(1000)]).start()
