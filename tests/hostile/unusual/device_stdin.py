with open("/dev/stdin") as source, open("/dev/stdout", "w") as target:
    print(sum(map(int, source.read().split())), file=target)
