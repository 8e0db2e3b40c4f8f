package checkpoint

import "github.com/raftdm/raftdm/internal/dbconn"

// maxIdent is the longest table name that MySQL, MariaDB and TiDB accept, in characters.
const maxIdent = 64

// tableDef is one meta table: the suffix behind the task's name, its columns,
// and whether its rows carry an epoch column that TakeOver raises.
type tableDef struct {
	suffix string
	body   string
	fenced bool
}

// tables lists what Open creates, the fenced ones in the order in which
// TakeOver locks them: the subtask row is always first.
func tables() []tableDef {
	return []tableDef{
		{suffix: suffixSubtask, body: subtaskColumns, fenced: true},
		{suffix: suffixChunk, body: chunkColumns, fenced: true},
		{suffix: suffixLane, body: laneColumns, fenced: true},
		{suffix: suffixDDL, body: ddlColumns},
		{suffix: suffixOperator, body: operatorColumns},
		{suffix: suffixHead, body: headColumns},
		{suffix: suffixStructure, body: structureColumns},
		{suffix: suffixXA, body: xaColumns},
		{suffix: suffixDump, body: dumpColumns},
		{suffix: suffixSyncer, body: syncerColumns},
	}
}

// onlineTable is what Open creates for a task with online-ddl.
func onlineTable() tableDef { return tableDef{suffix: suffixOnline, body: onlineColumns} }

// dmSuffixes are the tables that DM itself makes for a task. We fill two of them;
// Remove drops all four, because a task may have been DM's before.
func dmSuffixes() []string {
	return []string{suffixSyncer, suffixOnline, "_loader_checkpoint", "_syncer_sharding_meta"}
}

// The suffixes of the meta tables.
const (
	suffixSubtask   = "_raftdm_subtask"
	suffixChunk     = "_raftdm_chunk"
	suffixLane      = "_raftdm_lane"
	suffixDDL       = "_raftdm_ddl"
	suffixOperator  = "_raftdm_operator"
	suffixHead      = "_raftdm_head"
	suffixStructure = "_raftdm_structure"
	suffixXA        = "_raftdm_xa"
	suffixDump      = "_raftdm_dump"
	suffixProbe     = "_raftdm_probe"
	suffixSyncer    = "_syncer_checkpoint"
	suffixOnline    = "_onlineddl"
)

// tableTail ends every CREATE TABLE. Names and ids compare byte by byte: two
// sources that differ in case only are two sources. The target may give new tables
// an engine without transactions.
const tableTail = ` ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`

const timeColumns = `
  create_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP`

const subtaskColumns = `
  source VARCHAR(64) NOT NULL,
  task VARCHAR(255) NOT NULL,
  epoch BIGINT UNSIGNED NOT NULL,
  attempt BIGINT UNSIGNED NOT NULL DEFAULT 0,
  unit VARCHAR(16) NOT NULL DEFAULT '',
  finished TINYINT NOT NULL DEFAULT 0,
  dump_id VARCHAR(64) NOT NULL DEFAULT '',
  snapshot LONGTEXT,` + timeColumns + `,
  PRIMARY KEY (source)`

const chunkColumns = `
  source VARCHAR(64) NOT NULL,
  file VARCHAR(255) NOT NULL,
  dump_id VARCHAR(64) NOT NULL,
  epoch BIGINT UNSIGNED NOT NULL,
  attempt BIGINT UNSIGNED NOT NULL DEFAULT 0,
  byte_offset BIGINT NOT NULL DEFAULT 0,
  rows_done BIGINT NOT NULL DEFAULT 0,` + timeColumns + `,
  PRIMARY KEY (source, file)`

const laneColumns = `
  source VARCHAR(64) NOT NULL,
  lane INT NOT NULL,
  epoch BIGINT UNSIGNED NOT NULL,
  attempt BIGINT UNSIGNED NOT NULL DEFAULT 0,
  watermark LONGTEXT,
  applied LONGTEXT,
  partial LONGTEXT,` + timeColumns + `,
  PRIMARY KEY (source, lane)`

const ddlColumns = `
  source VARCHAR(64) NOT NULL,
  epoch BIGINT UNSIGNED NOT NULL,
  intent LONGTEXT,` + timeColumns + `,
  PRIMARY KEY (source)`

const operatorColumns = `
  source VARCHAR(64) NOT NULL,
  binlog_name VARCHAR(255) NOT NULL,
  binlog_pos INT UNSIGNED NOT NULL,
  id VARCHAR(255) NOT NULL,
  op VARCHAR(16) NOT NULL,
  txn TEXT NOT NULL,
  statements LONGTEXT NOT NULL,
  sql_mode TEXT NOT NULL,` + timeColumns + `,
  PRIMARY KEY (source, binlog_name, binlog_pos)`

const structureColumns = `
  source VARCHAR(64) NOT NULL,
  db VARCHAR(64) NOT NULL,
  tbl VARCHAR(64) NOT NULL,
  create_sql LONGTEXT NOT NULL,` + timeColumns + `,
  PRIMARY KEY (source, db, tbl)`

// syncerColumns is DM's public interface: names, types and the unique key stay.
const syncerColumns = `
  id VARCHAR(32) NOT NULL,
  cp_schema VARCHAR(128) NOT NULL,
  cp_table VARCHAR(128) NOT NULL,
  binlog_name VARCHAR(128),
  binlog_pos INT UNSIGNED,
  binlog_gtid TEXT,
  exit_safe_binlog_name VARCHAR(128) DEFAULT '',
  exit_safe_binlog_pos INT UNSIGNED DEFAULT 0,
  exit_safe_binlog_gtid TEXT,
  table_info JSON,
  is_global BOOLEAN,` + timeColumns + `,
  UNIQUE KEY uk_id_schema_table (id, cp_schema, cp_table)`

// table gives the quoted, qualified name of a meta table.
func (m *Meta) table(suffix string) string {
	return dbconn.Ident(m.Schema, m.Task+suffix)
}
