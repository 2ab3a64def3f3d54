import sys
class Odd(ValueError):
    pass
def deep(n):
    if n == 0:
        raise Odd("from below")
    return deep(n - 1) + 1
caught = 0
for n in range(40):
    try:
        deep(n)
    except ValueError as error:
        caught += n
        last = error
    finally:
        caught += 1
print(sys.implementation.name, caught, last)
def gen():
    try:
        yield from range(3)
    finally:
        print("closed")
g = gen()
print(next(g), next(g))
g.close()
try:
    [1, 2][5]
except IndexError as e:
    print(type(e).__name__, e)
try:
    {}["k"]
except KeyError as e:
    print(repr(e))
print(sorted({x * x % 7 for x in range(20)}), "%.3f" % (2 ** 0.5), 10 ** 30)
try:
    def endless(n): return endless(n + 1)
    endless(0)
except RuntimeError as e:
    print(type(e).__name__, e)
raise SystemExit(3)
