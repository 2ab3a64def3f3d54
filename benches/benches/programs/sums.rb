words = Hash.new(0)
200_000.times { |i| words["w#{i * 7919 % 5003}"] += 1 }
sum = 0
words.sort.each { |word, count| sum = (sum * 31 + word.length * count) % 1_000_003 }
primes = (2..20_000).select { |n| (2..Integer.sqrt(n)).none? { |d| n % d == 0 } }
puts "#{words.size} #{sum} #{primes.size}"
