package e2e

import (
	"context"
	"fmt"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// onlineDDL is "migrate from databases that use GH-ost/PT-osc", with its two
// traces, and FAQ 9.6: a task that begins within an online DDL.
func (in *instances) onlineDDL() {
	one := []int{1}
	in.exec(one, "CREATE DATABASE IF NOT EXISTS test", "CREATE TABLE test.test4 (id int(11) NOT NULL AUTO_INCREMENT, date date DEFAULT NULL, account_id bigint(20) DEFAULT NULL,"+
		" conversion_price decimal(20,3) DEFAULT NULL, ocpc_matched_conversions bigint(20) DEFAULT NULL, ad_cost decimal(20,3) DEFAULT NULL, c12 varchar(20) COLLATE utf8mb4_bin NOT NULL,"+
		" PRIMARY KEY (id)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin", "INSERT INTO test.test4 (account_id, c12) VALUES (1, 'a'), (2, 'b')",
		"CREATE TABLE test.early (id INT PRIMARY KEY)", "CREATE TABLE test._early_gho LIKE test.early", "ALTER TABLE test._early_gho ADD COLUMN c INT")
	in.start("online", `
online-ddl: true
online-ddl-scheme: "gh-ost"
mysql-instances:
- source-id: "instance-1"
  block-allow-list: one
block-allow-list: {one: {do-dbs: [test]}}
`)
	in.caughtUp("online", 1)
	tables := fmt.Sprintf(tablesOf, "'test'")
	in.want(tables, "test.early", "test.test4") // the full phase leaves the tools' tables out

	in.exec(one, "RENAME TABLE test.early TO test._early_del, test._early_gho TO test.early")
	ctx, cancel := context.WithTimeout(in.t.Context(), time.Minute)
	defer cancel()
	_, err := in.Await(ctx, "online", func(st testbed.TaskStatus) (bool, error) {
		return st.Stage == "Paused" && st.Result != nil && len(st.Result.Errors) > 0 && st.Result.Errors[0].ErrCode == 36046, nil
	})
	must(in.t, err)
	must(in.t, in.down.Exec(in.t.Context(), "INSERT INTO dm_meta.online_onlineddl (id, ghost_schema, ghost_table, ddls) VALUES ('instance-1', 'test', '_early_gho',"+
		` '{"schema":"test","table":"early","ddls":["ALTER TABLE test._early_gho ADD COLUMN c INT"]}')`))
	in.do("resume-task", "online")
	in.caughtUp("online", 1)

	in.exec(one, "USE test", "Create /* gh-ost */ table `test`.`_test4_ghc` (id bigint auto_increment, last_update timestamp not null DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,"+
		" hint varchar(64) charset ascii not null, value varchar(4096) charset ascii not null, primary key(id), unique key hint_uidx(hint)) auto_increment=256",
		"Create /* gh-ost */ table `test`.`_test4_gho` like `test`.`test4`",
		"Alter /* gh-ost */ table `test`.`_test4_gho` add column c11 varchar(20) not null",
		"Insert /* gh-ost */ into `test`.`_test4_ghc` (hint, value) values ('state', 'GhostTableMigrated')",
		"Insert /* gh-ost `test`.`test4` */ ignore into `test`.`_test4_gho` (`id`, `date`, `account_id`, `conversion_price`, `ocpc_matched_conversions`, `ad_cost`, `c12`)"+
			" (select `id`, `date`, `account_id`, `conversion_price`, `ocpc_matched_conversions`, `ad_cost`, `c12` from `test`.`test4` force index (`PRIMARY`)"+
			" where (((`id` > _binary'1') or ((`id` = _binary'1'))) and ((`id` < _binary'2') or ((`id` = _binary'2')))) lock in share mode)")
	in.caughtUp("online", 1)
	in.want("SELECT ddls->>'$.ddls' FROM dm_meta.online_onlineddl", "[\"ALTER TABLE `test`.`_test4_gho` ADD COLUMN `c11` VARCHAR(20) NOT NULL\"]")
	in.exec(one, "Rename /* gh-ost */ table `test`.`test4` to `test`.`_test4_del`, `test`.`_test4_gho` to `test`.`test4`")
	in.caughtUp("online", 1)
	in.want("SELECT ddls FROM dm_meta.online_onlineddl")
	in.want(tables, "test.early", "test.test4")

	in.exec(one, "CREATE TABLE `test`.`_test4_new` LIKE test.test4", "ALTER TABLE `test`.`_test4_new` add column c3 int",
		"CREATE TRIGGER test.`pt_osc_test_test4_ins` AFTER INSERT ON `test`.`test4` FOR EACH ROW REPLACE INTO test._test4_new (id, account_id, c12, c11) VALUES (NEW.id, NEW.account_id, NEW.c12, NEW.c11)",
		"INSERT LOW_PRIORITY IGNORE INTO `test`.`_test4_new` (`id`, `date`, `account_id`, `conversion_price`, `ocpc_matched_conversions`, `ad_cost`, `c12`, `c11`)"+
			" SELECT `id`, `date`, `account_id`, `conversion_price`, `ocpc_matched_conversions`, `ad_cost`, `c12`, `c11` FROM `test`.`test4` LOCK IN SHARE MODE /*pt-online-schema-change 3227 copy table*/",
		"INSERT INTO test.test4 (account_id, c12, c11) VALUES (3, 'c', 'd')",
		"RENAME TABLE `test`.`test4` TO `test`.`_test4_old`, `test`.`_test4_new` TO `test`.`test4`",
		"DROP TABLE IF EXISTS `test`.`_test4_old`", "DROP TRIGGER IF EXISTS test.`pt_osc_test_test4_ins`",
		"INSERT INTO test.test4 (account_id, c12, c11, c3) VALUES (4, 'e', 'f', 5)", "INSERT INTO test.early VALUES (1, 2)")
	in.caughtUp("online", 1)
	in.want("SELECT CONCAT_WS(' ', id, account_id, c12, c11, c3) FROM test.test4 ORDER BY id", "1 1 a ", "2 2 b ", "3 3 c d", "4 4 e f 5")
	in.want("SELECT CONCAT_WS(' ', id, c) FROM test.early", "1 2")
	in.want(tables, "test.early", "test.test4")
	in.do("stop-task", "online")
}
