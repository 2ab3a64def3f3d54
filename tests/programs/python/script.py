# Runs what a contract in Python would lean on: the library, files, floats, big integers, SQLite, an exit code.
import csv, dataclasses, datetime, decimal, fractions, functools, hashlib, itertools, json, math, os, random, re
import sqlite3, statistics, struct, sys, zlib

print("python", sys.version_info[:3], sys.platform, sys.byteorder)
print("arguments", sys.argv, "environment", sorted(k for k in os.environ if k in ("LANG", "LC_ALL", "TZ")))

for directory, names, files in sorted(os.walk("/data")):
    print("walk", directory, sorted(names), sorted(files))
print("stat", os.stat("/data/note.txt").st_size, os.path.isdir("/data"), os.path.exists("/data/none"))
with open("/data/fruit.csv", newline="") as file:
    fruit = list(csv.DictReader(file))
print("csv", json.dumps(fruit, sort_keys=True))

def error(action):
    try:
        action()
    except OSError as e:
        return type(e).__name__
print("errors", error(lambda: open("/data/none")), error(lambda: open("/data")), error(lambda: os.listdir("/data/note.txt")))

weights = [float(f["weight"]) for f in fruit]
print("floats", sum(weights), math.fsum(weights), statistics.stdev(weights), [w.hex() for w in weights])
print("math", [f(1.1) for f in (math.sin, math.exp, math.log, math.gamma, math.atan, math.cbrt)])
print("format", f"{1/3:.30f}", f"{1e300 * 1e10} {-0.0} {5e-324} {2**0.5!r}", round(2.675, 2), divmod(-7.5, 2))
print("decimal", decimal.Decimal(2).sqrt(), fractions.Fraction(0.1), "integer", 3**200 % 10**40, math.factorial(30))

generator = random.Random(2024)
print("seeded", [generator.random() for _ in range(3)], generator.sample(range(100), 5), generator.gauss(0, 1))
data = bytes(generator.randrange(256) for _ in range(10_000))
print("digests", hashlib.sha256(data).hexdigest(), hashlib.blake2b(data, digest_size=8).hexdigest(), zlib.crc32(data))
print("zlib", zlib.decompress(zlib.compress(data)) == data, "struct", struct.pack("<dfq", 0.1, 0.1, -1).hex())
print("re", re.findall(r"(\w+) (?=fruit|red)", open("/data/fruit.csv").read()))
print("clock", datetime.datetime.now(datetime.timezone.utc).isoformat(), "random", os.urandom(8).hex())

@dataclasses.dataclass(order=True)
class Point:
    x: float
    y: float = 0.5
print("classes", max(Point(1), Point(1, 0.75)), functools.reduce(lambda a, b: a ^ b, itertools.accumulate(range(1000))))

database = sqlite3.connect(":memory:")
database.execute("create table fruit (name text, colour text, weight real)")
database.executemany("insert into fruit values (:name, :colour, :weight)", fruit)
print("sqlite", sqlite3.sqlite_version, database.execute(
    "select colour like '%red', count(*), avg(weight), max(name) from fruit group by 1 order by 1").fetchall())

def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
print("recursion", fibonacci(18))
try:
    (lambda f: f(f))(lambda f: f(f))
except RecursionError as e:
    print("recursion", type(e).__name__)
sys.exit(3)
