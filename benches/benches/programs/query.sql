create table t(a integer primary key, b text, c integer);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)
insert into t select i, 'row number ' || (i * 7919 % 60013), i * 31 % 1009 from n;
create index t_c on t(c);
select count(*), sum(length(b)) from t;
select c, count(*), max(b) from t group by c order by 2 desc, 1 limit 3;
select count(*) from t x join t y on x.c = y.c where x.a < 3000 and y.b like '%99%';
