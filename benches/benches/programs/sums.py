words = {}
for i in range(200000):
    word = "w" + str(i * 7919 % 5003)
    words[word] = words.get(word, 0) + 1
total = 0
for word in sorted(words):
    total = (total * 31 + len(word) * words[word]) % 1000003
primes = [n for n in range(2, 8000) if all(n % d for d in range(2, int(n ** 0.5) + 1))]
print(len(words), total, len(primes))
