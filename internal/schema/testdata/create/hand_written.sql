create table if not exists db2.Hand -- a comment
( id serial, # another
  Name national varchar(10) binary unique key,
  b bool, r real, p double precision, t text(300), bl blob(70000), `by` char byte,
  c character varying (7) ascii, l long varchar, lb long varbinary, f float(25), f2 float(10), n numeric,
  bin text character set binary, cx char(3) character set binary, en enum('a','b') character set binary,
  d datetime(6) default now(6) on update now(6), dt date default date'2020-01-01', s varchar(3) default _latin1'x',
  fk int references other(id) on delete cascade,
  ck int check (ck > 0) not null,
  primary key using btree (id, b), unique (r), unique index (r, id), index (name(3)), foreign key fkname (r, b) references other (x, y)
) character set = latin1, engine innodb comment 'x' union=(a,b)
