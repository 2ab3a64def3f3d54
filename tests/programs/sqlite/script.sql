-- Reads a mapped file, computes in floats, joins, recurses, indexes, and rolls back.
.mode csv
.import /data/fruit.csv fruit
.mode list
.headers on
select sqlite_version();
select name, colour, cast(weight as real) as grams, printf('%.3e', weight) as short from fruit order by grams;
select count(*), sum(weight), avg(weight), round(sqrt(sum(weight * weight)), 9), sin(1.1), exp(1), pow(2, 0.5) from fruit;
create table numbers (i integer primary key, square integer, root real);
with recursive n (i) as (select 1 union all select i + 1 from n where i < 2000)
insert into numbers select i, i * i, sqrt(i) from n;
create index by_root on numbers (root desc);
select count(*), sum(square), total(root), max(hex(square)) from numbers where root between 10 and 20;
select a.name, b.name from fruit a join fruit b on a.weight > b.weight and a.colour like '%red%' order by 1, 2;
begin; delete from numbers; rollback;
select count(*) as kept, group_concat(i, ' ') from (select i from numbers where square % 97 = 1 limit 8);
select json_object('name', name, 'grams', cast(weight as real)) from fruit limit 2;
select name, row_number() over (order by cast(weight as real)) as place, lag(name) over (order by name) from fruit;
select 0.1 + 0.2, 1e23, 9007199254740993, 5e-324, 1 / 3.0, typeof(9223372036854775807 + 1), date('2024-02-28', '+2 days');
select * from nowhere;
.exit 4
