# What a script leans on: files, floats, big integers, regular expressions, blocks, exceptions, an exit code.
puts "ruby #{RUBY_VERSION} #{RUBY_PLATFORM}", "arguments #{ARGV.inspect}"

puts "list #{Dir.children('/data').sort.inspect} #{Dir.glob('/data/**/*').sort.inspect}"
rows = File.readlines('/data/fruit.csv', chomp: true).drop(1).map { |row| row.delete('"').split(',') }
puts "file #{File.size('/data/note.txt')} #{File.directory?('/data/deep')} #{rows.inspect}"
begin
  File.read('/data/none')
rescue SystemCallError => e
  puts "error #{e.class}"
end

weights = rows.map { |row| row.last.to_f }
puts "floats #{weights.sum} #{weights.sum / weights.size} #{weights.minmax.inspect} #{0.1 + 0.2} #{1e100.to_i}"
puts "math #{Math.sqrt(2)} #{Math.sin(1.1)} #{Math.log(10)} #{Math.gamma(4.5)} #{2**0.5} #{-7.5.divmod(2).inspect}"
puts format('format %.20f %e %g %a', 1.0 / 3, 12_345.678, 1e-7, 0.1), "integer #{3**200} #{(1..30).inject(:*)}"
puts "rational #{0.75.rationalize} #{3.7 % 1} #{10.fdiv(3).round(5)} #{Complex(1, 2)**2}"

generator = Random.new(2024)
puts "seeded #{Array.new(3) { generator.rand }.inspect} #{generator.rand(1000)} #{[1, 2, 3, 4, 5].shuffle(random: Random.new(1)).inspect}"
puts "text #{'Größe'.upcase} #{'dragon fruit'.scan(/[aeiou]+/).inspect} #{'a-b_c'.tr('-_', '  ')} #{'%05d' % 42}"
puts "hash #{rows.group_by { |row| row[1][-3..] }.transform_values(&:size).inspect} #{[3, 1, 2].sort_by(&:-@).inspect}"

fibonacci = ->(n) { n < 2 ? n : fibonacci[n - 1] + fibonacci[n - 2] }
puts "recursion #{fibonacci[16]} #{(1..5).each_slice(2).to_a.inspect} #{%w[a b].cycle.lazy.map(&:upcase).first(3).inspect}"
fiber = Fiber.new { 3.times { |i| Fiber.yield i }; :done }
puts "fiber #{Array.new(4) { fiber.resume }.inspect} time #{Time.now.utc.year}"
exit 5
