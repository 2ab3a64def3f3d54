<?php
$words = [];
for ($i = 0; $i < 200000; $i++) {
    $word = substr(md5((string) ($i % 5000)), 0, 6);
    $words[$word] = ($words[$word] ?? 0) + 1;
}
ksort($words);
$sum = 0;
foreach ($words as $word => $count) {
    $sum = ($sum * 31 + strlen($word) * $count) % 1000003;
}
echo count($words), " ", $sum, "\n";
