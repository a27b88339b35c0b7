import signal


def give_up(*_):
    raise SystemExit(0)


signal.signal(signal.SIGALRM, give_up)
signal.setitimer(signal.ITIMER_REAL, 0.02)
print(sum(map(int, input().split())), flush=True)
while True:
    pass
