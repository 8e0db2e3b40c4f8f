package config

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/raftdm/raftdm/internal/fault"
)

// The files that the values of TestEveryKeyHasValues are put into. What is about
// rules refers to each of them.
const (
	plainSource = "{source-id: s, from: {host: h, port: 1, user: u}}"
	plainTask   = "{name: t, task-mode: all, target-database: {host: h, port: 1, user: u}, mysql-instances: [{source-id: s}]}"
	tlsSource   = "{source-id: s, from: {host: h, port: 1, user: u, security: {ssl-ca: /a, ssl-cert: /b, ssl-key: /c}}}"
	tlsTask     = "{name: t, task-mode: all, target-database: {host: h, port: 1, user: u, security: {ssl-ca: /a, ssl-cert: /b, ssl-key: /c}}, mysql-instances: [{source-id: s}]}"
	startTask   = "{name: t, task-mode: incremental, target-database: {host: h, port: 1, user: u}, mysql-instances: [{source-id: s, meta: {binlog-name: b.000001, binlog-pos: 4}}]}"
	rulesTask   = `{name: t, task-mode: all, target-database: {host: h, port: 1, user: u}, mysql-instances: [{source-id: s, route-rules: [x], filter-rules: [x], expression-filters: [x],
  block-allow-list: x, mydumper-config-name: x, loader-config-name: x, syncer-config-name: x}],
  routes: {x: {schema-pattern: a, target-schema: b, extract-table: {table-regexp: "(.*)", target-column: c}}},
  filters: {x: {schema-pattern: a, events: [delete], action: Ignore}}, expression-filter: {x: {schema: a, table: b, insert-value-expr: c > 1}},
  block-allow-list: {x: {do-dbs: [a], do-tables: [{db-name: a, tbl-name: b}]}}, mydumpers: {x: {threads: 3}}, loaders: {x: {pool-size: 3}}, syncers: {x: {batch: 3}}}`
)

// valueSections are where the keys of a list of keys_test.go stand.
func valueSections() map[string]struct{ table, file, path string } {
	return map[string]struct{ table, file, path string }{
		"source":           {sourceTable, plainSource, ""},
		"from":             {fromTable, plainSource, "from"},
		"from.security":    {securityTable, tlsSource, "from security"},
		"purge":            {purgeTable, plainSource, "purge"},
		"checker":          {checkerTable, plainSource, "checker"},
		"source.filters":   {filterTable, "{source-id: s, from: {host: h, port: 1, user: u}, filters: [{schema-pattern: a, events: [delete], action: Ignore}]}", "filters 0"},
		"task":             {taskTable, plainTask, ""},
		"target-database":  {fromTable, plainTask, "target-database"},
		"target.security":  {securityTable, tlsTask, "target-database security"},
		"instance":         {instanceTable, plainTask, "mysql-instances 0"},
		"meta":             {metaTable, startTask, "mysql-instances 0 meta"},
		"mydumpers":        {mydumperTable, rulesTask, "mydumpers x"},
		"loaders":          {loaderTable, rulesTask, "loaders x"},
		"syncers":          {syncerTable, rulesTask, "syncers x"},
		"tidb":             {tidbTable, plainTask, "tidb"},
		"routes":           {routeTable, rulesTask, "routes x"},
		"extract-table":    {extractTable, rulesTask, "routes x extract-table"},
		"filters":          {filterTable, rulesTask, "filters x"},
		"expression":       {expressionTable, rulesTask, "expression-filter x"},
		"block-allow-list": {listTable, rulesTask, "block-allow-list x"},
		"list entry":       {listEntryTable, rulesTask, "block-allow-list x do-tables 0"},
	}
}

// put sets a key of a file, at a path of keys and places in lists.
func put(t *testing.T, file, path, key, val string) string {
	t.Helper()
	var root map[string]any
	var v any
	if err := errors.Join(yaml.Unmarshal([]byte(file), &root), yaml.Unmarshal([]byte(val), &v)); err != nil {
		t.Fatal(file, val, err)
	}
	at := root
	steps := strings.Fields(path)
	for i, step := range steps {
		switch next := at[step].(type) {
		case map[string]any:
			at = next
		case []any:
			at, _ = next[0].(map[string]any)
		case nil:
			if step != "0" || i == 0 { // a place in a list was taken already
				child := map[string]any{}
				at[step], at = child, child
			}
		}
	}
	at[key] = v
	out, err := yaml.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// decodeAny reads a file as what it is.
func decodeAny(file string, text string) (any, []string, error) {
	if strings.HasPrefix(file, "{source-id") {
		return firstOf(DecodeSource("", []byte(text)))
	}
	return firstOf(DecodeTask("", []byte(text)))
}

func firstOf[T any](v T, warnings []string, err error) (any, []string, error) {
	return v, warnings, err
}

// keyValues are a right and a wrong value of a key.
type keyValues struct {
	right, wrong string
	free         bool   // no value is wrong: nobody looks into it
	silent       bool   // the right value changes nothing, and nothing has to be said
	file         string // when the section's does not do
}

// TestEveryKeyHasValues: each key of a source and a task file has a right value,
// which is taken over, remarked upon, or refused as not supported yet, and a wrong
// one, which is refused with the key's name.
func TestEveryKeyHasValues(t *testing.T) {
	all := exampleValues()
	for name, section := range valueSections() {
		values := all[name]
		names := strings.Fields(section.table)
		for _, key := range names {
			v, ok := values[key]
			if !ok || v.right == "" || v.wrong == "" && !v.free {
				t.Errorf("%s.%s has no example of a right and a wrong value", name, key)
				continue
			}
			file := section.file
			if v.file != "" {
				file = v.file
			}
			base, _, err := decodeAny(file, file)
			if err != nil && v.file == "" {
				t.Fatalf("%s: %v", file, err)
			}
			got, warnings, err := decodeAny(file, put(t, file, section.path, key, v.right))
			switch {
			case fault.Is(err, fault.Unsupported) && strings.Contains(err.Error(), "not supported yet"):
			case err != nil:
				t.Errorf("%s.%s: %s: %v", name, key, v.right, err)
			case !v.silent && len(warnings) == 0 && reflect.DeepEqual(base, got):
				t.Errorf("%s.%s: %s changes nothing, and no warning says so", name, key, v.right)
			}
			if v.free {
				continue
			}
			_, _, err = decodeAny(file, put(t, file, section.path, key, v.wrong))
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), key) {
				t.Errorf("%s.%s: %s: got %v, want a refusal that names the key", name, key, v.wrong, err)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if !slices.Contains(names, key) {
				t.Errorf("%s.%s has values and is no key", name, key)
			}
		}
	}
}
