import io
import os
import sys


class FastIO(io.IOBase):
    def __init__(self, file):
        self._descriptor = file.fileno()
        self.writable_ = "x" in file.mode or "r" not in file.mode
        self.buffer = io.BytesIO()
        self.write = self.buffer.write if self.writable_ else None

    def read(self):
        return os.read(self._descriptor, max(os.fstat(self._descriptor).st_size, 8192))

    def flush(self):
        if self.writable_:
            os.write(self._descriptor, self.buffer.getvalue())
            self.buffer.truncate(0), self.buffer.seek(0)


sys.stdin, sys.stdout = FastIO(sys.stdin), FastIO(sys.stdout)
sys.stdout.write(b"%d\n" % sum(map(int, sys.stdin.read().split())))
