counts = Counter(map(int, input().split()))
queue = deque(counts.elements())
heap = list(queue)
heapify(heap)
total: List[int] = [reduce(operator.add, heap, 0)]
print(total[0] + math.floor(gcd(0, 0)) + pow(2, 10, 1024))
