import atexit

numbers = list(map(int, input().split()))
atexit.register(lambda: print(sum(numbers)))
