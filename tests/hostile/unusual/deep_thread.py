import sys
import threading

sys.setrecursionlimit(1 << 20)
threading.stack_size(1 << 27)


def down(depth):
    return 0 if depth == 0 else 1 + down(depth - 1)


def main():
    print(sum(map(int, input().split())) + down(100_000) - 100_000)


thread = threading.Thread(target=main)
thread.start()
