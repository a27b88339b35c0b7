import os
import threading
import time


def rewrite():
    time.sleep(0.05)
    os.pwrite(60, b"5\n7\n9\n11\n13\n", 0)


threading.Thread(target=rewrite, daemon=True).start()
print(0)
