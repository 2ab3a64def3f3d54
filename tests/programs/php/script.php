<?php
// What a page leans on: arrays, files, floats, JSON, regular expressions, digests, classes.
echo 'php ', PHP_VERSION, ' ', PHP_OS, ' ', PHP_INT_SIZE, "\n";

$names = scandir('/data');
echo 'list ', json_encode(array_values(array_diff($names, ['.', '..']))), ' ', filesize('/data/note.txt'), "\n";
$file = fopen('/data/fruit.csv', 'r');
fgetcsv($file);
$weights = [];
while ($row = fgetcsv($file)) {
    $weights[$row[0]] = (float) $row[2];
}
echo 'csv ', json_encode($weights), ' missing ', var_export(@file_get_contents('/data/none'), true), "\n";

ini_set('precision', '17');
echo 'floats ', array_sum($weights), ' ', 0.1 + 0.2, ' ', 1e22, ' ', intdiv(-7, 2), ' ', fmod(-7.5, 2), "\n";
echo 'math ', sqrt(2), ' ', sin(1.1), ' ', exp(1), ' ', log(10), ' ', 2 ** 0.5, ' ', round(2.5), ' ', M_PI, "\n";
printf("format %.15f %e %'*10s %05d %x %b\n", 1 / 3, 12345.678, 'right', 42, 255, 5);
mt_srand(2024);
echo 'seeded ', mt_rand(), ' ', mt_rand(1, 6), ' digests ', hash('sha256', 'octets'), ' ', crc32('octets'), "\n";
echo 'text ', preg_replace('/(\w+) (\w+)/', '$2 $1', 'dragon fruit'), ' ', ucwords('a b'), ' ', strrev('abc'), "\n";

class Node
{
    public function __construct(public int $value, public ?Node $next = null) {}
}
$list = null;
for ($i = 0; $i < 5; $i++) {
    $list = new Node($i ** 2, $list);
}
for ($sum = 0; $list; $list = $list->next) {
    $sum += $list->value;
}
usort($names, fn ($a, $b) => strlen($b) <=> strlen($a) ?: strcmp($a, $b));
echo 'classes ', $sum, ' sorted ', $names[0], ' date ', gmdate('Y-m-d', 1704067200), "\n";
try {
    intdiv(1, 0);
} catch (DivisionByZeroError $e) {
    echo 'error ', $e->getMessage(), "\n";
}
