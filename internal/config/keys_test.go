package config

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/raftdm/raftdm/internal/expr"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/route"
)

// sourceTable and its siblings are the keys of DM's documentation, one list per
// section. None may be unknown here.
const (
	sourceTable = `source-id enable-gtid enable-relay relay-binlog-name relay-binlog-gtid relay-dir from server-id flavor charset
		auto-fix-gtid meta-dir tracer purge checker case-sensitive filters`
	fromTable     = `host port user password max-allowed-packet session security`
	securityTable = `ssl-ca ssl-cert ssl-key cert-allowed-cn ssl-ca-bytes ssl-key-bytes ssl-cert-bytes`
	purgeTable    = `interval expires remain-space`
	checkerTable  = `check-enable backoff-rollback backoff-max check-interval backoff-min backoff-jitter backoff-factor`
	taskTable     = `name task-mode shard-mode is-sharding ignore-checking-items meta-schema timezone case-sensitive online-ddl
		online-ddl-scheme shadow-table-rules trash-table-rules clean-dump-file ansi-quotes enable-heartbeat
		heartbeat-update-interval heartbeat-report-interval remove-meta target-database mysql-instances routes filters
		column-mappings expression-filter block-allow-list black-white-list mydumpers loaders syncers tidb collation_compatible`
	instanceTable = `source-id meta route-rules filter-rules expression-filters column-mapping-rules block-allow-list black-white-list
		mydumper-config-name mydumper loader-config-name loader syncer-config-name syncer mydumper-thread loader-thread syncer-thread`
	metaTable     = `binlog-name binlog-pos binlog-gtid`
	mydumperTable = `threads chunk-filesize statement-size rows where skip-tz-utc mydumper-path extra-args
		max-rows-per-second max-mb-per-second max-threads-running`
	loaderTable = `pool-size dir import-mode on-duplicate on-duplicate-logical on-duplicate-physical checksum-physical analyze
		sorting-dir-physical disk-quota-physical range-concurrency compress-kv-pairs pd-addr max-rows-per-second max-mb-per-second overlap max-disk-mb`
	syncerTable     = `worker-count batch queue-size checkpoint-flush-interval compact multiple-rows safe-mode enable-ansi-quotes disable-detect max-retry auto-fix-gtid enable-gtid meta-file strict`
	tidbTable       = `status-port pd-addr backend`
	routeTable      = `schema-pattern table-pattern target-schema target-table extract-table extract-schema extract-source`
	extractTable    = `table-regexp target-column`
	filterTable     = `schema-pattern table-pattern events sql-pattern action`
	expressionTable = `schema table insert-value-expr update-old-value-expr update-new-value-expr delete-value-expr`
	listTable       = `do-dbs ignore-dbs do-tables ignore-tables`
	listEntryTable  = `db-name tbl-name`
)

func TestEveryKeyIsKnown(t *testing.T) {
	for _, section := range []struct {
		name, table string
		read        func(value) error
	}{
		{"source", sourceTable, func(v value) error { return v.object(sourceKeys(&Source{})) }},
		{"from", fromTable, database(&Database{}, nil)},
		{"from.security", securityTable, security(&Security{})},
		{"purge", purgeTable, purge},
		{"checker", checkerTable, checker(&Checker{})},
		{"source filters", filterTable, filterRule(&filter.EventRule{})},
		{"task", taskTable, func(v value) error { return v.object((&taskFile{}).keys()) }},
		{"instance", instanceTable, func(v value) error { return v.object((&instanceFile{}).keys()) }},
		{"meta", metaTable, (&instanceFile{}).meta},
		{"mydumpers", mydumperTable, func(v value) error { return v.object(dumpKeys(&Dump{})) }},
		{"loaders", loaderTable, func(v value) error { return v.object(loadKeys(&Load{})) }},
		{"syncers", syncerTable, func(v value) error { return v.object(syncKeys(&Sync{})) }},
		{"tidb", tidbTable, tidb},
		{"routes", routeTable, routeRule(&route.Rule{})},
		{"routes.extract-table", extractTable, extract(new(*route.Extract), "table-regexp")},
		{"expression-filter", expressionTable, expressionRule(&expr.Rule{})},
		{"block-allow-list", listTable, func(v value) error {
			return (&lists{}).read(value{doc: v.doc, node: wrap("a", v.node)})
		}},
		{"block-allow-list entry", listEntryTable, func(v value) error {
			return (&lists{}).read(value{doc: v.doc, node: wrap("a", wrap("do-tables", &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{v.node}}))})
		}},
	} {
		for _, key := range strings.Fields(section.table) {
			// Any reading of a known key gets further than "unknown key": to the
			// type of its value, which no key accepts here.
			v := value{doc: &document{}, node: wrap(key, &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{{Kind: yaml.SequenceNode}}})}
			if err := section.read(v); err != nil && strings.HasSuffix(err.Error(), "unknown key") {
				t.Errorf("%s: %v", section.name, err)
			}
			v.node = wrap(key+"-x", v.node.Content[1])
			err := section.read(v)
			if err == nil || !strings.HasSuffix(err.Error(), key+"-x: unknown key") || !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %s-x: got %v, want an unknown key", section.name, key, err)
			}
		}
	}
}

func wrap(key string, v *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, v}}
}
