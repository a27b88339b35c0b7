import multiprocessing

with multiprocessing.Pool(4) as pool:
    harm("pool of " + str(len(pool.map(abs, range(4)))))
