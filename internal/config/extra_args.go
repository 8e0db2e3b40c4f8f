package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/raftdm/raftdm/internal/filter"
)

// The consistencies of a dump.
const (
	// ConsistencyAuto is ConsistencyFlush for every source that there is.
	ConsistencyAuto = "auto"
	// ConsistencyFlush stops all writers with FLUSH TABLES WITH READ LOCK.
	ConsistencyFlush = "flush"
	// ConsistencyLock stops the writers of the tables that are dumped with LOCK TABLES.
	ConsistencyLock = "lock"
	// ConsistencyNone stops nobody: the moment of the rows is not exact.
	ConsistencyNone = "none"
)

// dumpFlag is one of the flags that extra-args may have: those of dumpling that
// DM passes on, and those of mydumper that it still takes.
type dumpFlag struct {
	long, short string
	// boolean flags need no value.
	boolean bool
	// set applies a value.
	set func(d *Dump, value string) error
}

// errNotYet is for a flag, or a value of it, that is understood and not built.
var errNotYet = errors.New("not supported yet")

var dumpFlags = []dumpFlag{
	{long: "threads", short: "t", set: func(d *Dump, v string) error { return dumpNumber(v, maxThreads, &d.Threads) }},
	{long: "rows", short: "r", set: func(d *Dump, v string) error { return dumpNumber(v, 1<<40, &d.Rows) }},
	{long: "statement-size", short: "s", set: func(d *Dump, v string) error { return dumpNumber(v, 1<<30, &d.StatementSize) }},
	{long: "filesize", short: "F", set: func(d *Dump, v string) error {
		n, ok := parseSize(v)
		if !ok || n <= 0 {
			return errors.New("it is not a file size such as 64MiB")
		}
		d.ChunkBytes = n
		return nil
	}},
	{long: "where", set: func(d *Dump, v string) error { d.Where = v; return nil }},
	{long: "consistency", set: setConsistency},
	{long: "no-locks", boolean: true, set: func(d *Dump, v string) error {
		return dumpBool(v, func() { d.Consistency = ConsistencyNone })
	}},
	{long: "transactional-consistency", boolean: true, set: dumpOnly("true", "false")},
	{long: "database", short: "B", set: setDatabases},
	{long: "tables-list", short: "T", set: setTables},
	{long: "filter", short: "f", set: setFilter},
	{long: "compress", short: "c", set: func(d *Dump, v string) error {
		switch strings.ToLower(v) {
		case "", "none", "no-compression":
			d.Compress = ""
		case "gzip", "gz":
			d.Compress = "gzip"
		case "zstd", "zst":
			d.Compress = "zstd"
		default:
			return fmt.Errorf("%w: write gzip, zstd or no-compression", errNotYet)
		}
		return nil
	}},
	{long: "no-views", short: "W", boolean: true, set: dumpOnly("true")},
	{long: "no-sequences", boolean: true, set: dumpOnly("true")},
	{long: "complete-insert", boolean: true, set: dumpOnly("true", "false")}, // INSERTs always have their columns
	{long: "escape-backslash", boolean: true, set: dumpOnly("true")},
	{long: "filetype", set: dumpOnly("sql")},
	{long: "no-schemas", short: "m", boolean: true, set: dumpOnly("false")},
	{long: "no-data", short: "d", boolean: true, set: dumpOnly("false")},
	{long: "snapshot", set: func(*Dump, string) error {
		return errors.New("a snapshot of the past is something that only TiDB has, and it is no source")
	}},
	{long: "regex", short: "x", set: dumpNever}, {long: "params", set: dumpNever}, {long: "csv-separator", set: dumpNever},
	{long: "ca", set: dumpNever}, {long: "cert", set: dumpNever}, {long: "key", set: dumpNever},
}

func dumpNever(*Dump, string) error { return errNotYet }

// dumpOnly accepts the values that change nothing about what is done anyway.
func dumpOnly(allowed ...string) func(*Dump, string) error {
	return func(_ *Dump, v string) error {
		for _, a := range allowed {
			if strings.EqualFold(a, v) {
				return nil
			}
		}
		return errNotYet
	}
}

func dumpNumber[T int | int64](v string, most int64, dst *T) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || n > most {
		return fmt.Errorf("it is not a number from 0 to %d", most)
	}
	if n > 0 {
		*dst = T(n)
	}
	return nil
}

func dumpBool(v string, yes func()) error {
	is, err := strconv.ParseBool(v)
	if err != nil {
		return errors.New("it is neither true nor false")
	}
	if is {
		yes()
	}
	return nil
}

func setConsistency(d *Dump, v string) error {
	switch v {
	case ConsistencyAuto, ConsistencyFlush, ConsistencyLock, ConsistencyNone:
		d.Consistency = v
		return nil
	case "snapshot":
		return errors.New("a snapshot of the past is something that only TiDB has; for MySQL and MariaDB write flush, lock or none")
	}
	return errors.New("write auto, flush, lock or none")
}

func (d *Dump) list() *DumpTables {
	if d.Tables == nil {
		d.Tables = &DumpTables{}
	}
	return d.Tables
}

func setDatabases(d *Dump, v string) error {
	for _, name := range strings.Split(v, ",") {
		if name = strings.TrimSpace(name); name == "" {
			return errors.New("write names of schemas, separated by commas")
		}
		d.list().Schemas = append(d.list().Schemas, name)
	}
	return nil
}

func setTables(d *Dump, v string) error {
	for _, name := range strings.Split(v, ",") {
		schema, table, ok := strings.Cut(strings.TrimSpace(name), ".")
		if !ok || schema == "" || table == "" {
			return errors.New("write tables as schema.table, separated by commas")
		}
		d.list().Include = append(d.list().Include, filter.TablePattern{Schema: schema, Table: table})
	}
	return nil
}

// setFilter reads rules such as shop.* and !shop.tmp*. With rules that exclude
// behind those that include, the last one that matches decides, as it should.
func setFilter(d *Dump, v string) error {
	r := d.list()
	for _, rule := range strings.Split(v, ",") {
		rest, exclude := strings.CutPrefix(strings.TrimSpace(rule), "!")
		schema, table, ok := strings.Cut(rest, ".")
		if !ok || schema == "" || table == "" || strings.ContainsAny(rest, "/@`\"\\") {
			return fmt.Errorf("%w: a rule other than schema.table with the wildcards * ? [a-z], and ! in front of one that excludes", errNotYet)
		}
		p := filter.TablePattern{Schema: schema, Table: table}
		switch {
		case exclude && len(r.Include) == 0:
			return errors.New("a rule that includes has to come first, such as *.*")
		case exclude:
			r.Exclude = append(r.Exclude, p)
		case len(r.Exclude) > 0:
			return fmt.Errorf("%w: a rule that includes behind one that excludes", errNotYet)
		default:
			r.Include = append(r.Include, p)
		}
	}
	return nil
}

// applyArgs sets what extra-args says; it wins over the keys of the section.
// The first word that cannot be honoured is named.
func (d *Dump) applyArgs() (word string, err error) {
	words, err := splitWords(d.ExtraArgs)
	if err != nil {
		return d.ExtraArgs, err
	}
	for len(words) > 0 {
		word = words[0]
		f, value, joined, err := findFlag(word)
		if err != nil {
			return word, err
		}
		words = words[1:]
		switch {
		case joined:
		case f.boolean:
			value = "true"
		case len(words) == 0:
			return word, errors.New("its value is missing")
		default:
			value, words = words[0], words[1:]
			word += " " + value
		}
		if err := f.set(d, value); err != nil {
			return word, err
		}
	}
	if r := d.Tables; r != nil && len(r.Schemas) > 0 && len(r.Include) > 0 {
		return "--database", errors.New("it cannot stand beside --tables-list or --filter: each of them is a list of all that is dumped")
	}
	return "", nil
}

// findFlag reads --long, --long=value, -s, -s=value and -svalue.
func findFlag(word string) (f dumpFlag, value string, joined bool, err error) {
	name, value, joined := strings.Cut(word, "=")
	for _, f := range dumpFlags {
		switch {
		case name == "--"+f.long, f.short != "" && name == "-"+f.short:
			return f, value, joined, nil
		case f.short != "" && !strings.HasPrefix(word, "--") && strings.HasPrefix(word, "-"+f.short):
			return f, word[2:], true, nil
		}
	}
	if !strings.HasPrefix(word, "-") {
		return f, "", false, errors.New("it is no flag")
	}
	return f, "", false, errors.New("there is no such flag of a dump")
}

// splitWords cuts at blanks outside of quotes, as a shell does.
func splitWords(s string) ([]string, error) {
	var (
		out  []string
		word strings.Builder
		open rune
		any  bool
	)
	for _, c := range s {
		switch {
		case open != 0 && c == open:
			open = 0
		case open != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			open, any = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if any {
				out = append(out, word.String())
				word.Reset()
				any = false
			}
		default:
			word.WriteRune(c)
			any = true
		}
	}
	if open != 0 {
		return nil, fmt.Errorf("the quote %c is not closed", open)
	}
	if any {
		out = append(out, word.String())
	}
	return out, nil
}

// extraArgs reads flags of dumpling. They are checked here and applied when
// all keys of the section are known.
func extraArgs(d *Dump) func(value) error {
	return func(v value) error {
		if err := text(&d.ExtraArgs)(v); err != nil {
			return err
		}
		trial := Dump{ExtraArgs: d.ExtraArgs}
		word, err := trial.applyArgs()
		switch {
		case errors.Is(err, errNotYet):
			f := v.unsupported()
			f.Msg += " " + word + strings.TrimPrefix(err.Error(), errNotYet.Error())
			f.Hint = "remove it from extra-args"
			return f
		case err != nil:
			return v.hinted(codeYAML, "correct extra-args; its flags are those of dumpling, such as --consistency, --where, -T, -F, -r, -s, -t",
				"%s: %v", word, err)
		}
		if trial.Tables != nil {
			v.warn("the dump takes the tables of extra-args instead of those of the block-allow-list")
		}
		return nil
	}
}
