import builtins
import sys

builtins.input = sys.stdin.readline
write = builtins.print


def shout(*values):
    write(*values, flush=True)


builtins.print = shout
print(sum(map(int, input().split())))
