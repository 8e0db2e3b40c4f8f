package config

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/raftdm/raftdm/internal/expr"
	"github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/route"
)

// taskFile is a task while it is being read: the task and the rule sets that
// its instances refer to by name.
type taskFile struct {
	Task

	instances []*instanceFile
	lists     lists
	oldLists  lists // under the name black-white-list
	dumps     set[Dump]
	loads     set[Load]
	syncs     set[Sync]
	routes    set[route.Rule]
	events    set[filter.EventRule]
	exprs     set[expr.Rule]
	online    onlineKeys
	targetSet bool
}

const heartbeatNote = "deprecated, ignored: lag is measured without a heartbeat table"

// keys are the keys of config.md §5.1.
func (t *taskFile) keys() keys {
	return keys{
		"name":                      taskName(&t.Name),
		"task-mode":                 mode(&t.Mode),
		"shard-mode":                shardMode,
		"is-sharding":               refused(aBool),
		"ignore-checking-items":     checkingItems(&t.IgnoreChecks),
		"meta-schema":               metaSchema(&t.MetaSchema),
		"timezone":                  timezone(&t.Timezone),
		"case-sensitive":            boolean(&t.CaseSensitive),
		"online-ddl":                boolean(&t.online.on),
		"online-ddl-scheme":         t.online.scheme,
		"shadow-table-rules":        t.online.rules(&t.online.shadow),
		"trash-table-rules":         t.online.rules(&t.online.trash),
		"clean-dump-file":           boolean(&t.CleanDumpFile),
		"collation_compatible":      collationCompatible(&t.StrictCollation),
		"ansi-quotes":               inert(aBool, "deprecated, ignored: the upstream's sql_mode is asked"),
		"enable-heartbeat":          inert(aBool, heartbeatNote),
		"heartbeat-update-interval": inertBut("1", aNumber, heartbeatNote),
		"heartbeat-report-interval": inertBut("10", aNumber, heartbeatNote),
		"remove-meta":               inert(aBool, "deprecated, ignored: use `start-task --remove-meta` instead"),
		"target-database":           t.target,
		"mysql-instances":           t.mysqlInstances,
		"routes":                    rules(&t.routes, routeRule),
		"filters":                   rules(&t.events, filterRule),
		"column-mappings":           refusedRules(nil),
		"expression-filter":         rules(&t.exprs, expressionRule),
		"block-allow-list":          t.lists.read,
		"black-white-list":          t.oldLists.read,
		"mydumpers":                 t.dumps.read(defaultDump, dumpKeys),
		"loaders":                   t.loads.read(defaultLoad, loadKeys),
		"syncers":                   t.syncs.read(defaultSync, syncKeys),
		"tidb":                      tidb,
	}
}

// longestTaskName leaves room for the suffixes of the meta tables in the 64
// characters of a table name.
const longestTaskName = 46

func taskName(dst *string) func(value) error {
	return func(v value) error {
		if err := text(dst)(v); err != nil {
			return err
		}
		bad := func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) }
		if strings.IndexFunc(*dst, bad) >= 0 {
			return v.hinted(codeYAML, "use letters, digits, _ and -: the name becomes part of file and table names",
				"%q has a slash or an unprintable character", *dst)
		}
		if n := utf8.RuneCountInString(*dst); n > longestTaskName {
			return v.hinted(codeYAML, "choose a shorter name: it becomes part of the names of the meta tables",
				"the name has %d characters, at most %d are allowed", n, longestTaskName)
		}
		return nil
	}
}

func mode(dst *Mode) func(value) error {
	return func(v value) error {
		var s string
		if err := text(&s)(v); err != nil {
			return err
		}
		switch *dst = Mode(s); *dst {
		case ModeFull, ModeIncremental, ModeAll, ModeDump, ModeLoad:
			return nil
		}
		return v.hinted(20020, "choose full, incremental, all, dump or load", "%q is not a task mode", s)
	}
}

func shardMode(v value) error {
	var s string
	if err := text(&s)(v); err != nil {
		return err
	}
	switch s {
	case "":
		return nil
	case "pessimistic", "optimistic":
		return v.unsupported()
	}
	return v.hinted(20033, "remove the key, or choose pessimistic or optimistic", "%q is not a shard mode", s)
}

// collationCompatible reads a key of DM's later versions.
func collationCompatible(strict *bool) func(value) error {
	return func(v value) error {
		var s string
		if err := text(&s)(v); err != nil {
			return err
		}
		switch s {
		case "", "loose":
			*strict = false
		case "strict":
			*strict = true
		default:
			return v.hinted(codeYAML, "write loose, the default, or strict", "%q is neither loose nor strict", s)
		}
		return nil
	}
}

// CheckItems are the names that ignore-checking-items may hold.
func CheckItems() []string {
	return []string{"all", "version", "server_id", "binlog_enable", "binlog_format", "binlog_row_image",
		"dump_privilege", "replication_privilege", "table_schema", "schema_of_shard_tables", "auto_increment_ID"}
}

func checkingItems(dst *[]string) func(value) error {
	return func(v value) error {
		if err := texts(dst)(v); err != nil {
			return err
		}
		for _, item := range *dst {
			if !contains(CheckItems(), item) {
				return v.hinted(20001, "the items are: "+strings.Join(CheckItems(), ", "), "%q is not a checking item", item)
			}
		}
		return nil
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func metaSchema(dst *string) func(value) error {
	return func(v value) error {
		var s string
		if err := text(&s)(v); err != nil {
			return err
		}
		if s == "" {
			return nil
		}
		if utf8.RuneCountInString(s) > 64 || strings.IndexFunc(s, unicode.IsControl) >= 0 {
			return v.errorf(codeYAML, "%q cannot be the name of a schema", s)
		}
		*dst = s
		return nil
	}
}

func (t *taskFile) target(v value) error {
	t.targetSet = !v.isNull()
	if !t.targetSet {
		return nil
	}
	return database(&t.Target, nil)(v)
}

// tidb chooses how the full data is loaded, which may only be the usual way.
func tidb(v value) error {
	return v.object(keys{
		"status-port": refused(aNumber),
		"pd-addr":     refused(aText),
		"backend": func(v value) error {
			var s string
			if err := text(&s)(v); err != nil {
				return err
			}
			switch s {
			case "":
				return nil
			case "local", "tidb":
				return v.unsupported()
			}
			return v.hinted(34019, "remove the key, or write local or tidb", "%q is not a load backend", s)
		},
	})
}
